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
    last: HashMap<String, u64>,
    begun: bool,
}

impl Tally {
    /// Takes the counters of one reading. Gives how many requests there were since the one before.
    pub(super) fn fold(&mut self, counters: &[Counter]) -> u64 {
        let mut more: u64 = 0;
        for Counter { name, value } in counters {
            let before = match self.last.get_mut(name) {
                Some(last) => std::mem::replace(last, *value),
                None => {
                    self.last.insert(name.clone(), *value);
                    if self.begun { 0 } else { *value }
                }
            };
            more = more.saturating_add(if *value >= before { value - before } else { *value });
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
        values.iter().map(|(name, value)| Counter { name: (*name).to_owned(), value: *value }).collect()
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
