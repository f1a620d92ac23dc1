//! A feed's stream: what it says, numbered; its newest burst, and the ring of those before.
//!
//! One task publishes. Whoever reads goes by the numbers alone, so it does not matter in which order a reader hears of a new
//! burst and finds it in the ring: nothing comes twice, nothing is missed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::burst::{Burst, Said};
use super::ring::Ring;
use super::track::Track;
use crate::feeds::Change;
use crate::limits::REPLAY_PIECE_BYTES;
use crate::protocol::resume::{Resumed, Since};
use crate::protocol::{EventId, Feed};

/// See the module.
#[derive(Debug)]
pub struct Stream {
    feed: Feed,
    /// Names this run of the streams.
    epoch: u32,
    ring: Mutex<Ring>,
    newest: watch::Sender<Option<Arc<Burst>>>,
}

/// The streams of all feeds.
#[derive(Debug)]
pub struct Streams([Stream; Feed::ALL.len()]);

impl Streams {
    /// Streams in which nothing has been said.
    pub fn new(epoch: u32) -> Streams {
        Streams(Feed::ALL.map(|feed| Stream { feed, epoch, ring: Mutex::default(), newest: watch::Sender::new(None) }))
    }

    /// The stream of a feed.
    pub fn of(&self, feed: Feed) -> &Stream {
        &self.0[feed.index()]
    }
}

impl Stream {
    /// Numbers the messages of a change, serialises and frames them, and keeps them. Called by one task.
    pub fn publish(&self, change: Change) -> Arc<Burst> {
        let seq = self.ring().newest() + 1;
        let before = self.newest().map(|newest| newest.said.last_message());
        let burst = Arc::new(Burst::new(self.feed, EventId { epoch: self.epoch, seq }, before, change));
        self.ring().push(Arc::clone(&burst.said));
        self.newest.send_replace(Some(Arc::clone(&burst)));
        burst
    }

    /// The newest burst; none while nothing has been said.
    pub fn newest(&self) -> Option<Arc<Burst>> {
        self.newest.borrow().clone()
    }

    /// The newest burst, as it changes.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Burst>>> {
        self.newest.subscribe()
    }

    /// Where a reader begins, and what it is told of that if it has named a message.
    pub fn enter(&self, since: Since) -> (Track, Option<Resumed>) {
        let told = |recovered, replayed| Some(Resumed { feed: self.feed, recovered, replayed });
        let ring = self.ring();
        match since {
            Since::Now => (Track::at_snapshot(self.feed), None),
            Since::Message(id) if id.epoch == self.epoch && ring.covers(id.seq) => {
                (Track::behind(self.feed, id.seq), told(true, ring.newest() - id.seq))
            }
            Since::Message(_) | Since::Unreadable => (Track::at_snapshot(self.feed), told(false, 0)),
        }
    }

    /// Some of what comes behind number `seq`; empty where it is no longer kept.
    pub fn after(&self, seq: u64) -> Vec<Arc<Said>> {
        self.ring().after(seq, REPLAY_PIECE_BYTES)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
