//! What is answered over plain HTTP beside control: to probes of life, and to whoever pushes backends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Feed;

/// The answer of `/livez`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveAnswer {
    /// Always true: whoever cannot answer does not.
    #[schemars(extend("const" = true))]
    pub live: bool,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyAnswer {
    /// Whether every feed has something to send and the server is not about to leave.
    pub ready: bool,
    /// The feeds that have nothing to send yet.
    pub waiting_for: Vec<Feed>,
    /// Whether the server is about to leave.
    pub stopping: bool,
}

/// The answer to a push of backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushAnswer {
    /// How many backends were taken.
    pub accepted: usize,
}
