//! The hub: every message is serialised once, framed once, and handed as shared bytes to the shards that own the
//! connections.
//!
//! The face is narrow on purpose: [`Hub::publish`], [`Hub::attach`], [`Hub::close_all`]. What is behind it may be
//! replaced.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::burst::Stream;
use super::farewell::Farewell;
use super::shard::{Link, Order, Shard};
use super::telemetry::{Ending, Traffic};
use crate::feeds::Change;
use crate::limits::SHARD_QUEUE_LENGTH;
use crate::protocol::Feed;
use crate::shutdown::Shutdown;

/// The connections and what they are sent.
pub struct Hub {
    shards: Vec<mpsc::Sender<Order>>,
    next: AtomicUsize,
    /// Names this run of the streams.
    epoch: u32,
    streams: [Mutex<Stream>; Feed::ALL.len()],
    /// How everybody was sent away, once that has begun.
    farewell: OnceLock<Farewell>,
}

impl Hub {
    /// Starts `shards` shards. They end when everybody has been sent away.
    pub fn start(shards: usize, traffic: &Arc<Traffic>, shutdown: &Shutdown) -> Hub {
        let start = |_| {
            let (sender, orders) = mpsc::channel(SHARD_QUEUE_LENGTH);
            // A shard writes to thousands of sockets in one go and yields by hand; tokio's budget would make every
            // socket look blocked after 128 writes.
            shutdown.spawn(tokio::task::unconstrained(Shard::new(Arc::clone(traffic)).run(orders)));
            sender
        };
        Hub {
            shards: (0..shards).map(start).collect(),
            next: AtomicUsize::new(0),
            epoch: rand::random(),
            streams: Default::default(),
            farewell: OnceLock::new(),
        }
    }

    /// Sends a change to every connection of the feed. Returns when each has been handed its bytes, or, where a peer does
    /// not read, has been noted as behind.
    pub async fn publish(&self, feed: Feed, change: Change) {
        let burst = {
            let mut stream = self.streams[feed.index()].lock().unwrap_or_else(PoisonError::into_inner);
            Arc::new(stream.burst(feed, self.epoch, change))
        };
        let mut waiting = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            let (done, handed) = oneshot::channel();
            // A shard that is gone has no connections any more.
            if shard.send(Order::Publish(Arc::clone(&burst), done)).await.is_ok() {
                waiting.push(handed);
            }
        }
        for handed in waiting {
            let _ = handed.await;
        }
    }

    /// Takes a connection that has just been upgraded. It is sent the current state at once, then every burst.
    /// `None` while the server is stopping.
    pub async fn attach(&self, link: &Arc<Link>, feed: Feed) -> Option<Seat> {
        let shard = &self.shards[self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len()];
        let (seated, key) = oneshot::channel();
        shard.send(Order::Attach { link: Arc::clone(link), feed, seated }).await.ok()?;
        Some(Seat { key: key.await.ok()?, shard: shard.clone() })
    }

    /// The feeds that have not said anything yet.
    pub fn silent(&self) -> Vec<Feed> {
        let silent =
            |feed: &Feed| self.streams[feed.index()].lock().unwrap_or_else(PoisonError::into_inner).is_silent();
        Feed::ALL.into_iter().filter(silent).collect()
    }

    /// What to say to somebody who comes when everybody has been sent away.
    pub fn farewell(&self) -> Vec<u8> {
        self.farewell.get().copied().unwrap_or(Farewell::Stop).frame(rand::random())
    }

    /// Sends everybody away, and everybody who comes after.
    pub async fn close_all(&self, farewell: Farewell) {
        self.farewell.get_or_init(|| farewell);
        for shard in &self.shards {
            // A shard that is gone has no connections any more.
            let _ = shard.send(Order::CloseAll(farewell)).await;
        }
    }
}

/// A connection's place in its shard, held by the task that reads from it.
///
/// Orders for a seat keep their order. The last one has to be [`Seat::leave`].
#[derive(Debug)]
pub struct Seat {
    key: usize,
    shard: mpsc::Sender<Order>,
}

impl Seat {
    /// Sends frames that answer the peer. Waits while the shard is busy, so that a flood of questions slows the asker.
    pub async fn reply(&self, frames: Vec<u8>) {
        let _ = self.shard.send(Order::Reply { key: self.key, frames }).await;
    }

    /// Sends the last frames, a close frame among them, and ends the connection.
    pub async fn close(&self, frames: Vec<u8>, ending: Ending) {
        let _ = self.shard.send(Order::Close { key: self.key, frames, ending }).await;
    }

    /// Gives the place up: the peer is gone.
    pub async fn leave(self) {
        let _ = self.shard.send(Order::Leave { key: self.key }).await;
    }
}
