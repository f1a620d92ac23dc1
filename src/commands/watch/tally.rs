//! The tally: what every stream has brought so far. Pure: it counts events and reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::label::Label;
use crate::client::event::{Ending, Event, What};
use crate::limits;
use crate::output::summary::{Outage, Spread, StreamSummary, Summary};

/// Counts the events of all streams.
#[derive(Debug)]
pub(super) struct Tally {
    started: Instant,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    summary: StreamSummary,
    intervals: Samples,
    rtts: Samples,
    last_message: Option<Instant>,
    up_since: Option<Instant>,
    up: Duration,
    down_since: Option<Instant>,
    down: Duration,
    /// When there was nothing more to expect of it.
    ended: Option<Instant>,
}

/// The newest measured values.
#[derive(Debug, Default)]
struct Samples(VecDeque<Duration>);

impl Samples {
    fn take(&mut self, value: Duration) {
        if self.0.len() == limits::SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    fn spread(&self) -> Option<Spread> {
        Spread::of(&self.0.iter().copied().collect::<Vec<_>>())
    }
}

impl Tally {
    /// Nothing has happened.
    pub(super) fn new(labels: &[Label], started: Instant) -> Self {
        let stream = |label: &Label| Stream {
            summary: StreamSummary { feed: label.feed, server: label.server.clone(), ..StreamSummary::default() },
            intervals: Samples::default(),
            rtts: Samples::default(),
            last_message: None,
            up_since: None,
            up: Duration::ZERO,
            down_since: None,
            down: Duration::ZERO,
            ended: None,
        };
        Tally { started, streams: labels.iter().map(stream).collect() }
    }

    /// Counts one event.
    pub(super) fn count(&mut self, event: &Event) {
        let stream = &mut self.streams[event.stream];
        let summary = &mut stream.summary;
        match &event.what {
            What::Open(_) => {
                summary.connections += 1;
                stream.last_message = None;
                stream.up_since = Some(event.instant);
                // The dashboard may have begun anew what had ended.
                stream.ended = None;
                if let Some(since) = stream.down_since.take() {
                    let down = event.instant - since;
                    stream.down += down;
                    if let Some(outage) = summary.outages.last_mut() {
                        outage.down_ms = Some(down.as_millis() as u64);
                    }
                }
            }
            What::Resumed(_) => {}
            What::Message(_) => {
                summary.messages += 1;
                if let Some(last) = stream.last_message.replace(event.instant) {
                    stream.intervals.take(event.instant - last);
                }
            }
            What::Invalid(_) => summary.invalid += 1,
            What::Gap(gap) => summary.missed += gap.missed,
            What::Stale(_) => summary.stale += 1,
            What::Pong(rtt) => {
                summary.pongs += 1;
                stream.rtts.take(*rtt);
            }
            What::Missed(_) => summary.pings_missed += 1,
            What::Lost(loss, lived) => {
                *summary.losses.entry(loss.cause()).or_default() += 1;
                if let Some(since) = stream.up_since.take() {
                    stream.up += event.instant - since;
                }
                stream.down_since = Some(event.instant);
                if summary.outages.len() == limits::OUTAGES_MAX {
                    summary.outages.remove(0);
                }
                summary.outages.push(Outage {
                    at: event.at,
                    cause: loss.cause(),
                    reason: loss.to_string(),
                    lived_ms: lived.as_millis() as u64,
                    down_ms: None,
                    retries: 0,
                });
            }
            What::Retry(_, loss, lived) => {
                if lived.is_none() {
                    *summary.losses.entry(loss.cause()).or_default() += 1;
                }
                if stream.down_since.is_some()
                    && let Some(outage) = summary.outages.last_mut()
                {
                    outage.retries += 1;
                }
            }
            What::End(ending) => {
                stream.ended = Some(event.instant);
                if let Ending::GaveUp { loss, lived: None, .. } = ending {
                    *summary.losses.entry(loss.cause()).or_default() += 1;
                }
            }
        }
    }

    /// Whether every stream was connected at least once.
    pub(super) fn all_connected(&self) -> bool {
        self.streams.iter().all(|stream| stream.summary.connections > 0)
    }

    /// Whether a stream has lost its connection and has no other yet.
    pub(super) fn any_down(&self) -> bool {
        self.streams.iter().any(|stream| stream.down_since.is_some())
    }

    /// What it comes to at `now`.
    pub(super) fn summary(&self, now: Instant) -> Summary {
        let streams = self.streams.iter().map(|stream| {
            let end = stream.ended.unwrap_or(now);
            let down = stream.down + stream.down_since.map(|since| end - since).unwrap_or_default();
            let up = stream.up + stream.up_since.map(|since| end - since).unwrap_or_default();
            let whole = (end - self.started).as_secs_f64();
            StreamSummary {
                interval_ms: stream.intervals.spread(),
                rtt_ms: stream.rtts.spread(),
                down_ms: down.as_millis() as u64,
                // To the sixth digit: half a minute of a year.
                availability: (whole > 0.0).then(|| (up.as_secs_f64() / whole * 1e6).floor() / 1e6),
                ..stream.summary.clone()
            }
        });
        Summary { elapsed_ms: (now - self.started).as_millis() as u64, streams: streams.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::backoff::Retry;
    use crate::client::event::{Invalid, Opened, Received};
    use crate::client::loss::Loss;
    use crate::client::origin::Origin;
    use crate::net::Fault;
    use crate::net::dial::Phases;
    use crate::protocol::{Feed, Timestamp};

    #[test]
    fn a_tally_counts_what_came_and_how_long_it_was_gone() {
        let origin = Origin { feed: Some(Feed::Metrics), server: "h:80".to_owned(), url: "ws://h/".to_owned() };
        let start = Instant::now();
        let mut tally = Tally::new(&Label::all(&[origin]), start);
        let lost = || Loss::Broken(Fault::Closed);
        let retry = |attempt| What::Retry(Retry { attempt, of: None, delay: Duration::ZERO }, lost(), None);
        let peer = ([127, 0, 0, 1], 80).into();
        let open = || What::Open(Opened { peer, phases: Phases::default(), upgrade: Duration::ZERO });
        let message = || What::Message(Box::new(Received { text: String::new(), kind: None, id: None, message: None }));
        assert!(!tally.all_connected());
        for (second, what) in [
            (0, open()),
            (0, message()),
            (2, message()),
            (5, message()),
            (6, What::Lost(lost(), Duration::from_secs(6))),
            (7, retry(1)),
            (8, retry(2)),
            (10, open()),
            // The first message of a connection says nothing about the cadence.
            (10, message()),
            (11, What::Invalid(Invalid { text: None, problem: String::new() })),
            (12, What::Pong(Duration::from_millis(3))),
            (13, What::Lost(lost(), Duration::from_secs(3))),
        ] {
            let instant = start + Duration::from_secs(second);
            tally.count(&Event { stream: 0, at: Timestamp::now(), instant, what });
        }
        assert!(tally.all_connected() && tally.any_down());
        let summary = tally.summary(start + Duration::from_secs(20));
        let stream = &summary.streams[0];
        assert_eq!((stream.messages, stream.invalid, stream.connections, stream.pongs), (4, 1, 2, 1));
        assert_eq!(stream.losses.get("1006"), Some(&4));
        assert_eq!(stream.down_ms, 4_000 + 7_000);
        assert_eq!(stream.availability, Some(9.0 / 20.0));
        let outages: Vec<_> = stream.outages.iter().map(|outage| (outage.down_ms, outage.retries)).collect();
        assert_eq!(outages, [(Some(4_000), 2), (None, 0)]);
        let interval = stream.interval_ms.expect("two were measured");
        assert_eq!((interval.min, interval.max), (2_000.0, 3_000.0));
        assert_eq!(summary.elapsed_ms, 20_000);
    }
}
