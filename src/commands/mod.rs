//! The commands.

/// Runs the command line of this process.
pub fn run() -> std::process::ExitCode {
    crate::exit::Exit::Done.into()
}
