//! The state machine, result by result.

use proptest::prelude::*;

use super::*;
use crate::checks::probe::tests::scripted;
use crate::limits::{FLAP_QUIET, FLIPS_MAX};

fn machine(timing: Timing) -> Machine {
    Machine::new(&CheckSpec { name: "x".to_owned(), probe: scripted(|| Ok(Outcome::Good)), timing })
}

fn second(second: i64) -> Timestamp {
    Timestamp::from(jiff::Timestamp::from_second(second).expect("in range"))
}

fn moment(at: i64) -> Moment {
    Moment { at: second(at), clock: Duration::from_secs(u64::try_from(at).expect("not negative")) }
}

const FAST: Duration = Duration::from_millis(10);

fn pass(machine: &mut Machine, at: i64) -> Health {
    machine.fold(Ok(Outcome::Good), FAST, moment(at));
    machine.state().status
}

fn fail(machine: &mut Machine, at: i64) -> Health {
    machine.fold(Err("connection refused".to_owned()), FAST, moment(at));
    machine.state().status
}

#[test]
fn the_first_result_decides_at_once() {
    let mut good = machine(Timing::default());
    assert_eq!(good.state().status, Health::Unknown);
    let flip = good.fold(Ok(Outcome::Good), FAST, moment(1));
    assert_eq!(flip, Some(Flip { from: Health::Unknown, to: Health::Healthy }));
    let mut bad = machine(Timing::default());
    assert_eq!(fail(&mut bad, 1), Health::Unhealthy);
    assert_eq!(bad.state().error.as_deref(), Some("connection refused"));
    for machine in [good, bad] {
        assert_eq!(machine.state().last_check, Some(second(1)));
        assert_eq!(machine.state().last_change, Some(second(1)));
        assert!(!machine.state().confirming);
    }
}

#[test]
fn it_takes_three_failures_to_fall_and_two_passes_to_rise() {
    let mut m = machine(Timing::default());
    pass(&mut m, 0);
    assert_eq!(m.interval(), Duration::from_secs(5));
    for at in 1..=2 {
        assert_eq!(fail(&mut m, at), Health::Healthy);
        assert!(m.state().confirming);
        assert_eq!(m.interval(), Duration::from_secs(1));
        assert_eq!(m.state().last_check, Some(second(0)), "a failure does not confirm that it is healthy");
        assert!(m.state().error.is_some());
    }
    assert_eq!(pass(&mut m, 3), Health::Healthy);
    assert_eq!((m.state().confirming, m.state().error.clone()), (false, None));
    for at in 4..=5 {
        assert_eq!(fail(&mut m, at), Health::Healthy);
    }
    assert_eq!(fail(&mut m, 6), Health::Unhealthy);
    assert_eq!((m.state().last_change, m.state().last_check), (Some(second(6)), Some(second(6))));
    assert_eq!(m.interval(), Duration::from_secs(5));
    assert_eq!(pass(&mut m, 7), Health::Unhealthy);
    assert!(m.state().confirming && m.state().error.is_some());
    assert_eq!(m.interval(), Duration::from_secs(1));
    assert_eq!(fail(&mut m, 8), Health::Unhealthy);
    assert_eq!(pass(&mut m, 9), Health::Unhealthy);
    assert_eq!(pass(&mut m, 10), Health::Healthy);
    assert_eq!(m.state().error, None);
    assert_eq!((m.state().passed, m.state().failed, m.state().spent), (5, 6, FAST * 11));
}

#[test]
fn slow_passes_degrade_and_come_back_with_hysteresis() {
    let threshold = Duration::from_millis(100);
    let timing = Timing { degraded_above: Some(threshold), ..Timing::default() };
    let mut first_slow = machine(timing.clone());
    for (at, status) in [Health::Healthy; 4].into_iter().chain([Health::Degraded]).enumerate() {
        first_slow.fold(Ok(Outcome::Good), threshold * 2, moment(0));
        assert_eq!(first_slow.state().status, status, "pass {at}: before there are five it is not called slow");
    }

    let mut m = machine(timing);
    let mut took = |millis: u64| {
        m.fold(Ok(Outcome::Good), Duration::from_millis(millis), moment(0));
        (m.state().status, m.state().error.clone())
    };
    for millis in [10, 10, 10, 10, 100, 500, 500] {
        assert_eq!(took(millis), (Health::Healthy, None));
    }
    let words = "slow: the last 5 passes took 500 ms in the median, wanted 100 ms";
    assert_eq!(took(500), (Health::Degraded, Some(words.to_owned())));
    for millis in [90, 90, 90, 90, 80, 79, 79] {
        assert_eq!(took(millis).0, Health::Degraded, "above 80 % of the threshold");
    }
    assert_eq!(took(79), (Health::Healthy, None));
}

#[test]
fn a_degraded_target_falls_like_a_healthy_one_and_comes_back_by_what_it_takes_then() {
    let timing = Timing { degraded_above: Some(FAST), ..Timing::default() };
    let mut m = machine(timing);
    for at in 0..5 {
        m.fold(Ok(Outcome::Good), FAST * 9, moment(at));
    }
    assert_eq!(fail(&mut m, 5), Health::Degraded);
    assert_eq!(fail(&mut m, 6), Health::Degraded);
    assert_eq!(fail(&mut m, 7), Health::Unhealthy);
    pass(&mut m, 8);
    assert_eq!(pass(&mut m, 9), Health::Healthy, "what it took before it fell no longer counts");
}

fn say(machine: &mut Machine, found: Found, at: i64) -> (Health, Option<String>) {
    machine.fold(found, FAST, moment(at));
    (machine.state().status, machine.state().error.clone())
}

fn warn(machine: &mut Machine, at: i64) -> (Health, Option<String>) {
    say(machine, Ok(Outcome::Degraded("disk 91 %".to_owned())), at)
}

#[test]
fn an_answer_that_says_degraded_is_believed_at_once_and_counts_as_a_pass() {
    let warned = (Health::Degraded, Some("disk 91 %".to_owned()));
    let mut m = machine(Timing::default());
    assert_eq!(warn(&mut m, 0), warned, "like any first result it decides");
    assert_eq!(pass(&mut m, 1), Health::Healthy);
    assert_eq!(m.state().error, None);
    assert_eq!(warn(&mut m, 2), warned);
    assert!(!m.state().confirming);
    for at in 3..=4 {
        assert_eq!(fail(&mut m, at), Health::Degraded);
    }
    assert_eq!(warn(&mut m, 5), warned, "the row of failures is broken");
    for (at, status) in [(6, Health::Degraded), (7, Health::Degraded), (8, Health::Unhealthy)] {
        assert_eq!(fail(&mut m, at), status);
    }
    let down = (Health::Unhealthy, Some("connection refused".to_owned()));
    assert_eq!(warn(&mut m, 9), down, "what made it unhealthy still stands");
    assert_eq!(warn(&mut m, 10), warned);
    assert_eq!((m.state().passed, m.state().failed), (6, 6 - 1));
}

#[test]
fn a_report_that_ends_does_not_leave_its_author_slow() {
    let timing = Timing { degraded_above: Some(FAST), ..Timing::default() };
    let mut m = machine(timing);
    warn(&mut m, 0);
    assert_eq!(pass(&mut m, 1), Health::Healthy, "at the threshold, which four fifths of it would be held against");
}

fn lose(machine: &mut Machine, at: i64) -> (Health, Option<String>) {
    say(machine, Ok(Outcome::Unknown("no plugin".to_owned())), at)
}

fn unknown(why: &str) -> (Health, Option<String>) {
    (Health::Unknown, Some(why.to_owned()))
}

#[test]
fn a_check_that_cannot_tell_makes_its_target_unknown_and_counts_neither_way() {
    let mut m = machine(Timing::default());
    assert_eq!(lose(&mut m, 0), unknown("no plugin"));
    assert_eq!(pass(&mut m, 1), Health::Healthy, "the first that can decides");
    assert_eq!(lose(&mut m, 2), unknown("no plugin"));
    assert_eq!((m.state().last_check, m.state().confirming), (Some(second(2)), false));
    for at in [3, 5] {
        assert_eq!(fail(&mut m, at), Health::Unknown, "one failure says no more than it does without the gap");
        assert_eq!(m.state().error.as_deref(), Some("connection refused"));
        assert!(m.state().confirming && m.interval() == Duration::from_secs(1));
        assert_eq!(lose(&mut m, at + 1), unknown("no plugin"));
    }
    assert_eq!(fail(&mut m, 7), Health::Unhealthy, "the third");
    lose(&mut m, 8);
    assert_eq!(pass(&mut m, 9), Health::Unknown);
    assert_eq!(pass(&mut m, 10), Health::Healthy);
    lose(&mut m, 11);
    fail(&mut m, 12);
    assert_eq!(pass(&mut m, 13), Health::Healthy, "one that agrees brings back what was measured");
    for (at, status) in [(14, Health::Healthy), (15, Health::Healthy), (16, Health::Unhealthy)] {
        assert_eq!(fail(&mut m, at), status, "the row began anew");
    }
    assert_eq!((m.state().passed, m.state().failed, m.state().unknown), (4, 7, 6));
}

#[test]
fn what_changes_while_nobody_can_tell_is_a_flip() {
    let mut m = machine(Timing { rise: 1, fall: 1, ..Timing::default() });
    let mut statuses = Vec::new();
    for at in (0..32).step_by(4) {
        statuses.push(pass(&mut m, at));
        lose(&mut m, at + 1);
        statuses.push(fail(&mut m, at + 2));
        assert_eq!(lose(&mut m, at + 3), unknown("no plugin"));
    }
    let (told, held) = statuses.split_at(FLIPS_MAX + 1);
    assert!(told.iter().all(|status| *status != Health::Degraded), "{told:?}");
    assert!(held.iter().all(|status| *status == Health::Degraded), "{held:?}");
    assert_eq!(m.state().degraded_by, None, "it is unknown now");
}

#[test]
fn what_comes_after_a_doubt_decides_at_once() {
    for (good, status) in [(true, Health::Healthy), (false, Health::Unhealthy)] {
        for before in [true, false] {
            let mut m = machine(Timing::default());
            let _ = if before { pass(&mut m, 0) } else { fail(&mut m, 0) };
            m.suspect("is it me?", moment(1));
            m.doubt("is it me?", FAST, moment(2));
            assert_eq!(
                (m.state().status, m.state().unknown, m.state().failed),
                (Health::Unknown, 1, u64::from(!before))
            );
            assert_eq!(if good { pass(&mut m, 3) } else { fail(&mut m, 3) }, status);
        }
    }
}

#[test]
fn it_is_known_what_makes_a_target_degraded() {
    let mut m = machine(Timing { rise: 1, fall: 1, degraded_above: Some(FAST), ..Timing::default() });
    warn(&mut m, 0);
    assert_eq!(m.state().degraded_by, Some(Degradation::Reported));
    for at in 1..=5 {
        assert_eq!(m.state().degraded_by.is_some(), m.state().status == Health::Degraded);
        m.fold(Ok(Outcome::Good), FAST * 2, moment(at));
    }
    assert_eq!(m.state().degraded_by, Some(Degradation::Slow));
    for at in 6..20 {
        let _ = if at % 2 == 0 { fail(&mut m, at) } else { pass(&mut m, at) };
    }
    assert_eq!((m.state().status, m.state().degraded_by), (Health::Degraded, Some(Degradation::Flapping)));
}

#[test]
fn a_flapping_target_is_held_at_degraded_until_it_is_quiet() {
    let mut m = machine(Timing { rise: 1, fall: 1, ..Timing::default() });
    pass(&mut m, 0);
    let flips = i64::try_from(FLIPS_MAX).expect("few");
    for at in 1..=flips {
        let status = if at % 2 == 1 { fail(&mut m, at) } else { pass(&mut m, at) };
        assert_ne!(status, Health::Degraded, "flip {at}");
    }
    let down = flips % 2 == 1;
    let status = if down { pass(&mut m, flips + 1) } else { fail(&mut m, flips + 1) };
    assert_eq!(status, Health::Degraded);
    assert_eq!(m.state().error.as_deref(), Some("flapping: more than 5 changes within 300 s; now healthy"));
    let last = flips + 2;
    assert_eq!(fail(&mut m, last), Health::Degraded);
    let words = "flapping: more than 5 changes within 300 s; now unhealthy: connection refused";
    assert_eq!(m.state().error.as_deref(), Some(words));
    let quiet = last + i64::try_from(FLAP_QUIET.as_secs()).expect("small");
    assert_eq!(fail(&mut m, quiet - 1), Health::Degraded);
    assert_eq!(m.state().last_check, Some(second(quiet - 1)), "it is checked all the same");
    assert_eq!(fail(&mut m, quiet), Health::Unhealthy, "down for good, and told so");
    assert_eq!(m.state().last_change, Some(second(quiet)));
}

proptest! {
    /// The status of a machine without a threshold is the outcome of the last row that was long enough.
    #[test]
    fn it_never_flips_before_enough_results_in_a_row(
        rise in 1_u32..5, fall in 1_u32..5, results in prop::collection::vec(any::<bool>(), 1..80),
    ) {
        let mut m = machine(Timing { rise, fall, ..Timing::default() });
        let (mut row, mut last) = (0, None);
        // Minutes apart: nothing flaps.
        for (at, &good) in (0..).step_by(100).zip(&results) {
            row = if last == Some(good) { row + 1 } else { 1 };
            last = Some(good);
            let before = m.state().clone();
            let result = if good { Ok(Outcome::Good) } else { Err("no".to_owned()) };
            let flip = m.fold(result, FAST, moment(at));
            let now = m.state();
            let enough = if before.status == Health::Unknown { 1 } else if good { rise } else { fall };
            let verdict = if good { Health::Healthy } else { Health::Unhealthy };
            prop_assert_eq!(now.status, if row >= enough { verdict } else { before.status });
            prop_assert_eq!(flip.is_some(), now.status != before.status);
            prop_assert_eq!(now.confirming, now.status != verdict);
            prop_assert_eq!(now.last_check, if now.confirming { before.last_check } else { Some(second(at)) });
            prop_assert_eq!(now.last_change, if flip.is_some() { Some(second(at)) } else { before.last_change });
            prop_assert_eq!(now.passed + now.failed, u64::try_from(at / 100 + 1).expect("small"));
            prop_assert!(now.error.is_some() || (now.status == Health::Healthy && !now.confirming));
            let fast = m.interval() == Duration::from_secs(1);
            prop_assert_eq!(fast, m.state().confirming);
        }
    }

    /// Whatever the latencies: degraded needs a median above the threshold to begin, and one at four fifths to last.
    #[test]
    fn degraded_follows_the_median(millis in prop::collection::vec(0_u64..200, 1..60)) {
        let threshold = Duration::from_millis(100);
        let mut m = machine(Timing { degraded_above: Some(threshold), ..Timing::default() });
        for (at, _) in millis.iter().enumerate() {
            let before = m.state().status;
            m.fold(Ok(Outcome::Good), Duration::from_millis(millis[at]), moment(0));
            let mut last: Vec<u64> = millis[at.saturating_sub(4)..=at].to_vec();
            last.sort_unstable();
            let twice = last[(last.len() - 1) / 2] + last[last.len() / 2];
            let slow = at >= 4 && if before == Health::Degraded { twice >= 160 } else { twice > 200 };
            prop_assert_eq!(m.state().status == Health::Degraded, slow);
        }
    }
}
