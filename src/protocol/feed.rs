//! The five feeds: their names, paths and cadences.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the five streams a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// Every backend of every pool.
    Backends,
    /// CPU, memory and requests.
    Metrics,
    /// The roll-up of everything else.
    Status,
    /// Metered usage and its cost.
    Billing,
    /// The named dependency checks.
    Health,
}

/// The path of the WebSocket endpoint that carries several feeds.
pub const SEVERAL_PATH: &str = "/api/ws";

/// The query key with the feeds that are wanted there.
pub const FEEDS: &str = "feeds";

impl Feed {
    /// All feeds, in the order in which they are listed to people.
    pub const ALL: [Feed; 5] = [Feed::Backends, Feed::Metrics, Feed::Status, Feed::Billing, Feed::Health];

    /// The word that stands in paths, messages and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Feed::Backends => "backends",
            Feed::Metrics => "metrics",
            Feed::Status => "status",
            Feed::Billing => "billing",
            Feed::Health => "health",
        }
    }

    /// The time between two regular messages.
    pub const fn cadence(self) -> Duration {
        Duration::from_secs(match self {
            Feed::Metrics => 2,
            Feed::Backends => 5,
            Feed::Status => 10,
            Feed::Health => 15,
            Feed::Billing => 30,
        })
    }

    /// The path of the WebSocket endpoint, for example `/api/ws/metrics`.
    pub fn path(self) -> String {
        format!("/api/ws/{}", self.name())
    }

    /// The feeds that a list like `metrics,backends` names, each once, in the usual order. All of them without a list, or
    /// where it says `all`.
    ///
    /// # Errors
    /// The first word that names no feed.
    pub fn several(list: Option<&str>) -> Result<Vec<Feed>, UnknownFeed> {
        let Some(list) = list.filter(|list| *list != "all") else { return Ok(Feed::ALL.to_vec()) };
        let named = list.split(',').map(|word| word.trim().parse()).collect::<Result<Vec<Feed>, _>>()?;
        Ok(Feed::ALL.into_iter().filter(|feed| named.contains(feed)).collect())
    }

    /// The position in [`Feed::ALL`], for tables with one entry a feed.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a feed; the feeds are backends, metrics, status, billing, health")]
pub struct UnknownFeed(pub String);

impl FromStr for Feed {
    type Err = UnknownFeed;

    fn from_str(text: &str) -> Result<Self, UnknownFeed> {
        Feed::ALL.into_iter().find(|feed| feed.name() == text).ok_or_else(|| UnknownFeed(text.to_owned()))
    }
}
