//! A track: how far one reader has come in one feed, and what it is given next. Pure but for a look into the ring.
//!
//! A reader that keeps up is given burst after burst. One that misses more than a burst is given the current snapshot. One
//! that has come back is given what it missed, piece by piece, until it has caught up; if it reads so slowly that the ring
//! forgets the next piece first, it is told that it did not recover, and is given the snapshot.

use std::sync::Arc;

use super::burst::{Burst, Said};
use super::stream::Stream;
use crate::protocol::Feed;
use crate::protocol::resume::{Resumed, Since};

/// A feed that a reader wants, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// The feed.
    pub feed: Feed,
    /// Where it wants to begin.
    pub since: Since,
}

/// See the module. Small: most connections have one and are walked over by the thousand.
#[derive(Debug, Clone, Copy)]
pub struct Track {
    /// The number of the newest message it was given. With [`Course::Live`], 0 before the first.
    sent: u64,
    feed: Feed,
    course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Bursts as they come, the snapshot at first and after having missed something.
    Live,
    /// Everything behind `sent`, out of the ring, until a burst comes that continues it.
    Replay,
}

/// What a reader is given next.
#[derive(Debug)]
pub enum Step {
    /// It has everything.
    Nothing,
    /// What the newest burst says.
    News,
    /// The snapshot of the newest burst.
    Snapshot {
        /// Messages that it will never be given.
        missed: u64,
    },
    /// What these say behind number `after`. There may be more to come.
    Replay {
        /// Consecutive, and not none.
        said: Vec<Arc<Said>>,
        /// The number of the last message that it has already.
        after: u64,
    },
    /// That it did not recover after all. The snapshot is next.
    Lost {
        /// What to tell it.
        told: Resumed,
        /// Messages that it will never be given.
        missed: u64,
    },
}

impl Track {
    /// Begins with the current state.
    pub fn at_snapshot(feed: Feed) -> Track {
        Track { sent: 0, feed, course: Course::Live }
    }

    /// Begins behind number `seq`.
    pub fn behind(feed: Feed, seq: u64) -> Track {
        Track { sent: seq, feed, course: Course::Replay }
    }

    /// The feed.
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// What it is given next, and from now on is taken to have.
    pub fn next(&mut self, newest: &Burst, stream: &Stream) -> Step {
        let (first, last) = (newest.said.first.seq, newest.said.last());
        if self.sent >= last {
            // Not yet live: the ring may have more than whoever asks has heard of, and that was promised.
            return Step::Nothing;
        }
        if self.sent + 1 == first && self.sent > 0 {
            *self = Track { sent: last, feed: self.feed, course: Course::Live };
            return Step::News;
        }
        let before = self.sent;
        if self.course == Course::Live {
            self.sent = last;
            return Step::Snapshot { missed: if before > 0 { first - before - 1 } else { 0 } };
        }
        let said = stream.after(before);
        match said.last() {
            Some(piece) => {
                self.sent = piece.last();
                Step::Replay { said, after: before }
            }
            None => {
                *self = Track::at_snapshot(self.feed);
                let told = Resumed { feed: self.feed, recovered: false, replayed: 0 };
                Step::Lost { told, missed: first.saturating_sub(before + 1) }
            }
        }
    }

    /// How many messages it has not been given, if this is the newest burst and it is given no more.
    pub fn left_behind(&self, newest: &Burst) -> u64 {
        newest.said.last().saturating_sub(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::Change;
    use crate::limits::REPLAY_MESSAGES_MAX;
    use crate::protocol::EventId;
    use crate::protocol::message::BackendUpdate;
    use crate::serve::stream::Streams;

    const EPOCH: u32 = 7;

    /// So many updates of one tick.
    fn updates(count: usize) -> Change {
        let update = r#"{"address":"127.0.0.1:1","status":"healthy","last_check":null}"#;
        let update: BackendUpdate = serde_json::from_str(update).expect("an update");
        Change::Parts(vec![update; count], Arc::default())
    }

    /// What a reader makes of what it is given.
    struct Reader {
        track: Track,
        /// The number of the last message it has.
        last: u64,
        /// It was told that what it missed follows, and not yet that it does not.
        promised: bool,
    }

    impl Reader {
        /// Takes one step. Whether there was one.
        fn step(&mut self, newest: &Burst, stream: &Stream) -> bool {
            let mut hear = |seq: u64| {
                assert_eq!(seq, self.last + 1, "none twice, none missed");
                self.last = seq;
            };
            match self.track.next(newest, stream) {
                Step::Nothing => return false,
                Step::News => newest.said.documents_after(0).for_each(|document| hear(document.id.seq)),
                Step::Replay { said, after } => {
                    let documents = said.iter().flat_map(|said| said.documents_after(after));
                    documents.for_each(|document| hear(document.id.seq));
                }
                Step::Snapshot { .. } => {
                    assert!(!self.promised, "a snapshot in the middle of what was missed");
                    assert!(newest.said.last() > self.last || self.last == 0);
                    self.last = newest.said.last();
                }
                Step::Lost { told, missed } => {
                    assert!(self.promised && !told.recovered && missed > 0);
                    self.promised = false;
                    self.last = 0;
                }
            }
            if self.last >= newest.said.last() {
                self.promised = false;
            }
            true
        }
    }

    #[test]
    fn a_reader_so_slow_that_the_ring_forgets_is_told_so_and_given_the_snapshot() {
        let streams = Streams::new(EPOCH);
        let stream = streams.of(Feed::Backends);
        stream.publish(updates(5));
        let (track, told) = stream.enter(Since::Message(EventId { epoch: EPOCH, seq: 2 }));
        assert_eq!(told.map(|told| (told.recovered, told.replayed)), Some((true, 3)));
        let mut reader = Reader { track, last: 2, promised: true };
        let mut newest = stream.publish(updates(1));
        for _ in 0..REPLAY_MESSAGES_MAX {
            newest = stream.publish(updates(1));
        }
        assert!(matches!(reader.track.next(&newest, stream), Step::Lost { told, .. } if !told.recovered));
        assert!(matches!(reader.track.next(&newest, stream), Step::Snapshot { missed: 0 }));
        assert!(matches!(reader.track.next(&newest, stream), Step::Nothing));
    }

    proptest! {
        /// Published at any pace, read at any pace, begun anywhere, and by a reader that hears of bursts later than the ring.
        #[test]
        fn nothing_comes_twice_and_nothing_is_missed_unsaid(
            before in proptest::collection::vec(1_usize..4, 1..20),
            from in 0_u64..40,
            then in proptest::collection::vec((1_usize..4, 0_usize..4, 0_usize..3), 0..30),
        ) {
            let streams = Streams::new(EPOCH);
            let stream = streams.of(Feed::Backends);
            let mut heard_of: Vec<Arc<Burst>> = before.into_iter().map(|count| stream.publish(updates(count))).collect();
            let all = heard_of.last().map_or(0, |burst| burst.said.last());
            let (track, told) = stream.enter(Since::Message(EventId { epoch: EPOCH, seq: from }));
            let recovered = told.is_some_and(|told| told.recovered);
            prop_assert_eq!(recovered, from <= all);
            let mut reader = Reader { track, last: if recovered { from } else { 0 }, promised: recovered };
            for (count, steps, late) in then {
                heard_of.push(stream.publish(updates(count)));
                let known = &heard_of[heard_of.len() - 1 - late.min(heard_of.len() - 1)];
                for _ in 0..steps {
                    reader.step(known, stream);
                }
            }
            let newest = heard_of.last().expect("some");
            while reader.step(newest, stream) {}
            prop_assert_eq!(reader.last, newest.said.last());
        }
    }
}
