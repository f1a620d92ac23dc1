//! The server's own vital signs: what the `health` feed reports where no dependency is configured, and what the status
//! has to say about the server itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::host::descriptors;
use super::room::{Room, Surveyor};
use crate::audit::Trail;
use crate::limits::{
    DESCRIPTORS_DEGRADED_PERCENT, DESCRIPTORS_UNHEALTHY_PERCENT, DISK_FREE_DEGRADED_BYTES, DISK_FREE_UNHEALTHY_BYTES,
    DISK_TIMEOUT, LAG_DEGRADED, LAG_UNHEALTHY, SAMPLE_INTERVAL,
};
use crate::protocol::{Feed, Health, Timestamp};
use crate::usage::Meter;

/// One vital sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// Its name on the wire.
    pub name: &'static str,
    /// How it is.
    pub status: Health,
    /// Why it is not healthy, in words a person can act on.
    pub error: Option<String>,
    /// When it was measured.
    pub measured: Timestamp,
    /// Since when it is so.
    pub since: Timestamp,
}

/// Measures the vital signs when asked, and by itself when something happens that nobody asks about.
pub struct Vitals {
    state_dir: PathBuf,
    surveyor: Surveyor,
    meter: Arc<Meter>,
    audit: Arc<Trail>,
    lag_max: Mutex<Duration>,
    signs: Mutex<Vec<Sign>>,
    flips: watch::Sender<u64>,
}

impl Vitals {
    /// Measures everything once.
    pub fn new(state_dir: &Path, meter: Arc<Meter>, audit: Arc<Trail>) -> Vitals {
        let vitals = Vitals {
            state_dir: state_dir.to_owned(),
            // The ledger has just been opened there: it answers.
            surveyor: Surveyor::new(state_dir),
            meter,
            audit,
            lag_max: Mutex::default(),
            signs: Mutex::default(),
            flips: watch::Sender::new(0),
        };
        vitals.note(vitals.surveyor.known());
        vitals
    }

    /// Watches for ever: the event-loop lag all the time; measures everything when the state of the ledger or of the audit log changes, when the lag
    /// is noticed, and once a cadence, so that the status hears of it while nobody asks for `health`.
    pub async fn run(self: Arc<Self>) {
        let (mut faults, mut audit_faults) = (self.meter.changes(), self.audit.changes());
        let mut due = Instant::now() + Feed::Health.cadence();
        loop {
            let expected = Instant::now() + SAMPLE_INTERVAL;
            let fault = tokio::select! {
                () = tokio::time::sleep_until(expected) => false,
                Ok(()) = faults.changed() => true,
                Ok(()) = audit_faults.changed() => true,
            };
            let now = Instant::now();
            let late = now.saturating_duration_since(expected);
            {
                let mut lag = self.lag_max.lock().unwrap_or_else(PoisonError::into_inner);
                *lag = late.max(*lag);
            }
            if fault || now >= due || late >= LAG_DEGRADED {
                self.measure().await;
                due = now + Feed::Health.cadence();
            }
        }
    }

    /// The signs as they were last measured.
    pub fn signs(&self) -> Vec<Sign> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bumped after every change of a sign's status.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.flips.subscribe()
    }

    /// Measures now. A disk that hangs is waited for once; whoever asks after that is told at once, and the
    /// event loop is never held up.
    pub async fn measure(&self) {
        self.note(self.surveyor.room(DISK_TIMEOUT).await);
    }

    fn note(&self, room: Room) {
        let lag = std::mem::take(&mut *self.lag_max.lock().unwrap_or_else(PoisonError::into_inner));
        let ledger = self.meter.fault().map_or((Health::Healthy, None), |fault| (Health::Unhealthy, Some(fault)));
        let audit = self.audit.fault().map_or((Health::Healthy, None), |fault| (Health::Unhealthy, Some(fault)));
        let measured = [
            ("event_loop", event_loop(lag)),
            ("ledger", ledger),
            ("disk", disk(room, &self.state_dir)),
            ("file_descriptors", files(descriptors())),
        ];
        let kept = self.audit.is_kept().then_some(("audit_log", audit));
        let now = Timestamp::now();
        let mut signs = self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut flipped = false;
        *signs = measured
            .into_iter()
            .chain(kept)
            .map(|(name, (status, error))| {
                let before = signs.iter().find(|sign| sign.name == name && sign.status == status);
                flipped |= before.is_none();
                Sign { name, status, error, measured: now, since: before.map_or(now, |sign| sign.since) }
            })
            .collect();
        drop(signs);
        if flipped {
            self.flips.send_modify(|count| *count += 1);
        }
    }
}

fn event_loop(lag: Duration) -> (Health, Option<String>) {
    let status = grade(lag, LAG_DEGRADED, LAG_UNHEALTHY);
    let error = format!("the event loop was {} ms late; the machine or the server is overloaded", lag.as_millis());
    (status, (status != Health::Healthy).then_some(error))
}

fn disk(room: Room, path: &Path) -> (Health, Option<String>) {
    let free = match room {
        Room::Free(free) => free,
        Room::Unreadable => {
            return (Health::Unknown, Some(format!("the file system of `{}` cannot be read", path.display())));
        }
        Room::Silent => {
            return (Health::Unhealthy, Some(format!("the file system of `{}` does not answer", path.display())));
        }
    };
    let status = grade(u64::MAX - free, u64::MAX - DISK_FREE_DEGRADED_BYTES, u64::MAX - DISK_FREE_UNHEALTHY_BYTES);
    let error = format!("{} MiB free on the file system of `{}`; make room", free / 1024 / 1024, path.display());
    (status, (status != Health::Healthy).then_some(error))
}

fn files(descriptors: Option<(u64, u64)>) -> (Health, Option<String>) {
    let Some((open, limit)) = descriptors else {
        return (Health::Unknown, Some("the open file descriptors cannot be counted on this system".to_owned()));
    };
    let percent = open * 100 / limit.max(1);
    let status = grade(percent, DESCRIPTORS_DEGRADED_PERCENT, DESCRIPTORS_UNHEALTHY_PERCENT);
    let error = format!("{open} of {limit} file descriptors are open; raise the limit (`ulimit -n`, `LimitNOFILE=`)");
    (status, (status != Health::Healthy).then_some(error))
}

/// Healthy up to and with `degraded`, degraded up to and with `unhealthy`.
fn grade<T: PartialOrd>(value: T, degraded: T, unhealthy: T) -> Health {
    if value > unhealthy {
        Health::Unhealthy
    } else if value > degraded {
        Health::Degraded
    } else {
        Health::Healthy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_turns_just_past_its_bounds() {
        let ms = Duration::from_millis;
        for (lag, status) in
            [(0, Health::Healthy), (250, Health::Healthy), (251, Health::Degraded), (1001, Health::Unhealthy)]
        {
            assert_eq!(event_loop(ms(lag)).0, status, "{lag} ms");
        }
        let free = |bytes| disk(Room::Free(bytes), Path::new("/x")).0;
        assert_eq!(free(DISK_FREE_DEGRADED_BYTES), Health::Healthy);
        assert_eq!(free(DISK_FREE_DEGRADED_BYTES - 1), Health::Degraded);
        assert_eq!(free(DISK_FREE_UNHEALTHY_BYTES - 1), Health::Unhealthy);
        let silent = disk(Room::Silent, Path::new("/x"));
        assert_eq!(silent, (Health::Unhealthy, Some("the file system of `/x` does not answer".to_owned())));
        assert_eq!(disk(Room::Unreadable, Path::new("/x")).0, Health::Unknown);
        assert_eq!(files(Some((80, 100))).0, Health::Healthy);
        assert_eq!(files(Some((81, 100))).0, Health::Degraded);
        assert_eq!(files(Some((96, 100))).0, Health::Unhealthy);
        assert!(files(Some((96, 100))).1.is_some_and(|error| error.contains("96 of 100")));
        assert_eq!(files(None).0, Health::Unknown);
    }
}
