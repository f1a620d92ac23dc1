//! The meter: brings what was counted into the ledger once a second, and makes the invoice.
//!
//! The account in memory is what is billed; the ledger only has to hold it for the next run. Whatever happens to the
//! file (full disk, read-only or vanished directory, damage, a foreign lock), counting goes on, [`Meter::fault`] says
//! what to do, and every second tries again with a freshly opened file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::account::Account;
use super::ledger::Batch;
use super::ledger::Ledger;
use super::{Fault, Invoice, Period, Requests, Tariff};
use crate::limits::{BOOKING_INTERVAL, MARKS_PER_SECOND};
use crate::protocol::Timestamp;

/// Meters the requests of one server.
///
/// Locks are taken in the order ledger, tallies, books; the last two are never held during I/O.
#[derive(Debug)]
pub struct Meter {
    state_dir: PathBuf,
    tariff: Tariff,
    requests: Arc<Requests>,
    /// None after a fault: whatever was wrong, the next booking opens the file anew.
    ledger: Mutex<Option<Ledger>>,
    books: Mutex<Books>,
    changes: watch::Sender<u64>,
}

/// What is known without the file.
#[derive(Debug)]
struct Books {
    account: Account,
    /// When metering began, in milliseconds since 1970: in the ledger's first run or, until it could be read, in this one.
    began_ms: i64,
    fault: Option<Fault>,
}

impl Meter {
    /// Starts metering. The state directory (mode 0700) and the ledger are created where they are missing. Never fails:
    /// what is wrong with them is [`Meter::fault`], and tried again by [`Meter::run`].
    pub fn open(state_dir: &Path, tariff: Tariff, requests: Arc<Requests>) -> Arc<Meter> {
        Meter::open_at(state_dir, tariff, requests, Timestamp::now())
    }

    fn open_at(state_dir: &Path, tariff: Tariff, requests: Arc<Requests>, now: Timestamp) -> Arc<Meter> {
        // Random, not a process id: those repeat, above all in containers.
        let run = format!("{:032x}", rand::random::<u128>());
        let meter = Arc::new(Meter {
            state_dir: state_dir.to_owned(),
            tariff,
            requests,
            ledger: Mutex::new(None),
            books: Mutex::new(Books { account: Account::new(run), began_ms: now.as_millisecond(), fault: None }),
            changes: watch::Sender::new(0),
        });
        // The fault is remembered, and there is nobody yet to tell.
        meter.book_at(now).ok();
        meter
    }

    /// Books once a second until dropped, and less often where many marks change each time. Dropping it loses nothing: a
    /// booking in hand is finished on its own thread.
    pub async fn run(self: Arc<Self>) {
        loop {
            // The fault is remembered and logged; the next time tries again.
            let marks = self.clone().book_on_thread(Timestamp::now()).await.unwrap_or(0);
            tokio::time::sleep(pause_after(marks)).await;
        }
    }

    /// Books everything counted so far: for the end of the run and for a forced update.
    ///
    /// # Errors
    /// What keeps the ledger from being written. Nothing is lost as long as this process lives.
    pub async fn book(self: &Arc<Self>) -> Result<(), Fault> {
        self.clone().book_on_thread(Timestamp::now()).await.map(drop)
    }

    async fn book_on_thread(self: Arc<Self>, now: Timestamp) -> Result<usize, Fault> {
        tokio::task::spawn_blocking(move || self.book_at(now)).await.unwrap_or_else(|_| Err(Fault::cut_off()))
    }

    /// The invoice of the period that holds `now`, with what is counted but not yet booked. No I/O.
    pub fn invoice(&self, now: Timestamp) -> Invoice {
        let period = Period::containing(now.instant(), &self.tariff.time_zone);
        let mut books = lock(&self.books);
        books.account.post(self.requests.billed(), &period.key);
        let requests = books.account.requests(&period.key);
        let partial = books.fault.is_some()
            || !books.account.has_read(&period.key)
            || books.account.has_gap(&period.key)
            || books.began_ms > period.start.as_millisecond();
        Invoice {
            at: now,
            charge: self.tariff.price(requests),
            requests,
            period,
            unit: self.tariff.unit.clone(),
            currency: self.tariff.currency,
            partial,
        }
    }

    /// Why usage is not being booked, as a sentence for `status`; none when it is.
    pub fn fault(&self) -> Option<String> {
        lock(&self.books).fault.as_ref().map(Fault::to_string)
    }

    /// Bumped when [`Meter::fault`] appears, changes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn book_at(&self, now: Timestamp) -> Result<usize, Fault> {
        let mut ledger = lock(&self.ledger);
        let outcome = self.settle(&mut ledger, now);
        if outcome.is_err() {
            *ledger = None;
        }
        self.remember(outcome.as_ref().err());
        outcome
    }

    /// Brings account and ledger to the same state. Writes only what the ledger is not known to hold. Gives how many marks
    /// that were.
    fn settle(&self, slot: &mut Option<Ledger>, now: Timestamp) -> Result<usize, Fault> {
        let period = Period::containing(now.instant(), &self.tariff.time_zone).key;
        let began_ms = {
            let mut books = lock(&self.books);
            books.account.post(self.requests.billed(), &period);
            books.began_ms
        };
        let ledger = match slot {
            Some(ledger) if ledger.is_in_place() => ledger,
            _ => {
                // Closed before the new one is opened: SQLite must not see its own locks.
                *slot = None;
                let ledger = slot.insert(Ledger::open(&self.state_dir, began_ms)?);
                let marks = ledger.marks()?;
                let mut tallies = self.requests.tallies();
                tallies.doubt();
                tallies.resume(marks, now);
                let mut books = lock(&self.books);
                books.account.doubt();
                books.began_ms = books.began_ms.min(ledger.began_ms);
                ledger
            }
        };
        let batch = self.unbooked(&period);
        if !batch.is_empty() {
            ledger.book(&batch)?;
            self.requests.tallies().booked(&batch.marks, batch.places.as_ref());
            lock(&self.books).account.booked(&batch.entries, &batch.gaps);
        }
        if ledger.was_changed()? || !lock(&self.books).account.has_read(&period) {
            let (entries, gap) = ledger.entries(&period)?;
            lock(&self.books).account.learn(&period, &entries, gap);
        }
        Ok(batch.marks.iter().map(|marks| marks.changes.marks.len()).sum())
    }

    /// What the ledger is not known to hold. Usage and the marks up to which it was counted are of the same moment.
    fn unbooked(&self, period: &str) -> Batch {
        let mut tallies = self.requests.tallies();
        let mut books = lock(&self.books);
        books.account.post(self.requests.billed(), period);
        if tallies.take_gap() {
            books.account.leave_gap(period);
        }
        Batch {
            entries: books.account.unbooked(),
            gaps: books.account.unbooked_gaps(),
            marks: tallies.unbooked(),
            places: tallies.unpruned(),
        }
    }

    fn remember(&self, fault: Option<&Fault>) {
        let mut books = lock(&self.books);
        if books.fault.as_ref() == fault {
            return;
        }
        match fault {
            Some(fault) => tracing::error!("{fault}"),
            None => tracing::info!("usage is booked in `{}` again", self.state_dir.display()),
        }
        books.fault = fault.cloned();
        drop(books);
        self.changes.send_modify(|version| *version += 1);
    }
}

/// Time until the next booking. Where there are marks, nothing that was counted depends on its being soon: whoever comes
/// after `kill -9` counts from the marks that are booked.
fn pause_after(marks: usize) -> Duration {
    BOOKING_INTERVAL.max(Duration::from_secs_f64(marks as f64 / f64::from(MARKS_PER_SECOND)))
}

/// A panic while one of these was held would leave numbers that are still right: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
