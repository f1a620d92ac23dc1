//! The `metrics` feed: CPU, memory, and the requests of one cadence.
//!
//! Regular messages tile time: each covers exactly what came since the one before. A message ordered in between covers
//! the last cadence too, so that its `requests` compares with the others, and leaves the tiling alone. The message that
//! ends a pause begins the tiling anew: it covers the end of the pause, one cadence of it at most.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::time::sleep_until;

use super::host::{self, CpuMeter, memory};
use super::{Cause, Change, Producer, World};
use crate::limits::{CPU_INTERVAL_MIN, SAMPLE_INTERVAL};
use crate::protocol::message::Metrics;
use crate::protocol::{Feed, Message, Timestamp};

/// The `metrics` producer.
pub struct Sampler {
    world: Arc<World>,
    /// `None` where this system has no CPU times to read.
    cpu: Option<CpuMeters>,
    /// The request count at the last regular message.
    tile: Reading,
    /// Request counts of a little more than the last cadence.
    recent: Window,
}

struct CpuMeters {
    /// Reads at regular messages only.
    tiled: CpuMeter,
    /// Reads at every message.
    latest: CpuMeter,
}

impl CpuMeters {
    fn start() -> Result<CpuMeters, host::Error> {
        Ok(CpuMeters { tiled: CpuMeter::start()?, latest: CpuMeter::start()? })
    }
}

/// A request count at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    at: Instant,
    total: u64,
}

impl Sampler {
    /// Takes the first readings.
    pub fn new(world: &Arc<World>) -> Self {
        let tile = Reading { at: world.started, total: 0 };
        let cpu = CpuMeters::start();
        if let Err(error) = &cpu {
            tracing::error!(%error, "the CPU cannot be measured on this system; no metrics are sent");
        }
        Sampler { cpu: cpu.ok(), tile, recent: Window::new(tile), world: Arc::clone(world) }
    }

    fn reading(&self) -> Reading {
        Reading { at: Instant::now(), total: self.world.requests.metered.total() }
    }

    /// `None` where this system cannot be measured.
    async fn measure(&mut self, cause: Cause) -> Option<Metrics> {
        let regular = cause != Cause::Order;
        let meters = self.cpu.as_mut()?;
        let meter = if regular { &mut meters.tiled } else { &mut meters.latest };
        if matches!(cause, Cause::Order | Cause::Resume) {
            // In a pause nothing is read.
            meter.forget_past(Feed::Metrics.cadence() + SAMPLE_INTERVAL);
        }
        // Two readings too close together would give a share of nothing.
        sleep_until((meter.last_read() + CPU_INTERVAL_MIN).into()).await;
        let cpu = meter.read();
        if regular {
            meters.latest.read();
        }
        let memory = memory().inspect_err(|error| tracing::error!(%error, "memory cannot be measured")).ok()?;
        let now = self.reading();
        let from = start(cause, self.tile, &self.recent, now.at);
        if regular {
            self.tile = now;
        }
        let window = now.at.duration_since(from.at);
        let requests = now.total - from.total;
        Some(Metrics {
            cpu: cpu.percent,
            memory: memory.percent,
            requests,
            timestamp: Timestamp::now(),
            scope: Some(cpu.scope),
            memory_scope: Some(memory.scope),
            requests_total: Some(now.total),
            requests_per_second: Some((requests as f64 / window.as_secs_f64().max(0.001) * 10.0).round() / 10.0),
            requests_source: Some(self.world.fleet.counting()),
            window_ms: Some((window.as_secs_f64() * 100.0).round() as u64 * 10),
            connections: Some(self.world.connections.get()),
        })
    }
}

impl Producer for Sampler {
    /// Never resolves; while it waits, the recent request counts are kept.
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                sleep_until((self.recent.newest().at + SAMPLE_INTERVAL).into()).await;
                self.recent.push(self.reading());
            }
        })
    }

    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>> {
        Box::pin(async move { self.measure(cause).await.map(|metrics| Change::whole(Message::Metrics(metrics))) })
    }
}

/// Where a message begins that is made now.
fn start(cause: Cause, tile: Reading, recent: &Window, now: Instant) -> Reading {
    let lately = recent.start(now);
    match cause {
        Cause::Order => lately,
        // Younger than a cadence: the pause was short, and nothing may be counted twice.
        Cause::Resume if tile.at < lately.at => lately,
        _ => tile,
    }
}

/// Readings in the order of time, the oldest of them at least one cadence old where there is one.
struct Window(VecDeque<Reading>);

impl Window {
    fn new(first: Reading) -> Window {
        Window(VecDeque::from([first]))
    }

    fn newest(&self) -> Reading {
        *self.0.back().expect("a window starts with one reading and keeps one")
    }

    fn push(&mut self, reading: Reading) {
        self.0.push_back(reading);
        while self.0.len() > 1 && reading.at.duration_since(self.0[1].at) >= Feed::Metrics.cadence() {
            self.0.pop_front();
        }
    }

    /// The youngest reading that is at least one cadence old at `now`; the oldest there is, where none is.
    fn start(&self, now: Instant) -> Reading {
        let old = |reading: &&Reading| now.duration_since(reading.at) >= Feed::Metrics.cadence();
        *self.0.iter().rev().find(old).unwrap_or(&self.0[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_ordered_window_is_one_cadence_long_or_as_long_as_there_is() {
        let begin = Instant::now();
        let at = |ms: u64, total| Reading { at: begin + Duration::from_millis(ms), total };
        let mut window = Window::new(at(0, 0));
        window.push(at(250, 1));
        assert_eq!(window.start(at(300, 0).at), at(0, 0));
        for step in 2..=40 {
            window.push(at(step * 250, step));
        }
        assert_eq!(window.start(at(10_100, 0).at), at(8_000, 32));
        assert!(window.0.len() <= 10);
    }

    #[test]
    fn a_message_that_ends_a_pause_covers_one_cadence_of_it_and_nothing_twice() {
        let begin = Instant::now();
        let at = |ms: u64| Reading { at: begin + Duration::from_millis(ms), total: ms };
        let mut recent = Window::new(at(0));
        (1..=400).for_each(|step| recent.push(at(step * 250)));
        let now = at(100_100).at;
        for (cause, tile, from) in [
            (Cause::Tick, 98_050, 98_050),
            (Cause::Tick, 97_900, 97_900),
            (Cause::Resume, 10_000, 98_000),
            (Cause::Resume, 99_500, 99_500),
            (Cause::Order, 99_500, 98_000),
            (Cause::Order, 10_000, 98_000),
        ] {
            assert_eq!(start(cause, at(tile), &recent, now), at(from), "{cause:?} after {tile}");
        }
    }
}
