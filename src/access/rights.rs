//! What somebody may do, and until when.

use std::time::SystemTime;

use super::lease::Lease;
use crate::protocol::Feed;

/// How far somebody is trusted. Each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads feeds.
    Viewer,
    /// Pauses and resumes feeds, orders measurements, drains backends.
    Operator,
    /// Changes the server itself: reloads its settings.
    Admin,
}

impl Role {
    /// Every role, the least trusted first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// The word in tokens and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == word)
    }
}

/// What somebody wants to do to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Pause, resume, measure now, drain, push.
    Operate,
    /// Reload the settings.
    Administer,
}

impl Deed {
    /// The role it takes.
    pub const fn role(self) -> Role {
        match self {
            Deed::Operate => Role::Operator,
            Deed::Administer => Role::Admin,
        }
    }
}

/// When rights end.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// Not while the server runs.
    Never,
    /// At this time.
    At(SystemTime),
    /// With the place of their token on the roll.
    With(Lease),
}

impl End {
    /// Whether it has come.
    pub fn has_come(&self, now: SystemTime) -> bool {
        match self {
            End::Never => false,
            End::At(time) => now >= *time,
            End::With(lease) => lease.has_ended(),
        }
    }
}

/// What somebody may do, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct Rights {
    /// Who it is, for the log: the subject of a token, the name on the roll.
    pub who: String,
    /// How far they are trusted.
    pub role: Role,
    /// The feeds they may read, by [`Feed::index`].
    feeds: [bool; Feed::ALL.len()],
    /// When the rights end.
    pub end: End,
}

impl Rights {
    /// Rights to every feed, without an end.
    pub fn new(who: impl Into<String>, role: Role) -> Rights {
        Rights { who: who.into(), role, feeds: [true; Feed::ALL.len()], end: End::Never }
    }

    /// The same for these feeds only.
    pub fn only(mut self, feeds: impl IntoIterator<Item = Feed>) -> Rights {
        self.feeds = [false; Feed::ALL.len()];
        for feed in feeds {
            self.feeds[feed.index()] = true;
        }
        self
    }

    /// The same until then.
    pub fn until(self, end: End) -> Rights {
        Rights { end, ..self }
    }

    /// Whether they may read a feed.
    pub fn reads(&self, feed: Feed) -> bool {
        self.feeds[feed.index()]
    }

    /// Whether they may do something to the server.
    pub fn may(&self, deed: Deed) -> bool {
        self.role >= deed.role()
    }
}
