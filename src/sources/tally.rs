//! From counters that begin again to a count that never goes back. Pure.
//!
//! The first reading of a source is where counting begins. Later a counter that went up has counted the difference; one
//! that went down was reset, and has counted what it shows; one that was not there before has counted what it shows since
//! the reading before, where the source says so; one that is gone is remembered for a day, because it may come back.

use std::collections::HashMap;

use tokio::time::Instant;

use super::Counter;
use crate::limits::{COUNTER_MEMORY, COUNTERS_REMEMBERED_MAX, REQUESTS_PER_READING_MAX};

/// What a source has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    last: HashMap<String, Last>,
    begun: bool,
}

/// What was last read of one counter.
#[derive(Debug, Clone, Copy)]
struct Last {
    value: u64,
    aside: u64,
    ours: u64,
    /// What did not count after all, and was counted before that was known.
    owed: u64,
    /// When that was.
    read: Instant,
}

/// More than there can have been between two readings. Counting goes on from there, without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has counted {0} requests since the last reading, which cannot be; they are left out")]
pub(super) struct Absurd(u64);

impl Tally {
    /// Takes the counters of one reading. Gives how many requests there were since the one before. `from_zero`: whether a
    /// counter that was not there then has begun since.
    pub(super) fn fold(&mut self, counters: &[Counter], from_zero: bool, now: Instant) -> Result<u64, Absurd> {
        let mut more: u64 = 0;
        // The first reading is where counting begins.
        let from_zero = self.begun && from_zero;
        self.begun = true;
        for Counter { name, value, aside, ours } in counters {
            let last = match self.last.get_mut(name) {
                Some(last) => last,
                None => {
                    let (value, aside, ours) = if from_zero { (0, 0, 0) } else { (*value, *aside, *ours) };
                    self.last.entry(name.clone()).or_insert(Last { value, aside, ours, owed: 0, read: now })
                }
            };
            let begins_again = *value < last.value;
            if begins_again {
                *last = Last { value: 0, aside: 0, ours: last.ours, owed: 0, read: now };
            }
            let asked = ours.saturating_sub(last.ours);
            // What we asked a process that is gone went with it, but for what it has just answered.
            let asked = if begins_again { asked.min(1) } else { asked };
            let (counted, less) = (value - last.value, last.owed.saturating_add(aside.saturating_sub(last.aside)));
            let owed = less.saturating_sub(counted);
            *last = Last { value: *value, aside: last.aside.max(*aside), ours: *ours, owed, read: now };
            // Not all that we asked need have arrived.
            more = more.saturating_add(counted.saturating_sub(less).saturating_sub(asked));
        }
        self.forget(now);
        if more > REQUESTS_PER_READING_MAX { Err(Absurd(more)) } else { Ok(more) }
    }

    /// Forgets counters that are gone for long, or that are too many: names may hold anything, and come and go for ever.
    fn forget(&mut self, now: Instant) {
        if self.last.len() > COUNTERS_REMEMBERED_MAX {
            self.last.retain(|_, last| last.read == now);
        } else if self.last.values().any(|last| now.duration_since(last.read) >= COUNTER_MEMORY) {
            self.last.retain(|_, last| now.duration_since(last.read) < COUNTER_MEMORY);
        }
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
            assert_eq!(tally.fold(&counters(values), true, Instant::now()), Ok(more), "{values:?}");
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
            assert_eq!(tally.fold(&[counter], true, Instant::now()), Ok(more), "{value} less {aside}");
        }
    }

    #[test]
    fn what_we_ask_ourselves_does_not_count() {
        let mut tally = Tally::default();
        for ((ours, value), more) in [
            ((1, 11), 0),
            ((2, 12), 0),
            ((3, 20), 7),
            // It hung, and has answered all of them now.
            ((7, 25), 1),
            // They have never arrived.
            ((11, 26), 0),
            // Restarted.
            ((14, 1), 0),
            ((15, 5), 3),
            // A reading in between was no answer any more.
            ((17, 9), 2),
        ] {
            let counter = Counter { ours, ..Counter::new("a", value) };
            assert_eq!(tally.fold(&[counter], true, Instant::now()), Ok(more), "{value} with {ours}");
        }
    }

    #[test]
    fn more_than_can_be_is_left_out_and_counting_goes_on() {
        let mut tally = Tally::default();
        assert_eq!(tally.fold(&counters(&[("a", 5)]), true, Instant::now()), Ok(0));
        assert_eq!(
            tally.fold(&counters(&[("a", u64::MAX), ("b", u64::MAX)]), true, Instant::now()),
            Err(Absurd(u64::MAX))
        );
        assert_eq!(tally.fold(&counters(&[("a", u64::MAX), ("b", 7)]), true, Instant::now()), Ok(7));
    }

    #[test]
    fn where_a_source_may_leave_one_out_a_new_one_counts_from_where_it_stands() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        for (values, more) in [(&[("a", 5)][..], 0), (&[("a", 6), ("b", 5_000)], 1), (&[("b", 5_002)], 2)] {
            assert_eq!(tally.fold(&counters(values), false, now), Ok(more), "{values:?}");
        }
    }

    #[test]
    fn a_name_that_is_gone_for_long_is_forgotten_and_so_are_too_many() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        for step in 0..100_u32 {
            let name = format!("pod-{step}");
            tally.fold(&counters(&[("a", 1), (&name, 1)]), true, now + COUNTER_MEMORY / 10 * step).expect("few");
        }
        assert!(tally.last.len() <= 12, "{}", tally.last.len());
        let names: Vec<String> = (0..=COUNTERS_REMEMBERED_MAX).map(|index| index.to_string()).collect();
        let many: Vec<Counter> = names.iter().map(|name| Counter::new(name, 1)).collect();
        tally.fold(&many, true, now + COUNTER_MEMORY * 11).expect("few");
        assert_eq!(tally.last.len(), many.len(), "those that are there stay");
    }

    proptest! {
        /// Whatever is restarted when: nothing is invented, and nothing is lost but for what a restart swallowed.
        #[test]
        fn what_was_seen_is_counted_once(steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..100)) {
            let mut tally = Tally::default();
            let (mut shown, mut truth, mut counted) = (7, 0, 0);
            prop_assert_eq!(tally.fold(&counters(&[("a", shown)]), true, Instant::now()), Ok(0));
            let restarts = steps.iter().filter(|(_, restarted)| *restarted).count();
            for (requests, restarted) in steps {
                shown = if restarted { requests } else { shown + requests };
                truth += requests;
                let more = tally.fold(&counters(&[("a", shown)]), true, Instant::now()).expect("few");
                prop_assert!(more <= requests);
                counted += more;
            }
            prop_assert!(restarts > 0 || counted == truth);
        }
    }
}
