//! From counters that begin again to a count that never goes back. Pure.
//!
//! The first reading of a source is where counting begins. Later a counter that went up has counted the difference; one
//! that went down was reset, and has counted what it shows; one that was not there before has counted what it shows since
//! the reading before; one that is gone is remembered, because it may come back.

use std::collections::HashMap;

use super::Counter;

/// What a source has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    last: HashMap<String, Last>,
    begun: bool,
}

/// What was last read of one counter.
#[derive(Debug, Default, Clone, Copy)]
struct Last {
    value: u64,
    aside: u64,
    /// What did not count after all, and was counted before that was known.
    owed: u64,
}

impl Tally {
    /// Takes the counters of one reading. Gives how many requests there were since the one before.
    pub(super) fn fold(&mut self, counters: &[Counter]) -> u64 {
        let mut more: u64 = 0;
        for Counter { name, value, aside } in counters {
            let last = match self.last.get_mut(name) {
                Some(last) => last,
                None => {
                    // The first reading is where counting begins.
                    let (value, aside) = if self.begun { (0, 0) } else { (*value, *aside) };
                    self.last.entry(name.clone()).or_insert(Last { value, aside, owed: 0 })
                }
            };
            if *value < last.value {
                *last = Last::default();
            }
            let (counted, less) = (value - last.value, last.owed.saturating_add(aside.saturating_sub(last.aside)));
            *last = Last { value: *value, aside: last.aside.max(*aside), owed: less.saturating_sub(counted) };
            more = more.saturating_add(counted.saturating_sub(less));
        }
        self.begun = true;
        more
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
            assert_eq!(tally.fold(&counters(values)), more, "{values:?}");
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
            assert_eq!(tally.fold(&[counter]), more, "{value} less {aside}");
        }
    }

    proptest! {
        /// Whatever is restarted when: nothing is invented, and nothing is lost but for what a restart swallowed.
        #[test]
        fn what_was_seen_is_counted_once(steps in prop::collection::vec((0_u64..50, any::<bool>()), 1..100)) {
            let mut tally = Tally::default();
            let (mut shown, mut truth, mut counted) = (7, 0, 0);
            tally.fold(&counters(&[("a", shown)]));
            let restarts = steps.iter().filter(|(_, restarted)| *restarted).count();
            for (requests, restarted) in steps {
                shown = if restarted { requests } else { shown + requests };
                truth += requests;
                let more = tally.fold(&counters(&[("a", shown)]));
                prop_assert!(more <= requests);
                counted += more;
            }
            prop_assert!(restarts > 0 || counted == truth);
        }
    }
}
