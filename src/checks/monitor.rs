//! The monitor: runs checks when they are due and keeps what is known about their targets.
//!
//! Every check first runs at once, as far as the permits allow, and a second time at a random moment of its interval: from
//! then on a thousand checks do not fire together, and a jitter of a tenth keeps them apart. While a change is being
//! confirmed a check runs at its fast interval. An interval is counted from start to start, so a target that runs into the
//! timeout is not asked less often than one that refuses. No target is asked twice at the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::state::{Flip, Machine};
use super::{CheckSpec, CheckState};
use crate::net::Fault;
use crate::protocol::{Health, Timestamp};

/// By how much an interval is stretched or shortened, at random.
const JITTER: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// Runs a set of checks and knows their states.
pub struct Monitor {
    checks: Vec<Arc<Check>>,
    changes: watch::Sender<u64>,
    /// Rounds of [`Monitor::check_now`] that have begun.
    begun: AtomicU64,
    /// The last of them that came to its end. Held while one runs.
    ended: tokio::sync::Mutex<u64>,
}

/// One check and what it knows.
struct Check {
    spec: CheckSpec,
    machine: Mutex<Machine>,
    permits: Arc<Semaphore>,
    changes: watch::Sender<u64>,
    /// Held while the target is asked.
    turn: tokio::sync::Mutex<()>,
    /// Tells [`Check::keep`] of a result that it did not fetch itself.
    hurried: Notify,
}

impl Monitor {
    /// A monitor that has not checked anything yet. The permits are shared by all monitors of the process: a check holds one
    /// while it runs.
    pub fn new(specs: Vec<CheckSpec>, permits: Arc<Semaphore>) -> Arc<Monitor> {
        let changes = watch::Sender::new(0);
        let check = |spec: CheckSpec| {
            Arc::new(Check {
                machine: Mutex::new(Machine::new(&spec)),
                spec,
                permits: permits.clone(),
                changes: changes.clone(),
                turn: tokio::sync::Mutex::new(()),
                hurried: Notify::new(),
            })
        };
        let checks = specs.into_iter().map(check).collect();
        Arc::new(Monitor { checks, changes, begun: AtomicU64::new(0), ended: tokio::sync::Mutex::new(0) })
    }

    /// Runs the checks whenever they are due, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut running = JoinSet::new();
        for check in &self.checks {
            running.spawn(check.clone().keep());
        }
        while let Some(ended) = running.join_next().await {
            pass_on_panic(ended);
        }
        // Nothing to check is no reason to end.
        std::future::pending::<()>().await;
    }

    /// What is known about every target, in the order of the specs.
    pub fn states(&self) -> Vec<CheckState> {
        self.checks.iter().map(|check| check.machine().state().clone()).collect()
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
        for check in &self.checks {
            running.spawn(check.clone().hurry());
        }
        while let Some(ended) = running.join_next().await {
            pass_on_panic(ended);
        }
        *ended = round;
    }

    /// Wakes after every change of any `status`.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Check {
    /// Runs the check whenever it is due.
    async fn keep(self: Arc<Self>) {
        let began = self.perform().await;
        let mut due = began + self.interval().mul_f64(rand::random_range(0.0..1.0));
        loop {
            // Both branches only wait: nothing is lost with the one that is dropped.
            tokio::select! {
                () = sleep_until(due) => due = self.perform().await + self.jittered(),
                () = self.hurried.notified() => due = due.min(Instant::now() + self.jittered()),
            }
        }
    }

    /// Runs the check out of turn.
    async fn hurry(self: Arc<Self>) {
        self.perform().await;
        self.hurried.notify_one();
    }

    /// Asks the target once and folds the answer in. Gives the moment it began, which is when it had its permit.
    async fn perform(&self) -> Instant {
        let _turn = self.turn.lock().await;
        let permit = self.permits.acquire().await.expect("nobody closes the permits");
        let began = Instant::now();
        let limit = self.spec.timing.timeout;
        let result = timeout(limit, self.spec.probe.ask()).await;
        let took = began.elapsed();
        drop(permit);
        let result = result.unwrap_or_else(|_| Err(Fault::Deadline(limit).to_string()));
        let flip = self.machine().fold(result, took, Timestamp::now());
        if let Some(flip) = flip {
            self.tell(flip);
        }
        began
    }

    fn tell(&self, Flip { from, to }: Flip) {
        let (name, why) = (&self.spec.name, self.machine().state().error.clone());
        match (from, to) {
            // That a thousand targets are what they should be is no news.
            (Health::Unknown, Health::Healthy) => tracing::debug!(check = name, %from, %to, "status changed"),
            _ => tracing::info!(check = name, %from, %to, why, "status changed"),
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn interval(&self) -> Duration {
        self.machine().interval()
    }

    fn jittered(&self) -> Duration {
        self.interval().mul_f64(rand::random_range(JITTER))
    }

    /// A panic cannot leave it half changed: whatever panicked before is passed on by the task that ran it.
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check that panics takes its monitor along: better no states than states that nobody keeps.
fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use tokio::time::sleep;

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
                Ok(())
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
                move || up.load(Ordering::SeqCst).then_some(()).ok_or_else(|| "connection refused".to_owned())
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
            // A hundred on average: chance stays within half of that.
            assert!((50..=150).contains(&fired), "{fired} checks in half-second {half_second}");
        }
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
                move || up.load(Ordering::SeqCst).then_some(()).ok_or_else(|| "no".to_owned())
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
}
