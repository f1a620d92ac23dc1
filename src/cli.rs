//! The command line: every command, flag, environment variable and help text, parsed into types.
//!
//! The only door of `clap`. What the values mean together (which server, which token) is decided in `commands`.

mod connection;
mod control;
mod help;
mod probe;
mod serve;
mod subject;
mod watch;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

pub use connection::{ConnectionArgs, Header, OutputArgs};
pub use control::{ControlAction, ControlArgs};
pub use help::{ENVIRONMENT, EXPRESSIONS, FILES, SIGNALS, examples};
pub use probe::{JudgeArgs, ProbeArgs, ProbeFormat, ReportFile};
pub use serve::ServeArgs;
pub use subject::Subject;
pub use watch::{
    AlertArgs, AlertOn, GateArgs, Jitter, OnStale, PingMode, Rate, RecordingArgs, Speed, StaleArgs, WatchArgs,
    WatchFormat,
};

/// Stream a live, truthful view of a service fleet over WebSocket
///
/// `serve` measures a fleet and streams what it measured; `watch`, `probe` and `control` speak to such a server.
#[derive(Debug, Parser)]
#[command(name = "veloflux", version, disable_help_subcommand = true, args_override_self = true, max_term_width = 100)]
#[command(after_long_help = help::page("veloflux"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure a fleet and stream it
    ///
    /// With nothing configured it listens on 127.0.0.1:8080, measures this host and meters its own requests. It needs
    /// neither root nor the network.
    #[command(after_long_help = help::page("serve"))]
    Serve(ServeArgs),
    /// Follow feeds, one line a message
    ///
    /// Connects again by itself when a connection is lost, and says so on standard error.
    #[command(after_long_help = help::page("watch"))]
    Watch(Box<WatchArgs>),
    /// Try feeds and URLs once, and time every phase
    ///
    /// Times name lookup, TCP, TLS, upgrade, first message, pings and close of each target. Every wait has a deadline.
    #[command(after_long_help = help::page("probe"))]
    Probe(ProbeArgs),
    /// Ask a server to update or pause its feeds, drain a backend, or read its settings again
    ///
    /// The token of a server started on this machine by this user is found by itself.
    #[command(after_long_help = help::page("control"))]
    Control(ControlArgs),
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// The definition of the whole command line, for completions and man pages.
pub fn command() -> clap::Command {
    completed(Cli::command())
}

/// Says that a value of which nothing is known is no file, which is what shells would offer for it.
fn completed(command: clap::Command) -> clap::Command {
    let open = |arg: &clap::Arg| arg.get_value_hint() == ValueHint::Unknown && arg.get_possible_values().is_empty();
    let told = command.mut_args(|arg| if open(&arg) { arg.value_hint(ValueHint::Other) } else { arg });
    told.mut_subcommands(completed)
}

/// Why no command was read: a wrong usage, or help and version, which clap treats alike. `use_stderr` tells them apart.
pub type Refusal = clap::Error;

/// Reads the command line of this process.
///
/// # Errors
/// [`Refusal`].
pub fn parse() -> Result<Cli, Refusal> {
    Cli::try_parse()
}

/// Whether a command line that could not be read was meant for a monitoring system, which knows other exit codes.
pub fn wants_plugin(arguments: impl Iterator<Item = OsString>) -> bool {
    let words: Vec<OsString> = arguments.collect();
    words.iter().any(|word| word == "probe")
        && (words.iter().any(|word| word == "--format=nagios")
            || words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "nagios"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = std::iter::once(&"veloflux").chain(arguments);
        Cli::try_parse_from(arguments).expect_err("a wrong usage").to_string()
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_wrong_word_is_refused_with_what_was_meant() {
        for (arguments, words) in [
            (["watch", "metrisc"], "did you mean `metrics`?"),
            (["probe", "helth"], "did you mean `health`?"),
            (["watch", "127.0.0.1:8080"], "has no scheme"),
            (["watch", "http://127.0.0.1"], "`watch` follows ws:// and wss://"),
            (["probe", "ftp://x/"], "no probe for the scheme `ftp`"),
            (["watch", "--duration=5"], "`5` has no unit"),
            (["watch", "--count=0"], "0 is not in 1.."),
            (["watch", "--header=X"], "write `Name: value`"),
        ] {
            let text = refusal(&arguments);
            assert!(text.contains(words), "{arguments:?}: {text}");
        }
    }

    #[test]
    fn a_monitoring_system_is_known_by_the_format_it_asked_for() {
        let wants = |line: &str| wants_plugin(line.split(' ').map(OsString::from));
        for line in ["veloflux probe --format nagios -w x", "veloflux probe -x --format=nagios"] {
            assert!(wants(line), "{line}");
        }
        for line in ["veloflux probe -x", "veloflux watch --format nagios", "veloflux probe nagios --format json"] {
            assert!(!wants(line), "{line}");
        }
    }

    #[test]
    fn the_expressions_of_the_man_page_are_conditions() {
        for (text, _) in EXPRESSIONS {
            assert!(crate::expression::Expression::parse_condition(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn there_is_no_flag_that_would_show_a_token_in_the_process_list() {
        assert!(refusal(&["control", "check", "--token", "x"]).contains("--token-file"));
    }
}
