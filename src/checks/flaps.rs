//! Flap damping: a target that cannot make up its mind is held in between until it is quiet. Pure: time goes in.
//!
//! A flip is a change between passing and failing, after `rise` and `fall`. More than [`FLIPS_MAX`] of them within
//! [`FLAP_WINDOW`] and the target counts as flapping, from that flip on, until [`FLAP_QUIET`] has passed without another.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::{FLAP_QUIET, FLAP_WINDOW, FLIPS_MAX};
use crate::net::fault::in_words;

/// The last flips of one target.
#[derive(Debug, Default)]
pub(super) struct Flaps {
    /// When they were, oldest first; no more than decide.
    flips: VecDeque<Duration>,
    flapping: bool,
}

impl Flaps {
    /// Notes a flip.
    pub(super) fn note(&mut self, clock: Duration) {
        self.flips.push_back(clock);
        while self.flips.len() > FLIPS_MAX + 1 {
            self.flips.pop_front();
        }
        let oldest = self.flips.front().copied().unwrap_or(clock);
        if self.flips.len() > FLIPS_MAX && clock.saturating_sub(oldest) <= FLAP_WINDOW {
            self.flapping = true;
        }
    }

    /// Whether the target is to be held.
    pub(super) fn flapping(&mut self, clock: Duration) -> bool {
        let quiet = self.flips.back().is_none_or(|last| clock.saturating_sub(*last) >= FLAP_QUIET);
        if self.flapping && quiet {
            // What was is told and over: the next flips begin a new count.
            self.flapping = false;
            self.flips.clear();
        }
        self.flapping
    }

    /// Why it is held, in words.
    pub(super) fn words() -> String {
        format!("flapping: more than {FLIPS_MAX} changes within {}", in_words(FLAP_WINDOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(flips: usize, apart: Duration) -> (Flaps, Duration) {
        let mut flaps = Flaps::default();
        let last = apart * u32::try_from(flips - 1).expect("few");
        for flip in 0..flips {
            flaps.note(apart * u32::try_from(flip).expect("few"));
        }
        (flaps, last)
    }

    #[test]
    fn both_sides_of_the_number_and_of_the_window() {
        let apart = FLAP_WINDOW / u32::try_from(FLIPS_MAX).expect("few");
        let (mut at_the_limit, last) = after(FLIPS_MAX, SECOND);
        assert!(!at_the_limit.flapping(last));
        let (mut past_it, last) = after(FLIPS_MAX + 1, SECOND);
        assert!(past_it.flapping(last));
        let (mut in_time, last) = after(FLIPS_MAX + 1, apart);
        assert!(in_time.flapping(last));
        let (mut too_slow, last) = after(FLIPS_MAX * 3, apart + SECOND);
        assert!(!too_slow.flapping(last));
    }

    #[test]
    fn quiet_ends_it_and_the_count_begins_anew() {
        let (mut flaps, last) = after(FLIPS_MAX * 2, SECOND);
        let almost = last + FLAP_QUIET - SECOND;
        assert!(flaps.flapping(almost));
        flaps.note(almost);
        assert!(flaps.flapping(almost + FLAP_QUIET - SECOND), "a flip makes it last");
        assert!(!flaps.flapping(almost + FLAP_QUIET));
        flaps.note(almost + FLAP_QUIET + SECOND);
        assert!(!flaps.flapping(almost + FLAP_QUIET + SECOND));
    }
}
