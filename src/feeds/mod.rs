//! The five feeds: what is measured for each, when it is sent, and nothing about who reads it.
//!
//! Each feed is one [`Producer`] and one task (`ticker`). What a producer made leaves through one bounded channel as an
//! [`Update`]; feeds know nothing of sockets.

pub mod backends;
pub mod billing;
pub mod health;
pub mod host;
pub mod metrics;
mod room;
pub mod status;
mod ticker;
pub mod vitals;
pub mod world;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

pub use ticker::Order;
use ticker::Ticker;
pub use world::World;

use crate::limits::{FORCE_QUEUE_LENGTH, FORCE_TIMEOUT, UPDATE_QUEUE_LENGTH};
use crate::protocol::control::Selection;
use crate::protocol::message::{Backend, BackendUpdate};
use crate::protocol::{Feed, Message};
use crate::shutdown::Shutdown;

/// Why a producer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The server has just started: measure as soon as there is something to measure.
    Start,
    /// The regular tick.
    Tick,
    /// [`Producer::wake`] resolved.
    Change,
    /// Somebody ordered a fresh measurement.
    Order,
    /// The feed goes on after a pause.
    Resume,
}

/// What a feed has to say.
#[derive(Debug, Clone)]
pub enum Change {
    /// One message that is also the whole current state.
    Whole(Box<Message>),
    /// What changed of some backends, each in its own message, and the whole list as it is now.
    Parts(Vec<BackendUpdate>, Arc<Vec<Backend>>),
}

impl Change {
    /// One message that is also the whole current state.
    #[must_use]
    pub fn whole(message: Message) -> Self {
        Self::Whole(Box::new(message))
    }
}

/// What a feed has to say, on its way to the connections.
#[derive(Debug)]
pub struct Update {
    /// Who says it.
    pub feed: Feed,
    /// What.
    pub change: Change,
    /// To be told when it has been handed to the connections.
    pub delivered: oneshot::Sender<()>,
}

/// Measures one feed.
pub trait Producer: Send {
    /// Resolves when something happened that must not wait for the tick. Safe to drop: nothing is forgotten. A feed
    /// without such things never resolves.
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Measures. `None` where, on a [`Cause::Change`], there turns out to be nothing to tell.
    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>>;
}

/// Resolves at the next change of something watched; never, once nobody can change it any more. Safe to drop.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Builds a producer over what the server knows.
type Build = fn(&Arc<World>) -> Box<dyn Producer>;

/// The producer of every feed.
pub const PRODUCERS: [(Feed, Build); 5] = [
    (Feed::Backends, |world| Box::new(backends::Backends::new(world))),
    (Feed::Metrics, |world| Box::new(metrics::Sampler::new(world))),
    (Feed::Status, |world| Box::new(status::RollUp::new(world))),
    (Feed::Billing, |world| Box::new(billing::Meterman::new(world))),
    (Feed::Health, |world| Box::new(health::Report::new(world))),
];

/// Which feeds are paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pauses([bool; Feed::ALL.len()]);

impl Pauses {
    /// Whether a feed is paused.
    pub fn contains(self, feed: Feed) -> bool {
        self.0[feed.index()]
    }

    /// The paused feeds, in the usual order.
    pub fn feeds(self) -> impl Iterator<Item = Feed> {
        Feed::ALL.into_iter().filter(move |feed| self.contains(*feed))
    }
}

/// The running feeds, as the control API sees them.
#[derive(Debug)]
pub struct Feeds {
    orders: [mpsc::Sender<Order>; Feed::ALL.len()],
    pauses: watch::Sender<Pauses>,
}

impl Feeds {
    /// Starts every feed. What they have to say comes out of the receiver.
    pub fn start(world: &Arc<World>, shutdown: &Shutdown) -> (Feeds, mpsc::Receiver<Update>) {
        let (updates, receiver) = mpsc::channel(UPDATE_QUEUE_LENGTH);
        let orders = PRODUCERS.map(|(feed, build)| {
            let (sender, orders) = mpsc::channel(FORCE_QUEUE_LENGTH);
            let producer = build(world);
            let ticker = Ticker { feed, producer, orders, pauses: world.pauses.subscribe(), updates: updates.clone() };
            shutdown.spawn(ticker.run(shutdown.clone()));
            sender
        });
        (Feeds { orders, pauses: world.pauses.clone() }, receiver)
    }

    /// Lets the selected feeds measure afresh and send, once, now. Gives those whose messages have been handed to the
    /// connections; a feed is missing where that took longer than the limit or the server is stopping.
    pub async fn force(&self, what: Selection) -> Vec<Feed> {
        let ordered = what.feeds().into_iter().map(|feed| async move {
            let (order, done) = oneshot::channel();
            self.orders[feed.index()].send(order).await.ok()?;
            done.await.ok().map(|()| feed)
        });
        let forced = ordered.map(|one| async { tokio::time::timeout(FORCE_TIMEOUT, one).await.ok().flatten() });
        futures_util::future::join_all(forced).await.into_iter().flatten().collect()
    }

    /// Stops the regular messages of the selected feeds.
    pub fn pause(&self, what: Selection) {
        self.set(what, Pauses([true; 5]));
    }

    /// Lets the selected feeds go on; each sends at once.
    pub fn resume(&self, what: Selection) {
        self.set(what, Pauses::default());
    }

    /// Which feeds are paused now.
    pub fn pauses(&self) -> Pauses {
        *self.pauses.borrow()
    }

    fn set(&self, what: Selection, to: Pauses) {
        self.pauses.send_if_modified(|pauses| {
            let before = *pauses;
            for feed in what.feeds() {
                pauses.0[feed.index()] = to.0[feed.index()];
            }
            *pauses != before
        });
    }
}
