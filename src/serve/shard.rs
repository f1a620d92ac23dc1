//! A shard: one task that owns the writing half of many connections.
//!
//! A connection has no queue of bursts. The shard keeps, per connection and feed, the number of the newest message it was
//! given (its `Track`) and, while the kernel takes no more for it, a backlog: the rest of the frame in hand and control frames
//! behind it. When that has left and newer bursts have come in the meantime, the peer gets the newest one, or, if it missed
//! more than that, the current snapshot. So a slow reader costs a few bytes, never slows another, and always ends up with
//! the truth. What a peer missed while it was away is given in the same way, piece by piece out of the ring.
//!
//! How a connection ends:
//! - the reader asks for it ([`Order::Close`]), everybody is sent away ([`Order::CloseAll`]), or a deadline passes: nothing
//!   but what waits and a close frame is written, then our half is shut down;
//! - [`CLOSE_TIMEOUT`] later, if the peer has not left by itself, the socket is shut down altogether;
//! - either way the reader sees the end of the stream and says [`Order::Leave`], which alone frees the place. A key is
//!   therefore never used by an order that was meant for its previous owner.

mod link;
mod order;
mod peer;
#[cfg(test)]
mod tests;

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use slab::Slab;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::burst::Burst;
use super::encoding::Encoding;
use super::farewell::Farewell;
use super::stream::Streams;
use super::telemetry::{Ending, Traffic};
use super::track::{Step, Subscription, Track};
use crate::limits::{CLOSE_TIMEOUT, REPLY_BYTES_MAX, SWEEP_INTERVAL, WRITES_PER_YIELD};
use crate::protocol::{CloseCode, Feed, SERVER_PING_INTERVAL, SERVER_PING_TIMEOUT};
use crate::websocket::frame;
pub use link::Link;
pub use order::Order;
use peer::{Peer, Progress, Pulse, Stage};

/// See the module.
pub struct Shard {
    peers: Slab<Peer>,
    /// The keys that listen to each feed.
    listeners: [Vec<usize>; Feed::ALL.len()],
    latest: [Option<Arc<Burst>>; Feed::ALL.len()],
    /// The keys whose socket was full at the last try.
    blocked: Vec<usize>,
    /// Set once everybody has been sent away.
    closed: Option<Farewell>,
    /// When it last looked for what is due.
    swept: Instant,
    ping: Bytes,
    streams: Arc<Streams>,
    traffic: Arc<Traffic>,
    /// Not yet counted in `traffic`: shards would take its cache lines from each other at every write.
    handed: [Handed; Feed::ALL.len()],
}

#[derive(Debug, Default)]
struct Handed {
    frames: u64,
    bytes: u64,
}

impl Handed {
    /// Writes so many frames to a connection for which nothing waits.
    fn hand(&mut self, peer: &mut Peer, bytes: &Bytes, frames: u64) -> Progress {
        self.frames += frames;
        self.bytes += bytes.len() as u64;
        peer.send(bytes)
    }
}

/// Why the shard wakes up.
enum Wake {
    Orders,
    Sweep,
    /// Nobody can give orders any more.
    Abandoned,
}

impl Shard {
    /// A shard without connections.
    pub fn new(streams: Arc<Streams>, traffic: Arc<Traffic>) -> Shard {
        Shard {
            peers: Slab::new(),
            listeners: Default::default(),
            latest: Default::default(),
            blocked: Vec::new(),
            closed: None,
            swept: Instant::now(),
            ping: frame::ping().into(),
            streams,
            traffic,
            handed: Default::default(),
        }
    }

    /// Runs until everybody has been sent away and has left.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut sweep = interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        while self.closed.is_none() || !self.peers.is_empty() {
            match std::future::poll_fn(|cx| self.poll(cx, &mut orders, &mut batch, &mut sweep)).await {
                Wake::Orders => {
                    for order in batch.drain(..) {
                        self.obey(order).await;
                    }
                    self.report();
                    // Orders may come as fast as they are obeyed, and the runtime does not take the turn by itself.
                    tokio::task::yield_now().await;
                }
                Wake::Sweep => self.sweep(Instant::now()).await,
                Wake::Abandoned => return,
            }
        }
    }

    /// Flushes what can be flushed, then waits for the next thing to do. All sockets share this task's waker.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        orders: &mut mpsc::Receiver<Order>,
        batch: &mut Vec<Order>,
        sweep: &mut Interval,
    ) -> Poll<Wake> {
        let mut index = 0;
        while let Some(&key) = self.blocked.get(index) {
            match self.peers[key].link.socket.poll_write_ready(cx) {
                Poll::Pending => index += 1,
                // Ready, or an error that the write will report.
                Poll::Ready(_) => {
                    self.go_on(key);
                    if self.blocked.get(index) == Some(&key) {
                        // Full again: ask once more, so that the waker is registered.
                        continue;
                    }
                }
            }
        }
        // Before the orders, of which there may be no end: deadlines hold in a storm, too.
        if sweep.poll_tick(cx).is_ready() {
            return Poll::Ready(Wake::Sweep);
        }
        match Pin::new(orders).poll_recv_many(cx, batch, WRITES_PER_YIELD) {
            Poll::Ready(0) => Poll::Ready(Wake::Abandoned),
            Poll::Ready(_) => Poll::Ready(Wake::Orders),
            Poll::Pending => Poll::Pending,
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Attach { link, subscriptions, encoding, seated } => {
                self.attach(link, &subscriptions, encoding, seated);
            }
            Order::Publish(burst, done) => {
                self.publish(burst).await;
                // Whoever published may have stopped waiting.
                let _ = done.send(());
            }
            Order::Reply { key, frames } => {
                if self.peers[key].is_open() {
                    self.say(key, frames);
                    if self.peers[key].replies_waiting() > REPLY_BYTES_MAX {
                        self.cut_off(key);
                    }
                }
            }
            Order::Close { key, frames, ending } => self.close(key, frames, ending),
            Order::Leave { key } => self.leave(key),
            Order::CloseAll(farewell) => {
                self.closed = Some(farewell);
                let keys: Vec<usize> = self.peers.iter().map(|(key, _)| key).collect();
                for (count, key) in keys.into_iter().enumerate() {
                    self.send_away(key, farewell);
                    pause(count).await;
                }
            }
        }
    }

    fn attach(
        &mut self,
        link: Arc<Link>,
        subscriptions: &[Subscription],
        encoding: Encoding,
        seated: oneshot::Sender<usize>,
    ) {
        let mut tracks = Vec::with_capacity(subscriptions.len());
        let mut greeting = Vec::new();
        for Subscription { feed, since } in subscriptions {
            let (track, told) = self.streams.of(*feed).enter(*since);
            tracks.push(track);
            if let Some(told) = told {
                self.traffic.resumed(told);
                frame::text(&told.document(), &mut greeting);
            }
        }
        let key = self.peers.insert(Peer::new(link, tracks, encoding, Instant::now()));
        for Subscription { feed, .. } in subscriptions {
            self.listeners[feed.index()].push(key);
        }
        if seated.send(key).is_err() {
            // The reader is gone, so nobody else will say it.
            self.leave(key);
            return;
        }
        if let Some(farewell) = self.closed {
            self.send_away(key, farewell);
            return;
        }
        if !greeting.is_empty() {
            self.say(key, greeting);
        }
        self.catch_up_all(key);
    }

    fn leave(&mut self, key: usize) {
        let peer = self.peers.remove(key);
        if peer.is_blocked() {
            self.blocked.retain(|blocked| *blocked != key);
        }
        for track in peer.tracks.all() {
            let listeners = &mut self.listeners[track.feed().index()];
            if let Some(index) = listeners.iter().position(|listener| *listener == key) {
                listeners.swap_remove(index);
            }
        }
        if peer.is_open() {
            self.traffic.ended(Ending::Vanished);
        }
    }

    async fn publish(&mut self, burst: Arc<Burst>) {
        let feed = burst.feed;
        self.latest[feed.index()] = Some(burst);
        let mut index = 0;
        // Nothing else runs on this shard meanwhile, so the list stays as it is across the pauses.
        while let Some(&key) = self.listeners[feed.index()].get(index) {
            self.catch_up(key, feed);
            index += 1;
            pause(index).await;
        }
        self.report();
    }

    /// Gives a connection what it does not have of a feed, as far as it is free to take it.
    fn catch_up(&mut self, key: usize, feed: Feed) {
        while self.step(key, feed) {}
    }

    /// As [`Shard::catch_up`], of all its feeds: each has its turn, also where the kernel takes only a little at a time.
    fn catch_up_all(&mut self, key: usize) {
        for _ in 0..self.peers[key].tracks.all().len() {
            if self.peers[key].is_blocked() {
                return;
            }
            let feed = self.peers[key].tracks.take_turn();
            self.catch_up(key, feed);
        }
    }

    /// Gives a connection that is free to take it the next thing it does not have. Whether another may follow at once.
    fn step(&mut self, key: usize, feed: Feed) -> bool {
        let peer = &mut self.peers[key];
        if peer.is_blocked() || !peer.is_open() {
            return false;
        }
        let Some(burst) = &self.latest[feed.index()] else { return false };
        let handed = &mut self.handed[feed.index()];
        let (progress, more) = match peer.tracks.of(feed).next(burst, self.streams.of(feed)) {
            Step::Nothing => return false,
            Step::News => {
                let frames = peer.encoding.news(&burst.said);
                (handed.hand(peer, &frames, burst.said.count()), false)
            }
            Step::Snapshot { missed } => {
                self.traffic.missed(feed, missed);
                let frame = peer.encoding.snapshot(burst);
                (handed.hand(peer, &frame, 1), false)
            }
            Step::Replay { said, after } => {
                let count = said.iter().map(|said| said.last() - after.max(said.first.seq - 1)).sum();
                let frames = peer.encoding.replay(&said, after);
                (handed.hand(peer, &frames, count), true)
            }
            Step::Lost { told, missed } => {
                self.traffic.missed(feed, missed);
                self.traffic.resumed(told);
                let mut frame = Vec::new();
                frame::text(&told.document(), &mut frame);
                (peer.say(frame), true)
            }
        };
        self.settle(key, progress);
        more && progress == Progress::Free
    }

    /// Sends control frames or an answer, behind what waits.
    fn say(&mut self, key: usize, frames: Vec<u8>) {
        let peer = &mut self.peers[key];
        let progress = peer.say(frames);
        self.settle(key, progress);
    }

    /// Goes on with a connection for which the kernel takes bytes again.
    fn go_on(&mut self, key: usize) {
        let progress = self.peers[key].go_on(Instant::now());
        if progress != Progress::Blocked {
            self.blocked.retain(|blocked| *blocked != key);
        }
        self.settle(key, progress);
        if progress == Progress::Free {
            self.catch_up_all(key);
        }
    }

    /// Draws the conclusions from a write.
    fn settle(&mut self, key: usize, progress: Progress) {
        match progress {
            Progress::Free => self.peers[key].said_all(),
            Progress::NowBlocked => self.blocked.push(key),
            Progress::Blocked => {}
            Progress::Gone => self.give_up(key),
        }
    }

    /// Begins the end, unless it has begun: what waits, these frames, and no burst any more.
    fn close(&mut self, key: usize, frames: Vec<u8>, ending: Ending) {
        if self.peers[key].is_open() {
            self.traffic.ended(ending);
            self.peers[key].stage = Stage::Closing(Instant::now() + CLOSE_TIMEOUT);
            self.say(key, frames);
        }
    }

    /// Ends a connection because the server goes.
    fn send_away(&mut self, key: usize, farewell: Farewell) {
        self.close(key, farewell.frame(rand::random()), Ending::Closed(farewell.code()));
    }

    /// Ends a connection whose peer reads or answers too slowly.
    fn cut_off(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        self.traffic.ended(Ending::Closed(CloseCode::TooSlow));
        for track in peer.tracks.all() {
            if let Some(burst) = &self.latest[track.feed().index()] {
                self.traffic.missed(track.feed(), track.left_behind(burst));
            }
        }
        peer.stage = Stage::Closing(Instant::now() + CLOSE_TIMEOUT);
        let goodbye = frame::close(CloseCode::TooSlow, CloseCode::TooSlow.meaning());
        if peer.is_blocked() {
            peer.say_last(goodbye);
            self.go_on(key);
        } else {
            self.say(key, goodbye);
        }
    }

    /// Nothing can be written to this connection any more: let the reader see its end.
    fn give_up(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        if peer.is_open() {
            self.traffic.ended(Ending::Vanished);
        }
        if peer.is_blocked() {
            self.blocked.retain(|blocked| *blocked != key);
        }
        peer.give_up();
    }

    /// Counts what has been handed out since the last time.
    fn report(&mut self) {
        for (feed, handed) in Feed::ALL.into_iter().zip(&mut self.handed) {
            let Handed { frames, bytes } = mem::take(handed);
            if frames > 0 {
                self.traffic.handed(feed, frames, bytes);
            }
        }
    }

    /// Looks for what is due.
    ///
    /// Time in which we did not look counts against nobody: when the process or its machine was stopped for a while, what
    /// the peers said meanwhile is still to be read.
    async fn sweep(&mut self, now: Instant) {
        let slept = now.saturating_duration_since(self.swept + SWEEP_INTERVAL);
        self.swept = now;
        if slept >= SWEEP_INTERVAL {
            self.peers.iter_mut().for_each(|(_, peer)| peer.grant(slept));
        }
        let keys: Vec<usize> = self.peers.iter().filter(|(_, peer)| peer.is_due(now)).map(|(key, _)| key).collect();
        for (count, key) in keys.into_iter().enumerate() {
            let peer = &mut self.peers[key];
            match peer.stage {
                Stage::Closing(_) => self.give_up(key),
                Stage::Open(Pulse::Due(_)) if !peer.is_blocked() => {
                    peer.link.heard.store(false, Ordering::Relaxed);
                    peer.stage = Stage::Open(Pulse::Awaited(now + SERVER_PING_TIMEOUT));
                    let progress = peer.send(&self.ping);
                    self.settle(key, progress);
                }
                Stage::Open(Pulse::Awaited(_)) if !peer.is_blocked() && peer.link.heard.load(Ordering::Relaxed) => {
                    peer.stage = Stage::Open(Pulse::Due(now + SERVER_PING_INTERVAL - SERVER_PING_TIMEOUT));
                }
                _ => self.cut_off(key),
            }
            pause(count).await;
        }
        self.report();
    }
}

/// Lets other tasks run after every few connections.
async fn pause(count: usize) {
    if count % WRITES_PER_YIELD == WRITES_PER_YIELD - 1 {
        tokio::task::yield_now().await;
    }
}
