//! What operators want of backends, kept until it is withdrawn: in the state directory, so that it survives our restart, and
//! told again whenever the load balancer has lost it.
//!
//! An intent is *applied* when the source shows it, *pending* while the source has not been told or does not show it yet,
//! and *failed* when the source has refused it. One with an end is withdrawn at that time: the backend is enabled again.
//! An order to enable withdraws the intent once it is applied.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use crate::limits::{INTENT_RETRY_INTERVAL, INTENT_SAVE_PATIENCE};
use crate::net::fault::{in_words, io_words};
use crate::protocol::message::{Intent, Standing};
use crate::protocol::{Admin, Timestamp};

/// Which backend an intent is about: as the wire has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Subject {
    /// Where it is known from.
    pub(super) source: String,
    pub(super) pool: String,
    pub(super) address: String,
}

/// What is known of an intent.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) intent: Intent,
    /// When the source was last told.
    told: Option<Instant>,
}

/// What is to be done for an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, now.
    Wait,
    /// Tell the source.
    Tell,
    /// It has ended.
    Withdrawn,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    subject: Subject,
    #[serde(flatten)]
    intent: Intent,
}

/// The intents, and where they are kept.
pub(super) struct Intents {
    path: PathBuf,
    /// Held while the file is written.
    pen: Arc<tokio::sync::Mutex<()>>,
    kept: Mutex<BTreeMap<Subject, Kept>>,
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
        let kept = lines.into_iter().map(|line| {
            let intent = Intent { state: Standing::Pending, ..line.intent };
            (line.subject, Kept { intent, told: None })
        });
        Intents { path, pen: Arc::default(), kept: Mutex::new(kept.collect()) }
    }

    /// The intent for a backend.
    pub(super) fn get(&self, subject: &Subject) -> Option<Intent> {
        self.lock().get(subject).map(|kept| kept.intent.clone())
    }

    /// Every intent and what it is about.
    pub(super) fn all(&self) -> Vec<(Subject, Intent)> {
        self.lock().iter().map(|(subject, kept)| (subject.clone(), kept.intent.clone())).collect()
    }

    /// Keeps an intent in place of the one before.
    pub(super) async fn put(&self, subject: Subject, intent: Intent) {
        self.lock().insert(subject, Kept { intent, told: None });
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
        let before = kept.intent.clone();
        let intent = &mut kept.intent;
        if intent.until.is_some_and(|until| now >= until) {
            // Over: what is wanted from now on is that it works again.
            (intent.admin, intent.weight, intent.until) = (Some(Admin::Enabled), None, None);
            (intent.state, intent.error, kept.told) = (Standing::Pending, None, None);
        }
        let applied = shown.map(|(admin, weight)| {
            intent.admin.is_none_or(|wanted| wanted == admin) && intent.weight.is_none_or(|wanted| wanted == weight)
        });
        let step = match applied {
            Some(true) => {
                (intent.state, intent.error) = (Standing::Applied, None);
                let over = intent.admin == Some(Admin::Enabled) && intent.weight.is_none();
                if over { Step::Withdrawn } else { Step::Wait }
            }
            Some(false) => {
                if intent.state == Standing::Applied {
                    intent.state = Standing::Pending;
                }
                let lately = kept.told.is_some_and(|told| told.elapsed() < INTENT_RETRY_INTERVAL);
                if lately { Step::Wait } else { Step::Tell }
            }
            None => {
                intent.state = Standing::Pending;
                Step::Wait
            }
        };
        let changed = *intent != before;
        (step, changed)
    }

    /// Notes what came of telling the source. Gives whether that is news.
    pub(super) fn told(&self, subject: &Subject, result: &Result<(), String>) -> bool {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(subject) else { return false };
        kept.told = Some(Instant::now());
        let before = kept.intent.clone();
        (kept.intent.state, kept.intent.error) = match result {
            // Applied once the source shows it.
            Ok(()) => (Standing::Pending, None),
            Err(why) => (Standing::Failed, Some(why.clone())),
        };
        kept.intent != before
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Subject, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of them, on a thread that may wait for a disk; a disk that hangs keeps no order waiting for ever.
    async fn save(&self) {
        let written = async {
            let pen = Arc::clone(&self.pen).lock_owned().await;
            let (path, all) = (self.path.clone(), self.all());
            let writing = tokio::task::spawn_blocking(move || {
                let _pen = pen;
                write(&path, all)
            });
            writing.await.map_err(std::io::Error::other).flatten()
        };
        let why = match timeout(INTENT_SAVE_PATIENCE, written).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => io_words(&error),
            Err(_) => format!("not done within {}", in_words(INTENT_SAVE_PATIENCE)),
        };
        let file = self.path.display();
        tracing::error!(%file, why, "what operators want of backends is lost at a restart");
    }
}

/// Writes aside and renames that into place: a crash leaves the old file or the new one.
fn write(path: &Path, all: Vec<(Subject, Intent)>) -> std::io::Result<()> {
    let lines: Vec<Line> = all.into_iter().map(|(subject, intent)| Line { subject, intent }).collect();
    let text = serde_json::to_vec_pretty(&lines).expect("plain data");
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn subject() -> Subject {
        Subject { source: "edge".to_owned(), pool: "app".to_owned(), address: "127.0.0.1:1".to_owned() }
    }

    fn drain(until: Option<Timestamp>) -> Intent {
        let since = Timestamp::now();
        Intent {
            admin: Some(Admin::Draining),
            weight: None,
            state: Standing::Pending,
            error: None,
            since,
            until,
            reason: Some("kernel".to_owned()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_until_it_is_shown_and_again_when_it_was_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let (intents, subject, now) = (Intents::open(folder.path()), subject(), Timestamp::now());
        let state = || intents.get(&subject).map(|intent| intent.state);
        intents.put(subject.clone(), drain(None)).await;
        assert_eq!(intents.judge(&subject, None, now), (Step::Wait, false), "it is not there now");
        assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now), (Step::Tell, false));
        assert!(intents.told(&subject, &Err("no".to_owned())));
        assert_eq!(state(), Some(Standing::Failed));
        assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now).0, Step::Wait, "not at once again");
        tokio::time::advance(INTENT_RETRY_INTERVAL).await;
        assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now).0, Step::Tell);
        assert!(intents.told(&subject, &Ok(())));
        assert_eq!(intents.judge(&subject, Some((Admin::Draining, 1)), now), (Step::Wait, true));
        assert_eq!(state(), Some(Standing::Applied));
        tokio::time::advance(INTENT_RETRY_INTERVAL).await;
        assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), now), (Step::Tell, true), "lost by a reload");
    }

    #[tokio::test(start_paused = true)]
    async fn it_survives_a_restart_and_ends_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (subject, now) = (subject(), Timestamp::now());
        let until = now.after(Duration::from_secs(60)).expect("in range");
        Intents::open(folder.path()).put(subject.clone(), drain(Some(until))).await;
        let intents = Intents::open(folder.path());
        let read = intents.get(&subject).expect("it is kept");
        assert_eq!((read.admin, read.reason.as_deref()), (Some(Admin::Draining), Some("kernel")));
        assert_eq!(intents.judge(&subject, Some((Admin::Draining, 1)), now).0, Step::Wait);
        assert_eq!(intents.judge(&subject, Some((Admin::Draining, 1)), until).0, Step::Tell, "to enable it");
        assert_eq!(intents.judge(&subject, Some((Admin::Enabled, 1)), until).0, Step::Withdrawn);
        intents.remove(&subject).await;
        assert!(Intents::open(folder.path()).all().is_empty());
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_no_end() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("intents.json"), "{").expect("a file");
        assert!(Intents::open(folder.path()).all().is_empty());
    }
}
