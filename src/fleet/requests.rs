//! Whose requests are metered: our own, or those that chosen sources count.

use std::sync::{Arc, PoisonError, RwLock};

use crate::usage::Requests;

/// What the wire calls our own count.
const OWN: &str = "self";

/// Takes what sources count, from those that were chosen.
pub(super) struct Shares {
    requests: Arc<Requests>,
    chosen: RwLock<Vec<String>>,
}

impl Shares {
    pub(super) fn new(requests: Arc<Requests>) -> Shares {
        Shares { requests, chosen: RwLock::default() }
    }

    /// Chooses sources by name; none: our own requests are metered.
    pub(super) fn set(&self, chosen: Vec<String>) {
        self.requests.count_elsewhere(!chosen.is_empty());
        *self.chosen.write().unwrap_or_else(PoisonError::into_inner) = chosen;
    }

    /// Takes what a source has counted.
    pub(super) fn count(&self, source: &str, more: u64) {
        if self.chosen.read().unwrap_or_else(PoisonError::into_inner).iter().any(|chosen| chosen == source) {
            self.requests.metered.add(more);
        }
    }

    /// Who counts, as it stands on the wire.
    pub(super) fn label(&self) -> String {
        let chosen = self.chosen.read().unwrap_or_else(PoisonError::into_inner);
        if chosen.is_empty() { OWN.to_owned() } else { chosen.join("+") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_chosen_counts_and_what_was_counted_stays() {
        let requests = Arc::new(Requests::default());
        let shares = Shares::new(Arc::clone(&requests));
        requests.complete();
        shares.count("edge", 5);
        assert_eq!((shares.label().as_str(), requests.metered.total()), ("self", 1));
        shares.set(vec!["edge".to_owned(), "inner".to_owned()]);
        requests.complete();
        shares.count("edge", 5);
        shares.count("inner", 2);
        shares.count("other", 9);
        assert_eq!((shares.label().as_str(), requests.metered.total()), ("edge+inner", 8));
        shares.set(Vec::new());
        requests.complete();
        assert_eq!((requests.metered.total(), requests.served.total()), (9, 3));
    }
}
