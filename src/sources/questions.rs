//! Our own questions among the requests that HAProxy has counted, where it does not tell them apart.
//!
//! What a frontend answers itself, its statistics page and its metrics for two, it counts aside. A page in a `backend` is
//! answered on behalf of whichever frontend leads there, and counts as any request of a client. That it stands there is known
//! as soon as no frontend is left that has answered something itself before each of our readings. Which one leads there is not
//! known, and need not be: the busiest has counted us, or as many others as we are. Where none has counted anything since our
//! last reading, we are counted in none that is shown (`stats scope`).

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use super::Counter;
use super::fetch::{Fetcher, Heard};

/// The questions for one page.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<Questions>);

impl Asking {
    /// Fetches the page.
    pub(super) async fn fetch(&self, fetcher: &Fetcher, url: &Url) -> Result<Vec<u8>, String> {
        // This may be dropped while it waits, at its deadline.
        self.questions().ask();
        let page = fetcher.ask(url.clone()).await.map_err(|(why, heard)| {
            if heard == Heard::Nothing {
                self.questions().withdraw();
            }
            why
        })?;
        Ok(page.body)
    }

    /// Marks in what the page shows what is ours.
    pub(super) fn mark(&self, counters: &mut [Counter]) {
        self.questions().take(counters);
    }

    /// Goes on from the questions of other settings for the same page.
    pub(super) fn succeed(&self, before: &Asking) {
        let before = before.questions().clone();
        *self.questions() = before;
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked, and what the answers have shown so far. Pure.
#[derive(Debug, Clone, Default)]
struct Questions {
    /// Questions since the last answer, that one included.
    unanswered: u64,
    /// The counters of the last answer, each as it stood and what of it was aside. None: there was no answer yet.
    last: Option<HashMap<String, (u64, u64)>>,
    /// The frontends that may have the page. Empty: it stands in a `backend`.
    fronts: HashSet<String>,
    /// Whether whoever leads there is known not to be shown.
    hidden: bool,
    /// What was ours so far, by counter.
    ours: HashMap<String, u64>,
}

impl Questions {
    /// A question is sent.
    fn ask(&mut self) {
        self.unanswered += 1;
    }

    /// It was not sent after all.
    fn withdraw(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Takes an answer, and marks in it what is ours.
    fn take(&mut self, counters: &mut [Counter]) {
        if let Some((name, more)) = self.find(counters) {
            let ours = self.ours.entry(name).or_default();
            *ours = ours.saturating_add(more);
        }
        self.ours.retain(|name, _| counters.iter().any(|counter| counter.name == *name));
        for counter in counters {
            counter.ours = self.ours.get(&counter.name).copied().unwrap_or(0);
        }
    }

    /// Which counter has counted how many of ours since the last answer.
    fn find(&mut self, counters: &[Counter]) -> Option<(String, u64)> {
        let ours = std::mem::take(&mut self.unanswered);
        let names = || counters.iter().map(|counter| counter.name.clone());
        let now = counters.iter().map(|counter| (counter.value, counter.aside));
        let now = names().zip(now).collect();
        let names = names().collect();
        let Some(last) = self.last.replace(now) else {
            self.fronts = names;
            return None;
        };
        let before = |counter: &Counter| last.get(&counter.name).copied().unwrap_or_default();
        let restarted = counters.iter().any(|counter| counter.value < before(counter).0);
        if !restarted {
            let answered = |counter: &&Counter| counter.aside > before(counter).1;
            let answered: HashSet<&str> =
                counters.iter().filter(answered).map(|counter| counter.name.as_str()).collect();
            self.fronts.retain(|front| answered.contains(front.as_str()));
        }
        let more = |counter: &Counter| {
            let (value, aside) = if restarted { (0, 0) } else { before(counter) };
            counter.value.saturating_sub(value).saturating_sub(counter.aside.saturating_sub(aside))
        };
        self.hidden |= !restarted && counters.iter().all(|counter| counter.value == before(counter).0);
        let behind = self.fronts.is_empty() && !self.hidden;
        let busiest = counters.iter().filter(|_| behind).max_by_key(|counter| more(counter));
        // It has stood there until now; by other settings it may stand elsewhere.
        if restarted {
            (self.fronts, self.hidden) = (names, false);
        }
        busiest.map(|counter| (counter.name.clone(), ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes readings, each of two frontends with what they have counted and set aside; gives what was ours in each.
    fn ours(readings: &[(u64, [(u64, u64); 2])]) -> Vec<[u64; 2]> {
        let (mut asked, mut before) = (Questions::default(), [0, 0]);
        let take = |(questions, shown): &(u64, [(u64, u64); 2])| {
            (0..*questions).for_each(|_| asked.ask());
            let mut counters = [("a", shown[0]), ("b", shown[1])]
                .map(|(name, (value, aside))| Counter { aside, ..Counter::new(name, value) });
            asked.take(&mut counters);
            let all = counters.map(|counter| counter.ours);
            let since = [all[0] - before[0], all[1] - before[1]];
            before = all;
            since
        };
        readings.iter().map(take).collect()
    }

    #[test]
    fn a_page_of_a_frontend_is_counted_aside_by_itself() {
        let readings = [(1, [(10, 5), (7, 0)]), (1, [(11, 6), (7, 0)]), (3, [(20, 9), (9, 0)]), (1, [(1, 1), (0, 0)])];
        assert_eq!(ours(&readings), [[0, 0]; 4]);
    }

    #[test]
    fn a_page_of_a_backend_is_ours_to_count() {
        let readings = [
            (1, [(10, 5), (70, 0)]),
            // Nothing was aside.
            (1, [(10, 5), (71, 0)]),
            (1, [(19, 5), (75, 0)]),
            // Others have something answered aside; what is known stays so.
            (1, [(60, 45), (75, 0)]),
            // A restart; then the page stands elsewhere, perhaps.
            (1, [(0, 0), (4, 0)]),
            (1, [(2, 2), (4, 0)]),
            (1, [(2, 2), (5, 0)]),
        ];
        assert_eq!(ours(&readings), [[0, 0], [0, 1], [1, 0], [1, 0], [0, 1], [0, 0], [0, 1]]);
        // Each has something answered aside, but neither each time.
        let readings = [(1, [(0, 0), (1, 0)]), (1, [(5, 5), (2, 0)]), (1, [(5, 5), (4, 1)]), (1, [(6, 6), (6, 2)])];
        assert_eq!(ours(&readings), [[0, 0], [0, 0], [0, 1], [0, 1]]);
    }

    #[test]
    fn a_page_of_one_that_is_not_shown_takes_nothing_from_the_others() {
        let readings = [(1, [(10, 0), (7, 0)]), (1, [(10, 0), (7, 0)]), (1, [(20, 0), (9, 0)]), (1, [(21, 0), (9, 0)])];
        assert_eq!(ours(&readings), [[0, 0]; 4]);
    }

    #[test]
    fn what_was_never_sent_is_not_ours() {
        let mut asked = Questions::default();
        let mut counters = [Counter::new("a", 1)];
        asked.take(&mut counters);
        asked.ask();
        asked.withdraw();
        asked.ask();
        counters[0].value += 1;
        asked.take(&mut counters);
        assert_eq!(counters[0].ours, 1);
    }
}
