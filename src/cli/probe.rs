//! `veloflux probe`: what to try, what to expect of it, and how to say what came of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, ValueEnum};

use super::connection::positive;
use super::subject::SubjectParser;
use super::{ConnectionArgs, OutputArgs, Subject};
use crate::client::probe::budget::{Budget, KEYS};
use crate::expression::Expression;

/// The flags of `probe`.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Feeds (backends, metrics, status, billing, health, all) or ws(s):// and http(s):// URLs; all feeds when not given
    #[arg(value_name = "FEED|URL", hide_possible_values = true)]
    #[arg(value_parser = SubjectParser { schemes: &["ws", "wss", "http", "https"], refusal: "there is no probe for the scheme" })]
    pub subjects: Vec<Subject>,

    /// Probe each target so many times; its times are the slowest, its pings those of all runs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,

    /// Pause between two runs, and between two tries of `--wait`
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = positive)]
    pub interval: Duration,

    /// Pings to send to each WebSocket
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pings: u32,

    /// Messages to wait for; more than 1 checks the cadence, too. The schema of each message of a feed is always checked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub messages: Option<u32>,

    /// Targets that are tried at the same moment
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,

    /// Try again until the target passes, at most so long; 401, 403 and 404 fail at once
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub wait: Option<Duration>,

    /// Fail (124) what is not over in this time [default: 30s a run, and what --messages and --conformance take]
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub timeout: Option<Duration>,

    /// Expectations.
    #[command(flatten)]
    pub judge: JudgeArgs,

    /// How the report is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    pub format: ProbeFormat,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,

    /// Write the report to a file as well, as in `junit=probe.xml`; repeat it for several
    #[arg(long, value_name = "FORMAT=FILE", value_parser = ReportParser, hide_possible_values = true, help_heading = "Output")]
    pub report: Vec<ReportFile>,

    /// Shared flags.
    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// Shared flags.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is expected of a target.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Expectations")]
pub struct JudgeArgs {
    /// Fail (1) unless this holds for each message that comes, as in `.data.cpu < 90` or `healthy`; repeat it for several
    #[arg(long, value_name = "EXPR", value_parser = expression)]
    pub expect: Vec<Expression>,

    /// Fail (1) past these limits, as in `first_message=500ms,loss=0%,cert_days=14`
    ///
    /// Keys: dns, tcp, tls, upgrade, first_message, rtt_p50, rtt_p95, rtt_p99, close, total and cadence (at most this
    /// long), loss (at most this share), cert_days (at least so many days left), token_ttl (at least this long left).
    /// first_message of an http URL is its answer. A limit for what cannot be measured of a target that was reached, as
    /// cert_days without TLS, fails, too; cadence wants --messages of at least 2.
    #[arg(short, long, visible_alias = "budget", value_name = "KEY=VALUE,...", value_delimiter = ',', value_parser = BudgetParser, hide_possible_values = true)]
    pub critical: Vec<Budget>,

    /// Warn past these limits, or without what they are for; the keys of `--critical`. A warning is exit code 0, for Nagios 1
    #[arg(short, long, value_name = "KEY=VALUE,...", value_delimiter = ',', value_parser = BudgetParser, hide_possible_values = true)]
    pub warning: Vec<Budget>,

    /// Send broken frames to the named targets, to see whether the server keeps to RFC 6455
    #[arg(long, requires = "subjects")]
    pub conformance: bool,
}

/// How the report of a probe is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProbeFormat {
    /// A table for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// A monitoring plugin's line and exit codes (0, 1, 2, 3).
    Nagios,
    /// Samples for the textfile collector of node_exporter.
    Prometheus,
    /// JUnit XML.
    Junit,
    /// Test Anything Protocol, version 13.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

/// A file to write a report to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// In which format.
    pub format: ProbeFormat,
    /// Where.
    pub path: PathBuf,
}

fn expression(text: &str) -> Result<Expression, String> {
    // On a line of its own: the caret stands under the mistake.
    Expression::parse_condition(text).map_err(|error| format!("\n{error}"))
}

/// Reads `KEY=VALUE` and completes the keys.
#[derive(Debug, Clone, Copy)]
struct BudgetParser;

impl TypedValueParser for BudgetParser {
    type Value = Budget;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Budget, clap::Error> {
        let text = |text: &str| Budget::parse(text).map_err(|error| error.to_string());
        TypedValueParser::parse_ref(&text, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(KEYS.iter().map(|(name, ..)| PossibleValue::new(*name))))
    }
}

/// Reads `FORMAT=FILE` and completes the formats.
#[derive(Debug, Clone, Copy)]
struct ReportParser;

impl TypedValueParser for ReportParser {
    type Value = ReportFile;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<ReportFile, clap::Error> {
        let read = |text: &str| {
            let refused = || format!("`{text}` is not FORMAT=FILE; write for example `junit=probe.xml`");
            let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(refused)?;
            let format = ProbeFormat::from_str(format, false).map_err(|_| format!("there is no format `{format}`"))?;
            Ok::<_, String>(ReportFile { format, path: PathBuf::from(path) })
        };
        TypedValueParser::parse_ref(&read, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(ProbeFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}
