//! Staleness: when a connection that looks open has brought nothing for too long. Pure: the clock comes in as an argument.
//!
//! A feed that talks every two seconds and is silent for six is worth a word long before a missed ping tells. It is told
//! once a silence.

use std::time::Duration;

use tokio::time::Instant;

/// How long a silence may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Patience {
    /// So many cadences of the feed. What has no cadence is never stale.
    Cadences(f64),
    /// This long, whatever the cadence.
    Span(Duration),
}

/// What a session does about a silence, beside telling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStale {
    /// Nothing.
    Carry,
    /// It gives the connection up and makes another.
    Reconnect,
}

/// The silence of one connection.
#[derive(Debug, Clone)]
pub struct Staleness {
    after: Option<Duration>,
    last: Instant,
    due: Option<Instant>,
}

impl Patience {
    /// The silence that is too long for a stream of this cadence.
    pub fn span(self, cadence: Option<Duration>) -> Option<Duration> {
        match self {
            Patience::Cadences(times) => cadence.map(|cadence| cadence.mul_f64(times)),
            Patience::Span(span) => Some(span),
        }
    }
}

impl Staleness {
    /// Of a connection that opened at `now`.
    pub fn new(after: Option<Duration>, now: Instant) -> Self {
        Staleness { after, last: now, due: after.map(|after| now + after) }
    }

    /// When to call [`Staleness::tell`].
    pub fn due_at(&self) -> Instant {
        // A day that never comes: the loop that asks ends or asks again long before.
        self.due.unwrap_or_else(|| self.last + Duration::from_secs(366 * 86_400))
    }

    /// A message arrived.
    pub fn heard(&mut self, now: Instant) {
        self.last = now;
        self.due = self.after.map(|after| now + after);
    }

    /// How long it has been silent. Not told again before the next message.
    pub fn tell(&mut self, now: Instant) -> Duration {
        self.due = None;
        now - self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_ended_by_a_message() {
        let cadence = Some(Duration::from_secs(2));
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut stale = Staleness::new(Patience::Cadences(3.0).span(cadence), start);
        assert_eq!(stale.due_at(), at(6));
        stale.heard(at(5));
        assert_eq!(stale.due_at(), at(11));
        assert_eq!(stale.tell(at(11)), Duration::from_secs(6));
        assert!(stale.due_at() > at(1_000_000));
        stale.heard(at(20));
        assert_eq!(stale.due_at(), at(26));
    }

    #[test]
    fn patience_in_cadences_needs_a_cadence() {
        assert_eq!(Patience::Cadences(1.5).span(Some(Duration::from_secs(10))), Some(Duration::from_secs(15)));
        assert_eq!(Patience::Cadences(3.0).span(None), None);
        assert_eq!(Patience::Span(Duration::from_secs(7)).span(None), Some(Duration::from_secs(7)));
    }
}
