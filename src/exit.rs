//! The exit codes, the same for every command.

use std::process::ExitCode;

/// How a command ended. The discriminant is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Asked for and got; a reader that closes our stdout is no failure.
    Done = 0,
    /// The answer is no: an expectation, a budget or the contract failed.
    Failed = 1,
    /// Wrong usage, or a bad configuration file.
    Usage = 2,
    /// Could not get there: name, TCP, TLS, no upgrade, connect timeout.
    Unreachable = 3,
    /// Not allowed: 401, 403, 1008, 4401, 4403, token missing or expired.
    Denied = 4,
    /// Was connected and lost it for good.
    Lost = 5,
    /// The deadline passed before the condition held.
    Deadline = 124,
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// Told to stop by SIGTERM.
    Terminated = 143,
}

/// Every exit code with the sentence that stands in `--help` and the man pages.
pub const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::Done, "asked for and got; a reader that closes our stdout is no failure"),
    (Exit::Failed, "the answer is no: an expectation, a budget or the contract failed"),
    (Exit::Usage, "wrong usage, or a bad configuration file"),
    (Exit::Unreachable, "could not get there: name, TCP, TLS, no upgrade, connect timeout"),
    (Exit::Denied, "not allowed: 401, 403, 1008, 4401, 4403, token missing or expired"),
    (Exit::Lost, "was connected and lost it for good"),
    (Exit::Deadline, "the deadline passed before the condition held"),
    (Exit::Interrupted, "interrupted (SIGINT); `serve` told to stop exits 0"),
    (Exit::Terminated, "told to stop (SIGTERM); `serve` told to stop exits 0"),
];

/// How a monitoring plugin ends: the exit codes of `veloflux probe --format nagios`, in place of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Plugin {
    /// All is well.
    Ok = 0,
    /// Past a limit of `--warning`.
    Warning = 1,
    /// Failed, or past a limit of `--critical`.
    Critical = 2,
    /// Nobody knows: wrong usage, or a report that could not be written.
    Unknown = 3,
}

impl From<Plugin> for ExitCode {
    fn from(plugin: Plugin) -> ExitCode {
        ExitCode::from(plugin as u8)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
