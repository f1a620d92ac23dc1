//! The tally: what every stream has brought so far. Pure: it counts events and reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::endpoint::Endpoint;
use crate::client::event::{Ending, Event, What};
use crate::limits;
use crate::output::summary::{Spread, StreamSummary, Summary};

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
    down_since: Option<Instant>,
    down: Duration,
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
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let stream = |endpoint: &Endpoint| Stream {
            summary: StreamSummary { feed: endpoint.feed, server: endpoint.address(), ..StreamSummary::default() },
            intervals: Samples::default(),
            rtts: Samples::default(),
            last_message: None,
            down_since: None,
            down: Duration::ZERO,
        };
        Tally { started: Instant::now(), streams: endpoints.iter().map(stream).collect() }
    }

    /// Counts one event.
    pub(super) fn count(&mut self, event: &Event) {
        let stream = &mut self.streams[event.stream];
        let summary = &mut stream.summary;
        match &event.what {
            What::Open(_) => {
                summary.connections += 1;
                stream.last_message = None;
                if let Some(since) = stream.down_since.take() {
                    stream.down += event.instant - since;
                }
            }
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
            What::Lost(loss, _) => {
                *summary.losses.entry(loss.cause()).or_default() += 1;
                stream.down_since = Some(event.instant);
            }
            What::Retry(_, loss, None) | What::End(Ending::GaveUp { loss, lived: None, .. }) => {
                *summary.losses.entry(loss.cause()).or_default() += 1;
            }
            What::Retry(..) | What::End(_) => {}
        }
    }

    /// Whether every stream was connected at least once.
    pub(super) fn all_connected(&self) -> bool {
        self.streams.iter().all(|stream| stream.summary.connections > 0)
    }

    /// What it comes to at `now`.
    pub(super) fn summary(&self, now: Instant) -> Summary {
        let streams = self.streams.iter().map(|stream| {
            let down = stream.down + stream.down_since.map(|since| now - since).unwrap_or_default();
            StreamSummary {
                interval_ms: stream.intervals.spread(),
                rtt_ms: stream.rtts.spread(),
                down_ms: down.as_millis() as u64,
                ..stream.summary.clone()
            }
        });
        Summary { elapsed_ms: (now - self.started).as_millis() as u64, streams: streams.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::endpoint::Server;
    use crate::client::event::{Invalid, Opened, Received};
    use crate::client::loss::Loss;
    use crate::net::Fault;
    use crate::net::dial::Phases;
    use crate::protocol::{Feed, Timestamp};

    #[test]
    fn a_tally_counts_what_came_and_how_long_it_was_gone() {
        let endpoint = Server::parse("http://h").expect("a server").feed(Feed::Metrics);
        let mut tally = Tally::new(&[endpoint]);
        let start = tally.started;
        let peer = ([127, 0, 0, 1], 80).into();
        let open = || What::Open(Opened { peer, phases: Phases::default(), upgrade: Duration::ZERO });
        let message = || What::Message(Box::new(Received { text: String::new(), kind: None, id: None, message: None }));
        let lost = || Loss::Broken(Fault::Closed);
        assert!(!tally.all_connected());
        for (second, what) in [
            (0, open()),
            (0, message()),
            (2, message()),
            (5, message()),
            (6, What::Lost(lost(), Duration::from_secs(6))),
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
        assert!(tally.all_connected());
        let summary = tally.summary(start + Duration::from_secs(20));
        let stream = &summary.streams[0];
        assert_eq!((stream.messages, stream.invalid, stream.connections, stream.pongs), (4, 1, 2, 1));
        assert_eq!(stream.losses.get("1006"), Some(&2));
        assert_eq!(stream.down_ms, 4_000 + 7_000);
        let interval = stream.interval_ms.expect("two were measured");
        assert_eq!((interval.min, interval.max), (2_000.0, 3_000.0));
        assert_eq!(summary.elapsed_ms, 20_000);
    }
}
