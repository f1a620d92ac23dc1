//! Records: what `watch --json` writes, one JSON object a line. Keys are only ever added; `schema` lists
//! them all.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::summary::Summary;
use crate::protocol::{EventId, Feed, Timestamp};

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct Record<'a> {
    /// What happened.
    #[serde(flatten)]
    pub what: Happening<'a>,
    /// The feed, null for a URL that is none, and for what concerns them all.
    pub feed: Option<Feed>,
    /// `host:port` of the server; null for what concerns them all.
    pub server: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happening<'a> {
    /// A connection was made.
    Open {
        /// The URL, without its query.
        url: &'a str,
        /// The address that answered.
        peer: String,
        /// How long each phase took, in milliseconds; null where it was not needed.
        phases_ms: PhasesMs,
    },
    /// A message.
    Message {
        /// The server's document, untouched.
        payload: &'a RawValue,
    },
    /// What was selected of a message, in place of it.
    Values {
        /// The values.
        values: &'a [Value],
    },
    /// What changed with a message, in place of it.
    Changes {
        /// The leaves that changed; there is one at least.
        changes: Vec<Leaf<'a>>,
    },
    /// Something that is no message.
    Invalid {
        /// What is wrong with it.
        problem: &'a str,
        /// It, if it was text.
        text: Option<&'a str>,
    },
    /// Messages that were never seen.
    Gap {
        /// How many.
        missed: u64,
        /// The last before.
        after: EventId,
        /// The first behind.
        before: EventId,
    },
    /// Nothing was heard of the feed.
    Stale {
        /// For how long.
        silent_ms: u64,
    },
    /// The connection was lost.
    Lost {
        /// One word or code: `1006`, `silent`.
        cause: String,
        /// In words.
        reason: String,
        /// How long it lived.
        after_ms: u64,
    },
    /// It waits, then tries again.
    Retry {
        /// Which try in a row, from 1.
        attempt: u32,
        /// Of how many; null: for ever.
        of: Option<u32>,
        /// How long it waits.
        delay_ms: u64,
        /// Why, in one word or code.
        cause: String,
        /// Why, in words.
        reason: String,
    },
    /// What was waited for holds.
    Until {
        /// What that is.
        expression: String,
        /// For how long it has held.
        held_ms: u64,
    },
    /// What must not hold does.
    Fail {
        /// What that is.
        expression: String,
    },
    /// A stream, or the command, has failed.
    Error {
        /// Why, in words.
        reason: String,
        /// The exit code this failure stands for.
        exit: u8,
    },
    /// The end.
    Summary {
        /// What it came to.
        #[serde(flatten)]
        summary: &'a Summary,
        /// The exit code.
        exit: u8,
    },
}

/// A leaf of a document that changed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Leaf<'a> {
    /// Where it stands.
    pub path: &'a str,
    /// What stood there before, null if nothing did.
    pub old: &'a Value,
    /// What stands there now, null if nothing does.
    pub new: &'a Value,
}

/// How long each phase took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PhasesMs {
    /// Name lookup.
    pub dns: Option<f64>,
    /// TCP.
    pub tcp: Option<f64>,
    /// TLS.
    pub tls: Option<f64>,
    /// The WebSocket handshake.
    pub upgrade: Option<f64>,
}

impl Record<'_> {
    /// The line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("records have text keys and finite numbers")
    }
}

/// A span in milliseconds, to the microsecond.
pub fn milliseconds(span: std::time::Duration) -> f64 {
    span.as_micros() as f64 / 1_000.0
}
