//! From counters that begin again to a count that never goes back. Pure.
//!
//! The first reading is where counting begins, unless an earlier run has left marks: then what was counted since is known,
//! too. Later a counter that went up has counted the difference; one that went down was reset, and has counted what it shows;
//! one that was not there before has counted what it shows since the reading before, where that can be said; one that is gone
//! is remembered for a day, because it may come back.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use crate::limits::{COUNTER_MEMORY, COUNTERS_REMEMBERED_MAX, REQUESTS_PER_READING_MAX};

/// A count of requests that only goes up, until whoever counts is restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// What was counted, unique where it is counted: a frontend, an entry point. If one stands there twice, the first holds.
    pub name: String,
    /// How many there have been.
    pub value: u64,
    /// How many of them do not count, as our own readings. It may come a moment late.
    pub aside: u64,
    /// How many questions of our own, since our start, may be among them, where it is not told which are.
    pub ours: u64,
    /// What a run that begins now would show as `value`. None: the same.
    pub afresh: Option<Afresh>,
}

/// A value that was reckoned without what happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Afresh {
    /// The value.
    pub value: u64,
    /// How it was reckoned. One that was reckoned in another way says nothing of how many there have been since.
    pub basis: u64,
}

impl Counter {
    /// One of which all count.
    pub fn new(name: impl Into<String>, value: u64) -> Counter {
        Counter { name: name.into(), value, aside: 0, ours: 0, afresh: None }
    }
}

/// Where a counter stood when what it had counted was last taken, as the next run will see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) value: u64,
    /// [`Afresh::basis`].
    pub(super) basis: u64,
    pub(super) aside: u64,
    /// What did not count after all, and was counted before that was known.
    pub(super) owed: u64,
}

/// What was counted in one place.
#[derive(Debug, Default)]
pub(super) struct Tally {
    last: HashMap<String, Last>,
    stage: Stage,
    /// Forgotten, and not known to be forgotten by the ledger.
    gone: Vec<String>,
    /// When one was forgotten last because there were too many.
    crowded: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Unread,
    /// There are the marks of an earlier run, and no reading yet.
    Resumed,
    Running,
}

/// What was last read of one counter.
#[derive(Debug, Clone, Copy)]
struct Last {
    value: u64,
    mark: Mark,
    /// What the ledger is known to hold of it.
    booked: Option<Mark>,
    /// [`Counter::ours`], of this run.
    ours: u64,
    read: Instant,
}

/// What one reading has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Requests since the reading before.
    pub(super) now: u64,
    /// Requests since the marks that an earlier run has left.
    pub(super) meanwhile: u64,
}

/// Marks of one place that the ledger is not known to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) marks: Vec<(String, Mark)>,
    pub(super) gone: Vec<String>,
}

/// More than there can have been between two readings. Counting goes on from there, without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has counted {0} requests since the last reading, which cannot be; they are left out")]
pub struct Absurd(u64);

impl Tally {
    /// Whether there is neither a reading nor the marks of an earlier run.
    pub(super) fn is_unread(&self) -> bool {
        self.stage == Stage::Unread
    }

    /// Whether there was a reading.
    pub(super) fn has_begun(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Takes the marks that an earlier run has left, before there is a reading.
    pub(super) fn resume(&mut self, marks: impl IntoIterator<Item = (String, Mark)>, now: Instant) {
        let last = |mark: Mark| Last { value: mark.value, mark, booked: Some(mark), ours: 0, read: now };
        self.last = marks.into_iter().map(|(name, mark)| (name, last(mark))).collect();
        self.stage = Stage::Resumed;
    }

    /// Takes the counters of one reading. Gives how many requests there were since the one before. `from_zero`: whether a
    /// counter that was not there then has begun since.
    pub(super) fn fold(&mut self, counters: &[Counter], from_zero: bool, now: Instant) -> Result<Counted, Absurd> {
        let mut more: u64 = 0;
        let before = std::mem::replace(&mut self.stage, Stage::Running);
        // Of what is new since an earlier run nobody knows when it began, or whether that run called it otherwise; nor, where
        // some had to be forgotten, whether it is new.
        let from_zero = from_zero && before == Stage::Running && !self.is_crowded(now);
        let mut seen = HashSet::with_capacity(counters.len());
        for Counter { name, value, aside, ours, afresh } in counters {
            if !seen.insert(name.as_str()) {
                continue;
            }
            let Afresh { value: left, basis } = afresh.unwrap_or(Afresh { value: *value, basis: 0 });
            let new = || {
                let (value, aside, ours) = if from_zero { (0, 0, 0) } else { (*value, *aside, *ours) };
                Last { value, mark: Mark { value, aside, ..Mark::default() }, booked: None, ours, read: now }
            };
            let last = match self.last.get_mut(name) {
                Some(last) => last,
                None => self.last.entry(name.clone()).or_insert_with(new),
            };
            if before == Stage::Resumed && last.mark.basis != basis {
                *last = new();
            }
            let begins_again = *value < last.value;
            if begins_again {
                (last.value, last.mark) = (0, Mark::default());
            }
            let mark = last.mark;
            let asked = ours.saturating_sub(last.ours);
            // What we asked a process that is gone went with it, but for what it has just answered.
            let asked = if begins_again { asked.min(1) } else { asked };
            let (counted, less) = (value - last.value, mark.owed.saturating_add(aside.saturating_sub(mark.aside)));
            let owed = less.saturating_sub(counted);
            last.mark = Mark { value: left, basis, aside: mark.aside.max(*aside), owed };
            (last.value, last.ours, last.read) = (*value, *ours, now);
            // Not all that we asked need have arrived.
            more = more.saturating_add(counted.saturating_sub(less).saturating_sub(asked));
        }
        self.forget(now);
        match before {
            _ if more > REQUESTS_PER_READING_MAX => Err(Absurd(more)),
            Stage::Resumed => Ok(Counted { now: 0, meanwhile: more }),
            Stage::Unread | Stage::Running => Ok(Counted { now: more, meanwhile: 0 }),
        }
    }

    /// Whether some had to be forgotten that may still come back.
    pub(super) fn is_crowded(&self, now: Instant) -> bool {
        self.crowded.is_some_and(|crowded| now.duration_since(crowded) < COUNTER_MEMORY)
    }

    /// Forgets counters that are gone for long, or that are too many: names may hold anything, and come and go for ever.
    fn forget(&mut self, now: Instant) {
        let too_many = self.last.len() > COUNTERS_REMEMBERED_MAX;
        let stays: &dyn Fn(&Last) -> bool =
            if too_many { &|last| last.read == now } else { &|last| now.duration_since(last.read) < COUNTER_MEMORY };
        if self.last.values().all(stays) {
            return;
        }
        if too_many {
            self.crowded = Some(now);
        }
        self.last.retain(|name, last| {
            let stays = stays(last);
            if !stays && last.booked.is_some() {
                self.gone.push(name.clone());
            }
            stays
        });
    }

    /// What the ledger is not known to hold.
    pub(super) fn unbooked(&self) -> Changes {
        let changed = self.last.iter().filter(|(_, last)| last.booked != Some(last.mark));
        Changes { marks: changed.map(|(name, last)| (name.clone(), last.mark)).collect(), gone: self.gone.clone() }
    }

    /// Remembers that the ledger holds `changes` for good.
    pub(super) fn booked(&mut self, changes: &Changes) {
        let told: HashSet<&String> = changes.gone.iter().collect();
        self.gone.retain(|name| !told.contains(name));
        for (name, mark) in &changes.marks {
            match self.last.get_mut(name) {
                Some(last) => last.booked = Some(*mark),
                // Forgotten while it was being written.
                None => self.gone.push(name.clone()),
            }
        }
    }

    /// The ledger may be another one, and is to be given everything.
    pub(super) fn doubt(&mut self) {
        self.gone.clear();
        self.last.values_mut().for_each(|last| last.booked = None);
    }
}

#[cfg(test)]
mod tests;
