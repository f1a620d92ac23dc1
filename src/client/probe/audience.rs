//! The audience of a feed: judges every message by the schema, the expectations and the cadence. It waits for nothing.

use std::time::Duration;

use serde_json::Value;

use super::schema::{self, Judgement};
use super::{Finding, Plan, Trial, Verdict};
use crate::client::fold::Folded;
use crate::limits;
use crate::net::fault::in_words;
use crate::protocol::Feed;

/// Whoever listens to the messages and judges them.
pub(super) struct Audience<'a> {
    pub(super) feed: Option<Feed>,
    plan: &'a Plan,
    folded: Folded,
    /// The first problem with the schema of a message.
    schema: Option<String>,
    /// The first problem with each expectation.
    expectations: Vec<Option<String>>,
}

impl<'a> Audience<'a> {
    pub(super) fn new(feed: Option<Feed>, plan: &'a Plan) -> Self {
        Audience {
            feed,
            plan,
            folded: Folded::new(feed),
            schema: None,
            expectations: vec![None; plan.expectations.len()],
        }
    }

    /// How long the next message may take. None: as long as it likes, which is up to the deadline of the whole.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.firm_cadence().map(|cadence| cadence * limits::PROBE_CADENCES_MAX)
    }

    /// The cadence, where the feed speaks on every tick. `backends` speaks of those that were checked since the last.
    fn firm_cadence(&self) -> Option<Duration> {
        self.feed.filter(|feed| *feed != Feed::Backends).map(Feed::cadence)
    }

    /// Whether there is nothing the feed could send: no backend is listed.
    pub(super) fn is_silent(&mut self) -> bool {
        self.feed == Some(Feed::Backends)
            && self.folded.document(Value::Null)["state"]["backends"].as_array().is_some_and(Vec::is_empty)
    }

    /// Judges a message. Whether it counts as one of the feed.
    pub(super) fn judge(&mut self, text: &str, number: u32) -> bool {
        let message = match serde_json::from_str::<Value>(text) {
            Ok(message) => message,
            // Of another WebSocket: whatever it likes, but nothing that could be expected of it holds.
            Err(_) if self.feed.is_none() => Value::Null,
            Err(error) => {
                self.schema.get_or_insert(format!("message {number}: not JSON: {error}"));
                return true;
            }
        };
        if let Some(feed) = self.feed {
            match schema::judge(feed, &message) {
                Judgement::Good => {}
                Judgement::Bad(problem) => {
                    self.schema.get_or_insert(format!("message {number}: {problem}"));
                }
                Judgement::Foreign => return false,
            }
            self.folded.apply(feed, &message);
        }
        let document = self.folded.document(message);
        for (expression, problem) in self.plan.expectations.iter().zip(&mut self.expectations) {
            let found = match expression.test(document) {
                Ok(true) => continue,
                Ok(false) => format!("does not hold for message {number}"),
                Err(error) => format!("message {number}: {error}"),
            };
            problem.get_or_insert(found);
        }
        true
    }

    /// Tells what came of it.
    pub(super) fn report(self, wanted: u32, trial: &mut Trial) {
        let findings = &mut trial.findings;
        if self.feed.is_some() && trial.messages > 0 {
            findings.push(Finding::of("schema", self.schema.clone()));
        }
        if wanted > 1 {
            findings.push(match (self.firm_cadence(), trial.longest_gap) {
                (Some(cadence), Some(gap)) => {
                    let late = gap > cadence + cadence / limits::PROBE_LATE_DIVISOR;
                    let detail = format!("due every {}, at most {} apart", in_words(cadence), in_words(gap));
                    Finding::new("cadence", if late { Verdict::Fail } else { Verdict::Pass }, Some(detail))
                }
                _ => Finding::new("cadence", Verdict::Skip, Some("nothing here is due at a certain time".to_owned())),
            });
        }
        let expectations = self.plan.expectations.iter().zip(self.expectations);
        if trial.messages > 0 {
            findings
                .extend(expectations.map(|(expression, problem)| Finding::of(format!("expect {expression}"), problem)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::probe::Conformance;
    use crate::expression::Expression;

    #[test]
    fn messages_are_judged_and_the_first_problem_is_kept() {
        let expectations = ["len(.data) <= 1", "all(.state.backends[].status == \"healthy\")"];
        let expectations = expectations.map(|text| Expression::parse_condition(text).expect(text));
        let plan = Plan {
            pings: 0,
            messages: Some(3),
            expectations: expectations.to_vec(),
            conformance: Conformance::Trusted,
        };
        let mut audience = Audience::new(Some(Feed::Backends), &plan);
        let backend =
            |status: &str| format!("{{\"address\":\"a:1\",\"pool\":\"p\",\"weight\":1,\"status\":\"{status}\"}}");
        assert!(audience.judge(&format!("{{\"type\":\"backends\",\"data\":[{}]}}", backend("healthy")), 1));
        assert!(!audience.is_silent() && !audience.judge("{\"type\":\"news\"}", 2), "not one of the feed");
        let update =
            "{\"type\":\"backends_update\",\"data\":{\"address\":\"a:1\",\"status\":\"sick\",\"last_check\":null}}";
        assert!(audience.judge(update, 2) && audience.judge("nonsense", 3));
        let mut trial = Trial { messages: 3, ..Trial::default() };
        audience.report(3, &mut trial);
        let found: Vec<_> =
            trial.findings.iter().map(|f| (f.verdict, f.detail.as_deref().unwrap_or_default())).collect();
        let [schema, cadence, len, all] = found[..] else { panic!("four findings: {found:?}") };
        assert!(schema.0 == Verdict::Fail && schema.1.starts_with("message 2: `data.status`"), "{schema:?}");
        assert_eq!(cadence.0, Verdict::Skip);
        assert!(len.0 == Verdict::Fail && len.1.starts_with("does not hold for message 2"), "{len:?}");
        assert_eq!(all, (Verdict::Fail, "does not hold for message 2"));
    }
}
