//! The `status` feed: everything the server knows rolled up into one word, with the reasons for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join, select_all};
use tokio::sync::watch;

use super::vitals::Sign;
use super::{Cause, Change, Pauses, Producer, World, changed};
use crate::checks::CheckState;
use crate::config::Dependency;
use crate::fleet::Rule;
use crate::limits::REASONS_MAX;
use crate::net::fault::in_words;
use crate::protocol::message::{Backend, Status};
use crate::protocol::time::uptime;
use crate::protocol::{Admin, Health, Message, Timestamp};
use crate::sources::Standing;

/// The `status` producer.
pub struct RollUp {
    world: Arc<World>,
    flips: [watch::Receiver<u64>; 4],
    pauses: watch::Receiver<Pauses>,
    told: Option<Verdict>,
}

impl RollUp {
    /// A producer over everything.
    pub fn new(world: &Arc<World>) -> Self {
        RollUp {
            flips: [world.fleet.changes(), world.dependencies.changes(), world.vitals.changes(), world.notices()],
            pauses: world.pauses.subscribe(),
            told: None,
            world: Arc::clone(world),
        }
    }

    fn status(&mut self, cause: Cause) -> Option<Status> {
        for flips in &mut self.flips {
            flips.borrow_and_update();
        }
        let world = &self.world;
        let members: Vec<Backend> = world.fleet.members().into_iter().map(|member| member.backend).collect();
        let view = View {
            rules: world.fleet.rules(),
            backends: &members,
            sources: world.fleet.sources(),
            dependencies: world.checked_dependencies(),
            signs: world.vitals.signs(),
            pauses: *self.pauses.borrow_and_update(),
            complaints: world.fleet.complaints(&members),
            notice: world.notice(),
        };
        let verdict = view.roll_up();
        let news = self.told.as_ref() != Some(&verdict);
        self.told = Some(verdict.clone());
        if cause == Cause::Change && !news {
            return None;
        }
        let up = world.started.elapsed();
        Some(Status {
            status: verdict.status,
            timestamp: Timestamp::now(),
            uptime: uptime(up),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_size: 1,
            reasons: verdict.reasons,
            uptime_seconds: Some(up.as_secs()),
            node: Some(world.settings().node.clone()),
        })
    }
}

impl Producer for RollUp {
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let flips = self.flips.iter_mut().map(|flips| Box::pin(changed(flips)) as BoxFuture<'_, ()>);
            let pauses = Box::pin(changed(&mut self.pauses)) as BoxFuture<'_, ()>;
            select_all(flips.chain([pauses])).await;
        })
    }

    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>> {
        Box::pin(async move {
            if cause == Cause::Order {
                self.world.vitals.measure().await;
                join(self.world.fleet.refresh(), self.world.dependencies.check_now()).await;
            }
            self.status(cause).map(|status| Change::whole(Message::Status(status)))
        })
    }
}

/// The word and the reasons for it.
#[derive(Debug, Clone, PartialEq)]
struct Verdict {
    status: Health,
    reasons: Vec<String>,
}

/// Everything that the word depends on.
struct View<'v> {
    rules: BTreeMap<String, Rule>,
    backends: &'v [Backend],
    sources: Vec<(String, Standing)>,
    dependencies: Vec<(Dependency, CheckState)>,
    signs: Vec<Sign>,
    pauses: Pauses,
    /// Of orders that are not so.
    complaints: Vec<String>,
    /// What the server has to say of itself.
    notice: Option<String>,
}

impl View<'_> {
    /// Unhealthy: a critical pool has too few backends that pass, or a critical check is unhealthy. Degraded: anything else
    /// is not healthy. Worst reasons first; past the limit the last one counts the rest. What is unknown for the same reason
    /// shares it: that reason is mostly ours, and as many lines would hide what else there is.
    fn roll_up(&self) -> Verdict {
        let mut pools: BTreeMap<&str, Vec<&Backend>> = BTreeMap::new();
        for backend in self.backends {
            pools.entry(&backend.pool).or_default().push(backend);
        }
        let mut reasons: Vec<(Health, String)> = Vec::new();
        let mut unknown = Unknown::default();
        let degraded = |reason: String| (Health::Degraded, reason);
        for (name, standing) in &self.sources {
            let Some(outage) = &standing.fault else {
                if standing.readings == 0 {
                    reasons.push(degraded(format!("source `{name}` has no result yet")));
                }
                continue;
            };
            // Told by the minute: the same outage is no news every time it has lasted longer.
            let lasts = in_words(Duration::from_secs(outage.lasts.as_secs() / 60 * 60).max(Duration::from_secs(1)));
            let since = if outage.lasts < Duration::from_secs(60) {
                "does not answer".to_owned()
            } else {
                format!("has not answered for {lasts}")
            };
            reasons.push(degraded(format!("source `{name}` {since}: {}", outage.why)));
        }
        for (name, rule) in &self.rules {
            reasons.extend(of_pool(name, *rule, pools.get(name.as_str()).map_or(&[], Vec::as_slice), &mut unknown));
        }
        reasons.extend(self.complaints.iter().cloned().map(degraded));
        for (dependency, check) in &self.dependencies {
            let severity = if dependency.critical && check.status == Health::Unhealthy {
                Health::Unhealthy
            } else {
                Health::Degraded
            };
            let who = format!("check `{}`", check.name);
            reasons.extend(unknown.unless(who, check.status, check.error.as_deref()).map(|why| (severity, why)));
        }
        reasons.extend(unknown.in_words().map(degraded));
        for sign in &self.signs {
            if let Some(why) = why(sign.status, sign.error.as_deref()) {
                reasons.push(degraded(format!("this server: {} {why}", sign.name)));
            }
        }
        reasons.extend(self.notice.clone().map(degraded));
        for feed in self.pauses.feeds() {
            reasons.push(degraded(format!("feed `{feed}` is paused; resume it with `veloflux control resume {feed}`")));
        }
        reasons.sort_by_key(|(severity, _)| *severity != Health::Unhealthy);
        let status = reasons.first().map_or(Health::Healthy, |(severity, _)| *severity);
        let rest = reasons.len().saturating_sub(REASONS_MAX);
        let shown = if rest > 0 { REASONS_MAX - 1 } else { reasons.len() };
        let mut reasons: Vec<String> = reasons.into_iter().map(|(_, reason)| reason).take(shown).collect();
        if rest > 0 {
            reasons.push(format!("and {} more", rest + 1));
        }
        Verdict { status, reasons }
    }
}

/// Who is unknown, by the reason for it, in the order in which they came.
#[derive(Default)]
struct Unknown(Vec<(String, Vec<String>)>);

impl Unknown {
    /// Takes one that is unknown for a reason, and gives what is to be said of another.
    fn unless(&mut self, who: String, status: Health, error: Option<&str>) -> Option<String> {
        let (Health::Unknown, Some(error)) = (status, error) else {
            return why(status, error).map(|why| format!("{who} {why}"));
        };
        match self.0.iter_mut().find(|(why, _)| why == error) {
            Some((_, all)) => all.push(who),
            None => self.0.push((error.to_owned(), vec![who])),
        }
        None
    }

    /// One reason each.
    fn in_words(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(why, who)| match who.as_slice() {
            [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more are unknown: {why}", rest.len()),
            one => format!("{} is unknown: {why}", one.concat()),
        })
    }
}

fn of_pool(name: &str, rule: Rule, members: &[&Backend], unknown: &mut Unknown) -> Vec<(Health, String)> {
    let enabled = || members.iter().filter(|backend| backend.admin == Admin::Enabled);
    let passing = enabled().filter(|backend| backend.status.passes()).count();
    let waiting = enabled().filter(|backend| backend.status == Health::Unknown).count();
    let mut reasons = Vec::new();
    // A backend without a result may still pass; it is not counted as failed.
    if passing + waiting < rule.min_healthy {
        let severity = if rule.critical { Health::Unhealthy } else { Health::Degraded };
        let needed = rule.min_healthy;
        reasons
            .push((severity, format!("pool `{name}`: {passing} of {} backends pass, {needed} needed", members.len())));
    }
    // What an operator has taken out is not missed.
    for backend in enabled() {
        let who = format!("backend {} of pool `{name}`", backend.address);
        let why = unknown.unless(who, backend.status, backend.detail.as_deref());
        reasons.extend(why.map(|why| (Health::Degraded, why)));
    }
    reasons
}

/// `None` for healthy.
fn why(status: Health, error: Option<&str>) -> Option<String> {
    match (status, error) {
        (Health::Healthy, _) => None,
        (Health::Unknown, None) => Some("has no result yet".to_owned()),
        (_, None) => Some(format!("is {status}")),
        (_, Some(error)) => Some(format!("is {status}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_for_the_same_reason_shares_it() {
        let (ours, theirs) = ("could not ask: too many open files", "reports `UNKNOWN`");
        let mut unknown = Unknown::default();
        let mut told = Vec::new();
        for (who, status, error) in [
            ("backend a", Health::Unknown, Some(ours)),
            ("backend b", Health::Unknown, Some(theirs)),
            ("backend c", Health::Unhealthy, Some("connection refused")),
            ("backend d", Health::Unknown, Some(ours)),
            ("check `e`", Health::Unknown, Some(ours)),
            ("check `f`", Health::Unknown, None),
            ("check `g`", Health::Healthy, None),
        ] {
            told.extend(unknown.unless(who.to_owned(), status, error));
        }
        assert_eq!(told, ["backend c is unhealthy: connection refused", "check `f` has no result yet"]);
        let shared: Vec<String> = unknown.in_words().collect();
        let words = [format!("backend a and 2 more are unknown: {ours}"), format!("backend b is unknown: {theirs}")];
        assert_eq!(shared, words);
    }
}
