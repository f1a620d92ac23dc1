//! The notice: what an order came to, in the last line, for a few seconds.

use std::time::Instant;

use crate::limits;

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// In words.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    until: Option<Instant>,
}

/// How a notice is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The answer is not there yet.
    Wait,
    /// It was done.
    Good,
    /// It was not done.
    Bad,
}

impl Notice {
    /// Something said now. What waits for an answer stands until it is there.
    pub fn new(tone: Tone, text: String, now: Instant) -> Self {
        let until = (tone != Tone::Wait).then(|| now + limits::NOTICE_TIME);
        Notice { text, tone, until }
    }

    /// Whether it still stands.
    pub fn stands(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
