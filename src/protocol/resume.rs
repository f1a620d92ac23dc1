//! Resuming: how a client says what it has seen, and how it is told whether the rest follows.
//!
//! A client names the last message it has, as `?last_id=<id>` or, on an event stream, in `Last-Event-ID`. The first thing it
//! hears is then a [`Resumed`]: either everything since follows, exactly once and in order, or the snapshot does. There is
//! nothing in between.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventId, Feed};

/// The query key with the id of the last message a client has seen. On a socket with several feeds:
/// `backends:<id>,metrics:<id>`.
pub const LAST_ID: &str = "last_id";

/// The type of the message that says whether what came since [`LAST_ID`] follows, or the snapshot instead. It is about the
/// connection and not news of the feed, so it has no id.
pub const RESUMED: &str = "resumed";

/// Where a client wants a feed to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the current state.
    Now,
    /// Behind this message.
    Message(EventId),
    /// Behind a message, but it cannot be read which.
    Unreadable,
}

impl Since {
    /// What a `last_id` of one feed asks for.
    pub fn one(last_id: Option<&str>) -> Since {
        match last_id.map(str::parse) {
            None => Since::Now,
            Some(Ok(id)) => Since::Message(id),
            Some(Err(_)) => Since::Unreadable,
        }
    }

    /// What a `last_id` of several feeds asks for this one. A part that names no feed leaves unclear which it was meant
    /// for: those that no other part names are told so.
    pub fn of_several(last_id: Option<&str>, feed: Feed) -> Since {
        let mut since = Since::Now;
        for part in last_id.unwrap_or_default().split(',').filter(|part| !part.is_empty()) {
            match part.split_once(':').map(|(name, id)| (name.parse::<Feed>(), id)) {
                Some((Ok(named), id)) if named == feed => return Since::one(Some(id)),
                Some((Ok(_), _)) => {}
                Some((Err(_), _)) | None => since = Since::Unreadable,
            }
        }
        since
    }
}

/// What a client that has named a message is told first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "resumed")]
pub struct ResumedMessage {
    /// What became of it.
    pub data: Resumed,
}

/// Whether what a client has missed follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// The feed, for a socket with several.
    pub feed: Feed,
    /// True: everything since follows, exactly once. False: the snapshot follows, and what was missed does not.
    pub recovered: bool,
    /// How many messages that were missed follow.
    pub replayed: u64,
}

impl Resumed {
    /// The message, as JSON.
    pub fn document(self) -> Vec<u8> {
        serde_json::to_vec(&ResumedMessage { data: self }).expect("a message has string keys and no failing serialiser")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feed_of_several_finds_its_own_part() {
        let id = |seq| Since::Message(EventId { epoch: 0xb, seq });
        for (text, backends, metrics) in [
            (None, Since::Now, Since::Now),
            (Some(""), Since::Now, Since::Now),
            (Some("backends:0000000b-3,metrics:0000000b-7"), id(3), id(7)),
            (Some("metrics:0000000b-7"), Since::Now, id(7)),
            (Some("metrics:x,backends:0000000b-3"), id(3), Since::Unreadable),
            (Some("0000000b-3"), Since::Unreadable, Since::Unreadable),
            (Some("nope:0000000b-3,metrics:0000000b-7"), Since::Unreadable, id(7)),
            (Some("metrics:0000000b-7,metrics:0000000b-9"), Since::Now, id(7)),
        ] {
            assert_eq!(Since::of_several(text, Feed::Backends), backends, "{text:?}");
            assert_eq!(Since::of_several(text, Feed::Metrics), metrics, "{text:?}");
        }
    }

    #[test]
    fn one_feed_wants_an_id_and_nothing_else() {
        assert_eq!(Since::one(None), Since::Now);
        assert_eq!(Since::one(Some("0000000a-1")), Since::Message(EventId { epoch: 10, seq: 1 }));
        for text in ["", "metrics:0000000a-1", "a-1", "0000000a"] {
            assert_eq!(Since::one(Some(text)), Since::Unreadable, "{text}");
        }
    }

    #[test]
    fn what_is_said_is_the_published_shape_with_more_keys() {
        let said = Resumed { feed: Feed::Metrics, recovered: false, replayed: 0 }.document();
        let said = String::from_utf8(said).expect("JSON is text");
        assert_eq!(said, r#"{"type":"resumed","data":{"feed":"metrics","recovered":false,"replayed":0}}"#);
    }
}
