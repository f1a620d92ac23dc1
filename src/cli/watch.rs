//! `veloflux watch`: what to follow, for how long, and what to do when it breaks.

mod alerts;
mod gate;
mod recording;
mod rhythm;

use std::time::Duration;

use clap::{Args, ValueEnum};

pub use alerts::{AlertArgs, AlertOn};
pub use gate::GateArgs;
pub use recording::{RecordingArgs, Speed};
pub use rhythm::{OnStale, Rate, StaleArgs};

use super::connection::positive;
use super::subject::SubjectParser;
use super::{ConnectionArgs, OutputArgs, Subject};
use crate::expression::Expression;

/// The flags of `watch`.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Feeds (backends, metrics, status, billing, health, all) or ws:// and wss:// URLs
    #[arg(value_name = "FEED|URL", default_value = "all", hide_possible_values = true, hide_default_value = true)]
    #[arg(value_parser = SubjectParser { schemes: &["ws", "wss"], refusal: "`watch` follows ws:// and wss:// URLs, not" })]
    pub subjects: Vec<Subject>,

    /// Leave after N messages of each feed
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Leave after this time
    #[arg(short, long, value_name = "DURATION", value_parser = positive)]
    pub duration: Option<Duration>,

    /// Fail (124) if what is waited for has not come in this time; needs --count or --until
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub timeout: Option<Duration>,

    /// Flags of what is waited for.
    #[command(flatten)]
    pub gate: GateArgs,

    /// How messages are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    pub format: WatchFormat,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,

    /// Write these values of each message only, for example `.data.cpu` or `.state.backends[].status`
    #[arg(long, value_name = "EXPR", value_parser = gate::selection, conflicts_with = "changes", help_heading = "Output")]
    pub select: Option<Expression>,

    /// Write only what changed, old -> new
    #[arg(long, help_heading = "Output")]
    pub changes: bool,

    /// Write at most so many messages of each feed, for example `2/s`: the newest wins, the rest is counted
    #[arg(long, value_name = "N/s", value_parser = Rate::parse, help_heading = "Output")]
    pub max_rate: Option<Rate>,

    /// Flags of silence.
    #[command(flatten)]
    pub stale: StaleArgs,

    /// Flags of recordings.
    #[command(flatten)]
    pub recording: RecordingArgs,

    /// Flags of alerts.
    #[command(flatten)]
    pub alerts: AlertArgs,

    /// All feeds of one server on a full screen; `?` shows the keys
    #[arg(long, help_heading = "Output", conflicts_with_all = [
        "count", "timeout", "until", "stable_for", "fail_if", "format", "json", "select", "changes", "max_rate",
        "record", "replay", "exec", "notify", "on", "cooldown",
    ])]
    pub dashboard: bool,

    /// Flags of the reconnecting.
    #[command(flatten)]
    pub reconnect: ReconnectArgs,

    /// Flags of the heartbeat.
    #[command(flatten)]
    pub heartbeat: HeartbeatArgs,

    /// Shared flags.
    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// Shared flags.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How often and how fast to connect again.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reconnecting")]
pub struct ReconnectArgs {
    /// Tries in a row to connect again, 0 for ever; a connection that held starts the count anew
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub max_attempts: u32,

    /// Delay before the first try
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = positive)]
    pub base_delay: Duration,

    /// Longest delay
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = positive)]
    pub max_delay: Duration,

    /// What each delay is multiplied by, from 1 to 100
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = factor)]
    pub backoff_factor: f64,

    /// How delays are spread: equal = half to whole, full = nothing to whole
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub jitter: Jitter,

    /// Leave when the connection is lost
    #[arg(long, conflicts_with = "max_attempts")]
    pub no_reconnect: bool,
}

/// How the life of the connection is watched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Heartbeat")]
pub struct HeartbeatArgs {
    /// Time between two pings
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = positive)]
    pub ping_interval: Duration,

    /// Longest wait for the answer to a ping
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = positive)]
    pub ping_timeout: Duration,

    /// Pings in a row without a sign of life that end the connection
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_missed_pings: u32,

    /// How to ping: a WebSocket ping frame, or a JSON message
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub ping_mode: PingMode,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum WatchFormat {
    /// One line a message, for people.
    #[default]
    Text,
    /// One JSON record a line, for programs.
    Json,
    /// The server's own bytes, one message a line.
    Raw,
}

/// How delays are spread, so that a thousand clients do not come back in the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Jitter {
    /// Between half of the delay and all of it.
    #[default]
    Equal,
    /// Between nothing and all of it.
    Full,
    /// Exactly the delay.
    None,
}

/// How to ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PingMode {
    /// A ping frame.
    #[default]
    Frame,
    /// `{"type":"ping","timestamp":…}`.
    Message,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.0..=100.0).contains(&factor) => Ok(factor),
        _ => Err("write a number from 1 to 100".to_owned()),
    }
}
