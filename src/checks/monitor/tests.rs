//! The monitor on a clock of the test: when it asks, what it believes, and what it costs to wait.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout, timeout_at};

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
            move || up.load(Ordering::SeqCst).then_some(Outcome::Good).ok_or_else(|| "connection refused".to_owned())
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
    fleet_of(targets, takes, CHECKS_AT_ONCE_MAX).await
}

/// The same, where so many can be asked at once.
async fn fleet_of(
    targets: usize,
    takes: Duration,
    permits: usize,
) -> (Arc<Monitor>, Vec<Arc<AtomicBool>>, JoinHandle<()>) {
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
    let monitor = Monitor::new(specs.collect(), Arc::new(Semaphore::new(permits)));
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
        seen.sort_unstable_by_key(|status| status.word());
        seen.dedup();
        if timeout_at(end, changes.changed()).await.is_err() {
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
            assert!(why.ends_with("checks turned bad at once: this server may be the one that is cut off"), "{why}");
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
async fn a_fleet_of_thousands_that_is_cut_off_is_unknown_with_one_reason_however_few_can_be_asked_at_once() {
    // As many as may run, and as many as may under the usual limit of descriptors.
    for (permits, lasts) in [(CHECKS_AT_ONCE_MAX, 40.0), (CHECKS_AT_ONCE_MAX / 2, 55.0)] {
        let (monitor, fates, running) = fleet_of(2_000, seconds(9.0), permits).await;
        fates.iter().for_each(|fate| fate.store(false, Ordering::SeqCst));
        let seen = statuses(&monitor, seconds(lasts)).await;
        assert!(!seen.contains(&Health::Unhealthy) && seen.contains(&Health::Unknown), "{permits} permits");
        let states = monitor.states();
        let why = states.iter().find_map(|state| state.error.clone()).expect("somebody has a reason");
        assert!(why.contains(" of 2000 checks turned bad at once"), "{why}");
        let other = states.iter().filter(|state| state.error.as_ref() != Some(&why)).count();
        assert_eq!((other, count(&monitor, Health::Unknown)), (0, 2_000), "{permits} permits: one reason");
        fates.iter().for_each(|fate| fate.store(true, Ordering::SeqCst));
        let seen = statuses(&monitor, seconds(15.0)).await;
        assert!(!seen.contains(&Health::Unhealthy), "{permits} permits");
        assert_eq!(count(&monitor, Health::Healthy), 2_000);
        running.abort();
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

#[test]
fn a_failure_that_comes_while_a_doubt_begins_is_doubted_too() {
    for round in 0..500 {
        let monitor = monitor((0..5).map(|n| spec(n, scripted(|| Ok(Outcome::Good)))).collect());
        let (fleet, checks) = (&monitor.fleet, monitor.fleet.checks());
        for check in checks.iter() {
            fleet.fold(check, Ok(Outcome::Good), Duration::ZERO);
        }
        let together = std::sync::Barrier::new(checks.len());
        std::thread::scope(|scope| {
            for check in checks.iter() {
                scope.spawn(|| {
                    together.wait();
                    fleet.fold(check, Err("connection refused".to_owned()), Duration::ZERO);
                });
            }
        });
        assert_eq!(count(&monitor, Health::Unknown), 5, "round {round}: {:?}", monitor.states());
    }
}
