//! Encodings: in which form a connection is given what its feed says.
//!
//! Nothing is compressed for one connection. What is said has up to three compressed forms beside the plain one, each made
//! when the first connection wants it, and shared by all that do:
//!
//! - *alone*: each message by itself, for whoever must not or cannot remember the one before;
//! - *fresh*: the first message by itself, each other with the one before it as its dictionary;
//! - *chained*: the first, too, with the last message that was said before it.
//!
//! The chained form is read by a peer whose newest compressed message is that last one: [`Window::InStep`]. It does not
//! matter what the peer was sent earlier or when it joined, because its window ends with that message and nothing refers
//! further back. To keep it so, everything else on such a socket (pongs, answers, control frames) goes uncompressed, and
//! only the one feed of the connection is chained. Who has joined or has missed something is given the fresh form, and is
//! in step from then on; a frame that was begun is always finished, so a slow reader does not fall out of step by itself.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::burst::{Burst, Said};
use crate::websocket::deflate::{Context, Terms, standalone, text};

/// In which form a connection is given messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// Compressed where that makes them shorter, each by itself.
    Alone,
    /// Compressed, each with the one before as its dictionary.
    Chained(Window),
}

/// What the peer's window ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The newest message of its feed that it was given.
    InStep,
    /// Something else, or nothing.
    Elsewhere,
}

impl Encoding {
    /// The encoding of a new connection with this many feeds. The messages of several would have to be compressed once
    /// for every order in which they come.
    pub fn of(terms: Option<Terms>, feeds: usize) -> Encoding {
        match terms {
            None => Encoding::Plain,
            Some(Terms { server: Context::Kept, .. }) if feeds == 1 => Encoding::Chained(Window::Elsewhere),
            Some(_) => Encoding::Alone,
        }
    }

    /// The frames of what is said, for a peer that was given everything before it.
    pub fn news(&mut self, said: &Said) -> Bytes {
        let frames = said.encoded(*self).clone();
        self.now(Window::InStep);
        frames
    }

    /// The frame of the whole state after a burst.
    pub fn snapshot(&mut self, burst: &Burst) -> Bytes {
        self.now(Window::Elsewhere);
        let snapshot = burst.snapshot();
        let frame = snapshot.encoded(*self).clone();
        if std::ptr::eq(snapshot, &*burst.said) {
            // The next message refers to this one, and not to another that says the same.
            self.now(Window::InStep);
        }
        frame
    }

    /// The frames of what was said behind number `after`, for one write.
    pub fn replay(&mut self, said: &[Arc<Said>], after: u64) -> Bytes {
        let piece = |said: &Arc<Said>| match said.first.seq > after {
            true => self.news(said),
            // It has some of these. The rest is not worth a form of its own.
            false => {
                self.now(Window::Elsewhere);
                said.frames_after(after)
            }
        };
        let mut pieces = said.iter().map(piece);
        match said {
            // One that is alone is shared, however big it is.
            [_] => pieces.next().unwrap_or_default(),
            _ => pieces.collect::<Vec<_>>().concat().into(),
        }
    }

    fn now(&mut self, window: Window) {
        if let Encoding::Chained(before) = self {
            *before = window;
        }
    }
}

/// The compressed forms of what is said.
#[derive(Debug, Default)]
pub struct Forms {
    /// The last message that was said before.
    before: Option<Bytes>,
    alone: OnceLock<Bytes>,
    fresh: OnceLock<Bytes>,
    chained: OnceLock<Bytes>,
}

impl Forms {
    /// The forms of what is said after the message `before`.
    pub fn after(before: Option<Bytes>) -> Forms {
        Forms { before, ..Forms::default() }
    }

    /// These messages in one form. `None`: as they are.
    pub fn of<'a>(&'a self, encoding: Encoding, messages: impl Iterator<Item = &'a [u8]>) -> Option<&'a Bytes> {
        Some(match (encoding, &self.before) {
            (Encoding::Plain, _) => return None,
            (Encoding::Alone, _) => self.alone.get_or_init(|| {
                let mut out = Vec::new();
                messages.for_each(|message| standalone(message, &mut out));
                out.into()
            }),
            (Encoding::Chained(Window::InStep), Some(before)) => {
                self.chained.get_or_init(|| chain(Some(before), messages))
            }
            (Encoding::Chained(_), _) => self.fresh.get_or_init(|| chain(None, messages)),
        })
    }
}

/// Messages as compressed frames, each with the one before as its dictionary.
fn chain<'a>(mut before: Option<&'a [u8]>, messages: impl Iterator<Item = &'a [u8]>) -> Bytes {
    let mut out = Vec::new();
    for message in messages {
        text(message, before, &mut out);
        before = Some(message);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::Change;
    use crate::protocol::message::{Backend, BackendUpdate};
    use crate::protocol::resume::Since;
    use crate::protocol::{EventId, Feed, Message};
    use crate::serve::stream::Streams;
    use crate::serve::track::{Step, Track};
    use crate::websocket::deflate::stranger::Stranger;

    /// A peer: how far it has come, and the decoder of a client that knows nothing of us.
    struct Reader {
        track: Track,
        encoding: Encoding,
        decoder: Stranger,
        texts: Vec<String>,
    }

    impl Reader {
        fn new(track: Track, encoding: Encoding) -> Reader {
            Reader { track, encoding, decoder: Stranger::new(), texts: Vec::new() }
        }

        /// Is given all it does not have, as a shard does it.
        fn catch_up(&mut self, streams: &Streams) {
            let stream = streams.of(Feed::Backends);
            let Some(newest) = stream.newest() else { return };
            loop {
                let frames = match self.track.next(&newest, stream) {
                    Step::Nothing => return,
                    Step::News => self.encoding.news(&newest.said),
                    Step::Snapshot { .. } => self.encoding.snapshot(&newest),
                    Step::Replay { said, after } => self.encoding.replay(&said, after),
                    Step::Lost { .. } => continue,
                };
                self.read(&frames);
            }
        }

        fn read(&mut self, mut frames: &[u8]) {
            while let [first, short, rest @ ..] = frames {
                let (length, rest) = match short {
                    126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                    short => (usize::from(*short), rest),
                };
                let (payload, rest) = rest.split_at(length);
                frames = rest;
                let text = match first {
                    0x81 => payload.to_vec(),
                    0xc1 => {
                        // One that refers to what must not be remembered would not inflate.
                        if self.encoding == Encoding::Alone {
                            self.decoder.forget();
                        }
                        self.decoder.message(payload)
                    }
                    other => panic!("a frame that begins with {other:#x}"),
                };
                self.texts.push(String::from_utf8(text).expect("UTF-8"));
            }
        }
    }

    /// What happens to the feed.
    #[derive(Debug, Clone)]
    enum Act {
        /// The whole list of so many.
        Whole(usize),
        /// Updates of so many.
        Parts(usize),
    }

    fn change(act: &Act, number: usize) -> Change {
        let item = |at: usize| {
            format!(
                r#"{{"address":"10.0.0.{at}:80","pool":"p","weight":1,"status":"healthy","last_check":null,"state":"up {number}"}}"#
            )
        };
        let list =
            |count| (0..count).map(|at| serde_json::from_str(&item(at)).expect("a backend")).collect::<Vec<Backend>>();
        match act {
            Act::Whole(count) => Change::whole(Message::Backends(list(*count))),
            Act::Parts(count) => {
                let updates = list(*count).iter().map(BackendUpdate::from).collect();
                Change::Parts(updates, Arc::new(list(5)))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whenever_they_join_and_whatever_they_miss_all_read_the_same(
            acts in proptest::collection::vec(
                (
                    prop_oneof![(0_usize..200).prop_map(Act::Whole), (1_usize..5).prop_map(Act::Parts)],
                    // Who reads it, and where somebody joins.
                    proptest::collection::vec(any::<bool>(), 8),
                    0_u8..4,
                    any::<u16>(),
                ),
                1..30,
            ),
        ) {
            let streams = Streams::new(7);
            let stream = streams.of(Feed::Backends);
            let chained = Encoding::Chained(Window::Elsewhere);
            // Each with a twin that is given the same uncompressed.
            let mut readers: Vec<(Reader, Reader)> = Vec::new();
            for (number, (act, free, joins, from)) in acts.iter().enumerate() {
                stream.publish(change(act, number));
                let newest = stream.newest().map_or(0, |newest| newest.said.last());
                let id = EventId { epoch: 7, seq: u64::from(*from) % (newest + 1) };
                let joined = match joins {
                    0 => Some((Since::Now, chained)),
                    1 => Some((Since::Message(id), chained)),
                    2 => Some((Since::Now, Encoding::Alone)),
                    _ => None,
                };
                if let Some((since, encoding)) = joined {
                    let (track, _) = stream.enter(since);
                    readers.push((Reader::new(track, encoding), Reader::new(track, Encoding::Plain)));
                }
                for ((reader, twin), free) in readers.iter_mut().zip(free.iter().cycle()) {
                    if *free {
                        reader.catch_up(&streams);
                        twin.catch_up(&streams);
                    }
                }
            }
            for (reader, twin) in &mut readers {
                reader.catch_up(&streams);
                twin.catch_up(&streams);
                prop_assert_eq!(&reader.texts, &twin.texts);
            }
        }
    }

    #[test]
    fn nothing_is_compressed_that_nobody_wants_and_nothing_twice() {
        let streams = Streams::new(7);
        let stream = streams.of(Feed::Backends);
        stream.publish(change(&Act::Whole(9), 1));
        let burst = stream.publish(change(&Act::Parts(3), 2));
        let mut plain = Reader::new(Track::at_snapshot(Feed::Backends), Encoding::Plain);
        plain.catch_up(&streams);
        let forms = &burst.said.forms;
        assert!(forms.alone.get().is_none() && forms.fresh.get().is_none() && forms.chained.get().is_none());
        let mut chained = [(); 2].map(|()| Encoding::Chained(Window::InStep));
        let [one, other] = chained.each_mut().map(|encoding| encoding.news(&burst.said));
        assert_eq!(one.as_ptr(), other.as_ptr());
        assert!(forms.alone.get().is_none() && forms.fresh.get().is_none());
    }

    #[test]
    fn who_must_not_remember_or_has_several_feeds_is_given_each_message_alone() {
        let terms = |server| Some(Terms { server, client: Context::Dropped });
        assert_eq!(Encoding::of(None, 1), Encoding::Plain);
        assert_eq!(Encoding::of(terms(Context::Kept), 1), Encoding::Chained(Window::Elsewhere));
        assert_eq!(Encoding::of(terms(Context::Kept), 2), Encoding::Alone);
        assert_eq!(Encoding::of(terms(Context::Dropped), 1), Encoding::Alone);
    }
}
