//! The history behind the sparklines: one sample a regular message, and a hole where one was never seen. Pure: time is the
//! server's, as it stands in the messages, so that a connection that was lost leaves a hole of the right width.

use std::collections::VecDeque;

use crate::limits;
use crate::protocol::message::Metrics;
use crate::protocol::{Feed, Timestamp};

/// What is drawn of one message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Busy share of the CPUs, in percent.
    pub cpu: f64,
    /// Used share of the memory, in percent.
    pub memory: f64,
    /// Requests a second.
    pub rate: f64,
}

/// The newest samples, oldest first. Bounded by [`limits::HISTORY_SAMPLES_MAX`].
#[derive(Debug, Clone, Default)]
pub struct History {
    samples: VecDeque<Option<Sample>>,
    last: Option<Timestamp>,
}

impl History {
    /// Takes what a message measured. The snapshot of a new connection may repeat the last one: it counts once.
    pub fn take(&mut self, metrics: &Metrics) {
        if self.last == Some(metrics.timestamp) {
            return;
        }
        if let Some(last) = self.last {
            let cadence = Feed::Metrics.cadence().as_secs_f64();
            let ticks = (metrics.timestamp.since(last).as_secs_f64() / cadence).round() as usize;
            for _ in 0..ticks.saturating_sub(1).min(limits::HISTORY_SAMPLES_MAX) {
                self.push(None);
            }
        }
        self.last = Some(metrics.timestamp);
        self.push(Some(Sample { cpu: metrics.cpu, memory: metrics.memory, rate: rate(metrics) }));
    }

    fn push(&mut self, sample: Option<Sample>) {
        if self.samples.len() == limits::HISTORY_SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The samples, newest first.
    pub fn newest(&self) -> impl Iterator<Item = Option<Sample>> {
        self.samples.iter().rev().copied()
    }
}

/// Requests a second, from the window where the server did not say it.
pub fn rate(metrics: &Metrics) -> f64 {
    metrics.requests_per_second.unwrap_or_else(|| metrics.requests as f64 / Feed::Metrics.cadence().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(seconds: i64, cpu: f64) -> Metrics {
        let timestamp = jiff::Timestamp::from_second(1_700_000_000 + seconds).expect("a date of our time").into();
        let json =
            serde_json::json!({ "cpu": cpu, "memory": 1.0, "requests": 4, "timestamp": timestamp_text(timestamp) });
        serde_json::from_value(json).expect("the published keys")
    }

    fn timestamp_text(timestamp: Timestamp) -> String {
        timestamp.to_string()
    }

    fn cpus(history: &History) -> Vec<Option<f64>> {
        history.newest().map(|sample| sample.map(|sample| sample.cpu)).collect()
    }

    #[test]
    fn what_was_never_seen_is_a_hole_and_what_is_repeated_counts_once() {
        let mut history = History::default();
        for (second, cpu) in [(0, 1.0), (2, 2.0), (2, 2.0), (8, 3.0), (9, 4.0)] {
            history.take(&metrics(second, cpu));
        }
        assert_eq!(cpus(&history), [Some(4.0), Some(3.0), None, None, Some(2.0), Some(1.0)]);
        assert_eq!(history.newest().next().flatten().map(|sample| sample.rate), Some(2.0));
    }

    #[test]
    fn it_is_bounded_however_long_the_server_was_away() {
        let mut history = History::default();
        history.take(&metrics(0, 1.0));
        history.take(&metrics(1_000_000, 2.0));
        // A clock that was set back makes no hole.
        history.take(&metrics(0, 3.0));
        let cpus = cpus(&history);
        assert_eq!(cpus.len(), limits::HISTORY_SAMPLES_MAX);
        assert_eq!(cpus[..3], [Some(3.0), Some(2.0), None]);
    }
}
