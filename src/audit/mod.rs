//! The audit log: who did what to this server, from where, why, and what came of it. One JSON object a line, each with the
//! SHA-256 of the line before, so that a line that was changed, taken out or put in shows ([`verify`]).
//!
//! An act is on the disk before it is answered. Where the disk does not take it, the act is done and answered all the same
//! (whoever drains a backend while a disk is full needs that more than the record), the status says so, the line waits in
//! memory and is tried again every second. What is lost in the end is counted in the next line that is written.
//!
//! What a chain cannot show is that lines were cut off its end, or that all of it was written anew: whoever needs to know
//! keeps the last hash elsewhere. Nothing here knows HTTP or a token.

mod file;
mod line;
mod verify;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub use line::{Outcome, Record};
pub use verify::{Broken, Report, verify};

use crate::disk::Disk;
use crate::limits::{AUDIT_PATIENCE, AUDIT_RETRY_INTERVAL, AUDIT_WAITING_MAX};
use crate::net::fault::io_words;

/// The name of the file in the state directory.
pub const FILE_NAME: &str = "audit.jsonl";

/// The audit log of one server.
pub struct Trail {
    /// None: it is switched off.
    path: Option<PathBuf>,
    /// One writes at a time, so that lines keep their order.
    disk: Disk,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// What is not in the file yet, oldest first.
    waiting: VecDeque<Record>,
    /// What fell out of `waiting`, and is not told in the file yet.
    lost: u64,
    /// Lines written since the start.
    written: u64,
    fault: Option<String>,
}

/// How the log is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Lines written since the start.
    pub written: u64,
    /// Lines that wait for the disk.
    pub waiting: u64,
    /// Acts of which there is no line, and none will come.
    pub lost: u64,
}

impl Trail {
    /// Continues the log in this file; none: there shall be no log. Never fails: what is wrong is [`Trail::fault`].
    pub fn open(path: Option<&Path>) -> Arc<Trail> {
        Arc::new(Trail {
            path: path.map(Path::to_owned),
            disk: Disk::default(),
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        })
    }

    /// Whether there is a log.
    pub fn is_kept(&self) -> bool {
        self.path.is_some()
    }

    /// Writes a record. Comes back when it is on the disk, or cannot be for now, or after [`AUDIT_PATIENCE`].
    pub async fn write(self: &Arc<Self>, record: Record) {
        if self.path.is_none() {
            return;
        }
        self.keep(record.cut());
        if timeout(AUDIT_PATIENCE, self.flush_aside()).await.is_err() {
            self.note(Some("the disk takes no line in time".to_owned()));
        }
    }

    /// Tries again what could not be written, for ever. Safe to drop.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(AUDIT_RETRY_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !self.lock().waiting.is_empty() {
                self.flush_aside().await;
            }
        }
    }

    /// Why lines are not being written, as a sentence for the status; none when they are.
    pub fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// Bumped when [`Trail::fault`] appears, changes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How the log is doing.
    pub fn tally(&self) -> Tally {
        let state = self.lock();
        Tally { written: state.written, waiting: state.waiting.len() as u64, lost: state.lost }
    }

    /// Puts a record behind those that wait.
    fn keep(&self, record: Record) {
        let mut state = self.lock();
        if state.waiting.len() == AUDIT_WAITING_MAX {
            state.waiting.pop_front();
            state.lost += 1;
        }
        state.waiting.push_back(record);
    }

    /// Writes what waits.
    async fn flush_aside(self: &Arc<Self>) {
        let trail = Arc::clone(self);
        let flush = move || {
            trail.flush();
            Ok(())
        };
        // It does not panic; what went wrong is noted.
        let _ = self.disk.run(flush).await;
    }

    fn flush(&self) {
        let Some(path) = &self.path else { return };
        let (mut records, lost) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.waiting), std::mem::take(&mut state.lost))
        };
        if records.is_empty() {
            return;
        }
        if lost > 0 {
            records.push_front(Record::lost(lost));
        }
        match file::append(path, records.make_contiguous()) {
            Ok(()) => {
                self.lock().written += records.len() as u64;
                self.note(None);
            }
            Err(error) => {
                let why = format!("`{}`: {}; make room, or make it writable", path.display(), io_words(&error));
                let count = {
                    let mut state = self.lock();
                    if lost > 0 {
                        records.pop_front();
                        state.lost += lost;
                    }
                    // Others may have come meanwhile; these are older.
                    records.append(&mut state.waiting);
                    state.waiting = records;
                    while state.waiting.len() > AUDIT_WAITING_MAX {
                        state.waiting.pop_front();
                        state.lost += 1;
                    }
                    state.waiting.len() as u64 + state.lost
                };
                let acts = if count == 1 { "act is" } else { "acts are" };
                self.note(Some(format!("{count} {acts} not in the audit log: {why}")));
            }
        }
    }

    fn note(&self, fault: Option<String>) {
        let mut state = self.lock();
        if state.fault == fault {
            return;
        }
        // Said once: the count grows with every act.
        match (&state.fault, &fault) {
            (None, Some(why)) => tracing::error!(why, "the audit log is not being written"),
            (Some(_), None) => tracing::info!("the audit log is being written again"),
            _ => {}
        }
        state.fault = fault;
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::AUDIT_TEXT_CHARS_MAX;

    #[tokio::test]
    async fn what_cannot_be_written_waits_and_what_is_lost_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("later").join(FILE_NAME);
        let trail = Trail::open(Some(&path));
        let mut changes = trail.changes();
        for number in 0..AUDIT_WAITING_MAX + 3 {
            trail.keep(Record::of_server("start", serde_json::json!({ "number": number })));
        }
        trail.write(Record::of_server("stop", serde_json::Value::Null)).await;
        assert!(changes.has_changed().expect("it lives"));
        changes.borrow_and_update();
        assert_eq!(trail.tally(), Tally { written: 0, waiting: AUDIT_WAITING_MAX as u64, lost: 4 });
        assert!(trail.fault().is_some_and(|fault| fault.starts_with(&format!("{} acts", AUDIT_WAITING_MAX + 4))));
        std::fs::create_dir(path.parent().expect("a folder")).expect("a folder of ours");
        trail.write(Record::of_server("start", serde_json::Value::Null)).await;
        assert_eq!((trail.fault(), changes.has_changed().expect("it lives")), (None, true));
        let report = verify(&path).expect("intact");
        // One more fell out when the last came; and a line says how many did.
        assert_eq!(report.lines, AUDIT_WAITING_MAX as u64 + 1);
        let text = std::fs::read_to_string(&path).expect("a file");
        let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!((&first["action"], &first["arguments"]["acts"]), (&"lost".into(), &5.into()), "{first}");
    }

    #[tokio::test]
    async fn switched_off_it_leaves_nothing() {
        let trail = Trail::open(None);
        trail.write(Record::of_server("start", serde_json::Value::Null)).await;
        assert_eq!((trail.fault(), trail.is_kept()), (None, false));
        assert_eq!(trail.tally(), Tally { written: 0, waiting: 0, lost: 0 });
    }

    #[tokio::test]
    async fn a_text_of_any_length_leaves_a_line_that_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        let trail = Trail::open(Some(&path));
        // Each of its characters takes six bytes of a line.
        let long = "\u{1}".repeat(1_000_000);
        for length in [AUDIT_TEXT_CHARS_MAX, AUDIT_TEXT_CHARS_MAX + 1, long.len()] {
            let text = long[..length].to_owned();
            let arguments = serde_json::json!({"backend": text, "pool": text, "of": [text, text]});
            let record = Record {
                who: text.clone(),
                reason: Some(text.clone()),
                error: Some(text),
                ..Record::of_server("drain", arguments)
            };
            trail.write(record).await;
        }
        assert_eq!(verify(&path).expect("intact").lines, 3);
        let text = std::fs::read_to_string(&path).expect("a file");
        let lengths = text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["error"].as_str().map(|error| error.chars().count())
        });
        let cut = Some(AUDIT_TEXT_CHARS_MAX + 1);
        assert_eq!(lengths.collect::<Vec<_>>(), [Some(AUDIT_TEXT_CHARS_MAX), cut, cut]);
    }
}
