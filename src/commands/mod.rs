//! The commands: each turns its flags into settings, runs, writes, and ends with an exit code.

mod control;
mod probe;
mod serve;
mod setup;
mod signals;
mod watch;

use std::process::ExitCode;

use crate::cli::{self, Command, Format};
use crate::exit::{Exit, Plugin};
use crate::output::{Stdout, Unwritable, report};

/// Why a command failed before its work was done.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, cause: impl ToString) -> Failure {
        Failure { exit, message: cause.to_string() }
    }

    /// Says it, one line a mistake.
    fn tell(&self, output: &cli::OutputArgs) -> Exit {
        let talk = setup::talk(output);
        self.message.lines().for_each(|line| talk.error(line));
        self.exit
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let command = match cli::parse() {
        Ok(cli) => cli.command,
        Err(error) => return refuse(&error),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let exit = match command {
        Command::Serve(args) => {
            let inherited = serve::inherited();
            block_on(cores, serve::run(args, inherited))
        }
        Command::Watch(mut args) => match setup::saved(&mut args.output) {
            Ok(saved) => block_on(2, watch::run(*args, &saved)),
            Err(failure) => failure.tell(&args.output),
        },
        Command::Probe(mut args) => match setup::saved(&mut args.output) {
            Ok(saved) => match block_on(2, probe::run(args, &saved)) {
                probe::Ending::Command(exit) => exit,
                probe::Ending::Plugin(plugin) => return plugin.into(),
            },
            Err(failure) if cli::wants_plugin(std::env::args_os()) => {
                failure.tell(&args.output);
                return unknown(&failure.message).into();
            }
            Err(failure) => failure.tell(&args.output),
        },
        Command::Control(mut args) => match setup::saved(&mut args.output) {
            Ok(saved) => block_on(2, control::run(args, &saved)),
            Err(failure) => failure.tell(&args.output),
        },
    };
    signals::end(exit)
}

/// Shows help, the version, or what is wrong with the command line.
fn refuse(error: &cli::Refusal) -> ExitCode {
    match (error.print(), error.use_stderr()) {
        // A monitoring system takes 2 for a failure of what is monitored.
        (_, true) if cli::wants_plugin(std::env::args_os()) => {
            let message = error.to_string();
            unknown(message.strip_prefix("error: ").unwrap_or(&message)).into()
        }
        (_, true) => Exit::Usage.into(),
        (Err(error), false) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed.into(),
        (_, false) => Exit::Done.into(),
    }
}

/// Ends what was meant for a monitoring system and has not come to a report: such a system shows what is on stdout, and
/// nothing of stderr.
fn unknown(message: &str) -> Plugin {
    // The exit code says it, too.
    let _ = Stdout::new().line(&report::unknown(message));
    Plugin::Unknown
}

/// Runs a command to its end. What still runs then is cut off: the command has decided that it does not matter.
fn block_on<T>(threads: usize, command: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.expect("a process that was started can start a few threads");
    let exit = runtime.block_on(command);
    runtime.shutdown_background();
    exit
}

/// How a command ends that has come to `exit`, and could not write a line: a reader that left has what it wanted, which
/// makes a failure no success.
fn unwritten(talk: crate::output::Talk, error: &Unwritable, exit: Exit) -> Exit {
    match error {
        Unwritable::Closed => exit,
        Unwritable::Failed(_) => {
            talk.error(&error.to_string());
            if exit == Exit::Done { Exit::Failed } else { exit }
        }
    }
}

/// `--json` is `--format json`.
fn format(format: Format, json: bool) -> Format {
    if json { Format::Json } else { format }
}
