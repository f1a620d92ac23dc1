//! The state of one target: what a row of results says about it. Pure: time and results go in as arguments.
//!
//! - The first result decides at once.
//! - `fall` failures in a row make a target that passes unhealthy; `rise` passes in a row bring it back. One result to the
//!   contrary and the row starts anew.
//! - A target that passes is degraded while the median of its last passes is above the threshold, and healthy again once
//!   that is below four fifths of it. What it took before it was unhealthy no longer counts.
//! - A target that says itself that it is not well is degraded at once, with its reason, and well at the next answer
//!   without one. For `rise` and `fall` such an answer is a pass.
//! - A check that could not find out makes its target unknown at once, and the next that does decides at once.
//! - A target that flips too often is held at degraded: see [`Flaps`]. What the row of results says goes on underneath.
//! - While results contradict the state a change is being confirmed: the checks follow each other faster.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::flaps::Flaps;
use super::outcome::{Found, Outcome};
use super::{CheckSpec, CheckState, Timing};
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
    /// What the row of results says. `state.status` is that, unless the target is flapping.
    verdict: Health,
    /// Why, as in `state.error`, before flapping is told of.
    why: Option<String>,
    /// Results in a row that contradict the status.
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
                confirming: false,
                passed: 0,
                failed: 0,
                spent: Duration::ZERO,
            },
            verdict: Health::Unknown,
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
        let before = self.verdict;
        self.count(&found, took);
        let verdict = match (&found, before) {
            (Ok(Outcome::Unknown(_)), _) => Health::Unknown,
            (Ok(_), Health::Unhealthy) if !self.contradicted(self.timing.rise) => before,
            (Err(_), Health::Healthy | Health::Degraded) if !self.contradicted(self.timing.fall) => before,
            (Ok(Outcome::Degraded(_)), _) => Health::Degraded,
            (Ok(Outcome::Good), _) => self.speed(),
            (Err(_), _) => Health::Unhealthy,
        };
        self.verdict = verdict;
        self.state.confirming = match &found {
            Ok(Outcome::Unknown(_)) => false,
            Ok(_) => !verdict.passes(),
            Err(_) => verdict.passes(),
        };
        if !self.state.confirming {
            self.against = 0;
            self.state.last_check = Some(moment.at);
        }
        self.why = match found {
            Err(why) | Ok(Outcome::Unknown(why)) => Some(why),
            // What made it unhealthy still stands.
            Ok(_) if verdict == Health::Unhealthy => self.why.take(),
            Ok(Outcome::Degraded(why)) => Some(why),
            Ok(Outcome::Good) => self.slowness().filter(|_| verdict == Health::Degraded),
        };
        let measured = [before, verdict].iter().all(|verdict| *verdict != Health::Unknown);
        if measured && before.passes() != verdict.passes() {
            self.flaps.note(moment.clock);
        }
        self.show(moment)
    }

    /// Turns a target unknown without a check of its own: what its last results say is not believed any more.
    pub(super) fn suspect(&mut self, why: &str, moment: Moment) -> Option<Flip> {
        self.verdict = Health::Unknown;
        self.why = Some(why.to_owned());
        self.against = 0;
        self.state.confirming = false;
        self.show(moment)
    }

    /// Puts into the state what is to be told: the verdict, or that the target is flapping.
    fn show(&mut self, moment: Moment) -> Option<Flip> {
        let from = self.state.status;
        let held = self.flaps.flapping(moment.clock) && self.verdict != Health::Unknown;
        (self.state.status, self.state.error) = match (held, &self.why) {
            (false, why) => (self.verdict, why.clone()),
            (true, None) => (Health::Degraded, Some(format!("{}; now {}", Flaps::words(), self.verdict))),
            (true, Some(why)) => (Health::Degraded, Some(format!("{}; now {}: {why}", Flaps::words(), self.verdict))),
        };
        let to = self.state.status;
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

    /// Notes a result that contradicts the status. Gives whether there were `enough` in a row.
    fn contradicted(&mut self, enough: u32) -> bool {
        self.against += 1;
        self.against >= enough
    }

    fn count(&mut self, found: &Found, took: Duration) {
        self.state.latency = Some(took);
        self.state.spent += took;
        if matches!(found, Ok(Outcome::Good | Outcome::Degraded(_))) {
            self.state.passed += 1;
            if self.latencies.len() == LATENCIES {
                self.latencies.pop_front();
            }
            self.latencies.push_back(took);
        } else {
            self.state.failed += 1;
            if !self.verdict.passes() {
                self.latencies.clear();
                self.slow = false;
            }
        }
    }

    /// Healthy or degraded, by what the last passes took.
    fn speed(&mut self) -> Health {
        let slow = match (self.timing.degraded_above, median(&self.latencies)) {
            (Some(threshold), Some(median)) if self.slow => median >= threshold.mul_f64(BACK_BELOW),
            (Some(threshold), Some(median)) => median > threshold,
            _ => false,
        };
        self.slow = slow;
        if slow { Health::Degraded } else { Health::Healthy }
    }

    /// Why it is degraded, if it is by what its passes took.
    fn slowness(&self) -> Option<String> {
        let (median, threshold) = (median(&self.latencies)?, self.timing.degraded_above?);
        let (median, threshold) = (in_words(median), in_words(threshold));
        Some(match self.latencies.len() {
            1 => format!("slow: the last pass took {median}, wanted {threshold}"),
            passes => format!("slow: the last {passes} passes took {median} in the median, wanted {threshold}"),
        })
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(latencies: &VecDeque<Duration>) -> Option<Duration> {
    let mut sorted: Vec<Duration> = latencies.iter().copied().collect();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2),
    }
}
