//! A shard: one task that owns the writing half of many connections.
//!
//! A connection has no queue. The shard keeps, per connection, the rest of what the kernel did not take (`tail`), control
//! frames that wait behind it (`replies`), and the number of the newest burst it was given (`sent`). When the tail has
//! left and newer bursts have come in the meantime, the peer gets the newest one, or, if it missed more than that, the
//! current snapshot. So a slow reader costs a few bytes, never slows another, and always ends up with the truth.
//!
//! How a connection ends:
//! - the reader asks for it ([`Order::Close`]), everybody is sent away ([`Order::CloseAll`]), or a deadline passes: nothing
//!   but what waits and a close frame is written, then our half is shut down;
//! - [`CLOSE_TIMEOUT`] later, if the peer has not left by itself, the socket is shut down altogether;
//! - either way the reader sees the end of the stream and says [`Order::Leave`], which alone frees the place. A key is
//!   therefore never used by an order that was meant for its previous owner.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{io, mem};

use bytes::Bytes;
use slab::Slab;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::hub::Burst;
use super::telemetry::{Ending, Traffic};
use crate::limits::{CLOSE_TIMEOUT, REPLY_BYTES_MAX, SWEEP_INTERVAL, WRITE_TIMEOUT, WRITES_PER_YIELD};
use crate::protocol::{CloseCode, Feed, SERVER_PING_INTERVAL, SERVER_PING_TIMEOUT};
use crate::websocket::frame;

/// A connection, shared by the task that reads and the shard that writes.
#[derive(Debug)]
pub struct Link {
    /// The socket. Only the shard writes and shuts down, only the reader reads.
    pub socket: TcpStream,
    /// Set by the reader whenever anything arrives; cleared by the shard when it asks for a sign of life.
    pub heard: AtomicBool,
}

/// What a shard is told.
#[derive(Debug)]
pub enum Order {
    /// Take a connection.
    Attach {
        /// The connection.
        link: Arc<Link>,
        /// What it wants to hear.
        feed: Feed,
        /// Told the key.
        seated: oneshot::Sender<usize>,
    },
    /// Send a burst to whoever listens to its feed; say when that is done.
    Publish(Arc<Burst>, oneshot::Sender<()>),
    /// Send control frames or an answer.
    Reply {
        /// To whom.
        key: usize,
        /// Whole frames.
        frames: Vec<u8>,
    },
    /// Send the last frames and end the connection.
    Close {
        /// Whose.
        key: usize,
        /// Whole frames, the last of them a close frame.
        frames: Vec<u8>,
    },
    /// The reader has seen the end of the stream.
    Leave {
        /// Whose.
        key: usize,
    },
    /// End every connection, and every later one.
    CloseAll(CloseCode),
}

/// The state of one connection.
struct Peer {
    link: Arc<Link>,
    feed: Feed,
    /// The number of the newest burst it was given; `None` before the first.
    sent: Option<u64>,
    /// Bytes the kernel has not taken, of a frame that has begun.
    tail: Bytes,
    /// Whole frames that leave after the tail.
    replies: Vec<u8>,
    stage: Stage,
    /// Since when the kernel takes nothing. Set exactly while the key stands in `blocked`.
    stalled: Option<Instant>,
    pulse: Pulse,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It gets bursts.
    Open,
    /// It gets what waits, then the end; all is over at this time.
    Closing(Instant),
    /// Nothing can be written any more.
    Done,
}

#[derive(Clone, Copy)]
enum Pulse {
    /// A ping is due at this time.
    Due(Instant),
    /// A ping has been sent; something has to be heard by this time.
    Awaited(Instant),
}

/// See the module.
pub struct Shard {
    peers: Slab<Peer>,
    /// The keys that listen to each feed.
    listeners: [Vec<usize>; Feed::ALL.len()],
    latest: [Option<Arc<Burst>>; Feed::ALL.len()],
    /// The keys whose socket was full at the last try.
    blocked: Vec<usize>,
    /// Set once everybody has been sent away.
    closed: Option<CloseCode>,
    ping: Bytes,
    traffic: Arc<Traffic>,
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
    pub fn new(traffic: Arc<Traffic>) -> Shard {
        Shard {
            peers: Slab::new(),
            listeners: Default::default(),
            latest: Default::default(),
            blocked: Vec::new(),
            closed: None,
            ping: frame::ping().into(),
            traffic,
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
                }
                Wake::Sweep => self.sweep().await,
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
                    self.flush(key);
                    if self.blocked.get(index) == Some(&key) {
                        // Full again: ask once more, so that the waker is registered.
                        continue;
                    }
                }
            }
        }
        match Pin::new(orders).poll_recv_many(cx, batch, WRITES_PER_YIELD) {
            Poll::Ready(0) => return Poll::Ready(Wake::Abandoned),
            Poll::Ready(_) => return Poll::Ready(Wake::Orders),
            Poll::Pending => {}
        }
        sweep.poll_tick(cx).map(|_| Wake::Sweep)
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Attach { link, feed, seated } => self.attach(link, feed, seated),
            Order::Publish(burst, done) => {
                self.publish(burst).await;
                // Whoever published may have stopped waiting.
                let _ = done.send(());
            }
            Order::Reply { key, frames } => {
                let peer = &mut self.peers[key];
                if peer.stage == Stage::Open {
                    peer.replies.extend_from_slice(&frames);
                    if peer.stalled.is_none() {
                        self.flush(key);
                    } else if peer.replies.len() > REPLY_BYTES_MAX {
                        self.cut_off(key);
                    }
                }
            }
            Order::Close { key, frames } => self.close(key, &frames),
            Order::Leave { key } => self.leave(key),
            Order::CloseAll(code) => {
                self.closed = Some(code);
                let frame = frame::close(code, code.meaning());
                let keys: Vec<usize> = self.peers.iter().map(|(key, _)| key).collect();
                for (count, key) in keys.into_iter().enumerate() {
                    self.dismiss(key, code, &frame);
                    pause(count).await;
                }
            }
        }
    }

    fn attach(&mut self, link: Arc<Link>, feed: Feed, seated: oneshot::Sender<usize>) {
        let key = self.peers.insert(Peer {
            link,
            feed,
            sent: None,
            tail: Bytes::new(),
            replies: Vec::new(),
            stage: Stage::Open,
            stalled: None,
            pulse: Pulse::Due(Instant::now() + SERVER_PING_INTERVAL),
        });
        self.listeners[feed.index()].push(key);
        if seated.send(key).is_err() {
            // The reader is gone, so nobody else will say it.
            self.leave(key);
            return;
        }
        match self.closed {
            None => self.flush(key),
            Some(code) => self.dismiss(key, code, &frame::close(code, code.meaning())),
        }
    }

    fn leave(&mut self, key: usize) {
        let peer = self.peers.remove(key);
        if peer.stalled.is_some() {
            self.blocked.retain(|blocked| *blocked != key);
        }
        let listeners = &mut self.listeners[peer.feed.index()];
        if let Some(index) = listeners.iter().position(|listener| *listener == key) {
            listeners.swap_remove(index);
        }
        if peer.stage == Stage::Open {
            self.traffic.ended(Ending::Vanished);
        }
    }

    async fn publish(&mut self, burst: Arc<Burst>) {
        let feed = burst.feed.index();
        self.latest[feed] = Some(burst);
        let mut index = 0;
        // Nothing else runs on this shard meanwhile, so the list stays as it is across the pauses.
        while let Some(&key) = self.listeners[feed].get(index) {
            if self.peers[key].stalled.is_none() {
                self.flush(key);
            }
            index += 1;
            pause(index).await;
        }
    }

    /// Writes whatever waits for a connection, until nothing does or the kernel takes no more.
    fn flush(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        let mut progress = false;
        let end = loop {
            let tail = mem::take(&mut peer.tail);
            if !tail.is_empty() {
                match write(peer, &tail, &mut progress) {
                    Written::All => {}
                    other => break other,
                }
            }
            if !peer.replies.is_empty() {
                peer.tail = mem::take(&mut peer.replies).into();
                continue;
            }
            if peer.stage != Stage::Open {
                break Written::All;
            }
            let latest = self.latest[peer.feed.index()].as_ref();
            let Some(burst) = latest.filter(|burst| peer.sent != Some(burst.number)) else { break Written::All };
            let missed = peer.sent.map_or(0, |sent| burst.number - sent - 1);
            let (bytes, frames) = match peer.sent {
                Some(_) if missed == 0 => (&burst.bytes, burst.frames),
                _ => (burst.snapshot(), 1),
            };
            peer.sent = Some(burst.number);
            self.traffic.handed(peer.feed, frames, bytes.len());
            self.traffic.missed(peer.feed, missed);
            match write(peer, bytes, &mut progress) {
                Written::All => {}
                other => break other,
            }
        };
        match end {
            Written::All => {
                if peer.stalled.take().is_some() {
                    self.blocked.retain(|blocked| *blocked != key);
                }
                if matches!(peer.stage, Stage::Closing(_)) {
                    // The last frame has left: say so, and wait for the peer to leave. An error means it has.
                    let _ = SockRef::from(&peer.link.socket).shutdown(std::net::Shutdown::Write);
                }
            }
            Written::Some => {
                if peer.stalled.is_none() {
                    self.blocked.push(key);
                }
                if progress || peer.stalled.is_none() {
                    peer.stalled = Some(Instant::now());
                }
            }
            Written::Failed => self.give_up(key),
        }
    }

    /// Begins the end: what waits, these frames, and no burst any more.
    fn close(&mut self, key: usize, frames: &[u8]) {
        let peer = &mut self.peers[key];
        if peer.stage != Stage::Open {
            return;
        }
        peer.stage = Stage::Closing(Instant::now() + CLOSE_TIMEOUT);
        peer.replies.extend_from_slice(frames);
        if peer.stalled.is_none() {
            self.flush(key);
        }
    }

    /// Closes a connection for a reason of ours.
    fn dismiss(&mut self, key: usize, code: CloseCode, frame: &[u8]) {
        if self.peers[key].stage == Stage::Open {
            self.traffic.ended(Ending::Closed(code));
            self.close(key, frame);
        }
    }

    /// Ends a connection whose peer reads or answers too slowly.
    ///
    /// The kernel would not take another byte for it, so the bound on unsent bytes is lifted first: the rest of the frame
    /// that has begun and the close frame then wait in the kernel, and a peer that wakes up finds out why it was left.
    fn cut_off(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        self.traffic.ended(Ending::Closed(CloseCode::TooSlow));
        let latest = self.latest[peer.feed.index()].as_ref().map_or(0, |burst| burst.number);
        self.traffic.missed(peer.feed, latest - peer.sent.unwrap_or(latest));
        peer.stage = Stage::Closing(Instant::now() + CLOSE_TIMEOUT);
        peer.replies = frame::close(CloseCode::TooSlow, CloseCode::TooSlow.meaning());
        // Where the bound cannot be lifted the peer learns it from the end of the stream alone.
        let _ = SockRef::from(&peer.link.socket).set_tcp_notsent_lowat(u32::MAX);
        self.flush(key);
    }

    /// Nothing can be written to this connection any more: let the reader see its end.
    fn give_up(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        if peer.stage == Stage::Open {
            self.traffic.ended(Ending::Vanished);
        }
        peer.stage = Stage::Done;
        peer.tail = Bytes::new();
        peer.replies = Vec::new();
        if peer.stalled.take().is_some() {
            self.blocked.retain(|blocked| *blocked != key);
        }
        // An error means that the peer has ended it already, which the reader sees too.
        let _ = SockRef::from(&peer.link.socket).shutdown(std::net::Shutdown::Both);
    }

    /// Looks for what is due.
    async fn sweep(&mut self) {
        let now = Instant::now();
        let due = |peer: &Peer| match (peer.stage, peer.stalled, peer.pulse) {
            (Stage::Closing(end), ..) => now >= end,
            (Stage::Done, ..) => false,
            (Stage::Open, Some(since), _) => now >= since + WRITE_TIMEOUT,
            (Stage::Open, None, Pulse::Due(at) | Pulse::Awaited(at)) => now >= at,
        };
        let keys: Vec<usize> = self.peers.iter().filter(|(_, peer)| due(peer)).map(|(key, _)| key).collect();
        for (count, key) in keys.into_iter().enumerate() {
            let peer = &mut self.peers[key];
            match (peer.stage, peer.stalled, peer.pulse) {
                (Stage::Closing(_), ..) => self.give_up(key),
                (Stage::Open, None, Pulse::Due(_)) => {
                    peer.link.heard.store(false, Ordering::Relaxed);
                    peer.pulse = Pulse::Awaited(now + SERVER_PING_TIMEOUT);
                    peer.tail = self.ping.clone();
                    self.flush(key);
                }
                (Stage::Open, None, Pulse::Awaited(_)) if peer.link.heard.load(Ordering::Relaxed) => {
                    peer.pulse = Pulse::Due(now + SERVER_PING_INTERVAL - SERVER_PING_TIMEOUT);
                }
                _ => self.cut_off(key),
            }
            pause(count).await;
        }
    }
}

enum Written {
    All,
    /// The rest is in the tail.
    Some,
    Failed,
}

/// Writes to the socket; what the kernel does not take becomes the tail. Sets `progress` if it took anything.
fn write(peer: &mut Peer, bytes: &Bytes, progress: &mut bool) -> Written {
    let count = match peer.link.socket.try_write(bytes) {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => return Written::Failed,
    };
    *progress |= count > 0;
    if count == bytes.len() {
        return Written::All;
    }
    peer.tail = bytes.slice(count..);
    Written::Some
}

/// Lets other tasks run after every few connections.
async fn pause(count: usize) {
    if count % WRITES_PER_YIELD == WRITES_PER_YIELD - 1 {
        tokio::task::yield_now().await;
    }
}
