//! The gate: whether what is waited for has come, and whether what must not happen has. Pure.
//!
//! With several servers, `--until` holds when it holds for each of them, `--fail-if` when it does for one. `--until` is asked
//! when all of a server is known; `--fail-if` as soon as the feeds it asks about have said something, so that one that is
//! paused does not disarm it. A condition that has no answer does not hold: the doubt is told once. A `--fail-if` that never
//! had one has guarded nothing, and is no success.

use std::time::Duration;

use serde_json::Value;
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
    /// Whether `fail_if` has had an answer.
    answered: bool,
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
            answered: false,
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

    /// What must not happen, if it could never be said whether it has.
    pub(super) fn unanswered(&self) -> Option<&Expression> {
        self.fail_if.as_ref().filter(|_| !self.answered)
    }

    /// Whether anything is to be judged.
    pub(super) fn is_asked(&self) -> bool {
        self.until.is_some() || self.fail_if.is_some()
    }

    /// Judges what became known at `now`.
    pub(super) fn judge(&mut self, news: News<'_>, now: Instant) -> Option<Verdict> {
        match news {
            News::None => return None,
            News::Unknown(server) => self.holds[server] = false,
            News::Partly(server, document) => {
                self.holds[server] = false;
                if self.fails(document) {
                    return Some(Verdict::Fail);
                }
            }
            News::Known(server, document) => {
                if self.fails(document) {
                    return Some(Verdict::Fail);
                }
                self.holds[server] = self.doubts.test(self.until.as_ref(), document) == Some(true);
            }
        }
        if self.holds.iter().all(|holds| *holds) {
            self.since.get_or_insert(now);
        } else {
            self.since = None;
        }
        self.ripen(now)
    }

    /// Whether `fail_if` holds. It is not asked about a feed that has said nothing: a list that is not known has no backends.
    fn fails(&mut self, document: &Value) -> bool {
        let is_known = |condition: &&Expression| {
            let feeds = document["state"].as_object().into_iter().flatten();
            !feeds.filter(|(_, said)| said.is_null()).any(|(feed, _)| condition.mentions(feed))
        };
        let answer = self.doubts.test(self.fail_if.as_ref().filter(is_known), document);
        self.answered |= answer.is_some();
        answer == Some(true)
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
    /// The answer of a condition, if there is one and it has one.
    fn test(&mut self, condition: Option<&Expression>, document: &Value) -> Option<bool> {
        let condition = condition?;
        condition.test(document).map_err(|error| self.take(condition, &error)).ok()
    }

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
    use serde_json::json;

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
        assert_eq!(gate.judge(News::Known(1, &cpu(90)), now), Some(Verdict::Fail));
    }

    #[test]
    fn a_feed_that_says_nothing_disarms_no_fail_if_but_its_own() {
        let now = Instant::now();
        let mut gate = gate("healthy", 0, Some("count(.state.backends[].status == 'healthy') < 1"), 1);
        let state = |backends: Value, metrics: Value| json!({ "state": { "backends": backends, "metrics": metrics } });
        let (down, up) = (json!([{ "status": "unhealthy" }]), json!([{ "status": "healthy" }]));
        assert_eq!(
            gate.judge(News::Partly(0, &state(Value::Null, json!({}))), now),
            None,
            "nobody has said which there are"
        );
        assert!(gate.unanswered().is_some());
        assert_eq!(gate.judge(News::Partly(0, &state(up, Value::Null)), now), None);
        assert!(gate.unanswered().is_none());
        assert_eq!(gate.judge(News::Partly(0, &state(down, Value::Null)), now), Some(Verdict::Fail));
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
