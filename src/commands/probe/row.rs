//! The row of a report: what came of one target, in all its runs.

use std::time::{Duration, SystemTime};

use super::Tried;
use super::judge::{Facts, Limits};
use crate::client::credentials;
use crate::client::endpoint::Endpoint;
use crate::client::probe::{Kind, Trial, Verdict as Found};
use crate::exit::Exit;
use crate::net::certificate;
use crate::net::fault::in_words;
use crate::output::record::milliseconds;
use crate::output::report::{
    Check, Compression, Expiry, Failure, Handshake, Messages, Phases, Pings, Row, Run, Verdict,
};
use crate::output::summary::Spread;
use crate::protocol::Timestamp;
use crate::websocket::deflate::Tally;

/// The row of a target, and what its runs mean for the exit code.
pub(super) fn of(endpoint: &Endpoint, runs: &[Tried], retries: u32, limits: &Limits) -> (Row, Exit) {
    let trials: Vec<&Trial> = runs.iter().map(|run| &run.trial).collect();
    let last = trials.last().copied();
    let rtts: Vec<Duration> = trials.iter().flat_map(|trial| trial.rtts.iter().copied()).collect();
    let sent: u32 = trials.iter().map(|trial| trial.pings).sum();
    let pings = (sent > 0).then(|| Pings { sent, answered: rtts.len() as u32, rtt_ms: Spread::of(&rtts) });
    let total_ms = runs.iter().map(|run| milliseconds(run.took)).fold(0.0, f64::max);
    let now = SystemTime::now();
    let not_after = trials.iter().rev().find_map(|trial| trial.certificate);
    let token = endpoint.token.as_ref().and_then(credentials::expiry).map(|at| until(at, now));
    let facts = Facts {
        trials: &trials,
        pings,
        total_ms,
        certificate_days: not_after.map(|then| certificate::days(now, then)),
        token,
    };

    let mut checks = phases(runs);
    if let Some(ping) = ping(pings, limits, &trials) {
        let close = checks.iter().position(|check| check.name == "close").unwrap_or(checks.len());
        checks.insert(close, ping);
    }
    checks.extend(findings(&trials));
    checks.extend(expired(token));
    checks.extend(facts.checks(limits));

    let exit = runs.iter().map(exit_of).max_by_key(|exit| super::rank(*exit)).unwrap_or(Exit::Done);
    let failed = checks.iter().find(|check| check.verdict == Verdict::Fail);
    let exit = match failed {
        Some(check) if exit == Exit::Done && check.name == TOKEN => Exit::Denied,
        Some(_) if exit == Exit::Done => Exit::Failed,
        _ => exit,
    };
    let failure = failed.map(|check| Failure {
        phase: check.name.clone(),
        reason: check.detail.clone().unwrap_or_else(|| "not as it should be".to_owned()),
    });
    let row = Row {
        name: match endpoint.feed.filter(|_| !endpoint.is_http()) {
            Some(feed) => feed.to_string(),
            None => endpoint.shown(),
        },
        feed: endpoint.feed.filter(|_| !endpoint.is_http()),
        url: endpoint.shown(),
        ok: exit == Exit::Done,
        peer: last.and_then(|trial| trial.peer),
        phases_ms: slowest(&trials),
        pings,
        status: last.and_then(|trial| trial.status),
        total_ms,
        retries,
        messages: messages(&trials),
        handshake: last
            .and_then(|trial| trial.terms.clone())
            .map(|terms| Handshake { extensions: terms.extensions, subprotocol: terms.subprotocol }),
        compression: compression(&trials),
        certificate: not_after.and_then(|then| Some(until(timestamp(then)?, now))),
        token,
        failure,
        checks,
        runs: runs.iter().map(run).collect(),
        measured: facts.measured(limits),
    };
    (row, exit)
}

/// The check that our own token is still good.
const TOKEN: &str = "token";

/// The phases of a trial by name, in the order in which they come.
fn times(trial: &Trial) -> [(&'static str, Option<Duration>); 8] {
    let dial = &trial.phases;
    [
        ("dns", dial.dns),
        ("tcp", dial.tcp),
        ("proxy", dial.proxy),
        ("tls", dial.tls),
        ("upgrade", trial.upgrade),
        ("first_message", trial.first_message),
        ("response", trial.response),
        ("close", trial.close),
    ]
}

/// A check for each phase that was reached in any run. It has failed where it failed in one, with the reason of the first.
fn phases(runs: &[Tried]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for at in 0..8 {
        let all = runs.iter().filter_map(|run| times(&run.trial)[at].1);
        if let Some(took) = all.max() {
            let name = times(&runs[0].trial)[at].0.to_owned();
            checks.push(Check { name, verdict: Verdict::Pass, ms: Some(milliseconds(took)), detail: None });
        }
    }
    let several = runs.len() > 1;
    for (number, run) in (1..).zip(runs) {
        let Some(Failure { phase, reason }) = failure(run) else { continue };
        let detail = if several { format!("run {number}: {reason}") } else { reason };
        match checks.iter_mut().find(|check| check.name == phase) {
            Some(check) if check.verdict == Verdict::Fail => {}
            Some(check) => (check.verdict, check.detail) = (Verdict::Fail, Some(detail)),
            None => checks.push(Check { name: phase, verdict: Verdict::Fail, ms: None, detail: Some(detail) }),
        }
    }
    checks
}

/// Where and why a run failed.
fn failure(run: &Tried) -> Option<Failure> {
    let waited = run.waited.map(|wait| format!("; it did not pass within {}", in_words(wait))).unwrap_or_default();
    if let Some(deadline) = run.late {
        let reason = format!("not over within {}{waited}", in_words(deadline));
        return Some(Failure { phase: "timeout".to_owned(), reason });
    }
    let failure = run.trial.failure.as_ref()?;
    Some(Failure { phase: failure.phase.to_owned(), reason: format!("{}{waited}", failure.reason) })
}

/// The check of the pings, where they are over and not told as a failed phase.
fn ping(pings: Option<Pings>, limits: &Limits, trials: &[&Trial]) -> Option<Check> {
    let told = trials.iter().any(|trial| trial.failure.as_ref().is_some_and(|failure| failure.phase == "ping"));
    let Pings { sent, answered, rtt_ms } = pings.filter(|_| !told)?;
    let lost = answered < sent && !limits.allow_loss();
    let verdict = if lost { Verdict::Fail } else { Verdict::Pass };
    let detail = (answered < sent).then(|| format!("{answered} of {sent} pings were answered"));
    Some(Check { name: "ping".to_owned(), verdict, ms: rtt_ms.map(|rtt| rtt.avg), detail })
}

/// What was looked at in the runs: each by its name once, with the first verdict that is not a pass.
fn findings(trials: &[&Trial]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for finding in trials.iter().flat_map(|trial| &trial.findings) {
        let verdict = match finding.verdict {
            Found::Pass => Verdict::Pass,
            Found::Fail => Verdict::Fail,
            Found::Skip => Verdict::Skip,
        };
        match checks.iter_mut().find(|check| check.name == finding.name) {
            Some(check) if check.verdict != Verdict::Fail && verdict == Verdict::Fail => {
                (check.verdict, check.detail) = (verdict, finding.detail.clone());
            }
            Some(_) => {}
            None => {
                let (name, detail) = (finding.name.clone(), finding.detail.clone());
                checks.push(Check { name, verdict, ms: None, detail });
            }
        }
    }
    checks
}

/// The check that a token which says when it expires has not done so.
fn expired(token: Option<Expiry>) -> Option<Check> {
    let Expiry { at, seconds_left } = token?;
    let over = seconds_left < 0;
    let verdict = if over { Verdict::Fail } else { Verdict::Pass };
    let detail = Some(format!("{} {at}", if over { "expired" } else { "expires" }));
    Some(Check { name: TOKEN.to_owned(), verdict, ms: None, detail })
}

fn exit_of(run: &Tried) -> Exit {
    match &run.trial.failure {
        _ if run.late.is_some() || run.waited.is_some() => Exit::Deadline,
        None => Exit::Done,
        Some(failure) => match failure.kind {
            Kind::Unreachable => Exit::Unreachable,
            Kind::Wrong => Exit::Failed,
            Kind::Denied => Exit::Denied,
            Kind::Lost => Exit::Lost,
        },
    }
}

fn run(run: &Tried) -> Run {
    Run {
        at: run.at,
        ok: run.late.is_none() && run.trial.passed(),
        phases_ms: slowest(&[&run.trial]),
        total_ms: milliseconds(run.took),
        failure: failure(run),
    }
}

/// The slowest of each phase.
fn slowest(trials: &[&Trial]) -> Phases {
    let [dns, tcp, proxy, tls, upgrade, first_message, response, close] =
        std::array::from_fn(|at| trials.iter().filter_map(|trial| times(trial)[at].1).max().map(milliseconds));
    Phases { dns, tcp, proxy, tls, upgrade, first_message, response, close }
}

fn messages(trials: &[&Trial]) -> Option<Messages> {
    let received = trials.iter().map(|trial| trial.messages).sum();
    let longest = trials.iter().filter_map(|trial| trial.longest_gap).max();
    (received > 0).then(|| Messages { received, longest_gap_ms: longest.map(milliseconds) })
}

fn compression(trials: &[&Trial]) -> Option<Compression> {
    let all = trials.iter().filter_map(|trial| trial.inflated);
    let sum = |all: Compression, one: Tally| Compression {
        wire_bytes: all.wire_bytes + one.wire,
        plain_bytes: all.plain_bytes + one.plain,
    };
    all.fold(None, |before, one| Some(sum(before.unwrap_or(Compression { wire_bytes: 0, plain_bytes: 0 }), one)))
}

fn until(at: Timestamp, now: SystemTime) -> Expiry {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Expiry { at, seconds_left: at.as_millisecond().div_euclid(1_000) - now.as_secs() as i64 }
}

/// None: past the year 9999.
fn timestamp(at: SystemTime) -> Option<Timestamp> {
    jiff::Timestamp::try_from(at).ok().map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::probe::budget::Budget;

    #[test]
    fn a_lost_ping_is_a_failure_unless_somebody_allows_it() {
        let none = Limits { warning: Vec::new(), critical: Vec::new() };
        let loss = Limits { warning: vec![Budget::parse("loss=50%").expect("a budget")], critical: Vec::new() };
        let verdict = |answered, limits: &Limits| {
            let pings = Some(Pings { sent: 3, answered, rtt_ms: None });
            ping(pings, limits, &[&Trial::default()]).map(|check| check.verdict)
        };
        assert_eq!(verdict(3, &none), Some(Verdict::Pass));
        assert_eq!(verdict(2, &none), Some(Verdict::Fail));
        assert_eq!(verdict(2, &loss), Some(Verdict::Pass));
    }
}
