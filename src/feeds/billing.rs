//! The `billing` feed: the usage of this period and what it costs, as the meter has it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Cause, Change, Producer, World};
use crate::protocol::{Message, Timestamp};

/// The `billing` producer.
pub struct Meterman {
    world: Arc<World>,
}

impl Meterman {
    /// A producer over the server's meter.
    pub fn new(world: &Arc<World>) -> Self {
        Meterman { world: Arc::clone(world) }
    }
}

impl Producer for Meterman {
    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>> {
        Box::pin(async move {
            if cause == Cause::Order {
                // A ledger that cannot be written shows in `partial` and in the status; the figures still hold.
                let _ = self.world.meter.book().await;
            }
            Some(Change::whole(Message::Billing(self.world.meter.invoice(Timestamp::now()).into())))
        })
    }
}
