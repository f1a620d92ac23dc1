//! The `http` check: one request over a fresh connection, judged by its status and, where asked for, by its body.
//!
//! A redirect is an answer like any other; the body is read only when a piece of it is wanted.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue};

use super::ProbeOptions;
use super::options::{name, trusting};
use super::probe::{Ask, Asking, Kind, Prepared};
use crate::limits::CHECK_BODY_BYTES_MAX;
use crate::net::Target;
use crate::net::http::{Answer, HttpClient, Request};
use crate::net::tls::Trust;

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "http",
    schemes: &["http", "https"],
    options: &[name::METHOD, name::PATH, name::STATUS, name::BODY, name::HOST, name::CACERT, name::INSECURE],
    new,
};

/// What passes when the user says nothing.
const PASSES: RangeInclusive<u16> = 200..=399;

struct Http {
    client: HttpClient,
    request: Request,
    /// Method and path as they stand in messages: a query may hold a secret.
    asked: String,
    expected: Vec<RangeInclusive<u16>>,
    wanted: Option<String>,
}

fn new(target: &Target, options: &ProbeOptions) -> Prepared {
    if target.user().is_some() || target.password().is_some() {
        return Err(format!("a check of kind `http` sends no user and password; write `{target}`"));
    }
    let method = match &options.method {
        None => Method::GET,
        Some(word) => Method::from_bytes(word.as_bytes()).map_err(|_| format!("`{word}` is not an HTTP method"))?,
    };
    if method == Method::HEAD && options.body.is_some() {
        return Err("an answer to `HEAD` has no body; leave out `body` or ask with `GET`".to_owned());
    }
    let mut url = target.url().clone();
    if let Some(path) = &options.path {
        if !path.starts_with('/') {
            return Err(format!("the path `{path}` does not begin with `/`"));
        }
        let (path, query) = path.split_once('?').map_or((path.as_str(), None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
    }
    // The connection is not used again, and it is kind to say so.
    let mut headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    if let Some(host) = &options.host {
        let value = HeaderValue::from_str(host).map_err(|_| format!("`{host}` cannot stand in a `Host` header"))?;
        headers.insert(HOST, value);
    }
    let alpn = ["http/1.1"];
    let tls = if target.scheme() == "https" {
        options.tls(&alpn)?
    } else {
        options.without_tls(target)?;
        // It is never used, as nobody follows a redirect: no reason to read the authorities of the machine.
        trusting(Trust::Anyone, &alpn)?
    };
    Ok(Arc::new(Http {
        client: HttpClient::for_checks(&tls),
        asked: format!("{method} {}", url.path()),
        request: Request { method, url, headers, body: Bytes::new() },
        expected: if options.status.is_empty() { vec![PASSES] } else { options.status.clone() },
        wanted: options.body.clone(),
    }))
}

impl Ask for Http {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let mut answer = self.client.send(self.request.clone()).await.map_err(|failed| failed.to_string())?;
            let status = answer.status();
            if !self.expected.iter().any(|range| range.contains(&status)) {
                return Err(format!("{} answered {status}, expected {}", self.asked, in_words(&self.expected)));
            }
            match &self.wanted {
                Some(wanted) if !contains(&mut answer, wanted.as_bytes()).await? => {
                    Err(format!("{} answered {status} without `{wanted}` in its body", self.asked))
                }
                _ => Ok(()),
            }
        })
    }
}

/// Whether `wanted` stands in the first [`CHECK_BODY_BYTES_MAX`] bytes of the body. Reads no further than it has to.
async fn contains(answer: &mut Answer, wanted: &[u8]) -> Result<bool, String> {
    let mut body: Vec<u8> = Vec::new();
    loop {
        // What was searched before needs no second look, except for where the two pieces meet.
        let searched = body.len().saturating_sub(wanted.len().saturating_sub(1));
        let room = CHECK_BODY_BYTES_MAX - body.len();
        let Some(chunk) = answer.chunk().await.map_err(|fault| fault.to_string())? else {
            return Ok(wanted.is_empty());
        };
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if wanted.is_empty() || body[searched..].windows(wanted.len()).any(|window| window == wanted) {
            return Ok(true);
        }
        if body.len() == CHECK_BODY_BYTES_MAX {
            return Ok(false);
        }
    }
}

/// `200-399, 404`.
fn in_words(ranges: &[RangeInclusive<u16>]) -> String {
    let words: Vec<String> = ranges
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}-{end}"),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_said_as_they_are_written() {
        assert_eq!(in_words(&[200..=399]), "200-399");
        assert_eq!(in_words(&[200..=204, 404..=404]), "200-204, 404");
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused() {
        let none = ProbeOptions::default();
        for (url, options, error) in [
            (
                "http://u:hunter2@h/x",
                none.clone(),
                "a check of kind `http` sends no user and password; write `http://h:80/x`",
            ),
            (
                "http://h",
                ProbeOptions { method: Some("GE T".to_owned()), ..none.clone() },
                "`GE T` is not an HTTP method",
            ),
            (
                "http://h",
                ProbeOptions { method: Some("HEAD".to_owned()), body: Some("ok".to_owned()), ..none.clone() },
                "an answer to `HEAD` has no body; leave out `body` or ask with `GET`",
            ),
            (
                "http://h",
                ProbeOptions { path: Some("x".to_owned()), ..none.clone() },
                "the path `x` does not begin with `/`",
            ),
            (
                "http://h",
                ProbeOptions { host: Some("a\nb".to_owned()), ..none.clone() },
                "`a\nb` cannot stand in a `Host` header",
            ),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!(new(&target, &options).err().as_deref(), Some(error));
        }
    }
}
