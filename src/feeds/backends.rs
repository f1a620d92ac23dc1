//! The `backends` feed: every backend of every pool, whole at first, then what each tick confirmed or changed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Cause, Change, Producer, World, changed};
use crate::checks::CheckState;
use crate::config::Pool;
use crate::limits::UPDATES_PER_TICK_MAX;
use crate::protocol::message::{Backend, BackendUpdate};
use crate::protocol::{Admin, Health, Message};

/// Where our own checks say their knowledge comes from.
const SOURCE: &str = "check";

/// The `backends` producer.
pub struct Backends {
    world: Arc<World>,
    flips: watch::Receiver<u64>,
    /// What the connections were last told: checks run and status, in the order of the settings.
    told: Vec<(u64, Health)>,
    /// Addresses that stand in more than one pool: an update would hit both.
    shared: HashSet<String>,
}

impl Backends {
    /// A producer over the pools of the settings.
    pub fn new(world: &Arc<World>) -> Self {
        Backends {
            flips: world.backends.changes(),
            told: Vec::new(),
            shared: shared(&world.settings.pools),
            world: Arc::clone(world),
        }
    }

    /// What to say of the states as they are now.
    fn change(&mut self, cause: Cause) -> Option<Change> {
        self.flips.borrow_and_update();
        let states = self.world.backends.states();
        let now: Vec<(u64, Health)> = states.iter().map(|state| (state.passed + state.failed, state.status)).collect();
        let list = list(&self.world.settings.pools, &states);
        let told = std::mem::replace(&mut self.told, now.clone());
        let news = |index: &usize| match cause {
            Cause::Change => told[*index].1 != now[*index].1,
            _ => told[*index].0 != now[*index].0,
        };
        let whole = matches!(cause, Cause::Start | Cause::Resume) || told.len() != now.len();
        let updates: Vec<BackendUpdate> = if whole {
            Vec::new()
        } else {
            (0..now.len()).filter(news).map(|index| BackendUpdate::from(&list[index])).collect()
        };
        if !whole && cause == Cause::Change {
            // The checks that did not flip are still to be told at the tick.
            for (index, old) in told.into_iter().enumerate().filter(|(index, old)| old.1 == now[*index].1) {
                self.told[index] = old;
            }
            if updates.is_empty() {
                return None;
            }
        }
        let together = updates.iter().any(|update| self.shared.contains(&update.address));
        if updates.is_empty() || updates.len() > UPDATES_PER_TICK_MAX || together {
            // An empty tick still says that we are alive, and the list says it best.
            return Some(Change::Whole(Message::Backends(list)));
        }
        Some(Change::Parts(updates, Arc::new(list)))
    }
}

impl Producer for Backends {
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(changed(&mut self.flips))
    }

    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>> {
        Box::pin(async move {
            if cause == Cause::Order {
                self.world.backends.check_now().await;
            }
            self.change(cause)
        })
    }
}

/// The wire form of every backend. `states` are those of the backends of `pools`, in the same order.
pub fn list(pools: &[Pool], states: &[CheckState]) -> Vec<Backend> {
    let configured = pools.iter().flat_map(|pool| pool.backends.iter().map(move |backend| (pool, backend)));
    configured
        .zip(states)
        .map(|((pool, backend), state)| Backend {
            address: backend.address.clone(),
            pool: pool.name.clone(),
            weight: backend.weight,
            status: state.status,
            last_check: state.last_check,
            state: word(state).to_owned(),
            admin: Admin::Enabled,
            latency_ms: state.latency.map(milliseconds),
            last_change: state.last_change,
            source: SOURCE.to_owned(),
            detail: state.error.clone(),
            stale: false,
        })
        .collect()
}

/// A duration in milliseconds with two decimals, as it stands on the wire.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// The status in an operator's words.
fn word(state: &CheckState) -> &'static str {
    match (state.status, state.confirming) {
        (Health::Healthy, false) => "up",
        (Health::Degraded, false) => "slow",
        (Health::Healthy | Health::Degraded, true) => "failing",
        (Health::Unhealthy, false) => "down",
        (Health::Unhealthy, true) => "recovering",
        (Health::Unknown, _) => "checking",
    }
}

fn shared(pools: &[Pool]) -> HashSet<String> {
    let mut seen = HashSet::new();
    let addresses = pools.iter().flat_map(|pool| &pool.backends).map(|backend| &backend.address);
    addresses.filter(|address| !seen.insert(*address)).cloned().collect()
}
