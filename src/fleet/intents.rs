//! What operators want of backends, kept until it is withdrawn: in the state directory, so that it survives our restart, and
//! told again whenever the load balancer has lost it.
//!
//! An intent is *applied* when the source shows it, *pending* while the source has not been told or does not show it yet,
//! and *failed* when the source has refused it. What is wanted of the administrative state and of the weight ends each by
//! itself: in time or by an order to enable. Then the source is told once how things were before, and it is forgotten.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use crate::disk::Disk;
use crate::limits::{INTENT_RETRY_INTERVAL, INTENT_SAVE_PATIENCE};
use crate::net::fault::{in_words, io_words};
use crate::protocol::control::{Order, Wanted};
use crate::protocol::message::{Intent, Standing};
use crate::protocol::{Admin, Timestamp};

/// Which backend an intent is about: as the wire has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Subject {
    /// Where it is known from.
    pub(super) source: String,
    pub(super) pool: String,
    pub(super) address: String,
}

/// One thing that is wanted of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Wish<T> {
    value: T,
    /// When it ends by itself.
    until: Option<Timestamp>,
    /// It has ended: the value is how things were before, to be told once.
    over: bool,
}

impl<T> Wish<T> {
    /// That things be as they were before.
    fn back(value: T) -> Wish<T> {
        Wish { value, until: None, over: true }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// What is known of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    admin: Option<Wish<Admin>>,
    weight: Option<Wish<u32>>,
    /// The weight before anybody ordered another.
    weight_before: Option<u32>,
    since: Timestamp,
    reason: Option<String>,
    #[serde(skip, default = "unknown")]
    state: Standing,
    #[serde(skip)]
    error: Option<String>,
    /// When the source was last told.
    #[serde(skip)]
    told: Option<Instant>,
    /// Whether it has taken what is wanted now.
    #[serde(skip)]
    taken: bool,
}

/// How an intent stands that was read from the file.
fn unknown() -> Standing {
    Standing::Pending
}

impl Kept {
    /// What is wanted after an order: the other thing stays as it was. `weight` is the one that is shown now.
    pub(super) fn ordered(before: Option<&Kept>, order: &Order, weight: u32, now: Timestamp) -> Kept {
        let until = order.lasts.and_then(|lasts| now.after(lasts));
        let mut kept = Kept {
            admin: before.and_then(|before| before.admin.clone()),
            weight: before.and_then(|before| before.weight.clone()),
            weight_before: before.and_then(|before| before.weight_before),
            since: now,
            reason: order.reason.clone(),
            state: Standing::Pending,
            error: None,
            told: None,
            taken: false,
        };
        match order.wanted {
            // Withdraws whatever was ordered before.
            Wanted::Admin(Admin::Enabled) => {
                kept.admin = Some(Wish::back(Admin::Enabled));
                kept.weight = kept.weight.and(kept.weight_before).map(Wish::back);
            }
            Wanted::Admin(value) => kept.admin = Some(Wish { value, until, over: false }),
            Wanted::Weight(value) => {
                kept.weight = Some(Wish { value, until, over: false });
                kept.weight_before = kept.weight_before.or(Some(weight));
            }
        }
        kept
    }

    /// As it stands on the wire.
    fn intent(&self) -> Intent {
        let ends = [self.admin.as_ref().and_then(|wish| wish.until), self.weight.as_ref().and_then(|wish| wish.until)];
        Intent {
            admin: self.admin.as_ref().map(|wish| wish.value),
            weight: self.weight.as_ref().map(|wish| wish.value),
            state: self.state,
            error: self.error.clone(),
            since: self.since,
            until: ends.into_iter().flatten().min(),
            reason: self.reason.clone(),
        }
    }

    /// Puts an end to what has one that is past.
    fn end(&mut self, now: Timestamp) {
        let mut ended = false;
        if self.admin.as_ref().is_some_and(|wish| wish.has_ended(now)) {
            (self.admin, ended) = (Some(Wish::back(Admin::Enabled)), true);
        }
        if self.weight.as_ref().is_some_and(|wish| wish.has_ended(now)) {
            (self.weight, ended) = (self.weight_before.map(Wish::back), true);
        }
        if ended {
            (self.state, self.error, self.told, self.taken) = (Standing::Pending, None, None, false);
        }
    }

    /// Forgets what is over, and gives whether there was anything.
    fn forget(&mut self) -> bool {
        let (admin, weight) = (self.admin.take_if(|wish| wish.over), self.weight.take_if(|wish| wish.over));
        if self.weight.is_none() {
            self.weight_before = None;
        }
        admin.is_some() || weight.is_some()
    }

    fn is_shown(&self, admin: Admin, weight: u32) -> bool {
        self.admin.as_ref().is_none_or(|wish| wish.value == admin)
            && self.weight.as_ref().is_none_or(|wish| wish.value == weight)
    }

    /// Tell the source, unless it has just been told.
    fn due(&self) -> Step {
        let lately = self.told.is_some_and(|told| told.elapsed() < INTENT_RETRY_INTERVAL);
        if lately { Step::Wait } else { Step::Tell }
    }

    fn has_something_over(&self) -> bool {
        self.admin.as_ref().is_some_and(|wish| wish.over) || self.weight.as_ref().is_some_and(|wish| wish.over)
    }
}

/// What is to be done for an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, now.
    Wait,
    /// Tell the source.
    Tell,
    /// A part of it has ended, and is forgotten.
    Shortened,
    /// All of it has ended.
    Withdrawn,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    subject: Subject,
    #[serde(flatten)]
    kept: Kept,
}

/// The intents, and where they are kept.
pub(super) struct Intents {
    path: PathBuf,
    disk: Disk,
    kept: Arc<Mutex<BTreeMap<Subject, Kept>>>,
    /// Whether there is something that the file may not have.
    unsaved: Arc<AtomicBool>,
    /// Why the last writing failed.
    fault: Mutex<Option<String>>,
}

impl Intents {
    /// Reads those of an earlier run. A file that cannot be read is said so, and left alone until there is another intent.
    pub(super) fn open(state_dir: &Path) -> Intents {
        let path = state_dir.join("intents.json");
        let lines = match fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Vec<Line>>(&text).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io_words(&error)),
        };
        let lines = lines.unwrap_or_else(|why| {
            tracing::error!(file = %path.display(), why, "what operators wanted of backends cannot be read");
            Vec::new()
        });
        let kept = lines.into_iter().map(|line| (line.subject, line.kept));
        let kept = Arc::new(Mutex::new(kept.collect()));
        Intents { path, disk: Disk::default(), kept, unsaved: Arc::default(), fault: Mutex::default() }
    }

    /// The intent for a backend, as it stands on the wire.
    pub(super) fn get(&self, subject: &Subject) -> Option<Intent> {
        self.lock().get(subject).map(Kept::intent)
    }

    /// What is known of the intent for a backend.
    pub(super) fn kept(&self, subject: &Subject) -> Option<Kept> {
        self.lock().get(subject).cloned()
    }

    /// Every intent and what it is about.
    pub(super) fn all(&self) -> Vec<(Subject, Intent)> {
        self.lock().iter().map(|(subject, kept)| (subject.clone(), kept.intent())).collect()
    }

    /// Keeps an intent in place of the one before.
    pub(super) async fn put(&self, subject: Subject, kept: Kept) {
        self.lock().insert(subject, kept);
        self.save().await;
    }

    /// Forgets an intent.
    pub(super) async fn remove(&self, subject: &Subject) {
        let known = self.lock().remove(subject).is_some();
        if known {
            self.save().await;
        }
    }

    /// Holds an intent against what the source shows of its backend: nothing, when that is not there now. Gives what is to
    /// be done, and whether anything has changed.
    pub(super) fn judge(&self, subject: &Subject, shown: Option<(Admin, u32)>, now: Timestamp) -> (Step, bool) {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(subject) else { return (Step::Wait, false) };
        let before = kept.intent();
        kept.end(now);
        let step = match shown {
            None => {
                kept.state = Standing::Pending;
                Step::Wait
            }
            Some((admin, weight)) if kept.is_shown(admin, weight) => {
                (kept.state, kept.error) = (Standing::Applied, None);
                // What a source shows of a server that is down need not be all there is; what it was told is.
                match kept.has_something_over() {
                    true if !kept.taken => kept.due(),
                    _ if !kept.forget() => Step::Wait,
                    _ if kept.admin.is_none() && kept.weight.is_none() => Step::Withdrawn,
                    _ => Step::Shortened,
                }
            }
            Some(_) => {
                if kept.state == Standing::Applied {
                    kept.state = Standing::Pending;
                }
                kept.due()
            }
        };
        let changed = kept.intent() != before;
        (step, changed)
    }

    /// Notes what came of telling the source. Gives whether that is news.
    pub(super) fn told(&self, subject: &Subject, result: &Result<(), String>) -> bool {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(subject) else { return false };
        let before = kept.intent();
        (kept.told, kept.taken) = (Some(Instant::now()), result.is_ok());
        (kept.state, kept.error) = match result {
            // Applied once the source shows it.
            Ok(()) => (Standing::Pending, None),
            Err(why) => (Standing::Failed, Some(why.clone())),
        };
        kept.intent() != before
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Subject, Kept>> {
        locked(&self.kept)
    }

    /// Writes all of them, on a thread that may wait for a disk; a disk that hangs keeps no order waiting for ever.
    pub(super) async fn save(&self) {
        self.unsaved.store(true, Ordering::Relaxed);
        let (path, kept, unsaved) = (self.path.clone(), Arc::clone(&self.kept), Arc::clone(&self.unsaved));
        let written = self.disk.run(move || {
            unsaved.store(false, Ordering::Relaxed);
            // As they are when it is their turn.
            let all = locked(&kept).clone();
            write(&path, all).map_err(|error| {
                unsaved.store(true, Ordering::Relaxed);
                io_words(&error)
            })
        });
        let fault = match timeout(INTENT_SAVE_PATIENCE, written).await {
            Ok(result) => result.err(),
            Err(_) => Some(format!("not done within {}", in_words(INTENT_SAVE_PATIENCE))),
        };
        let before = mem::replace(&mut *locked(&self.fault), fault.clone());
        let file = self.path.display();
        match fault {
            // Said once: it is tried again and again.
            Some(why) if before.as_ref() != Some(&why) => {
                tracing::error!(%file, why, "what operators want of backends would be lost at a restart");
            }
            None if before.is_some() => tracing::info!(%file, "what operators want of backends is kept again"),
            _ => {}
        }
    }

    /// Writes what could not be written before.
    pub(super) async fn save_again(&self) {
        if self.unsaved.load(Ordering::Relaxed) {
            self.save().await;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes aside and renames that into place: a crash leaves the old file or the new one.
fn write(path: &Path, all: BTreeMap<Subject, Kept>) -> std::io::Result<()> {
    let lines: Vec<Line> = all.into_iter().map(|(subject, kept)| Line { subject, kept }).collect();
    let text = serde_json::to_vec_pretty(&lines).expect("plain data");
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests;
