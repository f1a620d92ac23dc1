//! A line of the log, and how it is tied to the one before.

use std::fmt::Write;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::limits::AUDIT_TEXT_CHARS_MAX;
use crate::protocol::Timestamp;

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// When it was done.
    pub time: Timestamp,
    /// Who: the name of their rights, never a token. `server` for what it did by itself.
    pub who: String,
    /// How far they are trusted, where they presented a token.
    pub role: Option<&'static str>,
    /// Their address, as far as anybody trusted knows it.
    pub from: Option<IpAddr>,
    /// What: a word of the control API, `force-update`, `push`, or one of the server's own: `start`, `stop`, `torn`, `lost`.
    pub action: String,
    /// To what.
    pub arguments: Value,
    /// Why, in their words.
    pub reason: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not done, in words.
    pub error: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done.
    Refused,
}

/// The action of a line that says that the one before was not finished.
pub(super) const TORN: &str = "torn";

/// The hash before the first line.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Record {
    /// Something the server did by itself.
    pub fn of_server(action: &str, arguments: Value) -> Record {
        Record {
            time: Timestamp::now(),
            who: "server".to_owned(),
            role: None,
            from: None,
            action: action.to_owned(),
            arguments,
            reason: None,
            outcome: Outcome::Done,
            error: None,
        }
    }

    /// The same with every text in it no longer than [`AUDIT_TEXT_CHARS_MAX`]: a line has to stay one that is read again.
    pub(super) fn cut(mut self) -> Record {
        let texts = [Some(&mut self.who), Some(&mut self.action), self.reason.as_mut(), self.error.as_mut()];
        texts.into_iter().flatten().for_each(cut);
        cut_inside(&mut self.arguments);
        self
    }

    /// Says that there are no lines for so many acts.
    pub(super) fn lost(acts: u64) -> Record {
        Record::of_server("lost", json!({ "acts": acts }))
    }

    /// Says that the line before was not finished, and which was the last that was.
    pub(super) fn torn(bytes: usize, after: &str) -> Record {
        Record::of_server(TORN, json!({ "bytes": bytes, "after": after }))
    }
}

/// The end of a chain: what the next line continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The number of the last line.
    pub(super) seq: u64,
    /// Its hash.
    pub(super) hash: String,
}

impl Link {
    /// Before the first line.
    pub(super) fn genesis() -> Link {
        Link { seq: 0, hash: GENESIS.to_owned() }
    }

    /// Appends the next line, with its end.
    pub(super) fn write(&mut self, record: &Record, out: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct Numbered<'r> {
            seq: u64,
            #[serde(flatten)]
            record: &'r Record,
            prev: &'r str,
        }
        let numbered = Numbered { seq: self.seq + 1, record, prev: &self.hash };
        let line = serde_json::to_vec(&numbered).expect("a record has string keys and no failing serialiser");
        *self = Link { seq: self.seq + 1, hash: hash(&line) };
        out.extend_from_slice(&line);
        out.push(b'\n');
    }
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(AUDIT_TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}

fn cut_inside(value: &mut Value) {
    match value {
        Value::String(text) => cut(text),
        Value::Array(values) => values.iter_mut().for_each(cut_inside),
        Value::Object(values) => values.values_mut().for_each(cut_inside),
        _ => {}
    }
}

/// What has to be read of a line to follow the chain.
#[derive(Debug, Deserialize)]
pub(super) struct Read {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) action: String,
    #[serde(default)]
    pub(super) arguments: Value,
    pub(super) prev: String,
}

/// SHA-256 of a line without its end, in hexadecimal.
pub(super) fn hash(line: &[u8]) -> String {
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes every letter");
        hex
    })
}
