//! The poller of one source: reads it when it is due, keeps what it last said, and knows how old that is.
//!
//! A reading that fails leaves what is known as it was, and stale. After [`SOURCE_MISSES_MAX`] intervals without a reading
//! nobody can say any more how its backends are: then their status is unknown. Nothing is ever dropped because of an error.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Finding, Reading, Record, SourceSpec, Which};
use crate::limits::SOURCE_MISSES_MAX;
use crate::net::Fault;
use crate::protocol::{Health, Timestamp};
use crate::usage::Requests;

/// Reads one source.
pub struct Poller {
    spec: RwLock<Arc<SourceSpec>>,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    /// Takes what it has counted.
    requests: Arc<Requests>,
    /// Held while the source is read.
    turn: tokio::sync::Mutex<()>,
    /// Tells [`Poller::run`] that it has other settings.
    replaced: Notify,
}

#[derive(Default)]
struct State {
    seen: Arc<Vec<Seen>>,
    pools: Arc<BTreeSet<String>>,
    readings: u64,
    counted: u64,
    /// The end of the last reading.
    last: Option<(Instant, Timestamp)>,
    fault: Option<Failing>,
}

#[derive(Debug, Clone)]
struct Failing {
    why: String,
    since: Instant,
    /// So long that nobody knows any more.
    lost: bool,
}

/// A backend, and when its status last changed as far as we know.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// As the source says.
    pub record: Record,
    /// When it says that its status changed, else when we saw that.
    pub last_change: Option<Timestamp>,
}

/// What is known of a source now.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its backends, as of the last reading.
    pub seen: Arc<Vec<Seen>>,
    /// Their pools; those of the last list that had any, where this one is empty.
    pub pools: Arc<BTreeSet<String>>,
    /// Readings since the start.
    pub readings: u64,
    /// Requests it has counted since the first reading.
    pub counted: u64,
    /// The end of the last reading.
    pub last_reading: Option<Timestamp>,
    /// Why the last reading failed.
    pub fault: Option<Outage>,
}

/// A source that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// What went wrong.
    pub why: String,
    /// Since when, or since the start.
    pub lasts: Duration,
    /// Whether it is so long that what it last said says nothing any more.
    pub lost: bool,
}

impl Poller {
    /// A poller that has not read anything yet. `changes` is bumped after every reading that changed something worth telling
    /// at once; `requests` takes what the source counts.
    pub fn new(spec: SourceSpec, changes: watch::Sender<u64>, requests: Arc<Requests>) -> Poller {
        Poller {
            spec: RwLock::new(Arc::new(spec)),
            state: Mutex::default(),
            changes,
            requests,
            turn: tokio::sync::Mutex::default(),
            replaced: Notify::new(),
        }
    }

    /// The source as the settings have it.
    pub fn spec(&self) -> Arc<SourceSpec> {
        Arc::clone(&self.spec.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on by other settings, with what it knows: until it is read by them, the backends are as they were last seen. It is
    /// read at once.
    pub fn replace(&self, spec: SourceSpec) {
        let mut current = self.spec.write().unwrap_or_else(PoisonError::into_inner);
        spec.source.succeed(&*current.source);
        *current = Arc::new(spec);
        drop(current);
        self.replaced.notify_one();
    }

    /// What is known now.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            seen: Arc::clone(&state.seen),
            pools: Arc::clone(&state.pools),
            readings: state.readings,
            counted: state.counted,
            last_reading: state.last.map(|(_, at)| at),
            fault: state.fault.as_ref().map(|failing| Outage {
                why: failing.why.clone(),
                lasts: state.last.map_or(failing.since, |(at, _)| at).elapsed(),
                lost: failing.lost,
            }),
        }
    }

    /// Reads whenever it is due, or when there is news, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            let began = Instant::now();
            self.read().await;
            let spec = self.spec();
            // All branches only wait.
            tokio::select! {
                () = sleep_until(began + spec.interval) => {}
                () = spec.source().news() => {}
                () = self.replaced.notified() => {}
            }
        }
    }

    /// Reads once, now.
    pub async fn read(&self) {
        let _turn = self.turn.lock().await;
        let spec = self.spec();
        let result = timeout(spec.timeout, spec.source().read()).await;
        let result = result.unwrap_or_else(|_| Err(Fault::Deadline(spec.timeout).to_string()));
        let current = self.spec.read().unwrap_or_else(PoisonError::into_inner);
        // What was asked by settings that are gone is no answer any more.
        if Arc::ptr_eq(&current, &spec) {
            self.fold(&spec, result);
        }
    }

    fn fold(&self, spec: &SourceSpec, result: Result<Reading, String>) {
        let (now, at) = (Instant::now(), Timestamp::now());
        let mut state = self.state();
        let state = &mut *state;
        let changed = match result {
            Ok(reading) => {
                let counted = self.requests.take(&spec.place(), &reading.requests, spec.source().counts_from_zero());
                let more = counted.unwrap_or_else(|absurd| {
                    tracing::warn!(source = spec.name, "{absurd}");
                    0
                });
                state.counted = state.counted.saturating_add(more);
                let seen = seen(&state.seen, reading.backends, at);
                let recovered = state.fault.take().is_some();
                if recovered {
                    tracing::info!(source = spec.name, "the source answers again");
                }
                let first = state.last.is_none();
                (state.last, state.readings) = (Some((now, at)), state.readings + 1);
                let news = differs(&state.seen, &seen);
                if news && !seen.is_empty() {
                    state.pools = Arc::new(seen.iter().map(|seen| seen.record.pool.clone()).collect());
                }
                state.seen = Arc::new(seen);
                recovered || first || news
            }
            Err(why) => {
                let since = state.fault.as_ref().map_or(now, |failing| failing.since);
                let silent = now - state.last.map_or(since, |(at, _)| at);
                // The reading that fails is asked for one interval after the last.
                let lost = silent >= spec.interval * SOURCE_MISSES_MAX;
                let before = state.fault.replace(Failing { why: why.clone(), since, lost });
                match &before {
                    None => tracing::warn!(source = spec.name, why, "the source cannot be read"),
                    Some(before) if before.why != why => {
                        tracing::info!(source = spec.name, why, "the source cannot be read")
                    }
                    Some(_) => {}
                }
                before.is_none_or(|before| before.lost != lost)
            }
        };
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The new records, each with the time of its last change. A second record of one pool and address goes by its name, for on
/// the wire they could not be told apart, and is not checked by that; one that cannot be told apart by that either is left out.
fn seen(before: &[Seen], records: Vec<Record>, at: Timestamp) -> Vec<Seen> {
    let before: HashMap<(&str, &str), &Seen> = before.iter().map(|seen| (key(&seen.record), seen)).collect();
    let mut taken = std::collections::HashSet::with_capacity(records.len());
    let mut all = Vec::with_capacity(records.len());
    for mut record in records {
        if !taken.insert((record.pool.clone(), record.address.clone())) {
            let shared = std::mem::replace(&mut record.address, record.name.clone());
            record.finding.get_or_insert_with(|| Finding {
                status: Health::Unknown,
                state: "unchecked".to_owned(),
                detail: Some(format!("another one of its pool is checked at `{shared}`, which is its address, too")),
                latency: None,
                last_change: None,
            });
            if !taken.insert((record.pool.clone(), record.address.clone())) {
                continue;
            }
        }
        let status = |record: &Record| record.finding.as_ref().map(|finding| finding.status);
        let said = record.finding.as_ref().and_then(|finding| finding.last_change);
        let last_change = said.or_else(|| match before.get(&key(&record)) {
            Some(before) if status(&before.record) == status(&record) => before.last_change,
            // Nobody knows since when it is what it is at first sight.
            None => None,
            Some(_) => Some(at),
        });
        all.push(Seen { record, last_change });
    }
    all
}

/// Whether something has changed that is worth telling at once.
fn differs(before: &[Seen], now: &[Seen]) -> bool {
    let matters = |seen: &Seen| {
        let record = &seen.record;
        let status = record.finding.as_ref().map(|finding| finding.status).unwrap_or(Health::Unknown);
        let checked = (record.finding.is_some(), record.asked);
        (record.pool.clone(), record.address.clone(), record.weight, record.admin, status, checked)
    };
    before.len() != now.len() || before.iter().zip(now).any(|(before, now)| matters(before) != matters(now))
}

fn key(record: &Record) -> (&str, &str) {
    (&record.pool, &record.address)
}

impl Standing {
    /// The record of a backend by the name the source has for it.
    pub fn find(&self, which: &Which) -> Option<&Record> {
        let of = |seen: &&Seen| seen.record.pool == which.pool && seen.record.name == which.name;
        self.seen.iter().find(of).map(|seen| &seen.record)
    }
}

#[cfg(test)]
mod tests;
