//! What the server counts about itself, and `/metrics`: that and what it measured, in OpenMetrics text for Prometheus.
//!
//! Connections count into plain atomics; names, labels and help exist only while somebody scrapes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::admission::Admission;
use super::auth::Tally;
use crate::checks::CheckState;
use crate::feeds::World;
use crate::feeds::host::{cpu_seconds, descriptors, resident_bytes};
use crate::feeds::world::Gauge;
use crate::protocol::close::CLOSE_CODES;
use crate::protocol::resume::Resumed;
use crate::protocol::{CloseCode, Feed, Health};

/// How a feed connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The peer sent a close frame.
    ByPeer,
    /// We sent this close code first.
    Closed(CloseCode),
    /// The peer was gone without a close frame.
    Vanished,
}

/// A number that only grows.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of the feed connections since the server started.
#[derive(Debug, Default)]
pub struct Traffic {
    feeds: [FeedTraffic; Feed::ALL.len()],
    /// In the order of [`CLOSE_CODES`].
    closed: [Count; CLOSE_CODES.len()],
    by_peer: Count,
    vanished: Count,
    /// Event streams that are open.
    pub event_streams: Gauge,
}

#[derive(Debug, Default)]
struct FeedTraffic {
    opened: Count,
    events_opened: Count,
    messages: Count,
    bytes: Count,
    skipped: Count,
    recovered: Count,
    unrecovered: Count,
}

impl Traffic {
    /// A connection was upgraded.
    pub fn opened(&self, feed: Feed) {
        self.feeds[feed.index()].opened.add(1);
    }

    /// An event stream was begun.
    pub fn events_opened(&self, feed: Feed) {
        self.feeds[feed.index()].events_opened.add(1);
    }

    /// Connections were handed frames.
    pub fn handed(&self, feed: Feed, frames: u64, bytes: u64) {
        let traffic = &self.feeds[feed.index()];
        traffic.messages.add(frames);
        traffic.bytes.add(bytes);
    }

    /// A connection was too slow for this many messages.
    pub fn missed(&self, feed: Feed, messages: u64) {
        if messages > 0 {
            self.feeds[feed.index()].skipped.add(messages);
        }
    }

    /// A client that came back was told whether it is given what it missed.
    pub fn resumed(&self, told: Resumed) {
        let traffic = &self.feeds[told.feed.index()];
        if told.recovered { &traffic.recovered } else { &traffic.unrecovered }.add(1);
    }

    /// A connection ended.
    pub fn ended(&self, ending: Ending) {
        self.endings(ending).add(1);
    }

    /// How many connections ended like this.
    #[cfg(test)]
    pub fn ended_so_far(&self, ending: Ending) -> u64 {
        self.endings(ending).get()
    }

    fn endings(&self, ending: Ending) -> &Count {
        match ending {
            Ending::ByPeer => &self.by_peer,
            Ending::Vanished => &self.vanished,
            Ending::Closed(code) => {
                let row = CLOSE_CODES.iter().position(|(row, ..)| *row == code);
                &self.closed[row.expect("every close code has its row")]
            }
        }
    }
}

/// Everything `/metrics` shows.
pub struct Telemetry {
    registry: Registry,
}

impl Telemetry {
    /// Telemetry of a server and its connections.
    pub fn new(
        world: &Arc<World>,
        traffic: &Arc<Traffic>,
        admission: &Arc<Admission>,
        credentials: &Arc<Tally>,
    ) -> Telemetry {
        let mut registry = Registry::with_prefix("veloflux");
        registry.register_collector(Box::new(Scrape {
            world: Arc::clone(world),
            traffic: Arc::clone(traffic),
            admission: Arc::clone(admission),
            credentials: Arc::clone(credentials),
        }));
        Telemetry { registry }
    }

    /// OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing into a string does not fail");
        text
    }
}

struct Scrape {
    world: Arc<World>,
    traffic: Arc<Traffic>,
    admission: Arc<Admission>,
    credentials: Arc<Tally>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

type Labels = Vec<(&'static str, String)>;

/// Writes one metric with a row per label set.
fn write<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, M)>,
) -> fmt::Result {
    let mut rows = rows.into_iter().peekable();
    let Some((_, first)) = rows.peek() else { return Ok(()) };
    let mut metric = encoder.encode_descriptor(name, help, None, first.metric_type())?;
    for (labels, value) in rows {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        self.connections(out)?;
        self.checks(out)?;
        self.sources(out)?;
        self.process(out)
    }
}

impl Scrape {
    fn connections(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let feeds = |pick: fn(&FeedTraffic) -> &Count| {
            Feed::ALL.map(|feed| {
                let labels = vec![("feed", feed.name().to_owned())];
                (labels, ConstCounter::new(pick(&self.traffic.feeds[feed.index()]).get()))
            })
        };
        let open = ConstGauge::new(self.world.connections.get());
        write(out, "connections", "Open feed connections", [(vec![], open)])?;
        write(out, "connections_opened", "Feed connections upgraded", feeds(|traffic| &traffic.opened))?;
        let streams = ConstGauge::new(self.traffic.event_streams.get());
        write(out, "event_streams", "Feed connections that are event streams", [(vec![], streams)])?;
        write(out, "event_streams_opened", "Event streams begun", feeds(|traffic| &traffic.events_opened))?;
        write(out, "messages", "Messages handed to connections", feeds(|traffic| &traffic.messages))?;
        write(out, "message_bytes", "Bytes of frames handed to connections", feeds(|traffic| &traffic.bytes))?;
        let help = "Messages that connections missed because their peers read too slowly";
        write(out, "lagged", help, feeds(|traffic| &traffic.skipped))?;
        let resumed = [("true", feeds(|traffic| &traffic.recovered)), ("false", feeds(|traffic| &traffic.unrecovered))];
        let resumed = resumed.into_iter().flat_map(|(recovered, rows)| {
            rows.map(|(mut labels, count)| {
                labels.push(("recovered", recovered.to_owned()));
                (labels, count)
            })
        });
        let help = "Clients that came back and were given what they missed, or the snapshot instead";
        write(out, "resumed", help, resumed)?;
        let by_code = CLOSE_CODES.iter().zip(&self.traffic.closed);
        let by_code = by_code.map(|((code, ..), count)| (code.code().to_string(), count));
        let others = [("peer".to_owned(), &self.traffic.by_peer), ("none".to_owned(), &self.traffic.vanished)];
        let rows = by_code.chain(others).map(|(code, count)| (vec![("code", code)], ConstCounter::new(count.get())));
        write(
            out,
            "connections_closed",
            "Feed connections ended, by the close code we sent; `peer`: the peer closed; `none`: without a close frame",
            rows,
        )?;
        let rows =
            self.admission.refused().map(|(why, count)| (vec![("why", why.to_owned())], ConstCounter::new(count)));
        write(out, "refused", "Connections and handshakes that were refused or cut off, by reason", rows)?;
        let rows = self
            .credentials
            .so_far()
            .map(|(at, why, count)| (vec![("at", at.to_owned()), ("why", why.to_owned())], ConstCounter::new(count)));
        write(
            out,
            "credentials_refused",
            "Credentials refused, by where and why; at `message`: said on a connection; at `open`: one that ended an open connection",
            rows,
        )
    }

    fn checks(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let checks: Vec<CheckState> =
            self.world.fleet.checks().states().into_iter().chain(self.world.dependencies.states()).collect();
        let label = |check: &CheckState| ("check", check.name.clone());
        let results = checks.iter().flat_map(|check| {
            [("passed", check.passed), ("failed", check.failed), ("unknown", check.unknown)]
                .map(|(result, count)| (vec![label(check), ("result", result.to_owned())], ConstCounter::new(count)))
        });
        write(out, "check_results", "Results of checks", results)?;
        let lags = [("backends", self.world.fleet.checks()), ("dependencies", &self.world.dependencies)];
        let rows =
            lags.map(|(of, monitor)| (vec![("of", of.to_owned())], ConstGauge::new(monitor.lag().as_secs_f64())));
        write(out, "check_lag_seconds", "How late checks begin, the worst of the last 10 to 20 s", rows)?;
        let seconds = checks.iter().map(|check| (vec![label(check)], ConstCounter::new(check.spent.as_secs_f64())));
        write(out, "check_duration_seconds", "Time spent in checks", seconds)?;
        let last =
            checks.iter().filter_map(|check| Some((vec![label(check)], ConstGauge::new(check.latency?.as_secs_f64()))));
        write(out, "check_last_duration_seconds", "Duration of the last check", last)?;
        let states = checks.iter().flat_map(|check| {
            Health::ALL.map(|status| {
                let labels = vec![label(check), ("status", status.word().to_owned())];
                (labels, ConstGauge::new(i64::from(check.status == status)))
            })
        });
        write(out, "check_status", "1 for the status a check has, 0 for the others", states)
    }

    fn sources(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.world.fleet.sources();
        let label = |name: &String| vec![("source", name.clone())];
        let up = sources.iter().map(|(name, standing)| {
            (label(name), ConstGauge::new(i64::from(standing.fault.is_none() && standing.readings > 0)))
        });
        write(out, "source_up", "1 while a source answers, 0 else", up)?;
        let readings = sources.iter().map(|(name, standing)| (label(name), ConstCounter::new(standing.readings)));
        write(out, "source_readings", "Readings of a source that succeeded", readings)?;
        let last = sources.iter().filter_map(|(name, standing)| {
            let at = standing.last_reading?.as_millisecond() as f64 / 1000.0;
            Some((label(name), ConstGauge::new(at)))
        });
        write(out, "source_last_success_timestamp_seconds", "When a source was last read", last)?;
        let counted = sources.iter().map(|(name, standing)| (label(name), ConstCounter::new(standing.counted)));
        write(out, "source_requests", "Requests a source has counted since it was first read", counted)
    }

    fn process(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let one = |value| [(vec![], ConstCounter::new(value))];
        write(out, "http_requests", "Requests completed at the HTTP layer", one(self.world.requests.served.total()))?;
        let uptime = ConstGauge::new(self.world.started.elapsed().as_secs_f64());
        let tally = self.world.audit.tally();
        write(out, "audit_lines", "Lines written to the audit log", one(tally.written))?;
        let waiting = [(vec![], ConstGauge::new(tally.waiting + tally.lost))];
        write(
            out,
            "audit_waiting",
            "Acts that are not in the audit log, because the disk does not take them",
            waiting,
        )?;
        write(out, "uptime_seconds", "Time since the server started", [(vec![], uptime)])?;
        let cpu = cpu_seconds().map(|seconds| (vec![], ConstCounter::new(seconds)));
        write(out, "process_cpu_seconds", "CPU time this process used, user and system", cpu)?;
        let resident = resident_bytes().map(|bytes| (vec![], ConstGauge::new(bytes)));
        write(out, "process_resident_memory_bytes", "Resident memory of this process", resident)?;
        let open = descriptors().map(|(open, limit)| [("open", open), ("limit", limit)]);
        let rows =
            open.into_iter().flatten().map(|(what, count)| (vec![("what", what.to_owned())], ConstGauge::new(count)));
        write(out, "process_file_descriptors", "File descriptors of this process", rows)
    }
}
