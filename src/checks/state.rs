//! The state of one target: what a row of results says about it. Pure: time and results go in as arguments.
//!
//! - The first result decides at once, and so does the first after a doubt: see [`Machine::doubt`].
//! - `fall` failures in a row make a target that passes unhealthy; `rise` passes in a row bring it back. One result to the
//!   contrary and the row starts anew.
//! - A target that passes is degraded while the median of its last five passes is above the threshold, and healthy again
//!   once that is below four fifths of it. Before there are five it is not called slow, and what it took before it was
//!   unhealthy no longer counts.
//! - A target that says itself that it is not well is degraded at once, with its reason, and well at the next answer
//!   without one. For `rise` and `fall` such an answer is a pass.
//! - A check that could not find out makes its target unknown at once, and counts neither way: what was measured before is
//!   told again with the next result that agrees with it, or gives way after as many to the contrary as ever. Until then
//!   the target stays unknown. So one that is asked in vain now and then takes no shortcut, and its flips are counted.
//! - A target that flips too often is held at degraded: see [`Flaps`]. What the row of results says goes on underneath.
//! - While results contradict the state a change is being confirmed: the checks follow each other faster.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::flaps::Flaps;
use super::outcome::{Found, Outcome};
use super::{CheckSpec, CheckState, Degradation, Timing};
use crate::net::fault::in_words;
use crate::protocol::{Health, Timestamp};

/// Passes whose median is held against the latency threshold: three slow ones of five are not an accident.
const LATENCIES: usize = 5;

/// Share of the latency threshold below which a degraded target is healthy again: near the threshold it stays what it is.
const BACK_BELOW: f64 = 0.8;

/// A change of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flip {
    pub(super) from: Health,
    pub(super) to: Health,
}

/// Folds the results of one check.
#[derive(Debug)]
pub(super) struct Machine {
    timing: Timing,
    state: CheckState,
    /// What the row of results says; unknown before the first. `state.status` is that, unless the target is flapping, or
    /// nobody can tell now.
    verdict: Health,
    /// Whether the next result decides at once.
    fresh: bool,
    /// Why nobody can tell now, if so.
    lost: Option<String>,
    /// What makes it degraded, if the verdict is that.
    degraded_by: Degradation,
    /// Why, as in `state.error`, before flapping is told of.
    why: Option<String>,
    /// Results in a row that contradict the verdict.
    against: u32,
    /// What the last passes took, oldest first.
    latencies: VecDeque<Duration>,
    /// Whether they were too slow, the last time they were asked.
    slow: bool,
    flaps: Flaps,
}

/// When a check ended: on the wall, and on a clock that only goes forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    /// Since the monitor was made.
    pub(super) clock: Duration,
}

impl Machine {
    pub(super) fn new(spec: &CheckSpec) -> Machine {
        Machine {
            timing: spec.timing.clone(),
            state: CheckState {
                name: spec.name.clone(),
                status: Health::Unknown,
                last_check: None,
                latency: None,
                last_change: None,
                error: None,
                degraded_by: None,
                confirming: false,
                passed: 0,
                failed: 0,
                unknown: 0,
                spent: Duration::ZERO,
            },
            verdict: Health::Unknown,
            fresh: true,
            lost: None,
            degraded_by: Degradation::Slow,
            why: None,
            against: 0,
            latencies: VecDeque::with_capacity(LATENCIES),
            slow: false,
            flaps: Flaps::default(),
        }
    }

    /// Goes on by another timing.
    pub(super) fn retime(&mut self, timing: &Timing) {
        self.timing = timing.clone();
    }

    pub(super) fn state(&self) -> &CheckState {
        &self.state
    }

    /// Takes the result of a check that took `took` and ended at that moment.
    pub(super) fn fold(&mut self, found: Found, took: Duration, moment: Moment) -> Option<Flip> {
        self.spend(took);
        match found {
            Ok(Outcome::Unknown(why) | Outcome::Unasked(why)) => {
                self.state.unknown += 1;
                self.state.last_check = Some(moment.at);
                self.lose(why, moment)
            }
            Ok(Outcome::Good) => self.measure(Ok(None), took, moment),
            Ok(Outcome::Degraded(why)) => self.measure(Ok(Some(why)), took, moment),
            Err(why) => self.measure(Err(why), took, moment),
        }
    }

    /// Takes the same, when it is not believed. What comes after the doubt decides at once: nobody knows for how long that has
    /// hidden a change.
    pub(super) fn doubt(&mut self, why: &str, took: Duration, moment: Moment) -> Option<Flip> {
        self.spend(took);
        self.state.unknown += 1;
        self.state.last_check = Some(moment.at);
        self.suspect(why, moment)
    }

    /// Turns a target unknown without a check of its own: what its last results say is not believed any more.
    pub(super) fn suspect(&mut self, why: &str, moment: Moment) -> Option<Flip> {
        self.fresh = true;
        self.against = 0;
        self.lose(why.to_owned(), moment)
    }

    /// Nobody can tell, and this is why.
    fn lose(&mut self, why: String, moment: Moment) -> Option<Flip> {
        self.lost = Some(why);
        self.state.confirming = false;
        self.show(moment)
    }

    /// Takes a result that says something: a pass, with what it warns of, or a failure.
    fn measure(&mut self, found: Result<Option<String>, String>, took: Duration, moment: Moment) -> Option<Flip> {
        let before = self.verdict;
        match &found {
            Ok(_) => self.pass(took),
            Err(_) => self.state.failed += 1,
        }
        let verdict = match (&found, before) {
            (Ok(_), Health::Unhealthy) if !self.contradicted(self.timing.rise) => before,
            (Err(_), Health::Healthy | Health::Degraded) if !self.contradicted(self.timing.fall) => before,
            (Ok(Some(_)), _) => {
                self.degraded_by = Degradation::Reported;
                Health::Degraded
            }
            (Ok(None), _) => self.speed(),
            (Err(_), _) => Health::Unhealthy,
        };
        self.verdict = verdict;
        self.state.confirming = found.is_ok() != verdict.passes();
        if self.state.confirming {
            if let (Some(lost), Err(why)) = (&mut self.lost, &found) {
                lost.clone_from(why);
            }
        } else {
            self.against = 0;
            (self.fresh, self.lost) = (false, None);
            self.state.last_check = Some(moment.at);
        }
        if found.is_err() && verdict == Health::Unhealthy {
            self.latencies.clear();
            self.slow = false;
        }
        self.why = match found {
            Err(why) => Some(why),
            // What made it unhealthy still stands.
            Ok(_) if verdict == Health::Unhealthy => self.why.take(),
            Ok(Some(why)) => Some(why),
            Ok(None) => self.slowness().filter(|_| verdict == Health::Degraded),
        };
        if before != Health::Unknown && before.passes() != verdict.passes() {
            self.flaps.note(moment.clock);
        }
        self.show(moment)
    }

    /// Puts into the state what is to be told: that nobody can tell, that the target is flapping, or the verdict.
    fn show(&mut self, moment: Moment) -> Option<Flip> {
        let from = self.state.status;
        let held = self.flaps.flapping(moment.clock);
        (self.state.status, self.state.error) = match (&self.lost, held, &self.why) {
            (Some(lost), ..) => (Health::Unknown, Some(lost.clone())),
            (None, false, why) => (self.verdict, why.clone()),
            (None, true, None) => (Health::Degraded, Some(format!("{}; now {}", Flaps::words(), self.verdict))),
            (None, true, Some(why)) => {
                (Health::Degraded, Some(format!("{}; now {}: {why}", Flaps::words(), self.verdict)))
            }
        };
        let to = self.state.status;
        let cause = if held { Degradation::Flapping } else { self.degraded_by };
        self.state.degraded_by = (to == Health::Degraded).then_some(cause);
        if to == from {
            return None;
        }
        self.state.last_change = Some(moment.at);
        Some(Flip { from, to })
    }

    /// The time from the start of the last check to the start of the next.
    pub(super) fn interval(&self) -> Duration {
        if self.state.confirming { self.timing.fast_interval.min(self.timing.interval) } else { self.timing.interval }
    }

    /// Notes a result that contradicts the verdict. Gives whether there were `enough` in a row.
    fn contradicted(&mut self, enough: u32) -> bool {
        self.against += 1;
        self.fresh || self.against >= enough
    }

    fn spend(&mut self, took: Duration) {
        self.state.latency = Some(took);
        self.state.spent += took;
    }

    fn pass(&mut self, took: Duration) {
        self.state.passed += 1;
        if self.latencies.len() == LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(took);
    }

    /// Healthy or degraded, by what the last passes took.
    fn speed(&mut self) -> Health {
        let slow = match (self.timing.degraded_above, median(&self.latencies)) {
            (Some(threshold), Some(median)) if self.slow => median >= threshold.mul_f64(BACK_BELOW),
            (Some(threshold), Some(median)) => median > threshold,
            _ => false,
        };
        self.slow = slow;
        if !slow {
            return Health::Healthy;
        }
        self.degraded_by = Degradation::Slow;
        Health::Degraded
    }

    /// Why it is degraded, if it is by what its passes took.
    fn slowness(&self) -> Option<String> {
        let (median, threshold) = (median(&self.latencies)?, self.timing.degraded_above?);
        let (median, threshold) = (in_words(median), in_words(threshold));
        Some(format!("slow: the last {LATENCIES} passes took {median} in the median, wanted {threshold}"))
    }
}

/// The middle one; none before there are [`LATENCIES`].
fn median(latencies: &VecDeque<Duration>) -> Option<Duration> {
    let mut sorted: Vec<Duration> = latencies.iter().copied().collect();
    sorted.sort_unstable();
    if sorted.len() < LATENCIES { None } else { Some(sorted[LATENCIES / 2]) }
}
