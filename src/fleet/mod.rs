//! The fleet: the backends of the settings and of every source as one list, and who keeps it true.
//!
//! Backends of the settings, and those of sources that do not check, are checked by us; the others are what their source
//! says. What is to be known of a fleet may change at any time ([`Fleet::set`]); whatever stays keeps its history.

mod intents;
mod member;
mod orders;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

use intents::Intents;
pub use member::{Member, milliseconds};
use member::{of_check, of_source};
pub use orders::Refused;

use crate::checks::{CheckSpec, CheckState, Monitor, Template};
use crate::config::{FleetSource, Pool, RequestsSource, Settings};
use crate::sources::{Asked, Poller, Record, Standing};
use crate::usage::Requests;

/// What the wire calls our own count of requests.
const OWN: &str = "self";

/// The fleet.
pub struct Fleet {
    plan: RwLock<Arc<Plan>>,
    /// Everything that we check ourselves.
    checks: Arc<Monitor>,
    /// Held while the monitor is given its checks, so that it never keeps those of an older plan.
    stocking: Mutex<()>,
    requests: Arc<Requests>,
    intents: Intents,
    /// Bumped by every poller.
    polled: watch::Sender<u64>,
    /// Bumped when something has changed that is worth telling at once.
    changes: watch::Sender<u64>,
    /// Tells [`Fleet::run`] that there are other sources.
    replanned: Notify,
}

/// What the settings say of the fleet.
#[derive(Default)]
struct Plan {
    pools: Vec<Pool>,
    feeders: Vec<Feeder>,
    /// The names of the sources whose requests are metered; none: our own are.
    counting: Vec<String>,
}

/// A source that is being read, and what the settings say of its backends.
#[derive(Clone)]
struct Feeder {
    poller: Arc<Poller>,
    check: Template,
    rule: Rule,
}

impl Feeder {
    /// How we check a backend of this source, which goes by that name.
    fn check(&self, source: &str, record: &Record) -> Result<CheckSpec, String> {
        let name = check_name(source, &record.pool, &record.address);
        match record.asked {
            Asked::AsSet => self.check.spec(name, &record.address),
            Asked::Connect => self.check.connecting(name, &record.address),
        }
    }
}

/// What a pool has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many enabled backends have to pass.
    pub min_healthy: usize,
    /// Whether the fleet is unhealthy with fewer; else degraded.
    pub critical: bool,
}

impl Fleet {
    /// A fleet of which nothing is known yet.
    pub fn new(settings: &Settings, requests: Arc<Requests>, permits: Arc<Semaphore>) -> Arc<Fleet> {
        let fleet = Fleet {
            plan: RwLock::default(),
            checks: Monitor::new(Vec::new(), permits),
            stocking: Mutex::default(),
            requests,
            intents: Intents::open(&settings.state_dir),
            polled: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            replanned: Notify::new(),
        };
        fleet.set(settings);
        Arc::new(fleet)
    }

    /// Takes the pools and sources there are from now on.
    pub fn set(&self, settings: &Settings) {
        let old = self.plan();
        let feeders: Vec<Feeder> = settings.sources.iter().map(|source| self.feeder(&old.feeders, source)).collect();
        let counting = match &settings.requests_source {
            RequestsSource::Own => Vec::new(),
            RequestsSource::One(name) => vec![name.clone()],
            RequestsSource::Sources => {
                let counting = settings.sources.iter().filter(|source| source.spec.counts());
                counting.map(|source| source.spec.name.clone()).collect()
            }
        };
        let counts = |feeder: &Feeder| {
            let spec = feeder.poller.spec();
            (spec.place(), counting.contains(&spec.name))
        };
        self.requests.count_elsewhere(feeders.iter().map(counts));
        let plan = Plan { pools: settings.pools.clone(), feeders, counting };
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
        self.restock();
        self.replanned.notify_one();
        self.changes.send_modify(|count| *count += 1);
    }

    /// The feeder of a source. One that is there goes on with what it knows.
    fn feeder(&self, old: &[Feeder], source: &FleetSource) -> Feeder {
        let same = old.iter().find(|feeder| feeder.poller.spec().is_named_like(&source.spec));
        let poller = match same {
            Some(feeder) => {
                feeder.poller.replace(source.spec.clone());
                Arc::clone(&feeder.poller)
            }
            None => Arc::new(Poller::new(source.spec.clone(), self.polled.clone(), Arc::clone(&self.requests))),
        };
        let rule = Rule { min_healthy: source.min_healthy, critical: source.critical };
        Feeder { poller, check: source.check.clone(), rule }
    }

    /// Reads and checks until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut running = JoinSet::new();
        running.spawn(Arc::clone(&self.checks).run());
        running.spawn(Arc::clone(&self).keep_intents());
        let mut handles: Vec<(Arc<Poller>, AbortHandle)> = Vec::new();
        let (mut flips, mut polled) = (self.checks.changes(), self.polled.subscribe());
        loop {
            let plan = self.plan();
            let stays = |poller: &Arc<Poller>| plan.feeders.iter().any(|feeder| Arc::ptr_eq(&feeder.poller, poller));
            handles.retain(|(poller, handle)| {
                let stays = stays(poller);
                if !stays {
                    handle.abort();
                }
                stays
            });
            for feeder in &plan.feeders {
                if !handles.iter().any(|(poller, _)| Arc::ptr_eq(poller, &feeder.poller)) {
                    let handle = running.spawn(Arc::clone(&feeder.poller).run());
                    handles.push((Arc::clone(&feeder.poller), handle));
                }
            }
            drop(plan);
            loop {
                // All branches only wait.
                tokio::select! {
                    () = self.replanned.notified() => break,
                    Ok(()) = flips.changed() => {}
                    Ok(()) = polled.changed() => self.restock(),
                    Some(ended) = running.join_next() => {
                        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                            std::panic::resume_unwind(panic);
                        }
                        continue;
                    }
                }
                self.changes.send_modify(|count| *count += 1);
            }
        }
    }

    /// Gives the monitor the checks of the settings, and of what sources list and do not check.
    fn restock(&self) {
        let _stocking = self.stocking.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = self.plan();
        let mut specs: Vec<CheckSpec> =
            plan.pools.iter().flat_map(|pool| &pool.backends).map(|backend| backend.check.clone()).collect();
        for feeder in &plan.feeders {
            let name = &feeder.poller.spec().name;
            for seen in feeder.poller.standing().seen.iter().filter(|seen| seen.record.finding.is_none()) {
                // One that cannot be checked says so in its place in the list.
                specs.extend(feeder.check(name, &seen.record));
            }
        }
        self.checks.set(specs);
    }

    /// Every backend as it is known now: those of the settings, then those of the sources, each in its own order.
    pub fn members(&self) -> Vec<Member> {
        let states: HashMap<String, CheckState> =
            self.checks.states().into_iter().map(|state| (state.name.clone(), state)).collect();
        let plan = self.plan();
        let mut members: Vec<Member> = plan
            .pools
            .iter()
            .flat_map(|pool| pool.backends.iter().map(move |backend| (pool, backend)))
            .filter_map(|(pool, backend)| Some(of_check(pool, backend, states.get(&backend.check.name)?)))
            .collect();
        for feeder in &plan.feeders {
            let (spec, standing) = (feeder.poller.spec(), feeder.poller.standing());
            for seen in standing.seen.iter() {
                members.push(of_source(&spec.name, &standing, seen, |record| {
                    match states.get(&check_name(&spec.name, &record.pool, &record.address)) {
                        Some(state) => Ok(Some(state)),
                        None => feeder.check(&spec.name, record).map(|_| None),
                    }
                }));
            }
        }
        for member in &mut members {
            let backend = &mut member.backend;
            backend.intent = self.intents.get(&orders::subject(backend));
            // Nobody but us takes out what is ours.
            if let Some(admin) = backend.intent.as_ref().and_then(|intent| intent.admin)
                && backend.source == member::CHECK
            {
                backend.admin = admin;
            }
        }
        members
    }

    /// What each pool has to be like that has a rule or a backend, by name. The settings' own rule goes before a source's.
    pub fn rules(&self) -> BTreeMap<String, Rule> {
        let plan = self.plan();
        let mut rules = BTreeMap::new();
        for feeder in &plan.feeders {
            // A list that has become empty is no reason to stop missing what stood in it.
            for pool in feeder.poller.standing().pools.iter() {
                rules.insert(pool.clone(), feeder.rule);
            }
        }
        for pool in &plan.pools {
            rules.insert(pool.name.clone(), Rule { min_healthy: pool.min_healthy, critical: pool.critical });
        }
        rules
    }

    /// Every source by name, and how it is doing, in the order of the settings.
    pub fn sources(&self) -> Vec<(String, Standing)> {
        let plan = self.plan();
        plan.feeders.iter().map(|feeder| (feeder.poller.spec().name.clone(), feeder.poller.standing())).collect()
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<Arc<Poller>> {
        self.plan().feeders.iter().map(|feeder| &feeder.poller).find(|poller| poller.spec().name == name).cloned()
    }

    /// Whose requests are metered: `self`, or the names of sources.
    pub fn counting(&self) -> String {
        let plan = self.plan();
        if plan.counting.is_empty() { OWN.to_owned() } else { plan.counting.join("+") }
    }

    /// What is known of everything that we check ourselves.
    pub fn checks(&self) -> &Arc<Monitor> {
        &self.checks
    }

    /// Reads every source and runs every check once, now.
    pub async fn refresh(&self) {
        let plan = self.plan();
        let reading = plan.feeders.iter().map(|feeder| feeder.poller.read());
        futures_util::future::join_all(reading).await;
        self.checks.check_now().await;
    }

    /// Bumped after every change worth telling at once.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The name of the check of a backend that a source lists.
fn check_name(source: &str, pool: &str, address: &str) -> String {
    format!("{source}/{pool}/{address}")
}
