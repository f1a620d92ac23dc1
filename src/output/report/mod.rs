//! The report of a probe, and one file for each format it can be written in.
//!
//! A report is a list of targets with what was measured, and of each target a list of checks: the same in every format.

mod file;
mod github;
mod junit;
mod nagios;
mod prometheus;
mod tap;
mod text;

use std::net::SocketAddr;

use serde::Serialize;

use super::summary::Spread;
use super::{Paint, clean};
use crate::protocol::{Feed, Timestamp};

pub use file::write;
pub use nagios::unknown;
pub use text::Detail;

/// What a probe came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every target passed.
    pub ok: bool,
    /// The exit code.
    pub exit: u8,
    /// When it was over.
    pub at: Timestamp,
    /// One entry a target, in the order in which they were asked for.
    pub targets: Vec<Row>,
}

/// What the probe of one target came to.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What it is called in reports: the feed, or the URL; with its server where there are several.
    pub name: String,
    /// The feed, null for a URL that is none.
    pub feed: Option<Feed>,
    /// The URL, without its query.
    pub url: String,
    /// Whether it passed.
    pub ok: bool,
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// How long each phase took, the slowest of all runs; null for one that was not needed or not reached.
    pub phases_ms: Phases,
    /// How the pings went, those of all runs.
    pub pings: Option<Pings>,
    /// The HTTP status: 101 of a WebSocket.
    pub status: Option<u16>,
    /// All phases together, in milliseconds, of the slowest run.
    pub total_ms: f64,
    /// How often it was tried before it passed or was given up, beyond the first time of each run.
    pub retries: u32,
    /// Messages received; null where none was waited for.
    pub messages: Option<Messages>,
    /// What was agreed on in the WebSocket handshake; null where there was none.
    pub handshake: Option<Handshake>,
    /// What compression saved, in all runs; null where it was not agreed on.
    pub compression: Option<Compression>,
    /// The certificate of the server; null without TLS.
    pub certificate: Option<Expiry>,
    /// The token it was shown, where it says when it expires.
    pub token: Option<Expiry>,
    /// Where and why it failed.
    pub failure: Option<Failure>,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// One entry a run.
    pub runs: Vec<Run>,
    /// What was measured, with the limits that hold for it.
    pub measured: Vec<Measured>,
}

/// How long each phase took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Phases {
    /// Name lookup.
    pub dns: Option<f64>,
    /// TCP.
    pub tcp: Option<f64>,
    /// The tunnel through a proxy.
    pub proxy: Option<f64>,
    /// TLS.
    pub tls: Option<f64>,
    /// The WebSocket handshake.
    pub upgrade: Option<f64>,
    /// From the handshake to the first message of a feed.
    pub first_message: Option<f64>,
    /// From the request to the head of the answer, of an http URL.
    pub response: Option<f64>,
    /// The closing handshake.
    pub close: Option<f64>,
}

/// How the pings went.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pings {
    /// How many were sent.
    pub sent: u32,
    /// How many were answered in time.
    pub answered: u32,
    /// Time between ping and pong.
    pub rtt_ms: Option<Spread>,
}

/// Which messages came.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Messages {
    /// How many.
    pub received: u32,
    /// The longest time between two, in milliseconds; null with less than two.
    pub longest_gap_ms: Option<f64>,
}

/// What was agreed on in the WebSocket handshake.
#[derive(Debug, Clone, Serialize)]
pub struct Handshake {
    /// The extensions in use.
    pub extensions: Option<String>,
    /// The subprotocol in use.
    pub subprotocol: Option<String>,
}

/// What compression saved. Bytes of data frames, their headers included.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Compression {
    /// As they came.
    pub wire_bytes: u64,
    /// As they would have come uncompressed.
    pub plain_bytes: u64,
}

/// When something stops being valid.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Expiry {
    /// When.
    pub at: Timestamp,
    /// Seconds until then; negative when it is over.
    pub seconds_left: i64,
}

/// Where and why a target failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The phase, or the check.
    pub phase: String,
    /// Why, in words.
    pub reason: String,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What: a phase, `schema`, `expect …`, `budget tcp`, `limit tcp` where a warning is all that is at stake.
    pub name: String,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// How long it took, in milliseconds; null for what takes no time.
    pub ms: Option<f64>,
    /// What was seen.
    pub detail: Option<String>,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Pass,
    /// It is past a limit that somebody wants to be warned at.
    Warn,
    /// It is not.
    Fail,
    /// It does not apply.
    Skip,
}

/// One run of a target.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// When it was over.
    pub at: Timestamp,
    /// Whether it got to its end.
    pub ok: bool,
    /// How long each phase took.
    pub phases_ms: Phases,
    /// All phases together, in milliseconds.
    pub total_ms: f64,
    /// Where and why it failed.
    pub failure: Option<Failure>,
}

/// A measured value with its limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// The key of its budget: `tcp`, `rtt_p95`, `loss`.
    pub key: &'static str,
    /// The value, in `unit`.
    pub value: f64,
    /// `ms`, `%`, `d` or `s`.
    pub unit: &'static str,
    /// Past this it is worth a warning.
    pub warning: Option<f64>,
    /// Past this it has failed.
    pub critical: Option<f64>,
    /// On which side of a limit the bad values are.
    pub bad: Side,
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// More is worse.
    Above,
    /// Less is worse.
    Below,
}

/// In which form a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A table for people.
    Text(Paint, Detail),
    /// One JSON document.
    Json,
    /// One line for Nagios, Icinga and the like.
    Nagios,
    /// Samples for Prometheus: a file for the textfile collector of node_exporter.
    Prometheus,
    /// JUnit XML.
    Junit,
    /// TAP, version 13.
    Tap,
    /// Commands for GitHub Actions, which shows them beside the run.
    Github,
}

impl Report {
    /// The whole report, without a line end behind its last line.
    pub fn render(&self, form: Form) -> String {
        match form {
            Form::Text(paint, detail) => self.lines(paint, detail).join("\n"),
            Form::Json => clean::clean_json(&self.to_json()).into_owned(),
            Form::Nagios => nagios::render(self),
            Form::Prometheus => prometheus::render(self),
            Form::Junit => junit::render(self),
            Form::Tap => tap::render(self),
            Form::Github => github::render(self),
        }
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has text keys and finite numbers")
    }

    /// The worst that stands in it.
    pub fn verdict(&self) -> Verdict {
        let warned = || self.targets.iter().flat_map(|row| &row.checks).any(|check| check.verdict == Verdict::Warn);
        match self.ok {
            false => Verdict::Fail,
            true if warned() => Verdict::Warn,
            true => Verdict::Pass,
        }
    }

    /// `4 passed, 1 failed`.
    fn counts(&self) -> (usize, usize) {
        let failed = self.targets.iter().filter(|row| !row.ok).count();
        (self.targets.len() - failed, failed)
    }
}

impl Row {
    /// What did not pass: the failures, then the warnings.
    fn complaints(&self) -> impl Iterator<Item = &Check> {
        let of = |verdict| self.checks.iter().filter(move |check| check.verdict == verdict);
        of(Verdict::Fail).chain(of(Verdict::Warn))
    }
}

impl Check {
    /// `tcp: connection refused`, harmless on one line.
    fn words(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {}", clean(&self.name), clean(detail)),
            None => clean(&self.name).into_owned(),
        }
    }
}

#[cfg(test)]
mod sample {
    //! A report with a bit of everything, for the tests of the formats.

    use super::*;

    fn check(name: &str, verdict: Verdict, ms: Option<f64>, detail: Option<&str>) -> Check {
        Check { name: name.to_owned(), verdict, ms, detail: detail.map(str::to_owned) }
    }

    /// `backends` with a warning, `metrics` failed; both with words that have to be escaped.
    pub(super) fn report() -> Report {
        let at: Timestamp = serde_json::from_str("\"2024-01-15T10:30:00Z\"").expect("a time");
        let rtt = Spread { min: 0.1, p50: 0.2, p95: 0.3, p99: 0.3, max: 0.3, avg: 0.2, mdev: 0.05 };
        let tcp = Measured {
            key: "tcp",
            value: 0.123,
            unit: "ms",
            warning: Some(0.1),
            critical: Some(50.0),
            bad: Side::Above,
        };
        let days = Measured {
            key: "cert_days",
            value: 30.0,
            unit: "d",
            warning: None,
            critical: Some(14.0),
            bad: Side::Below,
        };
        let phases_ms = Phases { tcp: Some(0.123), upgrade: Some(1234.5), ..Phases::default() };
        let good = Row {
            name: "backends".to_owned(),
            feed: Some(Feed::Backends),
            url: "ws://127.0.0.1:8080/api/ws/backends".to_owned(),
            ok: true,
            peer: None,
            phases_ms,
            pings: Some(Pings { sent: 3, answered: 3, rtt_ms: Some(rtt) }),
            status: Some(101),
            total_ms: 1_235.0,
            retries: 0,
            messages: Some(Messages { received: 1, longest_gap_ms: None }),
            handshake: Some(Handshake { extensions: None, subprotocol: None }),
            compression: Some(Compression { wire_bytes: 300, plain_bytes: 1_200 }),
            certificate: Some(Expiry { at, seconds_left: 2_592_000 }),
            token: None,
            failure: None,
            checks: vec![
                check("tcp", Verdict::Pass, Some(0.123), None),
                check("tls", Verdict::Skip, None, Some("not needed")),
                check("limit tcp", Verdict::Warn, None, Some("0.12 ms, at most 0.1 ms")),
            ],
            runs: vec![Run { at, ok: true, phases_ms, total_ms: 1_235.0, failure: None }],
            measured: vec![tcp, days],
        };
        let reason = "nothing\x1b <within> 10 s, 100% of \"it\" | # gone";
        let bad = Row {
            name: "metrics".to_owned(),
            feed: Some(Feed::Metrics),
            url: "ws://127.0.0.1:8080/api/ws/metrics".to_owned(),
            ok: false,
            pings: None,
            messages: None,
            certificate: None,
            failure: Some(Failure { phase: "first_message".to_owned(), reason: reason.to_owned() }),
            checks: vec![
                check("tcp", Verdict::Pass, Some(0.123), None),
                check("first_message", Verdict::Fail, None, Some(reason)),
            ],
            measured: vec![tcp],
            ..good.clone()
        };
        Report { ok: false, exit: 1, at, targets: vec![good, bad] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_word_of_a_peer_breaks_the_lines_of_a_format(words in any::<String>()) {
            let mut report = sample::report();
            let complaints = report.targets.iter().flat_map(Row::complaints).count();
            for check in report.targets.iter_mut().flat_map(|row| &mut row.checks) {
                check.detail = check.detail.as_ref().map(|_| words.clone());
            }
            let lines = |form| report.render(form).lines().count();
            let checks: usize = report.targets.iter().map(|row| row.checks.len()).sum();
            prop_assert_eq!(lines(Form::Tap), 2 + checks + complaints);
            prop_assert_eq!(lines(Form::Github), complaints + 1);
            prop_assert_eq!(lines(Form::Json), 1);
            prop_assert_eq!(lines(Form::Nagios), 1 + complaints);
            prop_assert_eq!(report.render(Form::Nagios).matches('|').count(), 1);
            prop_assert!(!report.render(Form::Junit).contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}
