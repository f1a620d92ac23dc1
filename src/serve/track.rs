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
    /// Everything behind `sent`, out of the ring.
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
            self.course = Course::Live;
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
