//! What is counted elsewhere: a tally for each place, and where its counters stood when what they had counted was taken.
//!
//! Those marks are booked together with the usage they belong to, in one transaction. So whoever comes next knows what was
//! counted while nobody was here to read it: nothing of it is lost or billed twice, however this process ended.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::tally::{Absurd, Changes, Counted, Counter, Tally};
use crate::limits::{COUNTER_MEMORY, MARKS_REFRESH};
use crate::protocol::Timestamp;

/// The tallies by their places.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    places: BTreeMap<String, Place>,
    /// Whether the ledger holds marks of no other places than those that are metered.
    pruned: bool,
    /// Whether a ledger was looked at for marks.
    resumed: bool,
    /// Whether something was left out that is not booked as a gap yet.
    gap: bool,
}

/// A place where something is counted.
#[derive(Debug, Default)]
struct Place {
    tally: Tally,
    /// Whether what it counts is billed.
    metered: bool,
    /// Whether it was not metered at some time since the last reading.
    lapsed: bool,
    /// The first reading, where there were no marks to go on from.
    unaided: Option<Timestamp>,
    /// The last reading.
    read: Option<Timestamp>,
    /// The reading that the ledger is known to hold the marks of. None: it may hold others.
    booked: Option<Timestamp>,
}

/// Marks of one place, as the ledger has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) place: String,
    /// When they were read.
    pub(super) read: Timestamp,
    /// Whether they are all there are, and whatever else is booked of the place is void.
    pub(super) whole: bool,
    pub(super) changes: Changes,
}

impl Place {
    fn doubt(&mut self) {
        self.booked = None;
        self.tally.doubt();
    }
}

impl Tallies {
    /// Says what places there are from now on, and whether each is metered. Those that stay keep what they know.
    pub(super) fn set(&mut self, places: impl IntoIterator<Item = (String, bool)>) {
        let mut before = std::mem::take(&mut self.places);
        for (name, metered) in places {
            let mut place = before.remove(&name).unwrap_or_default();
            if !metered {
                // The ledger forgets it.
                place.doubt();
                place.lapsed |= place.metered;
            } else if std::mem::take(&mut place.lapsed) {
                // It was not read since, so what it has counted meanwhile cannot be told from what it counts now.
                place.tally = Tally::default();
            }
            place.metered = metered;
            self.places.insert(name, place);
        }
        self.pruned = false;
    }

    /// Whether a place is metered.
    pub(super) fn is_metered(&self, place: &str) -> bool {
        self.places.get(place).is_some_and(|place| place.metered)
    }

    /// Takes a reading. A place that nobody has told of is read all the same, and not metered.
    pub(super) fn fold(&mut self, place: &str, counters: &[Counter], from_zero: bool) -> Result<Counted, Absurd> {
        if !self.places.contains_key(place) {
            self.places.insert(place.to_owned(), Place::default());
        }
        let Some(place) = self.places.get_mut(place) else { return Ok(Counted::default()) };
        let (now, at) = (Instant::now(), Timestamp::now());
        if place.tally.is_unread() {
            place.unaided = Some(at);
        }
        (place.read, place.lapsed) = (Some(at), false);
        let counted = place.tally.fold(counters, from_zero, now);
        self.gap |= place.metered && (counted.is_err() || place.tally.is_crowded(now));
        counted
    }

    /// Goes on from the marks of an earlier run, in places that were not read yet. Only once: what a ledger holds later is
    /// older than what is known, and a gap where it is of an earlier run, as in one whose disk came late.
    pub(super) fn resume(&mut self, marks: Vec<Marks>, now: Timestamp) {
        let first = !std::mem::replace(&mut self.resumed, true);
        for Marks { place: name, read, changes, .. } in marks {
            let Some(place) = self.places.get_mut(&name).filter(|place| place.metered) else { continue };
            let age = now.instant().duration_since(read.instant()).unsigned_abs();
            if !first || place.tally.has_begun() || age > COUNTER_MEMORY {
                self.gap |= first || place.unaided.is_some_and(|unaided| read.instant() < unaided.instant());
                continue;
            }
            place.tally.resume(changes.marks, Instant::now());
            (place.read, place.booked) = (Some(read), Some(read));
        }
    }

    /// What the ledger is not known to hold of places that are metered.
    pub(super) fn unbooked(&self) -> Vec<Marks> {
        let metered = self.places.iter().filter(|(_, place)| place.metered && place.tally.has_begun());
        let of = |(name, place): (&String, &Place)| {
            let (read, changes) = (place.read?, place.tally.unbooked());
            let old =
                |booked: Timestamp| read.instant().duration_since(booked.instant()).unsigned_abs() > MARKS_REFRESH;
            let due = place.booked.is_none_or(old) || changes != Changes::default();
            due.then(|| Marks { place: name.clone(), read, whole: place.booked.is_none(), changes })
        };
        metered.filter_map(of).collect()
    }

    /// The places that are metered, unless the ledger holds no others.
    pub(super) fn unpruned(&self) -> Option<Vec<String>> {
        let metered = self.places.iter().filter(|(_, place)| place.metered);
        (!self.pruned).then(|| metered.map(|(name, _)| name.clone()).collect())
    }

    /// Remembers that the ledger holds `marks` for good, and of other places than `pruned` none, if it was pruned.
    pub(super) fn booked(&mut self, marks: &[Marks], pruned: Option<&Vec<String>>) {
        for marks in marks {
            if let Some(place) = self.places.get_mut(&marks.place).filter(|place| place.metered) {
                place.booked = Some(marks.read);
                place.tally.booked(&marks.changes);
            }
        }
        self.pruned |= pruned.is_some() && self.unpruned().as_ref() == pruned;
    }

    /// The ledger may be another one, and is to be given everything.
    pub(super) fn doubt(&mut self) {
        self.pruned = false;
        for place in self.places.values_mut() {
            place.doubt();
        }
    }

    /// Whether something was left out since the last call.
    pub(super) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }
}
