//! The `status` feed: everything the server knows rolled up into one word, with the reasons for it.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join, select_all};
use tokio::sync::watch;

use super::backends::list;
use super::vitals::Sign;
use super::{Cause, Change, Pauses, Producer, World, changed};
use crate::checks::CheckState;
use crate::config::{Dependency, Pool};
use crate::limits::REASONS_MAX;
use crate::protocol::message::{Backend, Status};
use crate::protocol::time::uptime;
use crate::protocol::{Admin, Health, Message, Timestamp};

/// The `status` producer.
pub struct RollUp {
    world: Arc<World>,
    flips: [watch::Receiver<u64>; 3],
    pauses: watch::Receiver<Pauses>,
    told: Option<Verdict>,
}

impl RollUp {
    /// A producer over everything.
    pub fn new(world: &Arc<World>) -> Self {
        RollUp {
            flips: [world.backends.changes(), world.dependencies.changes(), world.vitals.changes()],
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
        let verdict = roll_up(
            &world.settings.pools,
            &list(&world.settings.pools, &world.backends.states()),
            &world.settings.dependencies,
            &world.dependencies.states(),
            &world.vitals.signs(),
            *self.pauses.borrow_and_update(),
        );
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
            node: Some(world.settings.node.clone()),
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
                self.world.vitals.measure();
                join(self.world.backends.check_now(), self.world.dependencies.check_now()).await;
            }
            self.status(cause).map(|status| Change::Whole(Message::Status(status)))
        })
    }
}

/// The word and the reasons for it.
#[derive(Debug, Clone, PartialEq)]
struct Verdict {
    status: Health,
    reasons: Vec<String>,
}

/// Unhealthy: a critical pool has too few backends that pass, or a critical check is unhealthy. Degraded: anything else
/// is not healthy. Worst reasons first; past the limit the last one counts the rest.
fn roll_up(
    pools: &[Pool],
    backends: &[Backend],
    dependencies: &[Dependency],
    checks: &[CheckState],
    signs: &[Sign],
    pauses: Pauses,
) -> Verdict {
    let mut reasons: Vec<(Health, String)> = Vec::new();
    for pool in pools {
        let members: Vec<&Backend> = backends.iter().filter(|backend| backend.pool == pool.name).collect();
        reasons.extend(of_pool(pool, &members));
    }
    for (dependency, check) in dependencies.iter().zip(checks) {
        let severity =
            if dependency.critical && check.status == Health::Unhealthy { Health::Unhealthy } else { Health::Degraded };
        if let Some(why) = why(check.status, check.error.as_deref()) {
            reasons.push((severity, format!("check `{}` {why}", check.name)));
        }
    }
    for sign in signs {
        if let Some(why) = why(sign.status, sign.error.as_deref()) {
            reasons.push((Health::Degraded, format!("this server: {} {why}", sign.name)));
        }
    }
    for feed in pauses.feeds() {
        reasons.push((
            Health::Degraded,
            format!("feed `{feed}` is paused; resume it with `veloflux control resume {feed}`"),
        ));
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

fn of_pool(pool: &Pool, members: &[&Backend]) -> Vec<(Health, String)> {
    let enabled = || members.iter().filter(|backend| backend.admin == Admin::Enabled);
    let passing = enabled().filter(|backend| backend.status.passes()).count();
    let waiting = enabled().filter(|backend| backend.status == Health::Unknown).count();
    let mut reasons = Vec::new();
    // A backend without a result may still pass; it is not counted as failed.
    if passing + waiting < pool.min_healthy {
        let severity = if pool.critical { Health::Unhealthy } else { Health::Degraded };
        let needed = pool.min_healthy;
        reasons.push((
            severity,
            format!("pool `{}`: {passing} of {} backends pass, {needed} needed", pool.name, members.len()),
        ));
    }
    for backend in members {
        if let Some(why) = why(backend.status, backend.detail.as_deref()) {
            reasons.push((Health::Degraded, format!("backend {} of pool `{}` {why}", backend.address, pool.name)));
        }
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
