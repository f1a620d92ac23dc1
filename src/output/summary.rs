//! The summary of a watch: what came, what was missing, and how often and for how long the connection was gone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::clock::{span, time_of_day};
use super::feed::{grouped, plural};
use super::record::milliseconds;
use crate::protocol::{Feed, Timestamp};

/// What a watch came to.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How long it ran, in milliseconds.
    pub elapsed_ms: u64,
    /// One entry a stream, in the order in which they were asked for.
    pub streams: Vec<StreamSummary>,
}

/// What one stream came to. Every figure was counted or measured; null where there was nothing to measure.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StreamSummary {
    /// The feed, null for a URL that is none.
    pub feed: Option<Feed>,
    /// `host:port`.
    pub server: String,
    /// Messages received.
    pub messages: u64,
    /// Messages never seen.
    pub missed: u64,
    /// What arrived and was no message.
    pub invalid: u64,
    /// How often nothing was heard for too long.
    pub stale: u64,
    /// Time between two messages of one connection.
    pub interval_ms: Option<Spread>,
    /// Connections made.
    pub connections: u64,
    /// Connections lost, and tries that failed, by cause.
    pub losses: BTreeMap<String, u64>,
    /// Time without a connection since the first.
    pub down_ms: u64,
    /// Share of the time that a connection was open, from 0 to 1.
    pub availability: Option<f64>,
    /// The newest connections lost, and what became of each.
    pub outages: Vec<Outage>,
    /// Messages received and not written, because they came faster than was asked for.
    pub dropped: u64,
    /// Pings answered.
    pub pongs: u64,
    /// Pings not answered in time.
    pub pings_missed: u64,
    /// Time between ping and pong.
    pub rtt_ms: Option<Spread>,
}

/// A connection that was lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outage {
    /// When.
    pub at: Timestamp,
    /// One word or code: `1006`, `silent`.
    pub cause: String,
    /// In words.
    pub reason: String,
    /// How long it had lived, in milliseconds.
    pub lived_ms: u64,
    /// How long it took until there was another, in milliseconds; null when there was none.
    pub down_ms: Option<u64>,
    /// How often connecting was tried.
    pub retries: u32,
}

/// How many outages the text shows of each stream, the newest.
const OUTAGES_SHOWN: usize = 5;

/// How measured values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// Half are not above it.
    pub p50: f64,
    /// 95 of 100 are not above it.
    pub p95: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub avg: f64,
    /// The mean distance from the mean, as `ping` gives it.
    pub mdev: f64,
}

impl Spread {
    /// Of these values, in milliseconds. None of none.
    pub fn of(values: &[Duration]) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.iter().copied().map(milliseconds).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let rank = |share: f64| sorted[((share * sorted.len() as f64).ceil() as usize).saturating_sub(1)];
        let count = sorted.len() as f64;
        let avg = sorted.iter().sum::<f64>() / count;
        let mdev = (sorted.iter().map(|value| (value - avg).powi(2)).sum::<f64>() / count).sqrt();
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        Some(Spread { min, p50: rank(0.50), p95: rank(0.95), p99: rank(0.99), max, avg: round(avg), mdev: round(mdev) })
    }
}

impl Summary {
    /// The lines for people.
    pub fn lines(&self) -> Vec<String> {
        let name = |stream: &StreamSummary| match stream.feed {
            Some(feed) if self.streams.iter().all(|other| other.server == stream.server) => feed.to_string(),
            Some(feed) => format!("{} {feed}", stream.server),
            None => stream.server.clone(),
        };
        let width = self.streams.iter().map(|stream| name(stream).chars().count()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for stream in &self.streams {
            lines.push(format!("{:width$}  {}", name(stream), stream.line()));
            let older = stream.outages.len().saturating_sub(OUTAGES_SHOWN);
            lines.extend(stream.outages[older..].iter().map(|outage| format!("{:width$}  {}", "", outage.line())));
        }
        lines
    }
}

impl StreamSummary {
    fn line(&self) -> String {
        let mut parts = vec![plural(self.messages, "message")];
        for (count, what) in [(self.missed, "missed"), (self.invalid, "invalid")] {
            if count > 0 {
                parts.push(format!("{} {what}", grouped(count)));
            }
        }
        if self.stale > 0 {
            parts.push(format!("stale x{}", grouped(self.stale)));
        }
        if let Some(interval) = self.interval_ms {
            let seconds = |milliseconds: f64| format!("{:.2}", milliseconds / 1_000.0);
            let spread = [interval.p50, interval.p95, interval.max].map(seconds).join("/");
            let due = self.feed.map(|feed| format!(" (due every {} s)", feed.cadence().as_secs()));
            parts.push(format!("interval p50/p95/max {spread} s{}", due.unwrap_or_default()));
        }
        if self.connections != 1 || !self.losses.is_empty() {
            parts.push(plural(self.connections, "connection"));
        }
        if !self.losses.is_empty() {
            let losses: Vec<String> = self.losses.iter().map(|(cause, count)| format!("{cause} x{count}")).collect();
            parts.push(format!("lost {}", losses.join(", ")));
            parts.push(format!("down {}", span(self.down_ms)));
            // Cut, not rounded: 100 % is said of nothing that was gone.
            parts.extend(self.availability.map(|share| format!("up {:.2} %", (share * 10_000.0).floor() / 100.0)));
        }
        if self.dropped > 0 {
            parts.push(format!("{} not shown", grouped(self.dropped)));
        }
        if let Some(rtt) = self.rtt_ms {
            parts.push(format!("rtt {:.1} ms", rtt.p50));
        }
        if self.pings_missed > 0 {
            parts.push(format!("{} pings missed", self.pings_missed));
        }
        parts.join(", ")
    }
}

impl Outage {
    fn line(&self) -> String {
        let end = match (self.down_ms, self.retries) {
            (None, 0) => "not tried again".to_owned(),
            (None, 1) => "not back after 1 retry".to_owned(),
            (None, retries) => format!("not back after {retries} retries"),
            (Some(down), 0 | 1) => format!("back after {}", span(down)),
            (Some(down), retries) => format!("back after {} and {retries} retries", span(down)),
        };
        format!("{}  {}, after {}; {end}", time_of_day(self.at), self.reason, span(self.lived_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_made_of_values_that_were_measured() {
        let milliseconds: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(&milliseconds).expect("a hundred values");
        assert_eq!((spread.min, spread.p50, spread.p95, spread.max), (1.0, 50.0, 95.0, 100.0));
        assert_eq!((spread.avg, spread.mdev), (50.5, 28.866));
        let one = Spread::of(&milliseconds[..1]).expect("one value");
        assert_eq!((one.min, one.p50, one.p95, one.max, one.mdev), (100.0, 100.0, 100.0, 100.0, 0.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_calm_stream_is_told_in_few_words() {
        let stream = StreamSummary {
            feed: Some(Feed::Metrics),
            server: "127.0.0.1:8080".to_owned(),
            messages: 3,
            connections: 1,
            ..StreamSummary::default()
        };
        let mut summary = Summary { elapsed_ms: 1, streams: vec![stream] };
        assert_eq!(summary.lines(), ["metrics  3 messages"]);
        summary.streams[0].losses.insert("1006".to_owned(), 2);
        summary.streams[0].connections = 3;
        summary.streams[0].down_ms = 1_500;
        summary.streams[0].availability = Some(0.99999);
        summary.streams[0].dropped = 7;
        let at: Timestamp = serde_json::from_str("\"2024-01-15T10:30:00Z\"").expect("RFC 3339");
        let reason = "1006 no close frame".to_owned();
        let outage = Outage { at, cause: "1006".to_owned(), reason, lived_ms: 2_000, down_ms: Some(700), retries: 2 };
        summary.streams[0].outages = vec![outage.clone(), Outage { down_ms: None, retries: 0, ..outage }];
        let time = time_of_day(at);
        assert_eq!(
            summary.lines(),
            [
                "metrics  3 messages, 3 connections, lost 1006 x2, down 1.5 s, up 99.99 %, 7 not shown",
                &format!("         {time}  1006 no close frame, after 2.0 s; back after 0.7 s and 2 retries"),
                &format!("         {time}  1006 no close frame, after 2.0 s; not tried again"),
            ]
        );
    }
}
