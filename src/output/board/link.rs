//! The link of one feed: whether there is a connection, since when, and how old what it brought is.

use std::time::{Duration, Instant};

use crate::limits;
use crate::protocol::Feed;

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The first try is under way.
    Connecting,
    /// There is one.
    Connected,
    /// There was one, or the first try failed; the next try is made at `due`.
    Reconnecting {
        /// Which try in a row, from 1.
        attempt: u32,
        /// Of how many. None: for ever.
        of: Option<u32>,
        /// When it is made.
        due: Instant,
    },
    /// Given up.
    Lost,
}

/// How old the news of a feed are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// There have never been any.
    None,
    /// Heard this long ago, over a connection that is there.
    Fresh(Duration),
    /// The connection is there, and nothing was heard for three cadences.
    Stale(Duration),
    /// The connection is gone; the last was heard this long ago.
    Old(Duration),
}

/// The link of one feed.
#[derive(Debug, Clone)]
pub struct Link {
    state: State,
    since: Instant,
    heard: Option<Instant>,
    trouble: Option<String>,
}

impl Link {
    /// The first try begins.
    pub fn new(now: Instant) -> Self {
        Link { state: State::Connecting, since: now, heard: None, trouble: None }
    }

    /// A connection was made.
    pub fn opened(&mut self, now: Instant) {
        (self.state, self.since, self.trouble) = (State::Connected, now, None);
    }

    /// A message came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// There is no connection, for this reason, and another try will be made.
    pub fn retrying(&mut self, attempt: u32, of: Option<u32>, due: Instant, why: String, now: Instant) {
        // The age is that of the trouble, not that of the newest try.
        if !matches!(self.state, State::Reconnecting { .. }) {
            self.since = now;
        }
        (self.state, self.trouble) = (State::Reconnecting { attempt, of, due }, Some(why));
    }

    /// There is no connection, for this reason, and nobody tries any more.
    pub fn lost(&mut self, why: String, now: Instant) {
        (self.state, self.since, self.trouble) = (State::Lost, now, Some(why));
    }

    /// Somebody asked to try again after all.
    pub fn connecting(&mut self, now: Instant) {
        (self.state, self.since) = (State::Connecting, now);
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.state
    }

    /// For how long it has been in this state; of a reconnecting link, for how long it has been without a connection.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Why there is no connection.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How old its news are.
    pub fn news(&self, feed: Feed, now: Instant) -> News {
        let age = |heard| now.saturating_duration_since(heard);
        match (self.state, self.heard) {
            (State::Connected, heard) => {
                // A connection has as long as a message to bring its first one.
                let silence = age(heard.map_or(self.since, |heard| heard.max(self.since)));
                match heard {
                    Some(heard) if silence > feed.cadence() * limits::STALE_AFTER_CADENCES => News::Stale(age(heard)),
                    Some(heard) => News::Fresh(age(heard)),
                    None => News::None,
                }
            }
            (_, Some(heard)) => News::Old(age(heard)),
            (_, None) => News::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_trouble_does_not_start_anew_with_each_try() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut link = Link::new(start);
        assert_eq!(link.age(at(1)), Duration::from_secs(1));
        link.opened(at(2));
        link.retrying(1, Some(5), at(11), "refused".to_owned(), at(10));
        link.retrying(2, Some(5), at(13), "refused".to_owned(), at(11));
        assert_eq!((link.age(at(12)), link.trouble()), (Duration::from_secs(2), Some("refused")));
        link.opened(at(13));
        assert_eq!((link.state(), link.trouble()), (State::Connected, None));
    }

    #[test]
    fn news_are_stale_just_past_three_cadences_and_old_without_a_connection() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let age = Duration::from_millis;
        let mut link = Link::new(start);
        link.opened(start);
        assert_eq!(link.news(Feed::Metrics, at(7_000)), News::None);
        link.heard(start);
        assert_eq!(link.news(Feed::Metrics, at(6_000)), News::Fresh(age(6_000)));
        assert_eq!(link.news(Feed::Metrics, at(6_001)), News::Stale(age(6_001)));
        assert_eq!(link.news(Feed::Billing, at(90_000)), News::Fresh(age(90_000)));
        link.lost("gone".to_owned(), at(7_000));
        assert_eq!(link.news(Feed::Metrics, at(8_000)), News::Old(age(8_000)));
        link.opened(at(20_000));
        assert_eq!(link.news(Feed::Metrics, at(21_000)), News::Fresh(age(21_000)));
    }
}
