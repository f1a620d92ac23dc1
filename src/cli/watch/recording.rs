//! Recording a watch, and watching it again.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Where a watch is recorded to, or comes from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub struct RecordingArgs {
    /// Record everything that happens to a new file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,

    /// Watch a recording instead of a server: all of it, or the feeds that are named
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["record", "exec", "notify", "stale_after", "on_stale", "no_reconnect", "max_attempts"])]
    pub replay: Option<PathBuf>,

    /// How fast to replay: a factor from 0.01 to 1000, or `max`
    #[arg(long, value_name = "FACTOR|max", requires = "replay", default_value = "1", value_parser = Speed::parse)]
    pub speed: Speed,
}

/// How fast a recording is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it happened.
    Times(f64),
    /// Without any wait.
    Max,
}

impl Speed {
    fn parse(text: &str) -> Result<Speed, String> {
        match text.parse() {
            Ok(times) if (0.01..=1_000.0).contains(&times) => Ok(Speed::Times(times)),
            _ if text == "max" => Ok(Speed::Max),
            _ => Err("write a number from 0.01 to 1000, or `max`".to_owned()),
        }
    }
}
