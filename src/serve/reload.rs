//! Reading the settings again while the server runs: by signal, when the file has changed, and by order.
//!
//! Settings that are wrong change nothing: the old ones stay, and the status says so until the file is good again. What
//! cannot change while the server runs is named.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::access::{Roll, Stamp};
use crate::audit::{Outcome, Record};
use crate::config::{self, Auth, Overrides, Settings};
use crate::feeds::World;
use crate::limits::SETTINGS_LOOK_INTERVAL;
use crate::net::tls::server::ServerTls;
use crate::protocol::Timestamp;

/// Reads the settings again.
pub struct Reloader {
    overrides: Overrides,
    world: Arc<World>,
    /// What the server was started with: some of that holds until it is started again.
    start: Arc<Settings>,
    /// The static tokens that the guard takes.
    roll: Arc<RwLock<Roll>>,
    /// Goes up with every reading that was taken.
    taken: AtomicU64,
    /// When the settings that hold were read. Held while they are read.
    read: Mutex<Timestamp>,
}

impl Reloader {
    /// Goes by the same flags and variables as at the start.
    pub fn new(overrides: Overrides, world: Arc<World>, roll: Arc<RwLock<Roll>>) -> Reloader {
        let start = world.settings();
        Reloader { overrides, world, start, roll, taken: AtomicU64::new(0), read: Mutex::new(Timestamp::now()) }
    }

    /// Reads the settings and takes them. Gives what has changed, a sentence each.
    ///
    /// # Errors
    /// Every mistake in them, a sentence each; then nothing has changed.
    pub async fn reload(&self) -> Result<Vec<String>, Vec<String>> {
        let mut read = self.read.lock().await;
        let overrides = self.overrides.clone();
        let loaded = tokio::task::spawn_blocking(move || config::load(&overrides)).await;
        let settings = match loaded {
            Ok(Ok(settings)) => settings,
            Ok(Err(error)) => {
                let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
                for problem in &problems {
                    tracing::error!(problem, "the settings are not taken");
                }
                let first = problems.first().cloned().unwrap_or_default();
                self.world.notify(Some(format!("the settings of {read} still hold, the new ones are wrong: {first}")));
                return Err(problems);
            }
            Err(error) => return Err(vec![format!("the settings could not be read: {error}")]),
        };
        let changes = changes(&self.start, &self.world.settings(), &settings);
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        for change in &changes {
            tracing::info!(change, "settings");
        }
        self.roll.write().unwrap_or_else(PoisonError::into_inner).replace(settings.auth.roll.clone());
        self.world.set(settings);
        self.world.notify(None);
        *read = Timestamp::now();
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(changes)
    }

    /// The same without anybody having asked over HTTP: by a signal, or because the file has changed.
    pub async fn reload_by(&self, what: &str) {
        // What is wrong with them has been said.
        let result = self.reload().await;
        let mut record = Record::of_server("reload", serde_json::json!({ "by": what }));
        if let Err(problems) = result {
            (record.outcome, record.error) = (Outcome::Refused, problems.into_iter().next());
        }
        self.world.audit.write(record).await;
    }

    /// Reads the settings whenever their file, one of the certificate's or the roll has changed, and rests for one look: somebody
    /// may still be writing. Never ends.
    pub async fn watch(self: Arc<Self>) {
        let mut looks = interval(SETTINGS_LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = self.stamps();
        let mut before = taken.clone();
        let mut count = self.taken.load(Ordering::Relaxed);
        loop {
            looks.tick().await;
            let now = self.stamps();
            // Somebody has had them read meanwhile. What changes within this look is read once more, which harms nothing.
            let counted = self.taken.load(Ordering::Relaxed);
            if counted != count {
                (count, taken) = (counted, before.clone());
            }
            // One that is gone is read, too: then the status says that what it took away still holds.
            if now == before && now != taken {
                let changed = now.iter().find(|(file, stamp)| taken.get(*file) != Some(*stamp));
                let file = changed.map(|(file, _)| file.display().to_string());
                tracing::info!(file, "a file of the settings has changed");
                taken = now.clone();
                self.reload_by("file").await;
            }
            before = now;
        }
    }

    /// What the files look like that are watched.
    fn stamps(&self) -> BTreeMap<PathBuf, Option<Stamp>> {
        let settings = self.world.settings();
        let tls = settings.tls.iter().flat_map(ServerTls::files);
        let roll = settings.auth.roll_file.as_deref();
        let files = self.overrides.config.as_deref().into_iter().chain(tls).chain(roll);
        files.map(|file| (file.to_owned(), Stamp::of(file).ok())).collect()
    }
}

/// What is different, in words. Also what differs from the start, and is not read at any other time.
fn changes(start: &Settings, old: &Settings, new: &Settings) -> Vec<String> {
    let mut changes = Vec::new();
    let pools =
        |settings: &'_ Settings| settings.pools.clone().into_iter().map(|pool| (format!("`{}`", pool.name), pool));
    let backends = |settings: &'_ Settings| {
        let of = |pool: config::Pool| {
            let named = move |one: config::Backend| (format!("`{}` of pool `{}`", one.address, pool.name), one);
            pool.backends.into_iter().map(named)
        };
        settings.pools.clone().into_iter().flat_map(of)
    };
    let sources = |settings: &'_ Settings| {
        settings.sources.clone().into_iter().map(|source| (format!("`{}`", source.spec.name), source))
    };
    let checks = |settings: &'_ Settings| {
        settings.dependencies.clone().into_iter().map(|one| (format!("`{}`", one.check.name), one))
    };
    let rule =
        |old: &config::Pool, new: &config::Pool| (old.min_healthy, old.critical) == (new.min_healthy, new.critical);
    compare(&mut changes, "pool", pools(old), pools(new), rule);
    compare(&mut changes, "backend", backends(old), backends(new), |old, new| {
        old.weight == new.weight && old.check.is_like(&new.check)
    });
    compare(&mut changes, "source", sources(old), sources(new), |old, new| {
        (old.min_healthy, old.critical) == (new.min_healthy, new.critical) && old.spec.is_like(&new.spec)
    });
    compare(&mut changes, "check", checks(old), checks(new), |old, new| {
        old.critical == new.critical && old.check.is_like(&new.check)
    });
    let plain = [
        ("node", old.node != new.node),
        ("allowed_origins", old.allowed_origins != new.allowed_origins),
        ("hosts", old.hosts != new.hosts),
        ("requests_source", old.requests_source != new.requests_source),
    ];
    let plain = plain.into_iter().filter(|(_, differs)| *differs);
    changes.extend(plain.map(|(what, _)| format!("`{what}` is another")));
    changes.extend(old.auth.roll.changes(&new.auth.roll));
    if let (Some(old), Some(new)) = (&old.tls, &new.tls)
        && !old.shows_the_same(new)
    {
        changes.push(format!(
            "new connections see the certificate that is now in `{}`",
            new.options().identity.certificate.display()
        ));
    }
    let (roll, roll_file) = (new.auth.roll.clone(), new.auth.roll_file.clone());
    let beside_the_roll = Auth { roll, roll_file, ..start.auth.clone() };
    let fixed = [
        ("listen", start.listen != new.listen),
        ("state_dir", start.state_dir != new.state_dir),
        ("drain_timeout", start.drain_timeout != new.drain_timeout),
        ("[tls]", start.tls.is_some() != new.tls.is_some()),
        ("[limits]", start.limits != new.limits),
        ("trusted_proxies", start.trusted_proxies != new.trusted_proxies),
        ("[auth]", beside_the_roll != new.auth),
        ("[audit]", start.audit != new.audit),
        ("[billing]", start.tariff != new.tariff),
    ];
    for (what, _) in fixed.into_iter().filter(|(_, differs)| *differs) {
        changes.push(format!("`{what}` is read at the start only; restart the server for it"));
    }
    changes
}

/// What is new, gone, or not what it was, by name.
fn compare<T>(
    changes: &mut Vec<String>,
    what: &str,
    old: impl Iterator<Item = (String, T)>,
    new: impl Iterator<Item = (String, T)>,
    same: impl Fn(&T, &T) -> bool,
) {
    let mut old: BTreeMap<String, T> = old.collect();
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (name, new) in new {
        match old.remove(&name) {
            None => added.push(format!("{what} {name} added")),
            Some(old) if !same(&old, &new) => changed.push(format!("{what} {name} changed")),
            Some(_) => {}
        }
    }
    changes.extend(added);
    changes.extend(old.into_keys().map(|name| format!("{what} {name} removed")));
    changes.extend(changed);
}
