//! The counts of requests: those that this server has completed, and those that are metered, which may be others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tallies::Tallies;
use super::tally::{Absurd, Counter};

/// What is counted, and what of it is metered.
#[derive(Debug, Default)]
pub struct Requests {
    /// Requests completed at this server's own HTTP layer.
    pub served: RequestCounter,
    /// What metrics are made from: our own requests, or what sources count.
    pub metered: RequestCounter,
    /// What sources have counted while nobody was here to read it. It is billed, and happened at no known moment.
    meanwhile: RequestCounter,
    /// Whether sources count in place of us.
    elsewhere: AtomicBool,
    tallies: Mutex<Tallies>,
}

impl Requests {
    /// Counts one request that this server has completed.
    pub fn complete(&self) {
        self.served.add(1);
        if !self.elsewhere.load(Ordering::Relaxed) {
            self.metered.add(1);
        }
    }

    /// Says where else requests are counted from now on, and whether those are metered. If any are, they are in place of our
    /// own. What was counted stays.
    pub fn count_elsewhere(&self, places: impl IntoIterator<Item = (String, bool)>) {
        let places: Vec<(String, bool)> = places.into_iter().collect();
        self.elsewhere.store(places.iter().any(|(_, metered)| *metered), Ordering::Relaxed);
        self.tallies().set(places);
    }

    /// Takes what the counters of a place show. Gives how many requests there were since they were last read. `from_zero`:
    /// whether a counter that was not there then has begun since.
    ///
    /// # Errors
    /// [`Absurd`] where there cannot have been so many; they do not count.
    pub fn take(&self, place: &str, counters: &[Counter], from_zero: bool) -> Result<u64, Absurd> {
        // Held until all is counted: what is booked of the marks and what is booked of the usage belong together.
        let mut tallies = self.tallies();
        let counted = tallies.fold(place, counters, from_zero)?;
        if tallies.is_metered(place) {
            self.metered.add(counted.now);
            self.meanwhile.add(counted.meanwhile);
        }
        Ok(counted.now)
    }

    /// Everything that is to be billed.
    pub fn billed(&self) -> u64 {
        self.metered.total() + self.meanwhile.total()
    }

    pub(super) fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests since the start of this process; never goes back.
#[derive(Debug, Default)]
pub struct RequestCounter(AtomicU64);

impl RequestCounter {
    /// Counts so many more.
    pub fn add(&self, more: u64) {
        // Nothing else is published through this number, so no ordering is needed.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// All requests counted so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_chosen_counts_and_what_was_counted_stays() {
        let requests = Requests::default();
        let places = |metered: [bool; 3]| ["edge", "inner", "other"].map(str::to_owned).into_iter().zip(metered);
        let take = |place, value| requests.take(place, &[Counter::new("in", value)], true).expect("few");
        requests.count_elsewhere(places([false; 3]));
        requests.complete();
        assert_eq!([take("edge", 100), take("edge", 105)], [0, 5]);
        assert_eq!(requests.metered.total(), 1);
        requests.count_elsewhere(places([true, true, false]));
        requests.complete();
        assert_eq!(
            [take("edge", 110), take("inner", 7), take("inner", 9), take("other", 1), take("other", 9)],
            [5, 0, 2, 0, 8]
        );
        assert_eq!(requests.metered.total(), 8);
        requests.count_elsewhere([]);
        requests.complete();
        assert_eq!((requests.metered.total(), requests.served.total(), requests.billed()), (9, 3, 9));
    }
}
