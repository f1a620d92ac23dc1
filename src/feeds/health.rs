//! The `health` feed: the named dependency checks, or the server's own vital signs where none is configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::vitals::Sign;
use super::{Cause, Change, Producer, World, changed};
use crate::checks::CheckState;
use crate::config::Dependency;
use crate::fleet::milliseconds;
use crate::protocol::message::{CheckDetail, HealthReport};
use crate::protocol::{Health, Message, Timestamp};

/// The kind of a check that is one of the server's own vital signs.
const SELF: &str = "self";

/// The `health` producer.
pub struct Report {
    world: Arc<World>,
    /// Of the dependencies, and of the vital signs that stand in for them.
    flips: [watch::Receiver<u64>; 2],
}

impl Report {
    /// A producer over the dependencies of the settings, or over the vital signs.
    pub fn new(world: &Arc<World>) -> Self {
        Report { world: Arc::clone(world), flips: [world.dependencies.changes(), world.vitals.changes()] }
    }
}

impl Producer for Report {
    fn wake(&mut self) -> BoxFuture<'_, ()> {
        let configured = !self.world.settings().dependencies.is_empty();
        Box::pin(changed(&mut self.flips[usize::from(!configured)]))
    }

    fn produce(&mut self, cause: Cause) -> BoxFuture<'_, Option<Change>> {
        Box::pin(async move {
            if cause != Cause::Change {
                self.world.vitals.measure().await;
            }
            if cause == Cause::Order {
                self.world.dependencies.check_now().await;
            }
            for flips in &mut self.flips {
                flips.borrow_and_update();
            }
            // Not before: the settings may have changed while the dependencies were asked.
            let dependencies = self.world.checked_dependencies();
            let details = if dependencies.is_empty() {
                self.world.vitals.signs().into_iter().map(sign).collect()
            } else {
                dependencies.into_iter().map(dependency).collect()
            };
            Some(Change::whole(Message::Health(report(details, Timestamp::now()))))
        })
    }
}

type Named = (String, Health, CheckDetail);

fn dependency((dependency, state): (Dependency, CheckState)) -> Named {
    let detail = CheckDetail {
        latency_ms: state.latency.map(milliseconds),
        last_check: state.last_check,
        since: state.last_change,
        critical: dependency.critical,
        error: state.error,
        kind: dependency.check.probe.kind().to_owned(),
    };
    (state.name, state.status, detail)
}

/// A vital sign is never critical: the fleet is not ill because its observer is.
fn sign(sign: Sign) -> Named {
    let detail = CheckDetail {
        latency_ms: None,
        last_check: Some(sign.measured),
        since: Some(sign.since),
        critical: false,
        error: sign.error,
        kind: SELF.to_owned(),
    };
    (sign.name.to_owned(), sign.status, detail)
}

fn report(named: Vec<Named>, timestamp: Timestamp) -> HealthReport {
    let healthy = !named.iter().any(|(_, status, detail)| detail.critical && *status == Health::Unhealthy);
    // A check without a result has no state to tell yet; its details say that it exists.
    let measured = named.iter().filter(|(_, status, _)| *status != Health::Unknown);
    let checks: BTreeMap<String, Health> = measured.map(|(name, status, _)| (name.clone(), *status)).collect();
    let details = named.into_iter().map(|(name, _, detail)| (name, detail)).collect();
    HealthReport { healthy, timestamp, checks, details }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unhealthy_critical_check_makes_the_report_unhealthy() {
        let named = |name: &str, status, critical| {
            let kind = SELF.to_owned();
            let detail = CheckDetail { latency_ms: None, last_check: None, since: None, critical, error: None, kind };
            (name.to_owned(), status, detail)
        };
        let now = Timestamp::now();
        for (status, critical, healthy) in [
            (Health::Unhealthy, true, false),
            (Health::Unhealthy, false, true),
            (Health::Degraded, true, true),
            (Health::Unknown, true, true),
        ] {
            let report = report(vec![named("a", Health::Healthy, true), named("b", status, critical)], now);
            assert_eq!(report.healthy, healthy, "{status} {critical}");
            assert_eq!(report.checks.contains_key("b"), status != Health::Unknown);
            assert!(report.details.contains_key("b"));
        }
    }
}
