//! The words for how well something is, and for what an operator has decided about it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operational state of a backend, a check or the whole fleet: what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It answered as it should.
    Healthy,
    /// It answered, but slower or less completely than it should.
    Degraded,
    /// It did not answer, or wrongly.
    Unhealthy,
    /// Nobody has measured it yet.
    #[default]
    Unknown,
}

impl Health {
    /// Every state, best first.
    pub const ALL: [Health; 4] = [Health::Healthy, Health::Degraded, Health::Unhealthy, Health::Unknown];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
            Health::Unknown => "unknown",
        }
    }

    /// Whether it does its work: healthy or degraded.
    pub const fn passes(self) -> bool {
        matches!(self, Health::Healthy | Health::Degraded)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The administrative state of a backend: what an operator wants, whatever was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Admin {
    /// It takes traffic.
    #[default]
    Enabled,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It is out of service on purpose.
    Maintenance,
}

impl Admin {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Admin::Enabled => "enabled",
            Admin::Draining => "draining",
            Admin::Maintenance => "maintenance",
        }
    }
}
