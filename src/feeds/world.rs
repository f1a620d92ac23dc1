//! What the server knows: the measured state that the feeds read, gathered in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::{Semaphore, watch};

use super::Pauses;
use super::host::descriptors;
use super::vitals::Vitals;
use crate::checks::Monitor;
use crate::config::Settings;
use crate::limits::CHECKS_AT_ONCE_MAX;
use crate::shutdown::Shutdown;
use crate::usage::{Meter, RequestCounter};

/// What the server knows.
pub struct World {
    /// What it was told.
    pub settings: Settings,
    /// When it started.
    pub started: Instant,
    /// The checks of every backend of every pool, in the order of the settings.
    pub backends: Arc<Monitor>,
    /// The checks of the dependencies, in the order of the settings.
    pub dependencies: Arc<Monitor>,
    /// The server's own vital signs.
    pub vitals: Arc<Vitals>,
    /// Requests completed at this server's HTTP layer.
    pub requests: Arc<RequestCounter>,
    /// What they cost.
    pub meter: Arc<Meter>,
    /// Open feed connections.
    pub connections: Gauge,
    /// Which feeds are paused.
    pub pauses: watch::Sender<Pauses>,
}

impl World {
    /// Takes the settings, opens the ledger and starts whatever measures by itself: checks, booking, vital signs.
    pub fn start(settings: Settings, shutdown: &Shutdown) -> Arc<World> {
        let permits = Arc::new(Semaphore::new(checks_at_once()));
        let backends = settings.pools.iter().flat_map(|pool| &pool.backends).map(|backend| backend.check.clone());
        let backends = Monitor::new(backends.collect(), Arc::clone(&permits));
        let dependencies = settings.dependencies.iter().map(|dependency| dependency.check.clone());
        let dependencies = Monitor::new(dependencies.collect(), permits);
        let requests = Arc::new(RequestCounter::default());
        let meter = Meter::open(&settings.state_dir, settings.tariff.clone(), Arc::clone(&requests));
        let vitals = Arc::new(Vitals::new(&settings.state_dir, Arc::clone(&meter)));
        until(shutdown, Arc::clone(&backends).run());
        until(shutdown, Arc::clone(&dependencies).run());
        until(shutdown, Arc::clone(&meter).run());
        until(shutdown, Arc::clone(&vitals).run());
        Arc::new(World {
            settings,
            started: Instant::now(),
            backends,
            dependencies,
            vitals,
            requests,
            meter,
            connections: Gauge::default(),
            pauses: watch::Sender::new(Pauses::default()),
        })
    }
}

/// Checks that may run at the same moment: under a low descriptor limit fewer, so that a check never fails for want of one.
fn checks_at_once() -> usize {
    let limit = descriptors().map_or(u64::MAX, |(_, limit)| limit);
    usize::try_from(limit / 8).unwrap_or(usize::MAX).clamp(1, CHECKS_AT_ONCE_MAX)
}

/// Runs something that never ends by itself until the shutdown begins. It is safe to drop at any await.
fn until(shutdown: &Shutdown, work: impl Future<Output = ()> + Send + 'static) {
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = stop.begun() => {}
            () = work => {}
        }
    });
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
