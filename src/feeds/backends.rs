//! The `backends` feed: every backend of every pool, whole at first, then what each tick confirmed or changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Cause, Change, Producer, World, changed};
use crate::fleet::Member;
use crate::limits::UPDATES_PER_TICK_MAX;
use crate::protocol::message::{Backend, BackendUpdate, Intent};
use crate::protocol::{Admin, Health, Message};

/// The `backends` producer.
pub struct Backends {
    world: Arc<World>,
    flips: watch::Receiver<u64>,
    /// What the connections were last told. None: nothing.
    told: Option<HashMap<Key, Told>>,
}

/// Source, pool and address.
type Key = (String, String, String);

/// What the connections were last told of one backend.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    confirmed: u64,
    /// What is told at once when it changes.
    urgent: (Health, Admin, bool, Option<Intent>),
    /// What only the whole list tells: the weight.
    fixed: u32,
}

impl Backends {
    /// A producer over the fleet.
    pub fn new(world: &Arc<World>) -> Self {
        Backends { flips: world.fleet.changes(), told: None, world: Arc::clone(world) }
    }

    /// What to say of the fleet as it is now.
    fn change(&mut self, cause: Cause) -> Option<Change> {
        self.flips.borrow_and_update();
        let members = self.world.fleet.members();
        let now: HashMap<Key, Told> = members.iter().map(|member| (key(member), told(member))).collect();
        let before = self.told.take().unwrap_or_default();
        let whole = matches!(cause, Cause::Start | Cause::Resume)
            || before.len() != now.len()
            || now.iter().any(|(key, now)| before.get(key).is_none_or(|before| before.fixed != now.fixed));
        let news = |member: &&Member| {
            let (before, now) = (&before[&key(member)], &now[&key(member)]);
            match cause {
                Cause::Change => before.urgent != now.urgent,
                _ => before.confirmed != now.confirmed || before.urgent != now.urgent,
            }
        };
        let updates: Vec<BackendUpdate> = if whole {
            Vec::new()
        } else {
            members.iter().filter(news).map(|member| BackendUpdate::from(&member.backend)).collect()
        };
        if !whole && cause == Cause::Change {
            // Those that did not flip are still to be told at the tick.
            let mut told = before;
            if updates.is_empty() {
                self.told = Some(told);
                return None;
            }
            told.extend(now.into_iter().filter(|(key, now)| told[key].urgent != now.urgent).collect::<Vec<_>>());
            self.told = Some(told);
        } else {
            self.told = Some(now);
        }
        let together = !updates.is_empty() && {
            let shared = shared(&members);
            updates.iter().any(|update| shared.contains(&*update.address))
        };
        let list: Vec<Backend> = members.into_iter().map(|member| member.backend).collect();
        if updates.is_empty() || updates.len() > UPDATES_PER_TICK_MAX || together {
            // An empty tick still says that we are alive, and the list says it best.
            return Some(Change::whole(Message::Backends(list)));
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
                self.world.fleet.refresh().await;
            }
            self.change(cause)
        })
    }
}

fn key(member: &Member) -> Key {
    let backend = &member.backend;
    (backend.source.clone(), backend.pool.clone(), backend.address.clone())
}

fn told(member: &Member) -> Told {
    let backend = &member.backend;
    Told {
        confirmed: member.confirmed,
        urgent: (backend.status, backend.admin, backend.stale, backend.intent.clone()),
        fixed: backend.weight,
    }
}

/// Addresses that stand in more than one place: an update would hit both.
fn shared(members: &[Member]) -> HashSet<&str> {
    let mut seen = HashSet::with_capacity(members.len());
    let addresses = members.iter().map(|member| member.backend.address.as_str());
    addresses.filter(|address| !seen.insert(*address)).collect()
}
