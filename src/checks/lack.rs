//! Can we ask at all? One piece of news for all the checks that this machine has nothing to ask with. Pure: results and time
//! go in.
//!
//! It begins with the first check that could not be asked, and ends with the first that could after [`LACK_QUIET`] without
//! another that could not. Of a lack that comes and goes it is told once.

use std::time::Duration;

use super::outcome::{Found, Outcome};
use crate::limits::LACK_QUIET;

/// What is known of the lack.
#[derive(Debug, Default)]
pub(super) struct Lack {
    /// When a check could last not be asked; none: that is over.
    last: Option<Duration>,
}

/// What follows from a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Checks cannot be asked any more, and this is why.
    Begun(String),
    /// They can again.
    Ended,
}

impl Lack {
    /// Takes what a check found.
    pub(super) fn fold(&mut self, found: &Found, clock: Duration) -> Option<News> {
        if let Ok(Outcome::Unasked(why)) = found {
            let begins = self.last.replace(clock).is_none();
            return begins.then(|| News::Begun(why.clone()));
        }
        self.last.take_if(|last| clock.saturating_sub(*last) >= LACK_QUIET).map(|_| News::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_that_it_begins_and_that_it_has_ended() {
        let unasked = Ok(Outcome::Unasked("could not ask: too many open files".to_owned()));
        let (asked, short) = (Ok(Outcome::Good), Duration::from_millis(1));
        let mut lack = Lack::default();
        assert_eq!(lack.fold(&asked, short), None);
        let begun = News::Begun("could not ask: too many open files".to_owned());
        assert_eq!(lack.fold(&unasked, short), Some(begun));
        assert_eq!(lack.fold(&unasked, short * 2), None);
        for at in [short * 3, LACK_QUIET + short] {
            assert_eq!(lack.fold(&asked, at), None, "too early to tell");
        }
        assert_eq!(lack.fold(&Err("connection refused".to_owned()), LACK_QUIET + short * 2), Some(News::Ended));
        assert_eq!(lack.fold(&asked, LACK_QUIET * 2), None);
        assert!(lack.fold(&unasked, LACK_QUIET * 2).is_some(), "it may begin again");
    }
}
