//! `veloflux probe`: what to try.

use std::time::Duration;

use clap::Args;

use super::connection::positive;
use super::subject::SubjectParser;
use super::{ConnectionArgs, Format, OutputArgs, Subject};

/// The flags of `probe`.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Feeds (backends, metrics, status, billing, health, all) or ws(s):// and http(s):// URLs
    #[arg(value_name = "FEED|URL", default_value = "all", hide_possible_values = true, hide_default_value = true)]
    #[arg(value_parser = SubjectParser { schemes: &["ws", "wss", "http", "https"], refusal: "there is no probe for the scheme" })]
    pub subjects: Vec<Subject>,

    /// Pings to send to each WebSocket
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pings: u32,

    /// Fail (124) if it is not over in this time
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = positive)]
    pub timeout: Duration,

    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,

    /// Shared flags.
    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// Shared flags.
    #[command(flatten)]
    pub output: OutputArgs,
}
