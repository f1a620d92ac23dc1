//! Bursts: what a feed says in one tick, serialised once and framed once, shared by every connection.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::encoding::{Encoding, Forms};
use crate::feeds::Change;
use crate::protocol::message::Backend;
use crate::protocol::{Envelope, EventId, Feed, Message};
use crate::websocket::frame;

/// All messages of one tick of one feed, and the whole state they lead to.
#[derive(Debug)]
pub struct Burst {
    /// Whose.
    pub feed: Feed,
    /// What is said.
    pub said: Arc<Said>,
    whole: Option<Whole>,
}

/// A list that is only put into a frame when somebody needs it: on connecting, or after having missed something.
#[derive(Debug)]
struct Whole {
    list: Arc<Vec<Backend>>,
    said: OnceLock<Said>,
}

/// Messages with consecutive numbers, ready to be written.
#[derive(Debug)]
pub struct Said {
    /// The id of the first one.
    pub first: EventId,
    /// Their frames, one behind the other.
    pub frames: Bytes,
    /// Where the messages stand. Never empty.
    parts: Box<[Part]>,
    pub(super) forms: Forms,
}

/// Where one message stands among the frames. Its frame begins where the one before ends.
#[derive(Debug)]
struct Part {
    kind: &'static str,
    start: usize,
    end: usize,
}

/// One message without its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub id: EventId,
    /// The word of its `type`.
    pub kind: &'static str,
    /// JSON, on one line.
    pub json: Bytes,
}

impl Burst {
    /// Gives the messages of a change their numbers, from `first`, and puts them into frames. `before` is the last message
    /// that was said before them.
    pub fn new(feed: Feed, first: EventId, before: Option<Bytes>, change: Change) -> Burst {
        let (messages, list) = match change {
            Change::Whole(message) => (vec![*message], None),
            Change::Parts(updates, list) => (updates.into_iter().map(Message::BackendsUpdate).collect(), Some(list)),
        };
        let whole = list.map(|list| Whole { list, said: OnceLock::new() });
        Burst { feed, said: Arc::new(Said::new(first, messages, Forms::after(before))), whole }
    }

    /// The whole state after this burst: one message, with the number of the last.
    pub fn snapshot(&self) -> &Said {
        match &self.whole {
            None => &self.said,
            Some(whole) => whole.said.get_or_init(|| {
                let id = EventId { seq: self.said.last(), ..self.said.first };
                Said::new(id, vec![Message::Backends(whole.list.to_vec())], Forms::default())
            }),
        }
    }
}

impl Said {
    fn new(first: EventId, messages: Vec<Message>, forms: Forms) -> Said {
        let mut frames = Vec::new();
        let mut id = first;
        let mut push = |message: Message| {
            let kind = message.kind();
            let document = serde_json::to_vec(&Envelope { message, id: Some(id) });
            let document = document.expect("a message has string keys and no failing serialiser");
            frame::text(&document, &mut frames);
            id.seq += 1;
            Part { kind, start: frames.len() - document.len(), end: frames.len() }
        };
        let parts = messages.into_iter().map(&mut push).collect();
        Said { first, frames: frames.into(), parts, forms }
    }

    /// The frames in one of their forms.
    pub fn encoded(&self, encoding: Encoding) -> &Bytes {
        let messages = self.parts.iter().map(|part| &self.frames[part.start..part.end]);
        self.forms.of(encoding, messages).unwrap_or(&self.frames)
    }

    /// The last message, without its frame.
    pub fn last_message(&self) -> Bytes {
        let part = self.parts.last().expect("something is said");
        self.frames.slice(part.start..part.end)
    }

    /// How many messages there are.
    pub fn count(&self) -> u64 {
        self.parts.len() as u64
    }

    /// The number of the last one.
    pub fn last(&self) -> u64 {
        self.first.seq + self.count() - 1
    }

    /// The frames of the messages behind number `seq`.
    pub fn frames_after(&self, seq: u64) -> Bytes {
        match self.skipped(seq) {
            0 => self.frames.clone(),
            skipped => self.frames.slice(self.parts[skipped - 1].end..),
        }
    }

    /// The messages behind number `seq`.
    pub fn documents_after(&self, seq: u64) -> impl Iterator<Item = Document> {
        let skipped = self.skipped(seq);
        self.parts[skipped..].iter().zip(self.first.seq + skipped as u64..).map(|(part, seq)| Document {
            id: EventId { seq, ..self.first },
            kind: part.kind,
            json: self.frames.slice(part.start..part.end),
        })
    }

    /// How many of the messages have numbers up to `seq`.
    fn skipped(&self, seq: u64) -> usize {
        (seq + 1).saturating_sub(self.first.seq).min(self.count()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::BackendUpdate;
    use crate::websocket::frame::text;

    fn updates(count: usize) -> Change {
        let update = |port: usize| {
            let text = format!(r#"{{"address":"127.0.0.1:{port}","status":"healthy","last_check":null}}"#);
            serde_json::from_str::<BackendUpdate>(&text).expect("an update")
        };
        Change::Parts((0..count).map(update).collect(), Arc::new(Vec::new()))
    }

    #[test]
    fn the_rest_behind_a_message_is_the_same_as_frames_and_as_documents() {
        let burst = Burst::new(Feed::Backends, EventId { epoch: 7, seq: 11 }, None, updates(3));
        assert_eq!((burst.said.count(), burst.said.last()), (3, 13));
        for (seq, ids) in [(0, vec![11, 12, 13]), (10, vec![11, 12, 13]), (12, vec![13]), (13, vec![]), (99, vec![])] {
            let documents: Vec<Document> = burst.said.documents_after(seq).collect();
            assert_eq!(documents.iter().map(|document| document.id.seq).collect::<Vec<_>>(), ids, "behind {seq}");
            let mut frames = Vec::new();
            for document in documents {
                let end = format!("\"id\":\"00000007-{}\"}}", document.id.seq);
                assert!(document.json.ends_with(end.as_bytes()), "{document:?}");
                assert_eq!(document.kind, "backends_update");
                text(&document.json, &mut frames);
            }
            assert_eq!(burst.said.frames_after(seq), frames, "behind {seq}");
        }
        let whole: Vec<Document> = burst.snapshot().documents_after(0).collect();
        assert_eq!(whole.len(), 1);
        assert_eq!((whole[0].kind, whole[0].id.seq), ("backends", 13));
        assert_eq!(whole[0].json, &br#"{"type":"backends","data":[],"id":"00000007-13"}"#[..]);
    }
}
