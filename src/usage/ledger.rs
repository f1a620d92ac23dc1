//! The ledger: the file `ledger.db` (SQLite, write-ahead log) that holds the account across restarts. Only I/O.
//!
//! A row of usage is the absolute quantity that one run counted in one period, and a row never shrinks, so writing it again
//! is harmless: after an ambiguous commit (disk full, lost lock, `kill -9`) the same rows are simply written once more. The
//! marks of what others count are written in the same transaction as the usage they belong to.
//!
//! `synchronous` is FULL. In a write-ahead log NORMAL would also be safe from corruption and from `kill -9`, but a power
//! cut could take back everything since the last checkpoint; FULL costs one `fsync` a second, and only while requests
//! arrive. A file that is damaged, foreign or of a later layout is closed before anything is written to it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::Fault;
use super::account::Entry;
use super::tallies::Marks;
use super::tally::{Changes, Mark};
use crate::limits::LEDGER_LOCK_TIMEOUT;

/// Marks a SQLite file as ours: "velo" in ASCII.
const APPLICATION_ID: i64 = 0x7665_6c6f;

/// The layout below. A change of layout raises it and adds a step to [`Ledger::prepare`].
const LAYOUT: i64 = 2;

/// What layout 1 had. Rows are few and short-lived in interest: one a run that counted anything in the month.
const FIRST_SCHEMA: &str = "
    CREATE TABLE usage (
        period TEXT NOT NULL,
        run TEXT NOT NULL,
        requests INTEGER NOT NULL CHECK (requests >= 0),
        PRIMARY KEY (period, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE metering (began_ms INTEGER NOT NULL) STRICT;
";

/// What layout 2 added: the periods of which something was left out; when each place that is metered was read, and where its
/// counters stood. All 64 bits of a counter are kept, also where SQLite shows it as negative.
const SECOND_SCHEMA: &str = "
    CREATE TABLE gaps (period TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE places (place TEXT NOT NULL PRIMARY KEY, read_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE marks (
        place TEXT NOT NULL,
        counter TEXT NOT NULL,
        value INTEGER NOT NULL,
        basis INTEGER NOT NULL,
        aside INTEGER NOT NULL,
        owed INTEGER NOT NULL,
        PRIMARY KEY (place, counter)
    ) STRICT, WITHOUT ROWID;
";

/// What is booked together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// Periods of which something was left out.
    pub(super) gaps: Vec<String>,
    pub(super) marks: Vec<Marks>,
    /// If given, the only places whose marks are kept.
    pub(super) places: Option<Vec<String>>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        *self == Batch::default()
    }
}

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    connection: Connection,
    /// Device and inode of the file that was opened.
    identity: (u64, u64),
    /// When metering began, in milliseconds since 1970.
    pub(super) began_ms: i64,
    /// SQLite's mark of changes by others, as of the last read.
    data_version: Option<i64>,
}

impl Ledger {
    /// Opens the ledger in `state_dir`, creating both where they are missing. `began_ms` is written into a new one.
    pub(super) fn open(state_dir: &Path, began_ms: i64) -> Result<Ledger, Fault> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|error| Fault::of_directory(state_dir, &error))?;
        let path = state_dir.join("ledger.db");
        let fault = |error: rusqlite::Error| Fault::of_database(&path, &error);
        let mut connection = Connection::open(&path).map_err(fault)?;
        connection.busy_timeout(LEDGER_LOCK_TIMEOUT).map_err(fault)?;
        let began_ms = Ledger::prepare(&mut connection, &path, began_ms)?;
        let identity = identity(&path).map_err(|error| Fault::of_directory(state_dir, &error))?;
        Ok(Ledger { path, connection, identity, began_ms, data_version: None })
    }

    /// Looks before it writes: only a file that is empty or a sound ledger of this layout is ever changed.
    fn prepare(connection: &mut Connection, path: &Path, began_ms: i64) -> Result<i64, Fault> {
        let fault = |error: rusqlite::Error| Fault::of_database(path, &error);
        if layout(connection, path)? > 0 {
            let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fault)?;
            if verdict != "ok" {
                return Err(Fault::damaged(path));
            }
        }
        // A file system without shared memory answers with another journal: slower, as safe.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(fault)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
        let create = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        // Asked again under the lock: another process may have created it in between.
        let found = layout(&create, path)?;
        if found < 1 {
            create.execute_batch(FIRST_SCHEMA).map_err(fault)?;
            create.execute("INSERT INTO metering (began_ms) VALUES (?1)", [began_ms]).map_err(fault)?;
            create.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        }
        if found < LAYOUT {
            create.execute_batch(SECOND_SCHEMA).map_err(fault)?;
            create.pragma_update(None, "user_version", LAYOUT).map_err(fault)?;
        }
        let began = create.query_row("SELECT min(began_ms) FROM metering", [], |row| row.get(0)).map_err(fault)?;
        create.commit().map_err(fault)?;
        Ok(began)
    }

    /// Whether the path still names the file that is open: one that was deleted or moved would take rows for ever and
    /// keep none.
    pub(super) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now == self.identity)
    }

    /// Writes all of it in one transaction. It is on the disk when this returns; on a fault it may be, and is to be written
    /// again.
    pub(super) fn book(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.try_book(batch).map_err(|error| Fault::of_database(&self.path, &error))
    }

    fn try_book(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for period in &batch.gaps {
            transaction.execute("INSERT INTO gaps (period) VALUES (?1) ON CONFLICT DO NOTHING", [period])?;
        }
        if let Some(places) = &batch.places {
            prune(&transaction, places)?;
        }
        for marks in &batch.marks {
            mark(&transaction, marks)?;
        }
        for entry in &batch.entries {
            let requests = i64::try_from(entry.requests).unwrap_or(i64::MAX);
            transaction
                .prepare_cached(
                    "INSERT INTO usage (period, run, requests) VALUES (?1, ?2, ?3)
                     ON CONFLICT (period, run) DO UPDATE SET requests = max(requests, excluded.requests)",
                )?
                .execute(params![entry.period, entry.run, requests])?;
        }
        transaction.commit()
    }

    /// Whether another process has written since the last call, or nothing was asked yet.
    pub(super) fn was_changed(&mut self) -> Result<bool, Fault> {
        let version = self
            .connection
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(|error| Fault::of_database(&self.path, &error))?;
        Ok(self.data_version.replace(version) != Some(version))
    }

    /// Every entry of `period`, and whether something of it was left out.
    pub(super) fn entries(&self, period: &str) -> Result<(Vec<Entry>, bool), Fault> {
        self.try_entries(period).map_err(|error| Fault::of_database(&self.path, &error))
    }

    fn try_entries(&self, period: &str) -> rusqlite::Result<(Vec<Entry>, bool)> {
        let gap = self.connection.query_row("SELECT 1 FROM gaps WHERE period = ?1", [period], |_| Ok(())).optional()?;
        let mut select = self.connection.prepare_cached("SELECT run, requests FROM usage WHERE period = ?1")?;
        let rows = select.query_map([period], |row| {
            let requests: i64 = row.get(1)?;
            Ok(Entry { period: period.to_owned(), run: row.get(0)?, requests: requests.unsigned_abs() })
        })?;
        Ok((rows.collect::<Result<_, _>>()?, gap.is_some()))
    }

    /// The marks of every place.
    pub(super) fn marks(&self) -> Result<Vec<Marks>, Fault> {
        self.try_marks().map_err(|error| Fault::of_database(&self.path, &error))
    }

    fn try_marks(&self) -> rusqlite::Result<Vec<Marks>> {
        let mut places = self.connection.prepare("SELECT place, read_ms FROM places")?;
        let mut marks =
            self.connection.prepare("SELECT counter, value, basis, aside, owed FROM marks WHERE place = ?1")?;
        let places = places.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        let of = |place: rusqlite::Result<(String, i64)>| {
            let (place, read_ms) = place?;
            let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let rows = marks.query_map([&place], |row| {
                let (value, basis, aside, owed) = (number(row, 1)?, number(row, 2)?, number(row, 3)?, number(row, 4)?);
                Ok((row.get(0)?, Mark { value, basis, aside, owed }))
            })?;
            let changes = Changes { marks: rows.collect::<Result<_, _>>()?, gone: Vec::new() };
            // A time that cannot be is as good as none: so old that nobody goes by it.
            let read = jiff::Timestamp::from_millisecond(read_ms).unwrap_or_default().into();
            Ok(Marks { place, read, whole: true, changes })
        };
        places.map(of).collect()
    }
}

/// Removes the marks of all other places.
fn prune(connection: &Connection, places: &[String]) -> rusqlite::Result<()> {
    let mut select = connection.prepare("SELECT place FROM places")?;
    let held: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for place in held.iter().filter(|place| !places.contains(place)) {
        connection.execute("DELETE FROM marks WHERE place = ?1", [place])?;
        connection.execute("DELETE FROM places WHERE place = ?1", [place])?;
    }
    Ok(())
}

fn mark(connection: &Connection, marks: &Marks) -> rusqlite::Result<()> {
    let Marks { place, read, whole, changes } = marks;
    if *whole {
        connection.execute("DELETE FROM marks WHERE place = ?1", [place])?;
    }
    let mut delete = connection.prepare_cached("DELETE FROM marks WHERE place = ?1 AND counter = ?2")?;
    for counter in &changes.gone {
        delete.execute([place, counter])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO marks (place, counter, value, basis, aside, owed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (counter, Mark { value, basis, aside, owed }) in &changes.marks {
        let [value, basis, aside, owed] = [value, basis, aside, owed].map(|number| number.cast_signed());
        insert.execute(params![place, counter, value, basis, aside, owed])?;
    }
    let read_ms = read.as_millisecond();
    connection.execute("INSERT OR REPLACE INTO places (place, read_ms) VALUES (?1, ?2)", params![place, read_ms])?;
    Ok(())
}

/// The layout of the file. 0: it holds nothing yet.
fn layout(connection: &Connection, path: &Path) -> Result<i64, Fault> {
    let ask = || -> rusqlite::Result<(i64, i64, bool)> {
        let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
        let table = connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?;
        Ok((number("application_id")?, number("user_version")?, table.is_none()))
    };
    match ask().map_err(|error| Fault::of_database(path, &error))? {
        (0, 0, true) => Ok(0),
        (APPLICATION_ID, found @ 1..=LAYOUT, _) => Ok(found),
        (APPLICATION_ID, found, _) => Err(Fault::newer(path, found, LAYOUT)),
        _ => Err(Fault::foreign(path)),
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(run: &str, requests: u64) -> Entry {
        Entry { period: "2026-11".to_owned(), run: run.to_owned(), requests }
    }

    fn usage(entries: &[Entry]) -> Batch {
        Batch { entries: entries.to_vec(), ..Batch::default() }
    }

    #[test]
    fn rows_survive_and_never_shrink() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(dir.path(), 5).expect("a new ledger");
        ledger.book(&usage(&[entry("a", 3), entry("b", 1)])).expect("a booking");
        ledger.book(&usage(&[entry("a", 3)])).expect("the same again");
        ledger.book(&usage(&[entry("a", 2)])).expect("an older one");
        drop(ledger);
        let ledger = Ledger::open(dir.path(), 9).expect("the same ledger");
        assert_eq!(ledger.entries("2026-11"), Ok((vec![entry("a", 3), entry("b", 1)], false)));
        assert_eq!(ledger.entries("2026-10"), Ok((vec![], false)));
        assert_eq!(ledger.began_ms, 5);
    }

    fn marks(place: &str, read_ms: i64, whole: bool, marks: &[(&str, u64)], gone: &[&str]) -> Marks {
        let read = jiff::Timestamp::from_millisecond(read_ms).expect("a time").into();
        let of = |(name, value): &(&str, u64)| {
            ((*name).to_owned(), Mark { value: *value, basis: u64::MAX, aside: 1, owed: 2 })
        };
        let gone = gone.iter().map(|name| (*name).to_owned()).collect();
        Marks { place: place.to_owned(), read, whole, changes: Changes { marks: marks.iter().map(of).collect(), gone } }
    }

    #[test]
    fn marks_and_gaps_survive_and_those_of_other_places_are_dropped_on_demand() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(dir.path(), 5).expect("a new ledger");
        let mut book = |marks: Vec<Marks>, gaps: &[&str], places: Option<&[&str]>| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let batch = Batch { entries: Vec::new(), gaps: owned(gaps), marks, places: places.map(owned) };
            ledger.book(&batch).expect("a booking");
        };
        book(vec![marks("edge", 7, true, &[("a", 1), ("b", u64::MAX)], &[])], &["2026-11"], None);
        book(vec![marks("old", 8, true, &[("a", 1)], &[])], &["2026-11"], None);
        book(vec![marks("edge", 9, false, &[("c", 3)], &["a"])], &[], Some(&["edge", "new"]));
        drop(ledger);
        let mut ledger = Ledger::open(dir.path(), 9).expect("the same ledger");
        assert_eq!(ledger.marks(), Ok(vec![marks("edge", 9, true, &[("b", u64::MAX), ("c", 3)], &[])]));
        assert_eq!(ledger.entries("2026-11"), Ok((vec![], true)));
        let whole = marks("edge", 10, true, &[("d", 4)], &[]);
        ledger.book(&Batch { marks: vec![whole.clone()], ..Batch::default() }).expect("a booking");
        assert_eq!(ledger.marks(), Ok(vec![whole]));
    }

    #[test]
    fn a_ledger_of_the_first_layout_is_taken_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Connection::open(dir.path().join("ledger.db")).expect("a database");
        first.execute_batch(FIRST_SCHEMA).expect("the layout");
        first.execute("INSERT INTO metering (began_ms) VALUES (5)", []).expect("a row");
        first.execute("INSERT INTO usage VALUES ('2026-11', 'a', 3)", []).expect("a row");
        first.pragma_update(None, "application_id", APPLICATION_ID).expect("the mark");
        first.pragma_update(None, "user_version", 1).expect("the number");
        drop(first);
        for _ in 0..2 {
            let ledger = Ledger::open(dir.path(), 9).expect("taken over");
            assert_eq!((ledger.began_ms, ledger.marks()), (5, Ok(vec![])));
            assert_eq!(ledger.entries("2026-11"), Ok((vec![entry("a", 3)], false)));
        }
    }

    #[test]
    fn writes_of_another_process_are_noticed_and_our_own_are_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut one = Ledger::open(dir.path(), 1).expect("a ledger");
        let mut two = Ledger::open(dir.path(), 2).expect("the same ledger");
        assert_eq!(one.was_changed(), Ok(true), "the first question is always a change");
        one.book(&usage(&[entry("one", 1)])).expect("a booking");
        assert_eq!(one.was_changed(), Ok(false));
        two.book(&usage(&[entry("two", 2)])).expect("a booking");
        assert_eq!(one.was_changed(), Ok(true));
        assert_eq!(one.was_changed(), Ok(false));
        assert_eq!(one.entries("2026-11"), Ok((vec![entry("one", 1), entry("two", 2)], false)));
    }

    #[test]
    fn a_file_that_is_no_ledger_is_named_and_left_untouched() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ledger.db");
        let foreign = |sql: &str| {
            let _ = std::fs::remove_file(&path);
            Connection::open(&path).and_then(|connection| connection.execute_batch(sql)).expect("a database");
        };
        let check = |says: &str| {
            let before = std::fs::read(&path).expect("the file");
            let fault = Ledger::open(dir.path(), 1).expect_err(says).to_string();
            assert!(fault.contains(says) && fault.contains(&path.display().to_string()), "{fault}");
            assert!(std::fs::read(&path).expect("the file") == before, "{says}: the file was changed");
        };
        std::fs::write(&path, "not a database, but longer than one header of a hundred bytes. ".repeat(40))
            .expect("a file");
        check("is not a ledger");
        foreign("CREATE TABLE theirs (x)");
        check("another program");
        foreign("PRAGMA application_id = 7");
        check("another program");
        foreign(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 3"));
        check("layout 3, this version knows 2");
    }

    #[test]
    fn a_damaged_ledger_is_named_and_left_untouched() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(dir.path(), 1).expect("a ledger");
        let entries: Vec<Entry> = (0..2_000).map(|run| entry(&format!("{run:032x}"), run)).collect();
        ledger.book(&usage(&entries)).expect("a booking");
        drop(ledger);
        let path = dir.path().join("ledger.db");
        let mut bytes = std::fs::read(&path).expect("the file");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8_192].fill(0xa5);
        std::fs::write(&path, &bytes).expect("a write");
        let fault = Ledger::open(dir.path(), 1).expect_err("a damaged file").to_string();
        assert!(fault.contains("is damaged and was left untouched"), "{fault}");
        assert!(std::fs::read(&path).expect("the file") == bytes);
    }
}
