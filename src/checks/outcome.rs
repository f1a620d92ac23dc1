//! The outcome of one check: how well a target does its work, or that nobody can tell.

use crate::net::Fault;

/// How an answer is to be taken. A failure is the `Err` beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should be.
    Good,
    /// It works, and says itself that something is not as it should be. Counts as a pass.
    Degraded(String),
    /// The check could not find out. Counts neither way.
    Unknown(String),
    /// The same, and the fault is ours: this machine has nothing to ask with.
    Unasked(String),
}

/// What comes of a peer that could not be asked, or did not answer: a failure, unless it is this machine that had nothing to
/// ask with.
pub(super) fn missed(fault: Fault) -> Found {
    match fault {
        Fault::Ours(lack) => Ok(Outcome::Unasked(format!("could not ask: {lack}"))),
        fault => Err(fault.to_string()),
    }
}

/// What one check found. The error is why it did not pass, without a secret in it.
pub(super) type Found = Result<Outcome, String>;
