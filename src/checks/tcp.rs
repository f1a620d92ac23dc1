//! The `tcp` check: somebody accepts the connection and, where asked for, says what is expected.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::{bounded, dialled, nothing_beyond_the_address};
use super::options::name;
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, peer_words};
use super::{ProbeOptions, Shared};
use crate::limits::CHECK_READ_BYTES;
use crate::net::progress::{Stage, reached};
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind { name: "tcp", schemes: &["tcp"], options: &[name::SEND, name::EXPECT], new };

struct Tcp {
    target: Target,
    send: Option<String>,
    expect: Option<String>,
}

fn new(target: &Target, options: &ProbeOptions, _shared: &Shared) -> Prepared {
    nothing_beyond_the_address("tcp", target)?;
    Ok(Arc::new(Tcp { target: target.clone(), send: options.send.clone(), expect: options.expect.clone() }))
}

impl Ask for Tcp {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async { self.talk().await.unwrap_or_else(missed) })
    }
}

impl Tcp {
    async fn talk(&self) -> Result<Found, Fault> {
        let mut stream = bounded(dialled(&self.target, None).await?);
        if let Some(send) = &self.send {
            stream.write_all(send.as_bytes()).await?;
        }
        let Some(expect) = &self.expect else { return Ok(Ok(Outcome::Good)) };
        let (mut said, mut piece) = (Vec::new(), [0; CHECK_READ_BYTES]);
        loop {
            // What was searched before needs no second look, except for where the two pieces meet.
            let searched = said.len().saturating_sub(expect.len().saturating_sub(1));
            let length = stream.read(&mut piece).await?;
            said.extend_from_slice(&piece[..length]);
            let words = || peer_words(&String::from_utf8_lossy(&said[..said.len().min(CHECK_READ_BYTES)]));
            if said[searched..].windows(expect.len()).any(|window| window == expect.as_bytes()) {
                return Ok(Ok(Outcome::Good));
            }
            if length == 0 {
                return Ok(Err(match words() {
                    nothing if nothing.is_empty() => format!("closed without saying `{}`", peer_words(expect)),
                    words => format!("said `{words}`, expected `{}`", peer_words(expect)),
                }));
            }
            // A line that is empty, or of blanks, is no words to quote.
            if let Some(words) = Some(words()).filter(|words| !words.is_empty()) {
                reached(Stage::Said(words));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_cannot_use_is_refused() {
        for (url, what) in
            [("tcp://u@h:1", "user"), ("tcp://:p@h:1", "password"), ("tcp://h:1/x", "path"), ("tcp://h:1?x", "query")]
        {
            let error =
                new(&Target::parse(url).expect(url), &ProbeOptions::default(), &Shared::default()).err().expect(url);
            assert_eq!(error, format!("a check of kind `tcp` has no {what}; write `tcp://h:1`"));
        }
    }
}
