//! The gate: whether what is waited for has come, and whether what must not happen has. Pure.
//!
//! With several servers, `--until` holds when it holds for each of them, `--fail-if` when it does for one. A condition that
//! has no answer does not hold: the doubt is told once.

use std::time::Duration;

use tokio::time::Instant;

use super::knowledge::News;
use crate::cli::GateArgs;
use crate::expression::{EvalError, Expression};

/// Judges what becomes known.
#[derive(Debug)]
pub(super) struct Gate {
    until: Option<Expression>,
    stable_for: Duration,
    fail_if: Option<Expression>,
    /// Whether `until` holds, for each server.
    holds: Vec<bool>,
    /// Since when it has held for all of them.
    since: Option<Instant>,
    doubts: Doubts,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// `until` has held for this long.
    Until(Duration),
    /// `fail_if` holds.
    Fail,
}

impl Gate {
    /// For so many servers, of which nothing is known.
    pub(super) fn new(args: &GateArgs, servers: usize) -> Gate {
        Gate {
            until: args.until.clone(),
            stable_for: args.stable_for.unwrap_or_default(),
            fail_if: args.fail_if.clone(),
            holds: vec![false; servers],
            since: None,
            doubts: Doubts::default(),
        }
    }

    /// What is waited for, if anything.
    pub(super) fn until(&self) -> Option<&Expression> {
        self.until.as_ref()
    }

    /// What must not happen, if anything.
    pub(super) fn fail_if(&self) -> Option<&Expression> {
        self.fail_if.as_ref()
    }

    /// Whether anything is to be judged.
    pub(super) fn is_asked(&self) -> bool {
        self.until.is_some() || self.fail_if.is_some()
    }

    /// Judges what became known at `now`.
    pub(super) fn judge(&mut self, news: News<'_>, now: Instant) -> Option<Verdict> {
        match news {
            News::None => return None,
            News::Unknown(server) | News::Partly(server, _) => self.holds[server] = false,
            News::Known(server, document) => {
                let doubts = &mut self.doubts;
                let mut test = |condition: &Option<Expression>| {
                    condition.as_ref().is_some_and(|condition| {
                        condition.test(document).unwrap_or_else(|error| {
                            doubts.take(condition, &error);
                            false
                        })
                    })
                };
                if test(&self.fail_if) {
                    return Some(Verdict::Fail);
                }
                self.holds[server] = test(&self.until);
            }
        }
        if self.holds.iter().all(|holds| *holds) {
            self.since.get_or_insert(now);
        } else {
            self.since = None;
        }
        self.ripen(now)
    }

    /// When [`Gate::ripen`] has something to say, if nothing else happens before.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.since.map(|since| since + self.stable_for)
    }

    /// Whether `until` has held long enough at `now`.
    pub(super) fn ripen(&mut self, now: Instant) -> Option<Verdict> {
        let held = now.saturating_duration_since(self.since?);
        (held >= self.stable_for).then_some(Verdict::Until(held))
    }

    /// Conditions that had no answer, and have not been told yet.
    pub(super) fn doubts(&mut self) -> Vec<String> {
        self.doubts.untold()
    }
}

/// Expressions that had no answer, each kind told once.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    known: Vec<String>,
    told: usize,
}

/// How many different doubts are told. Past it, more words help nobody.
const DOUBTS_MAX: usize = 8;

impl Doubts {
    pub(super) fn take(&mut self, expression: &Expression, error: &EvalError) {
        let text = format!("`{expression}` has no answer: {error}");
        if self.known.len() < DOUBTS_MAX && !self.known.contains(&text) {
            self.known.push(text);
        }
    }

    pub(super) fn untold(&mut self) -> Vec<String> {
        let untold = self.known[self.told..].to_vec();
        self.told = self.known.len();
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn gate(until: &str, stable_for: u64, fail_if: Option<&str>, servers: usize) -> Gate {
        let read = |text: &str| Expression::parse_condition(text).expect(text);
        let args = GateArgs {
            until: Some(read(until)),
            stable_for: Some(Duration::from_secs(stable_for)),
            fail_if: fail_if.map(read),
        };
        Gate::new(&args, servers)
    }

    fn cpu(cpu: impl Into<Value>) -> Value {
        json!({ "state": { "metrics": { "cpu": cpu.into() } } })
    }

    #[test]
    fn until_has_to_hold_without_a_break() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut gate = gate(".state.metrics.cpu < 50", 10, None, 1);
        let (low, high) = (cpu(10), cpu(90));
        assert_eq!(gate.judge(News::Known(0, &low), at(0)), None);
        assert_eq!(gate.due_at(), Some(at(10)));
        assert_eq!(gate.judge(News::Known(0, &high), at(5)), None);
        assert_eq!(gate.due_at(), None);
        assert_eq!(gate.judge(News::Known(0, &low), at(6)), None);
        assert_eq!(gate.judge(News::Unknown(0), at(7)), None);
        assert_eq!(gate.due_at(), None, "a lost connection is a break");
        assert_eq!(gate.judge(News::Known(0, &low), at(8)), None);
        assert_eq!(gate.judge(News::Known(0, &low), at(12)), None);
        assert_eq!(gate.due_at(), Some(at(18)));
        assert_eq!(gate.ripen(at(17)), None);
        assert_eq!(gate.ripen(at(18)), Some(Verdict::Until(Duration::from_secs(10))));
    }

    #[test]
    fn until_has_to_hold_for_every_server_and_fail_if_for_one() {
        let now = Instant::now();
        let mut gate = gate(".state.metrics.cpu < 50", 0, Some(".state.metrics.cpu > 80"), 2);
        assert_eq!(gate.judge(News::Known(0, &cpu(10)), now), None);
        assert_eq!(gate.judge(News::Partly(1, &cpu(10)), now), None, "not all of it is known");
        assert_eq!(gate.judge(News::Known(1, &cpu(60)), now), None);
        assert_eq!(gate.judge(News::Known(1, &cpu(40)), now), Some(Verdict::Until(Duration::ZERO)));
        assert_eq!(gate.judge(News::Partly(1, &cpu(90)), now), None, "what is not known yet is no failure");
        assert_eq!(gate.judge(News::Known(1, &cpu(90)), now), Some(Verdict::Fail));
    }

    #[test]
    fn what_has_no_answer_does_not_hold_and_is_told_once() {
        let now = Instant::now();
        let mut gate = gate(".state.metrics.cqu < 50", 0, Some(".state.metrics.cqu > 80"), 1);
        for _ in 0..3 {
            assert_eq!(gate.judge(News::Known(0, &cpu(10)), now), None);
        }
        let doubts = gate.doubts();
        assert_eq!(doubts.len(), 2);
        assert!(doubts[0].starts_with("`.state.metrics.cqu > 80` has no answer: "), "{doubts:?}");
        assert!(gate.doubts().is_empty());
    }
}
