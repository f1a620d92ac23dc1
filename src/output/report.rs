//! The report of a probe, as a table for people and as one JSON document for programs.

use std::net::SocketAddr;

use serde::Serialize;

use super::summary::Spread;
use super::{Paint, clean};
use crate::protocol::{Feed, Timestamp};

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
    /// The feed, null for a URL that is none.
    pub feed: Option<Feed>,
    /// The URL, without its query.
    pub url: String,
    /// Whether it passed.
    pub ok: bool,
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// How long each phase took; null for one that was not needed or not reached.
    pub phases_ms: Phases,
    /// How the pings went.
    pub pings: Option<Pings>,
    /// The HTTP status: 101 of a WebSocket.
    pub status: Option<u16>,
    /// All phases together, in milliseconds.
    pub total_ms: f64,
    /// Where and why it failed.
    pub failure: Option<Failure>,
}

/// How long each phase took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Phases {
    /// Name lookup.
    pub dns: Option<f64>,
    /// TCP.
    pub tcp: Option<f64>,
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

/// Where and why a target failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `dns`, `tcp`, `tls`, `upgrade`, `first_message`, `ping`, `close` or `response`.
    pub phase: &'static str,
    /// Why, in words.
    pub reason: String,
}

impl Report {
    /// The JSON document, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has text keys and finite numbers")
    }

    /// The table. Times in milliseconds; the name stands last, where it can be as long as it is.
    pub fn lines(&self, paint: Paint, detail: Detail) -> Vec<String> {
        let header = ["dns", "tcp", "tls", "upgrade", "first", "ping", "close"].map(|word| format!("{word:>8}"));
        let mut lines = vec![paint.faint(&format!("{:4}{}  times in ms", "", header.concat()))];
        for row in &self.targets {
            lines.extend(row.lines(paint, detail));
        }
        let failed = self.targets.iter().filter(|row| !row.ok).count();
        let passed = self.targets.len() - failed;
        let verdict = match failed {
            0 => paint.good(&format!("{passed} passed")),
            _ => format!("{passed} passed, {}", paint.bad(&format!("{failed} failed"))),
        };
        lines.push(verdict);
        lines
    }
}

/// How much a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One line a target, and why it failed.
    Short,
    /// Its address and its pings, too.
    Full,
}

impl Row {
    fn lines(&self, paint: Paint, detail: Detail) -> Vec<String> {
        let cell = |value: Option<f64>| match value {
            Some(value) if value < 100.0 => format!("{value:>8.2}"),
            Some(value) => format!("{value:>8.0}"),
            None => format!("{:>8}", "-"),
        };
        let Phases { dns, tcp, tls, upgrade, first_message, response, close } = self.phases_ms;
        let ping = self.pings.and_then(|pings| pings.rtt_ms).map(|rtt| rtt.avg);
        let cells = [dns, tcp, tls, upgrade, first_message.or(response), ping, close].map(cell).concat();
        let verdict = if self.ok { paint.good("ok  ") } else { paint.bad("FAIL") };
        let name = self.feed.map_or_else(|| clean(&self.url).into_owned(), |feed| feed.to_string());
        let mut lines = vec![format!("{verdict}{cells}  {}", paint.name(&name))];
        if let Some(Failure { phase, reason }) = &self.failure {
            lines.push(format!("{:6}{}: {}", "", phase.replace('_', " "), clean(reason)));
        }
        if detail == Detail::Full {
            let mut parts = vec![clean(&self.url).into_owned()];
            parts.extend(self.peer.map(|peer| peer.to_string()));
            parts.extend(self.status.map(|status| status.to_string()));
            if let Some(Pings { sent, answered, rtt_ms }) = self.pings {
                parts.push(format!("{answered} of {sent} pings"));
                parts.extend(rtt_ms.map(|rtt| {
                    let Spread { min, avg, max, mdev, .. } = rtt;
                    format!("min/avg/max/mdev {min:.2}/{avg:.2}/{max:.2}/{mdev:.2} ms")
                }));
            }
            lines.push(paint.faint(&format!("{:6}{}", "", parts.join("  "))));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_eighty_columns_and_says_why() {
        let good = Row {
            feed: Some(Feed::Backends),
            url: "ws://127.0.0.1:8080/api/ws/backends".to_owned(),
            ok: true,
            peer: None,
            phases_ms: Phases { tcp: Some(0.123), upgrade: Some(1234.5), ..Phases::default() },
            pings: None,
            status: Some(101),
            total_ms: 1.0,
            failure: None,
        };
        let failure = Failure { phase: "first_message", reason: "nothing\x1b within 10 s".to_owned() };
        let bad = Row { ok: false, failure: Some(failure), ..good.clone() };
        let report = Report { ok: false, exit: 1, at: Timestamp::now(), targets: vec![good, bad] };
        let lines = report.lines(Paint::PLAIN, Detail::Short);
        assert_eq!(
            lines,
            [
                "         dns     tcp     tls upgrade   first    ping   close  times in ms",
                "ok         -    0.12       -    1234       -       -       -  backends",
                "FAIL       -    0.12       -    1234       -       -       -  backends",
                "      first message: nothing\\x1b within 10 s",
                "1 passed, 1 failed",
            ]
        );
        assert!(lines.iter().all(|line| line.len() <= 80));
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(json["targets"][1]["failure"]["phase"], "first_message");
    }
}
