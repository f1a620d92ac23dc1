//! From counters that begin again to a count that never goes back. Pure.
//!
//! The first reading of a source is where counting begins. Later a counter that went up has counted the difference; one
//! that went down was reset, and has counted what it shows; one that was not there before has counted what it shows since
//! the reading before; one that is gone is remembered for a while, because it may come back.

use std::collections::HashMap;

use super::Counter;
use crate::limits::{COUNTER_MEMORY_READINGS, REQUESTS_PER_READING_MAX};

/// What a source has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    last: HashMap<String, Last>,
    readings: u64,
}

/// What was last read of one counter.
#[derive(Debug, Default, Clone, Copy)]
struct Last {
    value: u64,
    aside: u64,
    /// What did not count after all, and was counted before that was known.
    owed: u64,
    /// The number of the reading it was in.
    reading: u64,
}

/// More than there can have been between two readings. Counting goes on from there, without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has counted {0} requests since the last reading, which cannot be; they are left out")]
pub(super) struct Absurd(u64);

impl Tally {
    /// Takes the counters of one reading. Gives how many requests there were since the one before.
    pub(super) fn fold(&mut self, counters: &[Counter]) -> Result<u64, Absurd> {
        let mut more: u64 = 0;
        let begun = self.readings > 0;
        self.readings += 1;
        for Counter { name, value, aside, ours } in counters {
            let last = match self.last.get_mut(name) {
                Some(last) => last,
                None => {
                    // The first reading is where counting begins.
                    let (value, aside) = if begun { (0, 0) } else { (*value, *aside) };
                    self.last.entry(name.clone()).or_insert(Last { value, aside, ..Last::default() })
                }
            };
            let begins_again = *value < last.value;
            if begins_again {
                *last = Last::default();
            }
            // What we asked a process that is gone went with it, but for what it has just answered.
            let ours = if begins_again { (*ours).min(1) } else { *ours };
            let (counted, less) = (value - last.value, last.owed.saturating_add(aside.saturating_sub(last.aside)));
            let owed = less.saturating_sub(counted);
            *last = Last { value: *value, aside: last.aside.max(*aside), owed, reading: self.readings };
            // Not all that we asked need have arrived.
            more = more.saturating_add(counted.saturating_sub(less).saturating_sub(ours));
        }
        // Names may hold anything, and come and go for ever.
        let (now, count) = (self.readings, counters.len());
        if self.last.len() > count {
            self.last.retain(|_, last| now - last.reading < COUNTER_MEMORY_READINGS);
        }
        if more > REQUESTS_PER_READING_MAX { Err(Absurd(more)) } else { Ok(more) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counters(values: &[(&str, u64)]) -> Vec<Counter> {
        values.iter().map(|(name, value)| Counter::new(*name, *value)).collect()
    }

    #[test]
    fn it_begins_with_the_first_reading_and_survives_resets() {
        let mut tally = Tally::default();
        for (values, more) in [
            (&[("a", 1_000)][..], 0),
            (&[("a", 1_010)], 10),
            (&[("a", 1_010), ("b", 5)], 5),
            (&[("a", 3), ("b", 6)], 3 + 1),
            (&[("b", 6)], 0),
            (&[("a", 7), ("b", 6)], 4),
            (&[("a", 2), ("b", 2)], 2 + 2),
        ] {
            assert_eq!(tally.fold(&counters(values)), Ok(more), "{values:?}");
        }
    }

    #[test]
    fn what_does_not_count_may_become_known_late_and_is_no_reset() {
        let mut tally = Tally::default();
        for ((value, aside), more) in [
            ((1_000, 100), 0),
            // Two more that are not known to be ours yet, and then are, with a third.
            ((1_002, 100), 2),
            ((1_003, 103), 0),
            ((1_010, 103), 5),
            ((1_011, 104), 0),
            // A restart.
            ((7, 2), 5),
            ((9, 2), 2),
        ] {
            let counter = Counter { aside, ..Counter::new("a", value) };
            assert_eq!(tally.fold(&[counter]), Ok(more), "{value} less {aside}");
        }
    }

    #[test]
    fn what_we_ask_ourselves_does_not_count() {
        let mut tally = Tally::default();
        for ((ours, value), more) in [
            ((1, 11), 0),
            ((1, 12), 0),
            ((1, 20), 7),
            // It hung, and has answered all of them now.
            ((4, 25), 1),
            // They have never arrived.
            ((4, 26), 0),
            // Restarted.
            ((3, 1), 0),
            ((1, 5), 3),
        ] {
            let counter = Counter { ours, ..Counter::new("a", value) };
            assert_eq!(tally.fold(&[counter]), Ok(more), "{value} with {ours}");
        }
    }

    #[test]
    fn more_than_can_be_is_left_out_and_counting_goes_on() {
        let mut tally = Tally::default();
        assert_eq!(tally.fold(&counters(&[("a", 5)])), Ok(0));
        assert_eq!(tally.fold(&counters(&[("a", u64::MAX), ("b", u64::MAX)])), Err(Absurd(u64::MAX)));
        assert_eq!(tally.fold(&counters(&[("a", u64::MAX), ("b", 7)])), Ok(7));
    }

    #[test]
    fn a_name_that_is_gone_for_long_is_forgotten() {
        let mut tally = Tally::default();
        for reading in 0..10 * COUNTER_MEMORY_READINGS {
            let name = format!("pod-{reading}");
            tally.fold(&counters(&[("a", 1), (&name, 1)])).expect("few");
        }
        assert!(tally.last.len() as u64 <= COUNTER_MEMORY_READINGS + 1, "{}", tally.last.len());
    }

    proptest! {
        /// Whatever is restarted when: nothing is invented, and nothing is lost but for what a restart swallowed.
        #[test]
        fn what_was_seen_is_counted_once(steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..100)) {
            let mut tally = Tally::default();
            let (mut shown, mut truth, mut counted) = (7, 0, 0);
            prop_assert_eq!(tally.fold(&counters(&[("a", shown)])), Ok(0));
            let restarts = steps.iter().filter(|(_, restarted)| *restarted).count();
            for (requests, restarted) in steps {
                shown = if restarted { requests } else { shown + requests };
                truth += requests;
                let more = tally.fold(&counters(&[("a", shown)])).expect("few");
                prop_assert!(more <= requests);
                counted += more;
            }
            prop_assert!(restarts > 0 || counted == truth);
        }
    }
}
