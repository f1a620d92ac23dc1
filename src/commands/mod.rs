//! The commands.

pub mod serve;

use crate::cli::{self, Command};

/// Runs the command line of this process.
pub fn run() -> std::process::ExitCode {
    match cli::parse() {
        Ok(cli) => match cli.command {
            Command::Serve(args) => serve::run(args).into(),
            Command::Watch(_) | Command::Probe(_) | Command::Control(_) => crate::exit::Exit::Done.into(),
        },
        Err(error) => {
            let _ = error.print();
            crate::exit::Exit::Usage.into()
        }
    }
}
