//! The hub: every message is serialised once, framed once, and handed as shared bytes to the shards that own the
//! connections.
//!
//! The face is narrow on purpose: [`Hub::publish`], [`Hub::attach`], [`Hub::close_all`]. What is behind it may be
//! replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{SetOnce, mpsc, oneshot};

use super::encoding::Encoding;
use super::farewell::Farewell;
use super::shard::{Link, Order, Shard};
use super::stream::{Stream, Streams};
use super::telemetry::{Ending, Traffic};
use super::track::Subscription;
use crate::feeds::Change;
use crate::limits::SHARD_QUEUE_LENGTH;
use crate::protocol::Feed;
use crate::shutdown::Shutdown;
use crate::websocket::deflate::Terms;

/// The connections and what they are sent.
pub struct Hub {
    shards: Vec<mpsc::Sender<Order>>,
    next: AtomicUsize,
    streams: Arc<Streams>,
    traffic: Arc<Traffic>,
    /// How everybody is sent away, once that is so.
    farewell: SetOnce<Farewell>,
}

impl Hub {
    /// Starts `shards` shards. They end when everybody has been sent away.
    pub fn start(shards: usize, traffic: &Arc<Traffic>, shutdown: &Shutdown) -> Hub {
        let streams = Arc::new(Streams::new(rand::random()));
        let start = |_| {
            let (sender, orders) = mpsc::channel(SHARD_QUEUE_LENGTH);
            // A shard writes to thousands of sockets in one go and yields by hand; tokio's budget would make every
            // socket look blocked after 128 writes.
            let shard = Shard::new(Arc::clone(&streams), Arc::clone(traffic));
            shutdown.spawn(tokio::task::unconstrained(shard.run(orders)));
            sender
        };
        let shards = (0..shards).map(start).collect();
        Hub { shards, next: AtomicUsize::new(0), streams, traffic: Arc::clone(traffic), farewell: SetOnce::new() }
    }

    /// What a feed says, and has said, for readers that are no connections of a shard.
    pub fn stream(&self, feed: Feed) -> &Stream {
        self.streams.of(feed)
    }

    /// Sends a change to every connection of the feed. Returns when each has been handed its bytes, or, where a peer does
    /// not read, has been noted as behind.
    pub async fn publish(&self, feed: Feed, change: Change) {
        let burst = self.streams.of(feed).publish(change);
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

    /// Takes a connection that has just been upgraded. It is sent what it has missed, or the current state, at once, then
    /// every burst. `None` while the server is stopping.
    pub async fn attach(
        &self,
        link: &Arc<Link>,
        subscriptions: Vec<Subscription>,
        deflate: Option<Terms>,
    ) -> Option<Seat> {
        let encoding = Encoding::of(deflate, subscriptions.len());
        let shard = &self.shards[self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len()];
        let (seated, key) = oneshot::channel();
        shard.send(Order::Attach { link: Arc::clone(link), subscriptions, encoding, seated }).await.ok()?;
        Some(Seat { key: key.await.ok()?, shard: shard.clone() })
    }

    /// The feeds that have not said anything yet.
    pub fn silent(&self) -> Vec<Feed> {
        Feed::ALL.into_iter().filter(|feed| self.stream(*feed).newest().is_none()).collect()
    }

    /// How everybody is sent away; none while nobody is.
    pub fn farewell(&self) -> Option<Farewell> {
        self.farewell.get().copied()
    }

    /// Resolves when it has been announced that everybody is sent away. Safe to drop.
    pub async fn announced(&self) -> Farewell {
        *self.farewell.wait().await
    }

    /// Counts the end of a connection that never had a seat.
    pub fn ended(&self, ending: Ending) {
        self.traffic.ended(ending);
    }

    /// Announces how everybody is sent away, to those who look. The first word holds.
    pub fn announce(&self, farewell: Farewell) {
        let _ = self.farewell.set(farewell);
    }

    /// Sends everybody away, and everybody who comes after.
    pub async fn close_all(&self, farewell: Farewell) {
        self.announce(farewell);
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
