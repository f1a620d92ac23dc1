//! Bursts: what a feed says in one tick, serialised once and framed once, shared by every connection.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::feeds::Change;
use crate::protocol::message::Backend;
use crate::protocol::{Envelope, EventId, Feed, Message};
use crate::websocket::frame;

/// All frames of one tick of one feed, ready to be written, and the whole state they lead to.
#[derive(Debug)]
pub struct Burst {
    /// Whose.
    pub feed: Feed,
    /// Counts the bursts of the feed from 1.
    pub number: u64,
    /// How many frames there are.
    pub frames: u64,
    /// The frames, one behind the other.
    pub bytes: Bytes,
    whole: Option<Whole>,
}

/// A list that is only put into a frame when somebody needs it: on connecting, or after having missed something.
#[derive(Debug)]
struct Whole {
    list: Arc<Vec<Backend>>,
    id: EventId,
    frame: OnceLock<Bytes>,
}

impl Burst {
    /// The whole state after this burst, as one frame.
    pub fn snapshot(&self) -> &Bytes {
        match &self.whole {
            None => &self.bytes,
            Some(whole) => whole.frame.get_or_init(|| {
                let mut out = Vec::new();
                push(Message::Backends(whole.list.to_vec()), whole.id, &mut out);
                out.into()
            }),
        }
    }
}

/// How far a feed has come.
#[derive(Debug, Default)]
pub struct Stream {
    /// Messages so far.
    seq: u64,
    /// Bursts so far.
    number: u64,
}

impl Stream {
    /// Whether the feed has not said anything yet.
    pub fn is_silent(&self) -> bool {
        self.number == 0
    }

    /// Numbers the messages of a change and puts them into frames.
    pub fn burst(&mut self, feed: Feed, epoch: u32, change: Change) -> Burst {
        let before = self.seq;
        let (messages, list) = match change {
            Change::Whole(message) => (vec![*message], None),
            Change::Parts(updates, list) => (updates.into_iter().map(Message::BackendsUpdate).collect(), Some(list)),
        };
        let mut out = Vec::new();
        for message in messages {
            self.seq += 1;
            push(message, EventId { epoch, seq: self.seq }, &mut out);
        }
        self.number += 1;
        let id = EventId { epoch, seq: self.seq };
        Burst {
            feed,
            number: self.number,
            frames: self.seq - before,
            bytes: out.into(),
            whole: list.map(|list| Whole { list, id, frame: OnceLock::new() }),
        }
    }
}

/// Appends a message as one frame.
fn push(message: Message, id: EventId, out: &mut Vec<u8>) {
    let document = serde_json::to_vec(&Envelope { message, id: Some(id) });
    frame::text(&document.expect("a message has string keys and no failing serialiser"), out);
}
