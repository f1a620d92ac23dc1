//! Events: everything a session has to tell, each with the moment it happened.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::backoff::Retry;
use super::gap::Gap;
use super::loss::Loss;
use crate::net::dial::Phases;
use crate::protocol::{Envelope, EventId, Message, Timestamp};

/// Something happened to one stream.
#[derive(Debug)]
pub struct Event {
    /// Which stream: the number its session was given.
    pub stream: usize,
    /// By the wall clock.
    pub at: Timestamp,
    /// By the clock that nobody sets back.
    pub instant: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// A connection was made.
    Open(Opened),
    /// The server says whether what was missed since the last connection follows.
    Resumed(Resumption),
    /// A message arrived.
    Message(Box<Received>),
    /// Something arrived that is no message of the feed; the connection stays.
    Invalid(Invalid),
    /// Messages were never seen.
    Gap(Gap),
    /// Nothing was heard of the feed for this long.
    Stale(Duration),
    /// A ping was answered.
    Pong(Duration),
    /// A ping was not answered in time; so many in a row.
    Missed(u32),
    /// The connection was lost, this long after it was made.
    Lost(Loss, Duration),
    /// The session waits and tries again, because of this loss: one that [`What::Lost`] told with the life of
    /// that connection, or a connection not made.
    Retry(Retry, Loss, Option<Duration>),
    /// The session is over.
    End(Ending),
}

/// How a connection was made.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// The address that answered.
    pub peer: SocketAddr,
    /// How long dialling took.
    pub phases: Phases,
    /// How long the handshake took.
    pub upgrade: Duration,
}

/// What a server says of the messages that were missed. Of servers that say less, less is known: nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Resumption {
    /// Whether everything since the last message follows; the snapshot does otherwise.
    pub recovered: bool,
    /// How many missed messages follow.
    pub replayed: u64,
}

/// A message.
#[derive(Debug)]
pub struct Received {
    /// As it came.
    pub text: String,
    /// Its `type`, if it has one.
    pub kind: Option<String>,
    /// Its `id`, if it has one of ours.
    pub id: Option<EventId>,
    /// What it says, if it says it as the contract does.
    pub message: Option<Message>,
}

/// Something that is no message.
#[derive(Debug)]
pub struct Invalid {
    /// As it came, if it was text.
    pub text: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

/// How a session ended.
#[derive(Debug)]
pub enum Ending {
    /// It has delivered what was asked for.
    Enough,
    /// It was told to stop.
    Stopped,
    /// The server said that it is done.
    Done,
    /// The connection is lost for good.
    GaveUp {
        /// Why.
        loss: Loss,
        /// How long the last connection lived; none when it was not made.
        lived: Option<Duration>,
        /// How many tries were made to connect again.
        attempts: u32,
        /// Whether there ever was a connection.
        connected: bool,
    },
}

impl Resumption {
    /// Reads the message in which it is said. One that cannot be read promises nothing.
    pub(super) fn parse(text: &str) -> Resumption {
        #[derive(Deserialize)]
        struct Said {
            data: Resumption,
        }
        serde_json::from_str(text).map(|Said { data }| data).unwrap_or_default()
    }
}

impl Received {
    /// Reads a text message of a feed.
    ///
    /// # Errors
    /// [`Invalid`] when it is not a JSON object with a `type`.
    pub(super) fn parse(text: String) -> Result<Received, Invalid> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(rename = "type")]
            kind: Option<String>,
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
        }
        let invalid = |problem: String, text| Invalid { text: Some(text), problem };
        // serde would also read a struct from an array; only an object is a message.
        if !text.trim_start().starts_with('{') {
            return Err(invalid("not a JSON object".to_owned(), text));
        }
        let (kind, id) = match serde_json::from_str::<Head<'_>>(&text) {
            Ok(Head { kind: Some(kind), id }) => (kind, id.and_then(|id| serde_json::from_str(id.get()).ok())),
            Ok(_) => return Err(invalid("no `type`".to_owned(), text)),
            Err(error) => return Err(invalid(format!("not a message: {error}"), text)),
        };
        let message = serde_json::from_str::<Envelope>(&text).ok().map(|envelope| envelope.message);
        Ok(Received { text, kind: Some(kind), id, message })
    }

    /// Takes a text message of something that is not known to be a feed.
    pub(super) fn foreign(text: String) -> Received {
        Received::parse(text).unwrap_or_else(|invalid| Received {
            text: invalid.text.unwrap_or_default(),
            kind: None,
            id: None,
            message: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_object_with_a_type() {
        for (text, problem) in [
            ("hello", "not a JSON object"),
            ("[1]", "not a JSON object"),
            ("{}", "no `type`"),
            ("{\"type\":1}", "not a"),
        ] {
            let invalid = Received::parse(text.to_owned()).expect_err(text);
            assert!(invalid.problem.contains(problem), "{text}: {}", invalid.problem);
            assert_eq!(invalid.text.as_deref(), Some(text));
            assert_eq!(Received::foreign(text.to_owned()).text, text);
        }
    }

    #[test]
    fn a_resumption_promises_what_it_says_and_nothing_else() {
        for (data, recovered, replayed) in [
            (r#"{"feed":"metrics","recovered":true,"replayed":3}"#, true, 3),
            (r#"{"recovered":true}"#, true, 0),
            (r#"{"recovered":false,"replayed":0}"#, false, 0),
            (r#"{"recovered":"yes","replayed":3}"#, false, 0),
            ("null", false, 0),
        ] {
            let said = Resumption::parse(&format!(r#"{{"type":"resumed","data":{data}}}"#));
            assert_eq!(said, Resumption { recovered, replayed }, "{data}");
        }
        assert_eq!(Resumption::parse(r#"{"type":"resumed"}"#), Resumption::default());
    }

    #[test]
    fn an_unknown_type_and_a_foreign_id_are_no_mistake() {
        let parse = |text: &str| Received::parse(text.to_owned()).expect(text);
        let news = parse("{\"type\":\"news\",\"data\":[1],\"id\":7}");
        assert_eq!((news.kind.as_deref(), news.id, news.message), (Some("news"), None, None));
        let empty = parse("{\"type\":\"backends\",\"data\":[],\"id\":\"0000000a-3\"}");
        assert_eq!(empty.id, Some(EventId { epoch: 10, seq: 3 }));
        assert_eq!(empty.message, Some(Message::Backends(Vec::new())));
    }
}
