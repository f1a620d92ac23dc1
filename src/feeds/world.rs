//! What the server knows: the measured state that the feeds read, gathered in one place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::{Semaphore, watch};

use super::Pauses;
use super::host::descriptors;
use super::vitals::Vitals;
use crate::audit::Trail;
use crate::checks::{CheckSpec, CheckState, Monitor};
use crate::config::{Dependency, Settings};
use crate::fleet::Fleet;
use crate::limits::CHECKS_AT_ONCE_MAX;
use crate::shutdown::Shutdown;
use crate::usage::{Meter, Requests};

/// What the server knows.
pub struct World {
    /// What it was told, last.
    settings: RwLock<Arc<Settings>>,
    /// When it started.
    pub started: Instant,
    /// The backends of the settings and of the sources.
    pub fleet: Arc<Fleet>,
    /// The checks of the dependencies, in the order of the settings.
    pub dependencies: Arc<Monitor>,
    /// The server's own vital signs.
    pub vitals: Arc<Vitals>,
    /// Requests completed here, and those that are metered.
    pub requests: Arc<Requests>,
    /// What they cost.
    pub meter: Arc<Meter>,
    /// Who did what.
    pub audit: Arc<Trail>,
    /// Open feed connections.
    pub connections: Gauge,
    /// Which feeds are paused.
    pub pauses: watch::Sender<Pauses>,
    notice: Mutex<Option<String>>,
    notices: watch::Sender<u64>,
}

impl World {
    /// Takes the settings, opens the ledger and starts whatever measures by itself: checks, sources, booking, vital signs.
    pub fn start(settings: Settings, shutdown: &Shutdown) -> Arc<World> {
        let permits = Arc::new(Semaphore::new(checks_at_once()));
        let requests = Arc::new(Requests::default());
        let fleet = Fleet::new(&settings, Arc::clone(&requests), Arc::clone(&permits));
        let dependencies = Monitor::new(dependency_checks(&settings), permits);
        let meter = Meter::open(&settings.state_dir, settings.tariff.clone(), Arc::clone(&requests));
        let audit = Trail::open(settings.audit.as_deref());
        let vitals = Arc::new(Vitals::new(&settings.state_dir, Arc::clone(&meter), Arc::clone(&audit)));
        shutdown.rely_on(Arc::clone(&fleet).run());
        shutdown.rely_on(Arc::clone(&dependencies).run());
        shutdown.rely_on(Arc::clone(&meter).run());
        shutdown.rely_on(Arc::clone(&audit).run());
        shutdown.rely_on(Arc::clone(&vitals).run());
        Arc::new(World {
            settings: RwLock::new(Arc::new(settings)),
            started: Instant::now(),
            fleet,
            dependencies,
            vitals,
            requests,
            meter,
            audit,
            connections: Gauge::default(),
            pauses: watch::Sender::new(Pauses::default()),
            notice: Mutex::default(),
            notices: watch::Sender::new(0),
        })
    }

    /// What it was told, last.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other settings while it runs: pools, sources, dependencies, origins and the name of the node. Whatever stays
    /// keeps its history.
    pub fn set(&self, settings: Settings) {
        self.fleet.set(&settings);
        {
            // Held over both, so that nobody reads the states of one file with the settings of another.
            let mut held = self.settings.write().unwrap_or_else(PoisonError::into_inner);
            self.dependencies.set(dependency_checks(&settings));
            *held = Arc::new(settings);
        }
        // Tells whoever shows them that there may be others.
        self.notices.send_modify(|count| *count += 1);
    }

    /// The dependencies in the order of the settings, each with what is known of it now.
    pub fn checked_dependencies(&self) -> Vec<(Dependency, CheckState)> {
        let held = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        held.dependencies.iter().cloned().zip(self.dependencies.states()).collect()
    }

    /// Something that the status has to say of the server itself; none: no more.
    pub fn notify(&self, notice: Option<String>) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = notice;
        self.notices.send_modify(|count| *count += 1);
    }

    /// See [`World::notify`].
    pub fn notice(&self) -> Option<String> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bumped when the notice, or what there is to show, has changed.
    pub fn notices(&self) -> watch::Receiver<u64> {
        self.notices.subscribe()
    }
}

fn dependency_checks(settings: &Settings) -> Vec<CheckSpec> {
    settings.dependencies.iter().map(|dependency| dependency.check.clone()).collect()
}

/// Checks that may run at the same moment: under a low descriptor limit fewer, so that a check never fails for want of one.
fn checks_at_once() -> usize {
    let limit = descriptors().map_or(u64::MAX, |(_, limit)| limit);
    usize::try_from(limit / 8).unwrap_or(usize::MAX).clamp(1, CHECKS_AT_ONCE_MAX)
}

/// A number that goes up and down. Clones are the same number.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// One more, for as long as the guard lives.
    pub fn enter(&self) -> Entered {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self.clone())
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One that counts in a [`Gauge`].
#[derive(Debug)]
pub struct Entered(Gauge);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
