//! The monitor: runs checks when they are due and keeps what is known about their targets.
//!
//! Every check first runs at once, as far as the permits allow, and a second time at a random moment of its interval: from
//! then on a thousand checks do not fire together, and a jitter of a tenth keeps them apart. While a change is being
//! confirmed a check runs at its fast interval. An interval is counted from start to start, so a target that runs into the
//! timeout is not asked less often than one that refuses. No target is asked twice at the same time. When nearly all turn
//! bad at once their results are not believed for a while: see [`Doubt`].

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::doubt::{Doubt, Event, Judgement};
use super::lag::Lag;
use super::outcome::{Found, Outcome};
use super::state::{Flip, Machine, Moment};
use super::{CheckSpec, CheckState};
use crate::limits::DOUBT_TIME_MAX;
use crate::net::Fault;
use crate::net::fault::in_words;
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
        let limit = spec.timing.timeout;
        let result = timeout(limit, spec.probe.ask()).await;
        let took = began.elapsed();
        drop(permit);
        self.fold(check, result.unwrap_or_else(|_| Err(Fault::Deadline(limit).to_string())), took);
        began
    }

    /// Takes a result: believed or not.
    fn fold(&self, check: &Check, found: Found, took: Duration) {
        let moment = Moment { at: Timestamp::now(), clock: self.epoch.elapsed() };
        let judgement = match &found {
            // It says nothing of the target, and nothing of us.
            Ok(Outcome::Unknown(_)) => Judgement::default(),
            known => lock(&self.doubt).fold(check.number, known.is_ok(), moment.clock),
        };
        let found = match judgement.doubted {
            Some(ref why) => Ok(Outcome::Unknown(why.clone())),
            None => found,
        };
        let flip = lock(&check.machine).fold(found, took, moment);
        let mut changed = flip.is_some();
        if let Some(flip) = flip
            && judgement.doubted.is_none()
        {
            check.tell(flip);
        }
        match judgement.event {
            None => {}
            Some(Event::Ask) => self.call_others(check),
            Some(Event::Begun(targets)) => {
                // One line for all of them.
                let why = judgement.doubted.unwrap_or_default();
                let longest = in_words(DOUBT_TIME_MAX);
                tracing::warn!("{why}; their status is unknown until half of all answer again, or for {longest}");
                let targets: HashSet<u64> = targets.into_iter().filter(|number| *number != check.number).collect();
                for other in self.checks().iter().filter(|other| targets.contains(&other.number)) {
                    changed |= lock(&other.machine).suspect(&why, moment).is_some();
                }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use tokio::task::JoinHandle;
    use tokio::time::{sleep, timeout_at};

    use super::*;
    use crate::checks::probe::tests::{asking, scripted};
    use crate::checks::probe::{Ask, Asking};
    use crate::checks::{Probe, Timing};
    use crate::limits::CHECKS_AT_ONCE_MAX;

    fn spec(name: impl ToString, probe: Probe) -> CheckSpec {
        CheckSpec { name: name.to_string(), probe, timing: Timing::default() }
    }

    fn monitor(specs: Vec<CheckSpec>) -> Arc<Monitor> {
        Monitor::new(specs, Arc::new(Semaphore::new(CHECKS_AT_ONCE_MAX)))
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Takes its time, and counts.
    #[derive(Default)]
    struct Slow {
        takes: Duration,
        running: AtomicUsize,
        most: AtomicUsize,
        asked: AtomicUsize,
        answered: AtomicUsize,
    }

    impl Ask for Slow {
        fn ask(&self) -> Asking<'_> {
            Box::pin(async {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(self.takes).await;
                self.running.fetch_sub(1, Ordering::SeqCst);
                self.answered.fetch_add(1, Ordering::SeqCst);
                Ok(Outcome::Good)
            })
        }
    }

    impl Slow {
        fn taking(takes: Duration) -> Arc<Slow> {
            Arc::new(Slow { takes, ..Slow::default() })
        }
    }

    async fn until(monitor: &Monitor, status: Health) {
        let mut changes = monitor.changes();
        while monitor.states().iter().any(|state| state.status != status) {
            changes.changed().await.expect("the monitor is there");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_target_is_found_out_within_nine_seconds_and_so_is_a_revived_one() {
        for round in 0..200 {
            let up = Arc::new(AtomicBool::new(true));
            let probe = scripted({
                let up = up.clone();
                move || {
                    up.load(Ordering::SeqCst).then_some(Outcome::Good).ok_or_else(|| "connection refused".to_owned())
                }
            });
            let monitor = monitor(vec![spec("x", probe)]);
            let running = tokio::spawn(monitor.clone().run());
            until(&monitor, Health::Healthy).await;
            sleep(seconds(f64::from(round) * 0.13)).await;
            for status in [Health::Unhealthy, Health::Healthy] {
                up.store(status.passes(), Ordering::SeqCst);
                let since = Instant::now();
                until(&monitor, status).await;
                assert!(since.elapsed() <= seconds(7.7), "{status} after {:?}", since.elapsed());
            }
            running.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_target_is_unhealthy_at_its_deadline() {
        let silent = asking(Slow::taking(seconds(3600.0)));
        let monitor = monitor(vec![spec("x", silent)]);
        let since = Instant::now();
        let running = tokio::spawn(monitor.clone().run());
        until(&monitor, Health::Unhealthy).await;
        assert_eq!(since.elapsed(), seconds(2.0));
        let state = monitor.states().remove(0);
        assert_eq!(state.error.as_deref(), Some("no answer within 2 s"));
        assert_eq!(state.latency, Some(seconds(2.0)));
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_round_is_at_once_and_the_later_ones_are_spread() {
        let slow = Slow::taking(Duration::ZERO);
        let specs = (0..1000).map(|n| spec(n, asking(slow.clone()))).collect();
        let monitor = monitor(specs);
        let since = Instant::now();
        let running = tokio::spawn(monitor.clone().run());
        until(&monitor, Health::Healthy).await;
        assert!(since.elapsed() < seconds(0.1), "{:?}", since.elapsed());
        for half_second in 0..120 {
            let before = slow.asked.load(Ordering::SeqCst);
            sleep(seconds(0.5)).await;
            let fired = slow.asked.load(Ordering::SeqCst) - before;
            // A hundred on average; a herd would be a thousand.
            assert!((30..=200).contains(&fired), "{fired} checks in half-second {half_second}");
        }
        running.abort();
    }

    /// So many targets whose fate the test decides, and a monitor that has found them healthy.
    async fn fleet(targets: usize, takes: Duration) -> (Arc<Monitor>, Vec<Arc<AtomicBool>>, JoinHandle<()>) {
        struct Fated(Arc<AtomicBool>, Duration);
        impl Ask for Fated {
            fn ask(&self) -> Asking<'_> {
                Box::pin(async {
                    if self.0.load(Ordering::SeqCst) {
                        return Ok(Outcome::Good);
                    }
                    sleep(self.1).await;
                    Err("connection refused".to_owned())
                })
            }
        }
        let fates: Vec<_> = (0..targets).map(|_| Arc::new(AtomicBool::new(true))).collect();
        let specs = fates.iter().enumerate().map(|(n, fate)| spec(n, asking(Arc::new(Fated(fate.clone(), takes)))));
        let monitor = monitor(specs.collect());
        let running = tokio::spawn(monitor.clone().run());
        until(&monitor, Health::Healthy).await;
        sleep(seconds(20.0)).await;
        (monitor, fates, running)
    }

    fn count(monitor: &Monitor, status: Health) -> usize {
        monitor.states().iter().filter(|state| state.status == status).count()
    }

    /// Every status that any target had during that time.
    async fn statuses(monitor: &Monitor, time: Duration) -> Vec<Health> {
        let (end, mut changes) = (Instant::now() + time, monitor.changes());
        let mut seen = Vec::new();
        loop {
            seen.extend(monitor.states().iter().map(|state| state.status));
            if timeout_at(end, changes.changed()).await.is_err() {
                seen.dedup();
                return seen;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_turn_bad_at_once_nobody_is_called_unhealthy_and_all_come_back_by_themselves() {
        // Refused at once, and running into the timeout.
        for takes in [Duration::ZERO, seconds(9.0)] {
            for targets in [5, 30] {
                let (monitor, fates, running) = fleet(targets, takes).await;
                fates.iter().for_each(|fate| fate.store(false, Ordering::SeqCst));
                let seen = statuses(&monitor, seconds(20.0)).await;
                assert!(!seen.contains(&Health::Unhealthy) && seen.contains(&Health::Unknown), "{seen:?}");
                let states = monitor.states();
                let why = states[0].error.clone().expect("an unknown target has a reason");
                assert!(
                    why.ends_with("checks turned bad at once: this server may be the one that is cut off"),
                    "{why}"
                );
                assert!(states.iter().all(|state| state.error.as_ref() == Some(&why)), "one reason");
                fates.iter().for_each(|fate| fate.store(true, Ordering::SeqCst));
                let seen = statuses(&monitor, seconds(9.0)).await;
                assert!(!seen.contains(&Health::Unhealthy), "{seen:?}");
                assert_eq!(count(&monitor, Health::Healthy), targets);
                running.abort();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fleet_that_is_really_down_is_told_within_fifty_seconds() {
        for takes in [Duration::ZERO, seconds(9.0)] {
            let (monitor, fates, running) = fleet(8, takes).await;
            fates.iter().for_each(|fate| fate.store(false, Ordering::SeqCst));
            let since = Instant::now();
            until(&monitor, Health::Unhealthy).await;
            let took = since.elapsed();
            assert!(seconds(30.0) < took && took <= seconds(50.0), "{took:?}");
            let states = monitor.states();
            assert!(states[0].error.as_deref().is_some_and(|why| !why.contains("at once")), "{:?}", states[0].error);
            let seen = statuses(&monitor, seconds(120.0)).await;
            assert_eq!(seen, [Health::Unhealthy], "it stays told");
            running.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn most_of_a_fleet_down_is_told_within_nine_seconds() {
        let (monitor, fates, running) = fleet(10, Duration::ZERO).await;
        fates[..8].iter().for_each(|fate| fate.store(false, Ordering::SeqCst));
        sleep(seconds(9.0)).await;
        assert_eq!((count(&monitor, Health::Unhealthy), count(&monitor, Health::Healthy)), (8, 2));
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_waits_for_a_permit_is_late_and_one_that_takes_its_time_is_not() {
        let slow = Slow::taking(seconds(1.0));
        let calm = monitor(vec![spec("x", asking(slow.clone()))]);
        let running = tokio::spawn(calm.clone().run());
        sleep(seconds(60.0)).await;
        assert!(calm.lag() <= Duration::from_millis(2), "{:?}", calm.lag());
        running.abort();
        let dead = monitor(vec![spec("x", asking(Slow::taking(seconds(60.0))))]);
        let running = tokio::spawn(dead.clone().run());
        sleep(seconds(60.0)).await;
        assert!(dead.lag() <= Duration::from_millis(2), "it takes longer than the fast interval: {:?}", dead.lag());
        running.abort();
        let specs = (0..20).map(|n| spec(n, asking(slow.clone()))).collect();
        let busy = Monitor::new(specs, Arc::new(Semaphore::new(2)));
        let running = tokio::spawn(busy.clone().run());
        sleep(seconds(60.0)).await;
        assert!(busy.lag() > seconds(2.0), "{:?}", busy.lag());
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn permits_bound_what_runs_at_once_and_the_wait_for_one_is_not_latency() {
        let slow = Slow::taking(seconds(1.0));
        let specs = (0..20).map(|n| spec(n, asking(slow.clone()))).collect();
        let monitor = Monitor::new(specs, Arc::new(Semaphore::new(5)));
        let since = Instant::now();
        monitor.check_now().await;
        assert_eq!(since.elapsed(), seconds(4.0));
        assert_eq!(slow.most.load(Ordering::SeqCst), 5);
        assert!(monitor.states().iter().all(|state| state.latency == Some(seconds(1.0))));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_come_during_a_round_share_the_next() {
        let slow = Slow::taking(seconds(1.0));
        let monitor = monitor(vec![spec("x", asking(slow.clone()))]);
        let call = |after: f64| {
            let monitor = monitor.clone();
            tokio::spawn(async move {
                sleep(seconds(after)).await;
                let called = Instant::now();
                monitor.check_now().await;
                called.elapsed()
            })
        };
        let calls = [call(0.0), call(0.25), call(0.5), call(1.5)];
        let mut waited = Vec::new();
        for call in calls {
            waited.push(call.await.expect("no panic"));
        }
        assert_eq!(waited, [1.0, 1.75, 1.5, 1.5].map(seconds));
        assert_eq!(slow.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_takes_its_round_along_and_nobody_elses() {
        let slow = Slow::taking(seconds(1.0));
        let monitor = monitor(vec![spec("x", asking(slow.clone()))]);
        let leaving = timeout(seconds(0.5), monitor.check_now());
        let staying = async {
            sleep(seconds(0.25)).await;
            monitor.check_now().await;
        };
        let since = Instant::now();
        let (left, ()) = tokio::join!(leaving, staying);
        assert!(left.is_err());
        assert_eq!(since.elapsed(), seconds(1.5));
        assert_eq!((slow.asked.load(Ordering::SeqCst), slow.answered.load(Ordering::SeqCst)), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_is_never_asked_twice_at_the_same_time() {
        let slow = Slow::taking(seconds(1.5));
        let monitor = monitor(vec![spec("x", asking(slow.clone()))]);
        let running = tokio::spawn(monitor.clone().run());
        for _ in 0..30 {
            monitor.check_now().await;
            sleep(seconds(0.7)).await;
        }
        running.abort();
        assert!(slow.asked.load(Ordering::SeqCst) > 30);
        assert_eq!(slow.most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_round_out_of_turn_found_is_confirmed_at_the_fast_interval() {
        for _ in 0..50 {
            let up = Arc::new(AtomicBool::new(true));
            let probe = scripted({
                let up = up.clone();
                move || up.load(Ordering::SeqCst).then_some(Outcome::Good).ok_or_else(|| "no".to_owned())
            });
            let monitor = monitor(vec![spec("x", probe)]);
            let running = tokio::spawn(monitor.clone().run());
            until(&monitor, Health::Healthy).await;
            up.store(false, Ordering::SeqCst);
            monitor.check_now().await;
            let since = Instant::now();
            until(&monitor, Health::Unhealthy).await;
            assert!(since.elapsed() <= seconds(2.2), "{:?}", since.elapsed());
            running.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_runs_after_the_run_was_dropped_and_nothing_to_run_is_no_end() {
        let slow = Slow::taking(seconds(1.0));
        let busy = monitor(vec![spec("x", asking(slow.clone()))]);
        assert!(timeout(seconds(0.5), busy.clone().run()).await.is_err());
        sleep(seconds(60.0)).await;
        assert_eq!((slow.asked.load(Ordering::SeqCst), slow.answered.load(Ordering::SeqCst)), (1, 0));
        assert_eq!(busy.states()[0].status, Health::Unknown);

        let idle = monitor(Vec::new());
        idle.check_now().await;
        assert!(timeout(seconds(60.0), idle.run()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_keeps_what_it_knows_what_comes_begins_and_what_goes_ends() {
        let (stays, goes, comes) = (Slow::taking(seconds(0.1)), Slow::taking(seconds(0.1)), Slow::taking(seconds(0.1)));
        let monitor = monitor(vec![spec("stays", asking(stays.clone())), spec("goes", asking(goes.clone()))]);
        let running = tokio::spawn(monitor.clone().run());
        until(&monitor, Health::Healthy).await;
        let before = monitor.states().remove(0);
        monitor.set(vec![spec("comes", asking(comes.clone())), spec("stays", asking(stays.clone()))]);
        assert_eq!(monitor.states()[1], before);
        let gone = goes.asked.load(Ordering::SeqCst);
        until(&monitor, Health::Healthy).await;
        sleep(seconds(60.0)).await;
        assert_eq!(goes.asked.load(Ordering::SeqCst), gone);
        assert!(comes.asked.load(Ordering::SeqCst) > 10 && stays.asked.load(Ordering::SeqCst) > 10);
        // A shorter interval holds at once.
        let timing = Timing { interval: seconds(1.0), ..Timing::default() };
        let (asked, fast) =
            (stays.asked.load(Ordering::SeqCst), CheckSpec { timing, ..spec("stays", asking(stays.clone())) });
        monitor.set(vec![fast]);
        sleep(seconds(10.0)).await;
        assert!(stays.asked.load(Ordering::SeqCst) >= asked + 8);
        running.abort();
    }
}
