//! Is it me? When nearly everything turns bad at once, the likelier cause is on this side. Pure: results and time go in.
//!
//! - A target *turns bad* with the first failure after a pass. What was bad at the start, or has been for long, does not.
//! - **It begins** with the failure by which more than [`DOUBT_SHARE_PERCENT`] of at least [`DOUBT_TARGETS_MIN`] targets
//!   have turned bad within one interval (the shortest there is, and the longest timeout, which a failure may take to show,
//!   and the lag of the checks: where all run into their timeout, a large fleet takes many times that to get its turn).
//!   From then on the targets that have turned bad, and those that still do, are unknown with one reason, instead of a storm.
//! - **It ends** when no more than half of those that are known still fail, or [`DOUBT_TIME_MAX`] after it began: a fleet
//!   that is really down is told so with the next failure of each target. A target must pass before it can be doubted again.
//!   Where it ends because most answer again, failures of the others are believed one timeout later only: until then they
//!   may be those of checks that had begun before.
//! - To know in time, before the first have failed often enough to be unhealthy, all the others are asked at once as soon
//!   as one in [`DOUBT_ASK_SHARE`] has turned bad, at most once an interval. A failure that is not doubted is told as soon
//!   as ever.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Timing;
use crate::limits::{DOUBT_ASK_SHARE, DOUBT_SHARE_PERCENT, DOUBT_TARGETS_MIN, DOUBT_TIME_MAX};

/// What is known of all targets of one monitor, as far as this question goes.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// By the number that the monitor has given each.
    targets: BTreeMap<u64, Target>,
    /// The time within which they have to turn bad, where no check is late.
    window: Duration,
    /// The longest time until a failure shows.
    timeout: Duration,
    /// Until when failures of those that were doubted are still not believed, and why, after most have come back.
    settling: Option<(Duration, String)>,
    /// When the doubt began, and why.
    doubting: Option<(Duration, String)>,
    /// When all were last asked.
    asked: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Target {
    /// Whether the last result was a pass; none: there was none.
    passed: Option<bool>,
    /// When it turned bad; none: it has not, or that has been settled.
    turned: Option<Duration>,
}

/// What follows from a result.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Why the result is not to be believed.
    pub(super) doubted: Option<String>,
    /// What happened with it.
    pub(super) event: Option<Event>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// All the others should be asked now.
    Ask,
    /// These targets are not to be believed from now on.
    Begun(Vec<u64>),
    /// It is over.
    Ended,
}

impl Doubt {
    /// Takes the targets there are from now on. What is known of those that stay stays known.
    pub(super) fn set<'t>(&mut self, targets: impl Iterator<Item = (u64, &'t Timing)>) {
        let (mut interval, mut timeout) = (None, Duration::ZERO);
        let mut known = std::mem::take(&mut self.targets);
        for (number, timing) in targets {
            interval = Some(interval.map_or(timing.interval, |least: Duration| least.min(timing.interval)));
            timeout = timeout.max(timing.timeout);
            self.targets.insert(number, known.remove(&number).unwrap_or_default());
        }
        (self.window, self.timeout) = (interval.unwrap_or_default() + timeout, timeout);
    }

    /// Takes whether a target passed. `lag`: how late checks begin.
    pub(super) fn fold(&mut self, number: u64, passed: bool, clock: Duration, lag: Duration) -> Judgement {
        // A result of a target that has just been taken out says nothing any more.
        if self.settling.as_ref().is_some_and(|(end, _)| *end < clock) {
            self.settle();
        }
        let Some(target) = self.targets.get_mut(&number) else { return Judgement::default() };
        let turns = target.passed == Some(true) && !passed;
        if passed {
            target.turned = None;
        } else if turns {
            target.turned = Some(clock);
        }
        target.passed = Some(passed);
        let event = match self.doubting {
            Some((began, _)) => self.ended(began, clock),
            None if turns => self.begun(clock, self.window + lag),
            None => None,
        };
        let bad = self.targets.get(&number).is_some_and(|target| target.turned.is_some());
        let doubted = self.doubting.as_ref().or(self.settling.as_ref()).filter(|_| bad).map(|(_, why)| why.clone());
        Judgement { doubted, event }
    }

    /// Judges anew after a target has turned bad: how many have within `window`?
    fn begun(&mut self, clock: Duration, window: Duration) -> Option<Event> {
        let turned = |target: &Target| target.turned.is_some_and(|turned| clock.saturating_sub(turned) <= window);
        let known = self.known();
        let bad = self.targets.values().filter(|target| turned(target)).count();
        if known < DOUBT_TARGETS_MIN {
            return None;
        }
        if bad * 100 > known * DOUBT_SHARE_PERCENT {
            // What had turned bad before is what it is.
            for target in self.targets.values_mut() {
                target.turned = target.turned.filter(|turned| clock.saturating_sub(*turned) <= window);
            }
            let turned = self.targets.iter().filter(|(_, target)| target.turned.is_some());
            let all = turned.map(|(number, _)| *number).collect();
            let why = format!("{bad} of {known} checks turned bad at once: this server may be the one that is cut off");
            (self.doubting, self.settling) = (Some((clock, why)), None);
            return Some(Event::Begun(all));
        }
        let lately = self.asked.is_some_and(|asked| clock.saturating_sub(asked) <= window);
        if bad * DOUBT_ASK_SHARE >= known && !lately {
            self.asked = Some(clock);
            return Some(Event::Ask);
        }
        None
    }

    /// Judges anew while in doubt.
    fn ended(&mut self, began: Duration, clock: Duration) -> Option<Event> {
        let failing = self.targets.values().filter(|target| target.turned.is_some()).count();
        if clock.saturating_sub(began) >= DOUBT_TIME_MAX {
            self.settle();
        } else if failing * 2 > self.known() {
            return None;
        }
        self.settling = self.doubting.take().map(|(_, why)| (clock + self.timeout, why));
        Some(Event::Ended)
    }

    /// Every failure is believed again.
    fn settle(&mut self) {
        self.settling = None;
        for target in self.targets.values_mut() {
            target.turned = None;
        }
    }

    fn known(&self) -> usize {
        self.targets.values().filter(|target| target.passed.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fresh(targets: u64) -> Doubt {
        let (mut doubt, timing) = (Doubt::default(), Timing::default());
        doubt.set((0..targets).map(|number| (number, &timing)));
        doubt
    }

    /// So many targets that all have passed.
    fn passing(targets: u64) -> Doubt {
        let mut doubt = fresh(targets);
        for index in 0..targets {
            assert_eq!(fold(&mut doubt, index, true, Duration::ZERO), Judgement::default());
        }
        doubt
    }

    /// Where checks begin when they are due.
    fn fold(doubt: &mut Doubt, number: u64, passed: bool, clock: Duration) -> Judgement {
        doubt.fold(number, passed, clock, Duration::ZERO)
    }

    fn fail(doubt: &mut Doubt, numbers: std::ops::Range<u64>, clock: Duration) -> Vec<Judgement> {
        numbers.map(|number| fold(doubt, number, false, clock)).collect()
    }

    fn begun(judgements: &[Judgement]) -> Option<Vec<u64>> {
        judgements.iter().find_map(|judgement| match &judgement.event {
            Some(Event::Begun(who)) => Some(who.clone()),
            _ => None,
        })
    }

    #[test]
    fn it_takes_more_than_four_fifths_of_at_least_five() {
        for (targets, bad, begins) in [
            (5, 4, false),
            (5, 5, true),
            (10, 8, false),
            (10, 9, true),
            (4, 4, false),
            (100, 80, false),
            (100, 81, true),
        ] {
            let mut doubt = passing(targets);
            let judgements = fail(&mut doubt, 0..bad, SECOND);
            assert_eq!(begun(&judgements), begins.then(|| (0..bad).collect()), "{bad} of {targets}");
            let last = judgements.last().expect("some").doubted.clone();
            let words =
                format!("{bad} of {targets} checks turned bad at once: this server may be the one that is cut off");
            assert_eq!(last, begins.then_some(words));
        }
    }

    #[test]
    fn they_have_to_turn_within_one_interval() {
        let window = Timing::default().interval + Timing::default().timeout;
        for (apart, begins) in [(window, true), (window + SECOND, false)] {
            let mut doubt = passing(5);
            fail(&mut doubt, 0..1, SECOND);
            assert_eq!(begun(&fail(&mut doubt, 1..5, SECOND + apart)).is_some(), begins, "{apart:?}");
        }
    }

    #[test]
    fn checks_that_begin_late_have_so_much_longer() {
        let window = Timing::default().interval + Timing::default().timeout;
        for (lag, begins) in [(SECOND * 10, true), (SECOND * 9, false)] {
            let mut doubt = passing(5);
            fail(&mut doubt, 0..1, SECOND);
            let at = SECOND * 11 + window;
            let events: Vec<_> = (1..5).map(|number| doubt.fold(number, false, at, lag)).collect();
            assert_eq!(begun(&events).is_some(), begins, "{lag:?}");
        }
    }

    #[test]
    fn what_never_passed_does_not_turn_bad() {
        let mut doubt = fresh(6);
        assert!(fail(&mut doubt, 0..6, SECOND).iter().all(|judgement| *judgement == Judgement::default()));
        // One of six was bad all along, and that is not forgiven: five of six are more than four fifths.
        let mut doubt = fresh(6);
        fold(&mut doubt, 5, false, Duration::ZERO);
        for index in 0..5 {
            fold(&mut doubt, index, true, Duration::ZERO);
        }
        assert_eq!(begun(&fail(&mut doubt, 0..5, SECOND)), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(fold(&mut doubt, 5, false, SECOND).doubted, None);
    }

    #[test]
    fn the_others_are_asked_once_an_interval_and_not_for_one_of_many() {
        let asked = |judgements: Vec<Judgement>| {
            judgements.iter().filter(|judgement| judgement.event == Some(Event::Ask)).count()
        };
        assert_eq!(asked(fail(&mut passing(20), 0..1, SECOND)), 1);
        assert_eq!(asked(fail(&mut passing(21), 0..1, SECOND)), 0);
        assert_eq!(asked(fail(&mut passing(40), 0..30, SECOND)), 1);
        assert_eq!(asked(fail(&mut passing(4), 0..4, SECOND)), 0, "too few to doubt");
        let mut doubt = passing(40);
        assert_eq!(asked(fail(&mut doubt, 0..2, SECOND)), 1);
        assert_eq!(asked(fail(&mut doubt, 2..5, SECOND * 7)), 0);
        assert_eq!(asked(fail(&mut doubt, 5..8, SECOND * 9)), 1);
    }

    #[test]
    fn it_ends_when_half_of_them_answer_again() {
        let mut doubt = passing(10);
        fail(&mut doubt, 0..10, SECOND);
        for index in 0..4 {
            assert_eq!(fold(&mut doubt, index, true, SECOND * 5), Judgement::default());
        }
        assert!(fold(&mut doubt, 9, false, SECOND * 6).doubted.is_some());
        assert_eq!(fold(&mut doubt, 4, true, SECOND * 6), Judgement { doubted: None, event: Some(Event::Ended) });
        let timeout = Timing::default().timeout;
        assert!(fold(&mut doubt, 9, false, SECOND * 6 + timeout).doubted.is_some(), "its check had begun before");
        assert_eq!(fold(&mut doubt, 9, false, SECOND * 7 + timeout), Judgement::default(), "it is believed");
    }

    #[test]
    fn it_ends_after_its_time_and_a_fleet_that_is_down_is_not_doubted_again() {
        let mut doubt = passing(5);
        fail(&mut doubt, 0..5, SECOND);
        let end = SECOND + DOUBT_TIME_MAX;
        assert!(fold(&mut doubt, 0, false, end - SECOND).doubted.is_some());
        assert_eq!(fold(&mut doubt, 0, false, end), Judgement { doubted: None, event: Some(Event::Ended) });
        for judgement in fail(&mut doubt, 0..5, end + SECOND) {
            assert_eq!(judgement, Judgement::default());
        }
        // Once they have passed it may happen again.
        for index in 0..5 {
            fold(&mut doubt, index, true, end * 2);
        }
        assert!(begun(&fail(&mut doubt, 0..5, end * 2 + SECOND)).is_some());
    }

    #[test]
    fn what_stays_stays_known_and_what_goes_says_nothing_more() {
        let mut doubt = passing(6);
        let timing = Timing::default();
        doubt.set((1..6).map(|number| (number, &timing)));
        assert_eq!(fold(&mut doubt, 0, false, SECOND), Judgement::default());
        assert_eq!(begun(&fail(&mut doubt, 1..6, SECOND)), Some(vec![1, 2, 3, 4, 5]));
        doubt.set((4..9).map(|number| (number, &timing)));
        assert!(fold(&mut doubt, 5, false, SECOND * 2).doubted.is_some(), "the doubt goes on for those that are left");
    }
}
