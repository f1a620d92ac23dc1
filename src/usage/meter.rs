//! The meter: brings what was counted into the ledger once a second, and makes the invoice.
//!
//! The account in memory is what is billed; the ledger only has to hold it for the next run. Whatever happens to the
//! file (full disk, read-only or vanished directory, damage, a foreign lock), counting goes on, [`Meter::fault`] says
//! what to do, and every second tries again with a freshly opened file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::account::Account;
use super::ledger::Ledger;
use super::{Fault, Invoice, Period, RequestCounter, Tariff};
use crate::limits::BOOKING_INTERVAL;
use crate::protocol::Timestamp;

/// Meters the requests of one server.
///
/// Locks are taken in the order ledger, then books; the books are never held during I/O.
#[derive(Debug)]
pub struct Meter {
    state_dir: PathBuf,
    tariff: Tariff,
    counter: Arc<RequestCounter>,
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
    pub fn open(state_dir: &Path, tariff: Tariff, counter: Arc<RequestCounter>) -> Arc<Meter> {
        Meter::open_at(state_dir, tariff, counter, Timestamp::now())
    }

    fn open_at(state_dir: &Path, tariff: Tariff, counter: Arc<RequestCounter>, now: Timestamp) -> Arc<Meter> {
        // Random, not a process id: those repeat, above all in containers.
        let run = format!("{:032x}", rand::random::<u128>());
        let meter = Arc::new(Meter {
            state_dir: state_dir.to_owned(),
            tariff,
            counter,
            ledger: Mutex::new(None),
            books: Mutex::new(Books { account: Account::new(run), began_ms: now.as_millisecond(), fault: None }),
            changes: watch::Sender::new(0),
        });
        // The fault is remembered, and there is nobody yet to tell.
        meter.book_at(now).ok();
        meter
    }

    /// Books once a second until dropped. Dropping it loses nothing: a booking in hand is finished on its own thread.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(BOOKING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // The fault is remembered and logged; the next tick tries again.
            self.clone().book_on_thread(Timestamp::now()).await.ok();
        }
    }

    /// Books everything counted so far: for the end of the run and for a forced update.
    ///
    /// # Errors
    /// What keeps the ledger from being written. Nothing is lost as long as this process lives.
    pub async fn book(self: &Arc<Self>) -> Result<(), Fault> {
        self.clone().book_on_thread(Timestamp::now()).await
    }

    async fn book_on_thread(self: Arc<Self>, now: Timestamp) -> Result<(), Fault> {
        tokio::task::spawn_blocking(move || self.book_at(now)).await.unwrap_or_else(|_| Err(Fault::cut_off()))
    }

    /// The invoice of the period that holds `now`, with what is counted but not yet booked. No I/O.
    pub fn invoice(&self, now: Timestamp) -> Invoice {
        let period = Period::containing(now.instant(), &self.tariff.time_zone);
        let mut books = lock(&self.books);
        books.account.post(self.counter.total(), &period.key);
        let requests = books.account.requests(&period.key);
        let partial = books.fault.is_some()
            || !books.account.has_read(&period.key)
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

    fn book_at(&self, now: Timestamp) -> Result<(), Fault> {
        let mut ledger = lock(&self.ledger);
        let outcome = self.settle(&mut ledger, now);
        if outcome.is_err() {
            *ledger = None;
        }
        self.remember(outcome.as_ref().err());
        outcome
    }

    /// Brings account and ledger to the same state. Writes only what the ledger is not known to hold.
    fn settle(&self, slot: &mut Option<Ledger>, now: Timestamp) -> Result<(), Fault> {
        let period = Period::containing(now.instant(), &self.tariff.time_zone).key;
        let began_ms = {
            let mut books = lock(&self.books);
            books.account.post(self.counter.total(), &period);
            books.began_ms
        };
        let ledger = match slot {
            Some(ledger) if ledger.is_in_place() => ledger,
            _ => {
                // Closed before the new one is opened: SQLite must not see its own locks.
                *slot = None;
                let ledger = slot.insert(Ledger::open(&self.state_dir, began_ms)?);
                let mut books = lock(&self.books);
                books.account.doubt();
                books.began_ms = books.began_ms.min(ledger.began_ms);
                ledger
            }
        };
        let entries = lock(&self.books).account.unbooked();
        if !entries.is_empty() {
            ledger.book(&entries)?;
            lock(&self.books).account.booked(&entries);
        }
        if ledger.was_changed()? || !lock(&self.books).account.has_read(&period) {
            let entries = ledger.entries(&period)?;
            lock(&self.books).account.learn(&period, &entries);
        }
        Ok(())
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

/// A panic while one of these was held would leave numbers that are still right: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        counter: Arc<RequestCounter>,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { dir: tempfile::tempdir().expect("a directory"), counter: Arc::default() }
        }

        fn state_dir(&self) -> PathBuf {
            self.dir.path().join("state")
        }

        fn ledger(&self) -> PathBuf {
            self.state_dir().join("ledger.db")
        }

        fn meter(&self, now: &str) -> Arc<Meter> {
            Meter::open_at(&self.state_dir(), Tariff::default(), self.counter.clone(), at(now))
        }

        fn count(&self, requests: u64) {
            for _ in 0..requests {
                self.counter.add(1);
            }
        }

        /// What a new process finds.
        #[track_caller]
        fn reopened(&self, now: &str) -> u64 {
            let meter = Meter::open_at(&self.state_dir(), Tariff::default(), Arc::default(), at(now));
            assert_eq!(meter.fault(), None);
            meter.invoice(at(now)).requests
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().expect("RFC 3339").into()
    }

    const NOVEMBER: &str = "2026-11-20T12:00:00Z";
    const DECEMBER: &str = "2026-12-02T12:00:00Z";

    #[test]
    fn usage_survives_the_process_and_what_is_not_booked_is_billed_all_the_same() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        bench.count(3);
        assert_eq!(meter.invoice(at(NOVEMBER)).requests, 3, "counted, not booked");
        assert_eq!(bench.reopened(NOVEMBER), 0);
        for _ in 0..3 {
            meter.book_at(at(NOVEMBER)).expect("a booking");
        }
        assert_eq!(bench.reopened(NOVEMBER), 3);
        assert_eq!(bench.reopened(DECEMBER), 0);
    }

    #[test]
    fn a_month_rolls_over_while_running_and_a_clock_set_back_counts_nothing_twice() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        for (requests, now) in [(5, NOVEMBER), (7, DECEMBER), (2, NOVEMBER), (1, DECEMBER)] {
            bench.count(requests);
            meter.book_at(at(now)).expect("a booking");
        }
        let (november, december) = (meter.invoice(at(NOVEMBER)), meter.invoice(at(DECEMBER)));
        assert_eq!((november.requests, december.requests), (7, 8));
        assert_eq!(november.period.end, december.period.start);
        assert_eq!((bench.reopened(NOVEMBER), bench.reopened(DECEMBER)), (7, 8));
    }

    #[test]
    fn a_period_is_partial_when_metering_began_inside_it() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        assert!(meter.invoice(at(NOVEMBER)).partial);
        drop(meter);
        let meter = bench.meter(DECEMBER);
        assert!(!meter.invoice(at(DECEMBER)).partial, "the ledger knows that metering began in November");
    }

    #[test]
    fn two_meters_on_one_ledger_bill_the_sum() {
        let bench = Bench::new();
        let (one, counter) = (bench.meter(NOVEMBER), Arc::new(RequestCounter::default()));
        let two = Meter::open_at(&bench.state_dir(), Tariff::default(), counter.clone(), at(NOVEMBER));
        bench.count(10);
        counter.add(1);
        for meter in [&one, &two, &one] {
            meter.book_at(at(NOVEMBER)).expect("a booking");
        }
        assert_eq!([&one, &two].map(|meter| meter.invoice(at(NOVEMBER)).requests), [11, 11]);
    }

    #[test]
    fn nothing_new_writes_nothing() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        bench.count(1);
        meter.book_at(at(NOVEMBER)).expect("a booking");
        let log = bench.state_dir().join("ledger.db-wal");
        let before = fs::read(&log).expect("the log");
        meter.book_at(at(NOVEMBER)).expect("no booking");
        assert!(fs::read(&log).expect("the log") == before);
        bench.count(1);
        meter.book_at(at(NOVEMBER)).expect("a booking");
        assert!(fs::read(&log).expect("the log") != before, "the comparison above can fail");
    }

    #[track_caller]
    fn assert_faulty(meter: &Meter, says: &str) {
        let fault = meter.book_at(at(NOVEMBER)).expect_err(says).to_string();
        assert!(fault.contains(says), "{fault}");
        assert_eq!(meter.fault(), Some(fault));
        assert!(meter.invoice(at(NOVEMBER)).partial);
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_told_and_heals() {
        let bench = Bench::new();
        fs::write(bench.state_dir(), "in the way").expect("a file");
        let meter = bench.meter(NOVEMBER);
        let changes = meter.changes();
        bench.count(4);
        assert_faulty(&meter, "cannot be used");
        assert_eq!(fs::read_to_string(bench.state_dir()).expect("the file"), "in the way");
        fs::remove_file(bench.state_dir()).expect("removed");
        meter.book_at(at(NOVEMBER)).expect("healed");
        assert_eq!(meter.fault(), None);
        assert!(changes.has_changed().expect("the meter lives"));
        assert_eq!(bench.reopened(NOVEMBER), 4);
    }

    #[test]
    fn a_file_that_is_no_ledger_is_left_alone_until_it_is_moved_away() {
        let bench = Bench::new();
        fs::create_dir(bench.state_dir()).expect("a directory");
        fs::write(bench.ledger(), "precious notes of someone else\n".repeat(100)).expect("a file");
        let meter = bench.meter(NOVEMBER);
        bench.count(2);
        assert_faulty(&meter, "is not a ledger and was left untouched");
        assert!(fs::read_to_string(bench.ledger()).expect("the file").starts_with("precious"));
        fs::rename(bench.ledger(), bench.dir.path().join("notes")).expect("moved");
        meter.book_at(at(NOVEMBER)).expect("healed");
        assert_eq!(bench.reopened(NOVEMBER), 2);
    }

    #[test]
    fn a_directory_that_vanishes_is_made_anew_with_all_that_is_known() {
        let bench = Bench::new();
        bench.count(3);
        bench.meter(NOVEMBER).book_at(at(NOVEMBER)).expect("an earlier run");
        let meter = Meter::open_at(&bench.state_dir(), Tariff::default(), bench.counter.clone(), at(NOVEMBER));
        bench.count(1);
        meter.book_at(at(NOVEMBER)).expect("a booking");
        let before = meter.invoice(at(NOVEMBER)).requests;
        let away = bench.dir.path().join("away");
        fs::rename(bench.state_dir(), &away).expect("moved");
        meter.book_at(at(NOVEMBER)).expect("made anew");
        assert_eq!(bench.reopened(NOVEMBER), before);
        // The old one comes back, as a disk that was unmounted for a while does.
        bench.count(1);
        meter.book_at(at(NOVEMBER)).expect("a booking");
        fs::remove_dir_all(bench.state_dir()).expect("removed");
        fs::rename(&away, bench.state_dir()).expect("moved back");
        meter.book_at(at(NOVEMBER)).expect("found again");
        assert_eq!(bench.reopened(NOVEMBER), before + 1);
        assert_eq!(meter.invoice(at(NOVEMBER)).requests, before + 1);
    }

    #[test]
    fn a_lock_held_by_someone_else_delays_and_loses_nothing() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        let other = rusqlite::Connection::open(bench.ledger()).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        bench.count(6);
        assert_faulty(&meter, "is locked by another program");
        other.execute_batch("COMMIT").expect("unlocked");
        meter.book_at(at(NOVEMBER)).expect("healed");
        assert_eq!(bench.reopened(NOVEMBER), 6);
    }

    #[tokio::test]
    async fn a_running_meter_books_by_itself() {
        let bench = Bench::new();
        let meter = bench.meter(NOVEMBER);
        let running = tokio::spawn(meter.clone().run());
        bench.count(1);
        let booked = async {
            while bench.reopened(&Timestamp::now().to_string()) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(BOOKING_INTERVAL * 10, booked).await.expect("booked within a few ticks");
        running.abort();
        bench.count(1);
        meter.book().await.expect("the last booking");
        assert_eq!(bench.reopened(&Timestamp::now().to_string()), 2);
    }
}
