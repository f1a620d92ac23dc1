//! The link of one feed: whether there is a connection, since when, and how old what it brought is.

use std::time::{Duration, Instant};

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
    /// The connection is there, and nothing was heard for too long.
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
    silent: bool,
    trouble: Option<String>,
}

impl Link {
    /// The first try begins.
    pub fn new(now: Instant) -> Self {
        Link { state: State::Connecting, since: now, heard: None, silent: false, trouble: None }
    }

    /// A connection was made.
    pub fn opened(&mut self, now: Instant) {
        (self.state, self.since, self.trouble) = (State::Connected, now, None);
        self.silent = false;
    }

    /// A message came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.silent = false;
    }

    /// Nothing came for too long.
    pub fn fell_silent(&mut self) {
        self.silent = true;
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
    pub fn news(&self, now: Instant) -> News {
        let age = |since| now.saturating_duration_since(since);
        match (self.state, self.heard) {
            (State::Connected, heard) if self.silent => News::Stale(age(heard.unwrap_or(self.since))),
            (State::Connected, Some(heard)) => News::Fresh(age(heard)),
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
    fn news_are_stale_until_something_is_heard_and_old_without_a_connection() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let age = Duration::from_secs;
        let mut link = Link::new(start);
        link.opened(start);
        assert_eq!(link.news(at(5)), News::None);
        link.fell_silent();
        assert_eq!(link.news(at(7)), News::Stale(age(7)));
        link.heard(at(8));
        assert_eq!(link.news(at(9)), News::Fresh(age(1)));
        link.fell_silent();
        assert_eq!(link.news(at(15)), News::Stale(age(7)));
        link.lost("gone".to_owned(), at(16));
        assert_eq!(link.news(at(18)), News::Old(age(10)));
        link.opened(at(20));
        assert_eq!(link.news(at(21)), News::Fresh(age(13)));
    }
}
