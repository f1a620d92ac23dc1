//! How often a credential was refused, where and why, for `/metrics`: who guesses shows there.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where somebody wanted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A request that reads: a feed in any form, `/metrics`.
    Feeds,
    /// A command, or a forced update.
    Control,
    /// A push for a source.
    Push,
    /// A request for a ticket.
    Ticket,
    /// An `auth` message on a connection.
    Message,
    /// A connection that was let in before.
    Open,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There was no credential.
    Missing,
    /// It is not known here, or is no good.
    Unknown,
    /// It was good until a while ago.
    Expired,
    /// It was taken off the roll.
    Revoked,
    /// It is good, and not for this.
    Forbidden,
    /// It cannot be told now whether it is good.
    Unavailable,
}

/// How many reasons there are.
const REASONS: usize = Reason::Unavailable as usize + 1;

/// What may be wrong with a credential that is presented.
const PRESENTED: &[Reason] =
    &[Reason::Missing, Reason::Unknown, Reason::Expired, Reason::Forbidden, Reason::Unavailable];

/// What ends one that was good.
const HELD: &[Reason] = &[Reason::Expired, Reason::Revoked];

/// Every door in the order of its discriminants, its word in `/metrics`, and for what reasons it does not open.
const DOORS: &[(Door, &str, &[Reason])] = &[
    (Door::Feeds, "feeds", PRESENTED),
    (Door::Control, "control", PRESENTED),
    (Door::Push, "push", PRESENTED),
    (Door::Ticket, "ticket", PRESENTED),
    (Door::Message, "message", PRESENTED),
    (Door::Open, "open", HELD),
];

impl Door {
    /// What is done there, as a sentence begins.
    pub(super) fn what(self) -> &'static str {
        match self {
            Door::Feeds | Door::Message | Door::Open => "reading",
            Door::Control => "control",
            Door::Push => "a push",
            Door::Ticket => "a ticket",
        }
    }
}

impl Reason {
    /// The word in `/metrics`.
    fn word(self) -> &'static str {
        match self {
            Reason::Missing => "missing",
            Reason::Unknown => "unknown",
            Reason::Expired => "expired",
            Reason::Revoked => "revoked",
            Reason::Forbidden => "forbidden",
            Reason::Unavailable => "unavailable",
        }
    }
}

/// Counts since the server started.
#[derive(Debug, Default)]
pub struct Tally([[AtomicU64; REASONS]; DOORS.len()]);

impl Tally {
    /// Counts one more.
    pub fn count(&self, door: Door, reason: Reason) {
        self.0[door as usize][reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were so far: where, why, how many.
    pub fn so_far(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        DOORS.iter().zip(&self.0).flat_map(|((_, at, reasons), counts)| {
            let count = |reason: &Reason| counts[*reason as usize].load(Ordering::Relaxed);
            reasons.iter().map(move |reason| (*at, reason.word(), count(reason)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_has_its_row() {
        for (index, (door, ..)) in DOORS.iter().enumerate() {
            assert_eq!(*door as usize, index);
        }
        assert_eq!(DOORS.len(), Door::Open as usize + 1);
    }
}
