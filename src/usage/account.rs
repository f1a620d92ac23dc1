//! The account: how many requests every run counted in every period, as far as this process knows. Pure.
//!
//! It is a grow-only counter. Each entry is the *absolute* quantity one run counted in one period, two entries of the
//! same run and period merge by taking the larger, and the usage of a period is the sum over its runs. Whatever is
//! written twice, retried after an answer that got lost, or read back, counts once.

use std::collections::{BTreeMap, BTreeSet};

/// How much one run counted in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) period: String,
    pub(super) run: String,
    pub(super) requests: u64,
}

/// What is known of one entry.
#[derive(Debug, Default)]
struct Quantity {
    requests: u64,
    /// How much of it the ledger is known to hold.
    booked: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Account {
    /// The run that this process is.
    run: String,
    /// How many requests of the counter stand in an entry.
    posted: u64,
    quantities: BTreeMap<(String, String), Quantity>,
    /// The periods whose entries of other runs have been read.
    read: BTreeSet<String>,
    /// The periods of which something was left out, and whether the ledger is known to say so.
    gaps: BTreeMap<String, bool>,
}

impl Account {
    pub(super) fn new(run: String) -> Account {
        Account { run, posted: 0, quantities: BTreeMap::new(), read: BTreeSet::new(), gaps: BTreeMap::new() }
    }

    /// Posts what was counted since the last call to `period`. A clock set back posts to the earlier month from then
    /// on; nothing posted ever moves.
    pub(super) fn post(&mut self, counted: u64, period: &str) {
        let new = counted.saturating_sub(self.posted);
        if new > 0 {
            self.posted = counted;
            self.quantities.entry((period.to_owned(), self.run.clone())).or_default().requests += new;
        }
    }

    /// The requests of `period` over all runs.
    pub(super) fn requests(&self, period: &str) -> u64 {
        let of_period = self.quantities.iter().filter(|((of, _), _)| of == period);
        of_period.fold(0, |sum, (_, quantity)| sum.saturating_add(quantity.requests))
    }

    /// Whether the entries of other runs in `period` have been read.
    pub(super) fn has_read(&self, period: &str) -> bool {
        self.read.contains(period)
    }

    /// Remembers that something of `period` was left out.
    pub(super) fn leave_gap(&mut self, period: &str) {
        self.gaps.entry(period.to_owned()).or_default();
    }

    /// Whether something of `period` was left out.
    pub(super) fn has_gap(&self, period: &str) -> bool {
        self.gaps.contains_key(period)
    }

    /// The periods with a gap that the ledger is not known to hold.
    pub(super) fn unbooked_gaps(&self) -> Vec<String> {
        self.gaps.iter().filter(|(_, booked)| !**booked).map(|(period, _)| period.clone()).collect()
    }

    /// What the ledger is not known to hold.
    pub(super) fn unbooked(&self) -> Vec<Entry> {
        self.quantities
            .iter()
            .filter(|(_, quantity)| quantity.booked < quantity.requests)
            .map(|((period, run), quantity)| Entry {
                period: period.clone(),
                run: run.clone(),
                requests: quantity.requests,
            })
            .collect()
    }

    /// Remembers that the ledger holds `entries` and `gaps` for good.
    pub(super) fn booked(&mut self, entries: &[Entry], gaps: &[String]) {
        self.gaps.extend(gaps.iter().map(|period| (period.clone(), true)));
        for entry in entries {
            let quantity = self.quantities.entry((entry.period.clone(), entry.run.clone())).or_default();
            quantity.requests = quantity.requests.max(entry.requests);
            quantity.booked = quantity.booked.max(entry.requests);
        }
    }

    /// Takes in every entry the ledger holds for `period`, and whether there is a gap in it.
    pub(super) fn learn(&mut self, period: &str, entries: &[Entry], gap: bool) {
        self.booked(entries, gap.then(|| period.to_owned()).as_slice());
        self.read.insert(period.to_owned());
    }

    /// Forgets what the ledger holds, because it may be another one from now on: all that is known is booked again.
    pub(super) fn doubt(&mut self) {
        self.read.clear();
        for quantity in self.quantities.values_mut() {
            quantity.booked = 0;
        }
        self.gaps.values_mut().for_each(|booked| *booked = false);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(period: &str, run: &str, requests: u64) -> Entry {
        Entry { period: period.to_owned(), run: run.to_owned(), requests }
    }

    #[test]
    fn a_clock_that_jumps_moves_nothing_and_counts_everything_once() {
        let mut account = Account::new("us".to_owned());
        for (counted, period) in [(5, "11"), (8, "12"), (9, "11"), (9, "12"), (20, "12")] {
            account.post(counted, period);
        }
        assert_eq!((account.requests("11"), account.requests("12")), (6, 14));
    }

    #[test]
    fn booking_twice_or_reading_back_counts_once() {
        let mut account = Account::new("us".to_owned());
        account.post(5, "11");
        let first = account.unbooked();
        assert_eq!(first, [entry("11", "us", 5)]);
        account.post(7, "11");
        account.booked(&first, &[]);
        assert_eq!(account.unbooked(), [entry("11", "us", 7)], "counted while the first was being written");
        account.learn("11", &[entry("11", "us", 5), entry("11", "them", 100)], false);
        account.learn("11", &[entry("11", "us", 7), entry("11", "them", 100)], false);
        assert_eq!(account.requests("11"), 107);
        assert_eq!(account.unbooked(), []);
    }

    #[test]
    fn a_ledger_that_was_replaced_gets_all_that_is_known() {
        let mut account = Account::new("us".to_owned());
        account.post(3, "11");
        account.learn("11", &[entry("11", "us", 3), entry("11", "them", 4)], false);
        assert!(account.has_read("11") && !account.has_read("12"));
        account.doubt();
        assert!(!account.has_read("11"));
        assert_eq!(account.unbooked(), [entry("11", "them", 4), entry("11", "us", 3)]);
    }

    #[test]
    fn a_gap_is_booked_once_and_stays() {
        let mut account = Account::new("us".to_owned());
        account.leave_gap("11");
        account.leave_gap("11");
        assert_eq!(account.unbooked_gaps(), ["11"]);
        account.booked(&[], &["11".to_owned()]);
        account.leave_gap("11");
        account.learn("12", &[], true);
        assert_eq!(account.unbooked_gaps(), [""; 0]);
        account.doubt();
        assert_eq!(account.unbooked_gaps(), ["11", "12"]);
        assert!(account.has_gap("11") && account.has_gap("12") && !account.has_gap("10"));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_counted_twice(steps in prop::collection::vec((0u64..50, 0usize..3, 0u8..4), 0..60)) {
            let mut account = Account::new("us".to_owned());
            let mut ledger: BTreeMap<(String, String), u64> = BTreeMap::new();
            let mut counted = 0;
            let mut expected = [0; 3];
            for (requests, month, fate) in steps {
                counted += requests;
                expected[month] += requests;
                account.post(counted, &month.to_string());
                let entries = account.unbooked();
                // 0: nothing reaches the disk. 1: it does, but we are told it failed. 2: it does. 3: the file is lost.
                if fate == 1 || fate == 2 {
                    for entry in &entries {
                        let held = ledger.entry((entry.period.clone(), entry.run.clone())).or_default();
                        *held = entry.requests.max(*held);
                    }
                }
                match fate {
                    2 => account.booked(&entries, &[]),
                    3 => {
                        ledger.clear();
                        account.doubt();
                    }
                    _ => {}
                }
            }
            for entry in account.unbooked() {
                ledger.insert((entry.period, entry.run), entry.requests);
            }
            for (month, requests) in expected.into_iter().enumerate() {
                prop_assert_eq!(account.requests(&month.to_string()), requests);
                let booked = ledger.get(&(month.to_string(), "us".to_owned())).copied().unwrap_or_default();
                prop_assert_eq!(booked, requests);
            }
        }
    }
}
