//! When a feed speaks: one task a feed that waits for its tick, for a change worth telling at once, for a pause or
//! resume, and for orders to measure now.
//!
//! A tick that comes late is not made up for; the next one keeps to the original beat. Orders that wait together are
//! answered by one measurement. A paused feed sends nothing but what is ordered, and what it is when it resumes; what would
//! have woken it meanwhile is let go.

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::{Cause, Change, Pauses, Producer, Update};
use crate::limits::GATHER_TIME;
use crate::protocol::Feed;
use crate::shutdown::Shutdown;

/// An order to measure afresh and send, once, now. Answered when the messages have been handed to the connections.
pub type Order = oneshot::Sender<()>;

/// What a feed's task needs.
pub struct Ticker {
    /// The feed.
    pub feed: Feed,
    /// Measures it.
    pub producer: Box<dyn Producer>,
    /// Orders to measure now.
    pub orders: mpsc::Receiver<Order>,
    /// Which feeds are paused.
    pub pauses: watch::Receiver<Pauses>,
    /// Where updates go.
    pub updates: mpsc::Sender<Update>,
}

impl Ticker {
    /// Runs until the shutdown begins or nobody takes the updates any more.
    pub async fn run(mut self, shutdown: Shutdown) {
        let cadence = self.feed.cadence();
        let mut tick = interval_at(Instant::now() + cadence, cadence);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut cause = Some(Cause::Start);
        let mut orders = Vec::new();
        let mut paused = self.pauses.borrow_and_update().contains(self.feed);
        loop {
            if let Some(cause) = cause.take() {
                let change = tokio::select! {
                    () = shutdown.begun() => return,
                    change = self.producer.produce(cause) => change,
                };
                if let Some(change) = change
                    && !send(self.feed, change, &self.updates).await
                {
                    return;
                }
                for order in orders.drain(..) {
                    // Whoever gave the order may have stopped waiting.
                    let _ = Order::send(order, ());
                }
            }
            // Every branch is safe to drop: ticks, orders and pauses stay where they are until taken, and `wake`
            // promises the same.
            cause = tokio::select! {
                () = shutdown.begun() => return,
                Some(order) = self.orders.recv() => {
                    orders.push(order);
                    while let Ok(order) = self.orders.try_recv() {
                        orders.push(order);
                    }
                    Some(Cause::Order)
                }
                Ok(()) = self.pauses.changed() => {
                    let before = std::mem::replace(&mut paused, !self.may_speak());
                    (before && !paused).then_some(Cause::Resume)
                }
                // Looked at again: it may have been paused meanwhile, which is what may have woken the `status` feed.
                _ = tick.tick() => (!paused && self.may_speak()).then_some(Cause::Tick),
                // Polled in a pause, too: while it waits, a producer may take samples.
                () = self.producer.wake() => {
                    if !paused {
                        sleep(GATHER_TIME).await;
                    }
                    (!paused && self.may_speak()).then_some(Cause::Change)
                }
            };
        }
    }

    fn may_speak(&self) -> bool {
        !self.pauses.borrow().contains(self.feed)
    }
}

/// Hands an update over and waits until it has reached the connections. False: nobody is there any more.
async fn send(feed: Feed, change: Change, updates: &mpsc::Sender<Update>) -> bool {
    let (delivered, done) = oneshot::channel();
    updates.send(Update { feed, change, delivered }).await.is_ok() && done.await.is_ok()
}
