//! What was measured of a target, held against its limits.

use crate::client::probe::Trial;
use crate::client::probe::budget::{Budget, KEYS, Key, Unit, in_words};
use crate::output::record::milliseconds;
use crate::output::report::{Check, Expiry, Measured, Pings, Side, Verdict};

/// The limits the user has set.
pub(super) struct Limits {
    pub(super) warning: Vec<Budget>,
    pub(super) critical: Vec<Budget>,
}

/// What there is to measure, of all runs together.
pub(super) struct Facts<'a> {
    pub(super) trials: &'a [&'a Trial],
    pub(super) pings: Option<Pings>,
    pub(super) total_ms: f64,
    pub(super) certificate_days: Option<i64>,
    pub(super) token: Option<Expiry>,
}

impl Facts<'_> {
    /// The value of a key in its unit, the worst of all runs. None: nothing was measured.
    fn value(&self, key: Key) -> Option<f64> {
        let slowest = |of: fn(&Trial) -> Option<std::time::Duration>| {
            self.trials.iter().filter_map(|trial| of(trial)).max().map(milliseconds)
        };
        let rtt = self.pings.and_then(|pings| pings.rtt_ms);
        match key {
            Key::Dns => slowest(|trial| trial.phases.dns),
            Key::Tcp => slowest(|trial| trial.phases.tcp),
            Key::Tls => slowest(|trial| trial.phases.tls),
            Key::Upgrade => slowest(|trial| trial.upgrade),
            Key::FirstMessage => slowest(|trial| trial.first_message.or(trial.response)),
            Key::RttP50 => rtt.map(|rtt| rtt.p50),
            Key::RttP95 => rtt.map(|rtt| rtt.p95),
            Key::RttP99 => rtt.map(|rtt| rtt.p99),
            Key::Close => slowest(|trial| trial.close),
            Key::Total => Some(self.total_ms),
            Key::Loss => self.pings.map(|pings| f64::from(pings.sent - pings.answered) * 100.0 / f64::from(pings.sent)),
            Key::CertDays => self.certificate_days.map(|days| days as f64),
            Key::TokenTtl => self.token.map(|token| token.seconds_left as f64),
            Key::Cadence => slowest(|trial| trial.longest_gap),
        }
    }

    /// Every value that was measured, with its limits.
    pub(super) fn measured(&self, limits: &Limits) -> Vec<Measured> {
        let measured = KEYS.iter().filter_map(|(name, key, unit)| {
            let value = self.value(*key)?;
            let (unit, bad) = match unit {
                Unit::Milliseconds => ("ms", Side::Above),
                Unit::Percent => ("%", Side::Above),
                Unit::DaysLeft => ("d", Side::Below),
                Unit::SecondsLeft => ("s", Side::Below),
            };
            let limit = |budgets: &[Budget]| strictest(budgets, *key, bad);
            let (warning, critical) = (limit(&limits.warning), limit(&limits.critical));
            Some(Measured { key: name, value, unit, warning, critical, bad })
        });
        measured.collect()
    }

    /// A check for each limit. Of a target that got nowhere, only what it got to; of one that was reached, what was not
    /// measured counts as past its limit: a limit that never says anything is taken for one that holds.
    pub(super) fn checks(&self, limits: &Limits) -> Vec<Check> {
        let of = |budgets: &[Budget], excess: Verdict| -> Vec<Check> {
            budgets.iter().map(|budget| self.check(*budget, excess)).collect()
        };
        let mut checks = of(&limits.critical, Verdict::Fail);
        checks.extend(of(&limits.warning, Verdict::Warn));
        checks
    }

    fn check(&self, budget: Budget, excess: Verdict) -> Check {
        let word = if excess == Verdict::Warn { "limit" } else { "budget" };
        let name = format!("{word} {}", budget.key.name());
        let side = match budget.key.unit() {
            Unit::Milliseconds | Unit::Percent => "at most",
            Unit::DaysLeft | Unit::SecondsLeft => "at least",
        };
        let limit = format!("{side} {}", in_words(budget.key, budget.limit));
        let (verdict, detail) = match self.value(budget.key) {
            None => {
                let verdict = if self.reached() { excess } else { Verdict::Skip };
                (verdict, format!("not measured, {}; {limit}", self.lack(budget.key)))
            }
            Some(value) => {
                let verdict = if budget.holds(value) { Verdict::Pass } else { excess };
                (verdict, format!("{}, {limit}", in_words(budget.key, value)))
            }
        };
        Check { name, verdict, ms: None, detail: Some(detail) }
    }

    /// Whether a run came to its end.
    fn reached(&self) -> bool {
        let answered = |trial: &Trial| trial.upgrade.is_some() || trial.response.is_some();
        self.trials.iter().any(|trial| trial.failure.is_none() && answered(trial))
    }

    /// Why there is no value of a key.
    fn lack(&self, key: Key) -> &'static str {
        let is_http = self.trials.iter().any(|trial| trial.response.is_some());
        let is_secure = self.trials.iter().any(|trial| trial.phases.tls.is_some());
        match key {
            Key::Dns => "no name was looked up",
            Key::CertDays if is_secure => "the certificate could not be read",
            Key::Tls | Key::CertDays => "the connection is without TLS",
            Key::Upgrade | Key::RttP50 | Key::RttP95 | Key::RttP99 | Key::Loss | Key::Close if is_http => {
                "the target is no WebSocket"
            }
            Key::RttP50 | Key::RttP95 | Key::RttP99 => "no ping was answered",
            Key::Loss => "no ping was sent",
            Key::FirstMessage => "no message was waited for",
            Key::TokenTtl => "no token was sent that says when it expires",
            Key::Cadence => "fewer than two messages came",
            Key::Tcp | Key::Upgrade | Key::Close | Key::Total => "it did not come to that",
        }
    }
}

impl Limits {
    /// Whether somebody has said how many pings may be lost.
    pub(super) fn allow_loss(&self) -> bool {
        self.critical.iter().chain(&self.warning).any(|budget| budget.key == Key::Loss)
    }
}

/// The strictest limit of a key that was given several times.
fn strictest(budgets: &[Budget], key: Key, bad: Side) -> Option<f64> {
    let limits = budgets.iter().filter(|budget| budget.key == key).map(|budget| budget.limit);
    limits.reduce(|one, other| if bad == Side::Above { one.min(other) } else { one.max(other) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::probe::{Failure, Kind};

    fn budgets(text: &str) -> Vec<Budget> {
        text.split(',').map(|text| Budget::parse(text).expect(text)).collect()
    }

    #[test]
    fn the_worst_run_is_held_against_the_limits() {
        let trial = |ms| Trial { upgrade: Some(Duration::from_millis(ms)), ..Trial::default() };
        let (fast, slow) = (trial(10), trial(30));
        let facts = Facts {
            trials: &[&fast, &slow],
            pings: Some(Pings { sent: 4, answered: 3, rtt_ms: None }),
            total_ms: 40.0,
            certificate_days: Some(13),
            token: None,
        };
        let limits = Limits {
            critical: budgets("upgrade=29ms,cert_days=13,tls=1ms"),
            warning: budgets("loss=24%,upgrade=30ms"),
        };
        let verdicts: Vec<Verdict> = facts.checks(&limits).iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Pass, Verdict::Fail, Verdict::Warn, Verdict::Pass]);
        let measured = facts.measured(&limits);
        let keys: Vec<&str> = measured.iter().map(|measured| measured.key).collect();
        assert_eq!(keys, ["upgrade", "total", "loss", "cert_days"]);
        assert_eq!((measured[0].value, measured[0].warning, measured[0].critical), (30.0, Some(30.0), Some(29.0)));
        assert_eq!((measured[2].value, measured[3].bad), (25.0, Side::Below));
        assert!(limits.allow_loss());
    }

    #[test]
    fn what_is_not_measured_of_a_target_that_was_reached_is_past_its_limit() {
        let limits = Limits { critical: budgets("cert_days=14,total=1s"), warning: budgets("token_ttl=1h") };
        let verdicts = |trial: &Trial| -> Vec<Verdict> {
            let facts = Facts { trials: &[trial], pings: None, total_ms: 40.0, certificate_days: None, token: None };
            facts.checks(&limits).iter().map(|check| check.verdict).collect()
        };
        let upgrade = Some(Duration::from_millis(10));
        let reached = Trial { upgrade, ..Trial::default() };
        assert_eq!(verdicts(&reached), [Verdict::Fail, Verdict::Pass, Verdict::Warn]);
        let failure = Failure { phase: "tcp", reason: "connection refused".to_owned(), kind: Kind::Unreachable };
        let unreached = Trial { failure: Some(failure), ..Trial::default() };
        for trial in [Trial::default(), unreached] {
            assert_eq!(verdicts(&trial), [Verdict::Skip, Verdict::Pass, Verdict::Skip]);
        }
    }
}
