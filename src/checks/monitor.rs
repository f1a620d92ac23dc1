//! The monitor: runs checks when they are due and keeps what is known about their targets.
//!
//! Every check first runs at once, as far as the permits allow, and a second time at a random moment of its interval: from
//! then on a thousand checks do not fire together, and a jitter of a tenth keeps them apart. While a change is being
//! confirmed a check runs at its fast interval. An interval is counted from start to start, so a target that runs into the
//! timeout is not asked less often than one that refuses. No target is asked twice at the same time. When nearly all turn
//! bad at once their results are not believed for a while: see [`Doubt`].

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::doubt::{Doubt, Event, Judgement};
use super::lack::{Lack, News};
use super::lag::Lag;
use super::outcome::{Found, Outcome, missed};
use super::state::{Flip, Machine, Moment};
use super::{CheckSpec, CheckState};
use crate::limits::DOUBT_TIME_MAX;
use crate::net::fault::in_words;
use crate::net::progress::within;
use crate::protocol::{Health, Timestamp};

/// By how much an interval is stretched or shortened, at random.
const JITTER: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// Runs a set of checks and knows their states.
pub struct Monitor {
    fleet: Arc<Fleet>,
    /// Tells [`Monitor::run`] that there are other checks.
    restocked: Notify,
    /// Rounds of [`Monitor::check_now`] that have begun.
    begun: AtomicU64,
    /// The last of them that came to its end. Held while one runs.
    ended: tokio::sync::Mutex<u64>,
}

/// The checks, and what they have in common.
struct Fleet {
    /// In the order they were given. Replaced as a whole.
    checks: RwLock<Arc<Vec<Arc<Check>>>>,
    /// The number of the next check.
    numbers: AtomicU64,
    permits: Arc<Semaphore>,
    changes: watch::Sender<u64>,
    /// When the monitor was made.
    epoch: Instant,
    doubt: Mutex<Doubt>,
    lag: Mutex<Lag>,
    lack: Mutex<Lack>,
}

/// One check and what it knows.
struct Check {
    /// Its own in this monitor, never given again.
    number: u64,
    spec: RwLock<Arc<CheckSpec>>,
    machine: Mutex<Machine>,
    /// Held while the target is asked.
    turn: tokio::sync::Mutex<()>,
    /// Tells [`Fleet::keep`] that it may be due sooner: of a result that it did not fetch itself, of another timing.
    hurried: Notify,
    /// Tells it to ask now.
    called: Notify,
}

impl Monitor {
    /// A monitor that has not checked anything yet. The permits are shared by all monitors of the process: a check holds one
    /// while it runs.
    pub fn new(specs: Vec<CheckSpec>, permits: Arc<Semaphore>) -> Arc<Monitor> {
        let fleet = Fleet {
            checks: RwLock::default(),
            numbers: AtomicU64::new(0),
            permits,
            changes: watch::Sender::new(0),
            epoch: Instant::now(),
            doubt: Mutex::default(),
            lag: Mutex::default(),
            lack: Mutex::default(),
        };
        let monitor = Monitor {
            fleet: Arc::new(fleet),
            restocked: Notify::new(),
            begun: AtomicU64::new(0),
            ended: tokio::sync::Mutex::new(0),
        };
        monitor.set(specs);
        Arc::new(monitor)
    }

    /// Takes the checks there are from now on. One of the same name that asks the same target keeps its state and goes on by
    /// its new options and timing; the others begin, and those that are left out end.
    pub fn set(&self, specs: Vec<CheckSpec>) {
        let mut known: HashMap<String, Arc<Check>> =
            self.fleet.checks().iter().map(|check| (check.spec().name.clone(), Arc::clone(check))).collect();
        let mut checks = Vec::with_capacity(specs.len());
        for spec in specs {
            let old = known.remove(&spec.name).filter(|check| check.spec().probe.is_like(&spec.probe));
            checks.push(match old {
                Some(check) => {
                    check.replace(spec);
                    check
                }
                None => Arc::new(Check::new(self.fleet.numbers.fetch_add(1, Ordering::Relaxed), spec)),
            });
        }
        {
            let mut doubt = lock(&self.fleet.doubt);
            let specs: Vec<(u64, Arc<CheckSpec>)> = checks.iter().map(|check| (check.number, check.spec())).collect();
            doubt.set(specs.iter().map(|(number, spec)| (*number, &spec.timing)));
        }
        *self.fleet.checks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(checks);
        self.restocked.notify_one();
    }

    /// Runs the checks whenever they are due, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut running = JoinSet::new();
        let mut handles: HashMap<u64, AbortHandle> = HashMap::new();
        loop {
            let checks = self.fleet.checks();
            let wanted: HashSet<u64> = checks.iter().map(|check| check.number).collect();
            handles.retain(|number, handle| {
                let stays = wanted.contains(number);
                if !stays {
                    handle.abort();
                }
                stays
            });
            for check in checks.iter() {
                handles
                    .entry(check.number)
                    .or_insert_with(|| running.spawn(Arc::clone(&self.fleet).keep(Arc::clone(check))));
            }
            drop(checks);
            loop {
                // Nothing to check is no reason to end. Both branches only wait.
                tokio::select! {
                    () = self.restocked.notified() => break,
                    Some(ended) = running.join_next() => pass_on_panic(ended),
                }
            }
        }
    }

    /// What is known about every target, in the order of the specs.
    pub fn states(&self) -> Vec<CheckState> {
        self.fleet.checks().iter().map(|check| lock(&check.machine).state().clone()).collect()
    }

    /// Runs every check once, now, and returns when their results are in [`Monitor::states`].
    ///
    /// Callers that come while a round runs share the next one: the results of this one may be older than their question.
    /// May be dropped; whoever waits then starts a round of its own.
    pub async fn check_now(&self) {
        let before = self.begun.load(Ordering::Acquire);
        let mut ended = self.ended.lock().await;
        if *ended > before {
            return;
        }
        let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let mut running = JoinSet::new();
        for check in self.fleet.checks().iter() {
            running.spawn(Arc::clone(&self.fleet).hurry(Arc::clone(check)));
        }
        while let Some(ended) = running.join_next().await {
            pass_on_panic(ended);
        }
        *ended = round;
    }

    /// Wakes after every change of any `status`.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.fleet.changes.subscribe()
    }

    /// How late checks begin after they are due, the worst of the last 10 to 20 s. What makes them late is a lack of
    /// permits, or of processor time.
    pub fn lag(&self) -> Duration {
        lock(&self.fleet.lag).worst(self.fleet.epoch.elapsed())
    }
}

impl Fleet {
    fn checks(&self) -> Arc<Vec<Arc<Check>>> {
        Arc::clone(&self.checks.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a check whenever it is due.
    async fn keep(self: Arc<Self>, check: Arc<Check>) {
        let began = self.perform(&check, Instant::now()).await;
        let mut due = began + check.interval().mul_f64(rand::random_range(0.0..1.0));
        loop {
            // All branches only wait: nothing is lost with those that are dropped.
            tokio::select! {
                () = sleep_until(due) => due = self.perform(&check, due).await + check.jittered(),
                () = check.hurried.notified() => due = due.min(Instant::now() + check.jittered()),
                () = check.called.notified() => {
                    let began = self.perform(&check, Instant::now()).await;
                    // It keeps its own moment if that is still to come: those that were called together part again.
                    let next = began + check.jittered();
                    due = if due > Instant::now() { due.min(next) } else { next };
                }
            }
            // One that took longer than its interval is due now, and not late.
            due = due.max(Instant::now());
        }
    }

    /// Runs a check out of turn.
    async fn hurry(self: Arc<Self>, check: Arc<Check>) {
        self.perform(&check, Instant::now()).await;
        check.hurried.notify_one();
    }

    /// Asks the target once and folds the answer in. Gives the moment it began, which is when it had its permit.
    async fn perform(&self, check: &Check, due: Instant) -> Instant {
        let mut late = due.elapsed();
        let _turn = check.turn.lock().await;
        // That the target was being asked already is not late: the answer comes all the same.
        let ready = Instant::now();
        let permit = self.permits.acquire().await.expect("nobody closes the permits");
        let began = Instant::now();
        late += began - ready;
        lock(&self.lag).note(late, self.epoch.elapsed());
        let spec = check.spec();
        let result = within(spec.timing.timeout, spec.probe.ask()).await;
        let took = began.elapsed();
        drop(permit);
        self.fold(check, result.unwrap_or_else(missed), took);
        began
    }

    /// Takes a result: believed or not.
    fn fold(&self, check: &Check, found: Found, took: Duration) {
        let moment = Moment { at: Timestamp::now(), clock: self.epoch.elapsed() };
        let lack = lock(&self.lack).fold(&found, moment.clock);
        let unasked = matches!(found, Ok(Outcome::Unasked(_)));
        let lag = lock(&self.lag).worst(moment.clock);
        // Held until all machines know of it: another failure could else be taken for good between the two.
        let mut doubt = lock(&self.doubt);
        let judgement = match &found {
            // It says nothing of the target, and that it is us needs no guess.
            Ok(Outcome::Unknown(_) | Outcome::Unasked(_)) => Judgement::default(),
            known => doubt.fold(check.number, known.is_ok(), moment.clock, lag),
        };
        let flip = match &judgement.doubted {
            Some(why) => lock(&check.machine).doubt(why, took, moment),
            None => lock(&check.machine).fold(found, took, moment),
        };
        let mut changed = flip.is_some();
        if let (Some(Event::Begun(targets)), Some(why)) = (&judgement.event, &judgement.doubted) {
            let targets: HashSet<u64> = targets.iter().copied().filter(|number| *number != check.number).collect();
            for other in self.checks().iter().filter(|other| targets.contains(&other.number)) {
                changed |= lock(&other.machine).suspect(why, moment).is_some();
            }
        }
        drop(doubt);
        // What happens to many at once has one line for all of them.
        match lack {
            None => {}
            Some(News::Begun(why)) => tracing::warn!("{why}; whatever cannot be asked is unknown"),
            Some(News::Ended) => tracing::warn!("everything can be asked again"),
        }
        if let Some(flip) = flip
            && judgement.doubted.is_none()
            && !unasked
        {
            check.tell(flip);
        }
        match judgement.event {
            None => {}
            Some(Event::Ask) => self.call_others(check),
            Some(Event::Begun(_)) => {
                let (why, longest) = (judgement.doubted.unwrap_or_default(), in_words(DOUBT_TIME_MAX));
                tracing::warn!("{why}; their status is unknown until half of all answer again, or for {longest}");
            }
            Some(Event::Ended) => tracing::warn!("failing checks are believed again"),
        }
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn call_others(&self, check: &Check) {
        for other in self.checks().iter().filter(|other| other.number != check.number) {
            other.called.notify_one();
        }
    }
}

impl Check {
    fn new(number: u64, spec: CheckSpec) -> Check {
        Check {
            number,
            machine: Mutex::new(Machine::new(&spec)),
            spec: RwLock::new(Arc::new(spec)),
            turn: tokio::sync::Mutex::new(()),
            hurried: Notify::new(),
            called: Notify::new(),
        }
    }

    fn spec(&self) -> Arc<CheckSpec> {
        Arc::clone(&self.spec.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on by another spec, with what it knows.
    fn replace(&self, spec: CheckSpec) {
        let sooner = spec.timing != self.spec().timing;
        lock(&self.machine).retime(&spec.timing);
        *self.spec.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(spec);
        if sooner {
            self.hurried.notify_one();
        }
    }

    fn interval(&self) -> Duration {
        lock(&self.machine).interval()
    }

    fn jittered(&self) -> Duration {
        self.interval().mul_f64(rand::random_range(JITTER))
    }

    /// Writes a change of status into the log.
    fn tell(&self, Flip { from, to }: Flip) {
        let (name, why) = (&self.spec().name, lock(&self.machine).state().error.clone());
        match (from, to) {
            // That a thousand targets are what they should be is no news.
            (Health::Unknown, Health::Healthy) => tracing::debug!(check = name, %from, %to, "status changed"),
            _ => tracing::info!(check = name, %from, %to, why, "status changed"),
        }
    }
}

/// A panic cannot leave it half changed: whatever panicked before is passed on by the task that ran it.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A check that panics takes its monitor along: better no states than states that nobody keeps. One that was ended has not
/// panicked.
fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}
