//! One backend of the fleet as it stands on the wire, and how often that was confirmed.

use std::time::Duration;

use crate::checks::{CheckState, Degradation};
use crate::config::{self, Pool};
use crate::net::fault::in_words;
use crate::protocol::message::Backend;
use crate::protocol::{Admin, Health};
use crate::sources::{Record, Seen, Standing};

/// Where our own checks say their knowledge comes from.
pub(super) const CHECK: &str = "check";

/// The state of one of which nothing is known yet.
const CHECKING: &str = "checking";

/// One backend of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// As it stands on the wire.
    pub backend: Backend,
    /// Goes up with every check and every reading that said something of it.
    pub confirmed: u64,
}

/// A duration in milliseconds with two decimals, as it stands on the wire.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// A backend of the settings.
pub(super) fn of_check(pool: &Pool, backend: &config::Backend, state: &CheckState) -> Member {
    Member {
        backend: Backend {
            address: backend.address.clone(),
            pool: pool.name.clone(),
            weight: backend.weight,
            status: state.status,
            last_check: state.last_check,
            state: word(state).to_owned(),
            admin: Admin::Enabled,
            latency_ms: state.latency.map(milliseconds),
            last_change: state.last_change,
            source: CHECK.to_owned(),
            detail: state.error.clone(),
            stale: false,
            intent: None,
        },
        confirmed: state.checks(),
    }
}

/// A backend of a source: what the source has found out, or what our check of the address has; none: it is about to begin.
/// The error is why there can be no such check.
pub(super) fn of_source<'a>(
    source: &str,
    standing: &Standing,
    seen: &Seen,
    check: impl FnOnce(&Record) -> Result<Option<&'a CheckState>, String>,
) -> Member {
    let record = &seen.record;
    let mut member = Member {
        backend: Backend {
            address: record.address.clone(),
            pool: record.pool.clone(),
            weight: record.weight,
            status: Health::Unknown,
            last_check: None,
            state: String::new(),
            admin: record.admin,
            latency_ms: None,
            last_change: seen.last_change,
            source: source.to_owned(),
            detail: None,
            stale: standing.fault.is_some(),
            intent: None,
        },
        confirmed: standing.readings,
    };
    let backend = &mut member.backend;
    match &record.finding {
        Some(finding) => {
            backend.status = finding.status;
            backend.state = finding.state.clone();
            backend.detail = finding.detail.clone();
            backend.latency_ms = finding.latency.map(milliseconds);
            backend.last_check = standing.last_reading;
        }
        None => match check(record) {
            Ok(Some(state)) => {
                backend.status = state.status;
                backend.state = word(state).to_owned();
                backend.detail = state.error.clone();
                backend.latency_ms = state.latency.map(milliseconds);
                backend.last_check = state.last_check;
                backend.last_change = state.last_change;
                member.confirmed = state.checks();
            }
            Ok(None) => backend.state = CHECKING.to_owned(),
            Err(why) => {
                backend.state = "unchecked".to_owned();
                backend.detail = Some(why);
            }
        },
    }
    // What we have checked ourselves holds, whatever has become of the list it stands on.
    if let Some(outage) = standing.fault.as_ref().filter(|outage| outage.lost && record.finding.is_some()) {
        backend.status = Health::Unknown;
        backend.detail =
            Some(format!("source `{source}` has not answered for {}: {}", in_words(outage.lasts), outage.why));
    }
    member
}

/// The status in an operator's words.
fn word(state: &CheckState) -> &'static str {
    match (state.status, state.confirming) {
        // What flaps is mostly in the midst of a change, and that is not what there is to say of it.
        (Health::Degraded, _) if state.degraded_by == Some(Degradation::Flapping) => "flapping",
        (Health::Healthy, false) => "up",
        (Health::Degraded, false) if state.degraded_by == Some(Degradation::Reported) => "warning",
        (Health::Degraded, false) => "slow",
        (Health::Healthy | Health::Degraded, true) => "failing",
        (Health::Unhealthy, false) => "down",
        (Health::Unhealthy, true) => "recovering",
        (Health::Unknown, _) => CHECKING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_says_what_a_degraded_backend_suffers_from() {
        let state = |status, degraded_by, confirming| CheckState {
            name: "x".to_owned(),
            status,
            last_check: None,
            latency: None,
            last_change: None,
            error: None,
            degraded_by,
            confirming,
            passed: 0,
            failed: 0,
            unknown: 0,
            spent: Duration::ZERO,
        };
        for (status, degraded_by, calm, confirming) in [
            (Health::Healthy, None, "up", "failing"),
            (Health::Degraded, Some(Degradation::Slow), "slow", "failing"),
            (Health::Degraded, Some(Degradation::Reported), "warning", "failing"),
            (Health::Degraded, Some(Degradation::Flapping), "flapping", "flapping"),
            (Health::Unhealthy, None, "down", "recovering"),
            (Health::Unknown, None, "checking", "checking"),
        ] {
            assert_eq!(word(&state(status, degraded_by, false)), calm);
            assert_eq!(word(&state(status, degraded_by, true)), confirming);
        }
    }
}
