//! Active checks: what is asked of a backend or a dependency, how often, and what its answers mean.
//!
//! A kind of check is one file and its row in [`KINDS`]. Nothing here knows pools, feeds or sockets of ours.

mod body;
mod command;
mod connection;
mod dns;
mod doubt;
mod flaps;
mod grpc;
mod http;
mod lack;
mod lag;
mod monitor;
mod mysql;
mod options;
mod outcome;
mod postgres;
mod probe;
mod redis;
mod shared;
mod socket;
mod state;
mod tcp;
mod template;
mod tls;
mod websocket;

use std::time::Duration;

pub use monitor::Monitor;
pub use options::ProbeOptions;
pub use probe::{Kind, Probe};
pub use shared::Shared;
pub use template::Template;

use crate::protocol::{Health, Timestamp};

/// Every kind of check that asks a target: its scheme decides which one it gets. A check that runs a program has no target,
/// and is made by [`Probe::command`].
pub const KINDS: &[Kind] = &[
    http::KIND,
    tcp::KIND,
    tls::KIND,
    websocket::KIND,
    redis::KIND,
    postgres::KIND,
    mysql::KIND,
    grpc::KIND,
    dns::KIND,
];

/// What one check is told to do. Built by `config`, never changed afterwards.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// The name of a dependency, or `pool/address` of a backend: unique within one monitor, used in logs and telemetry.
    pub name: String,
    /// How to ask. See [`Probe`].
    pub probe: Probe,
    /// How often, and how many answers it takes to believe a change.
    pub timing: Timing,
}

impl CheckSpec {
    /// Whether the other asks the same target at the same times, if perhaps with other options.
    pub fn is_like(&self, other: &CheckSpec) -> bool {
        self.timing == other.timing && self.probe.is_like(&other.probe)
    }
}

/// When a check runs and how its results become a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Time between the starts of two checks. Default 5 s.
    pub interval: Duration,
    /// The same while a change is being confirmed. Default 1 s.
    pub fast_interval: Duration,
    /// Longest one check may take, name lookup and all. Default 2 s.
    pub timeout: Duration,
    /// Passes in a row that make an unhealthy target healthy. Default 2.
    pub rise: u32,
    /// Failures in a row that make a healthy target unhealthy. Default 3.
    pub fall: u32,
    /// A target whose last five passes took longer than this in the median is degraded; none: never.
    pub degraded_above: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            interval: Duration::from_secs(5),
            fast_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
            degraded_above: None,
        }
    }
}

/// What makes a target degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degradation {
    /// Its passes take too long.
    Slow,
    /// It says itself that something is not as it should be: a report, a certificate with few days left, an exit code.
    Reported,
    /// It changes too often between passing and failing.
    Flapping,
}

/// What is known about one target now.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckState {
    /// [`CheckSpec::name`].
    pub name: String,
    /// What was measured.
    pub status: Health,
    /// The end of the last check that confirmed `status`.
    pub last_check: Option<Timestamp>,
    /// How long the last check took, passed or not.
    pub latency: Option<Duration>,
    /// When `status` last changed.
    pub last_change: Option<Timestamp>,
    /// Why it is not healthy, in words; while a healthy one is being doubted, what the last check found. None when there is
    /// nothing to say.
    pub error: Option<String>,
    /// What makes it degraded, if it is.
    pub degraded_by: Option<Degradation>,
    /// Whether a change is being confirmed: the last results speak against what was measured before.
    pub confirming: bool,
    /// Checks that passed since the start.
    pub passed: u64,
    /// Checks that failed since the start.
    pub failed: u64,
    /// Checks since the start that could not find out, or whose results were not believed.
    pub unknown: u64,
    /// Time spent in checks since the start.
    pub spent: Duration,
}

impl CheckState {
    /// Checks since the start, whatever came of them.
    pub fn checks(&self) -> u64 {
        self.passed + self.failed + self.unknown
    }
}
