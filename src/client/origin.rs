//! The origin of a stream, in the words in which it is told: to people, to programs and to recordings.

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use crate::protocol::Feed;

/// Where a stream comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The feed, none for a URL that is none.
    pub feed: Option<Feed>,
    /// `host:port`.
    pub server: String,
    /// The URL without its query, which may hold a secret.
    pub url: String,
}

impl From<&Endpoint> for Origin {
    fn from(endpoint: &Endpoint) -> Origin {
        Origin { feed: endpoint.feed, server: endpoint.address(), url: endpoint.shown() }
    }
}
