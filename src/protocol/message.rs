//! What the feeds say: [`Message`] in its [`Envelope`].
//!
//! Field names and JSON types are published; front ends are written against them. Only add keys. Keys that were added to the
//! published ones are always sent, and need not be there to be understood: a server may know only the published ones.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Admin, EventId, Feed, Health, Timestamp};

/// One message of a feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Message {
    /// The whole list of backends.
    Backends(Vec<Backend>),
    /// What changed of one backend; merged by clients into the item with the same address.
    BackendsUpdate(BackendUpdate),
    /// Host measurements and request counts.
    Metrics(Metrics),
    /// The roll-up.
    Status(Status),
    /// Usage and cost.
    Billing(Billing),
    /// The dependency checks.
    Health(HealthReport),
}

impl Message {
    /// The word of its `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Message::Backends(_) => "backends",
            Message::BackendsUpdate(_) => "backends_update",
            Message::Metrics(_) => "metrics",
            Message::Status(_) => "status",
            Message::Billing(_) => "billing",
            Message::Health(_) => "health",
        }
    }

    /// The feed that sends it.
    pub const fn feed(&self) -> Feed {
        match self {
            Message::Backends(_) | Message::BackendsUpdate(_) => Feed::Backends,
            Message::Metrics(_) => Feed::Metrics,
            Message::Status(_) => Feed::Status,
            Message::Billing(_) => Feed::Billing,
            Message::Health(_) => Feed::Health,
        }
    }
}

/// One backend of one pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backend {
    /// `host:port`.
    pub address: String,
    /// The pool it belongs to.
    pub pool: String,
    /// Its share of the pool's traffic.
    pub weight: u32,
    /// What was measured.
    pub status: Health,
    /// When `status` was last confirmed: the end of that check. `null` before the first.
    pub last_check: Option<Timestamp>,
    /// The status in an operator's words: `up`, `slow`, `warning` (it says itself that something is not as it should be),
    /// `flapping` (it changes too often), `failing` (passes, but the last checks did not), `down`, `recovering` (down, but the
    /// last checks passed), `checking`. Of what a source has checked, the word of that source.
    #[serde(default)]
    pub state: String,
    /// What the operator wants.
    #[serde(default)]
    pub admin: Admin,
    /// How long the last check took, in milliseconds.
    #[schemars(range(min = 0))]
    pub latency_ms: Option<f64>,
    /// When `status` last changed.
    pub last_change: Option<Timestamp>,
    /// Where this knowledge comes from: `check` for our own.
    #[serde(default)]
    pub source: String,
    /// Why it is not healthy, in words.
    pub detail: Option<String>,
    /// Whether the source has stopped answering, so that this is old news.
    #[serde(default)]
    pub stale: bool,
    /// What an operator has ordered, if anything.
    pub intent: Option<Intent>,
}

/// What an operator has ordered of a backend, and whether it is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Intent {
    /// What it shall be; none: only its weight was ordered.
    pub admin: Option<Admin>,
    /// The share of traffic it shall have; none: as configured.
    pub weight: Option<u32>,
    /// Whether it is so.
    pub state: Standing,
    /// Why it could not be done.
    pub error: Option<String>,
    /// When it was ordered.
    pub since: Timestamp,
    /// The next time at which something of it ends by itself: then the backend is enabled again, or has the weight it had.
    pub until: Option<Timestamp>,
    /// Why, in the words of whoever ordered it.
    pub reason: Option<String>,
}

/// Whether what was ordered is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The source shows it.
    Applied,
    /// The source could not be told yet, or does not show it yet.
    Pending,
    /// The source has refused it.
    Failed,
}

impl Standing {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Standing::Applied => "applied",
            Standing::Pending => "pending",
            Standing::Failed => "failed",
        }
    }
}

/// The keys of a [`Backend`] that a check may change. Never `pool` or `weight`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackendUpdate {
    /// `host:port`: the key clients merge by.
    pub address: String,
    /// What was measured.
    pub status: Health,
    /// The end of the check that confirmed `status`.
    pub last_check: Option<Timestamp>,
    /// See [`Backend::state`].
    #[serde(default)]
    pub state: String,
    /// See [`Backend::admin`].
    #[serde(default)]
    pub admin: Admin,
    /// See [`Backend::latency_ms`].
    #[schemars(range(min = 0))]
    pub latency_ms: Option<f64>,
    /// See [`Backend::last_change`].
    pub last_change: Option<Timestamp>,
    /// See [`Backend::detail`].
    pub detail: Option<String>,
    /// See [`Backend::stale`].
    #[serde(default)]
    pub stale: bool,
    /// See [`Backend::intent`].
    pub intent: Option<Intent>,
}

impl From<&Backend> for BackendUpdate {
    fn from(backend: &Backend) -> Self {
        BackendUpdate {
            address: backend.address.clone(),
            status: backend.status,
            last_check: backend.last_check,
            state: backend.state.clone(),
            admin: backend.admin,
            latency_ms: backend.latency_ms,
            last_change: backend.last_change,
            detail: backend.detail.clone(),
            stale: backend.stale,
            intent: backend.intent.clone(),
        }
    }
}

/// What a CPU or memory share is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The whole machine.
    Host,
    /// The quota of the container this server runs in.
    Cgroup,
}

/// Host measurements and request counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Busy share of all CPUs (or of the quota) over the interval, 0–100, one decimal.
    #[schemars(range(min = 0, max = 100))]
    pub cpu: f64,
    /// (total − available) / total × 100, one decimal.
    #[schemars(range(min = 0, max = 100))]
    pub memory: f64,
    /// Requests completed in the window that ends at `timestamp`.
    pub requests: u64,
    /// The end of the window.
    pub timestamp: Timestamp,
    /// What `cpu` is a share of.
    #[schemars(with = "Scope")]
    pub scope: Option<Scope>,
    /// What `memory` is a share of. A container may have a limit for one and not for the other.
    #[schemars(with = "Scope")]
    pub memory_scope: Option<Scope>,
    /// Requests completed since the server started; never goes back.
    #[schemars(with = "u64")]
    pub requests_total: Option<u64>,
    /// `requests` divided by the length of the window, one decimal.
    #[schemars(with = "f64", range(min = 0))]
    pub requests_per_second: Option<f64>,
    /// Who counted: `self`, or a source's name.
    #[schemars(with = "String")]
    pub requests_source: Option<String>,
    /// The length of the window `requests` was counted in, in milliseconds, to the nearest ten: nobody needs it closer, and
    /// compressed it takes no room where it does not change.
    #[schemars(with = "u64")]
    pub window_ms: Option<u64>,
    /// Open feed connections.
    #[schemars(with = "u64")]
    pub connections: Option<u64>,
}

/// The roll-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Never `unknown`.
    #[schemars(extend("not" = {"const": "unknown"}))]
    pub status: Health,
    /// When it was rolled up.
    pub timestamp: Timestamp,
    /// Two largest units, for example `1h30m`.
    pub uptime: String,
    /// The version of `veloflux`.
    pub version: String,
    /// Live nodes; 1 on a single node.
    pub cluster_size: u32,
    /// Why it is not healthy, at most ten sentences; empty exactly when it is healthy.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub reasons: Vec<String>,
    /// The uptime in whole seconds.
    #[schemars(with = "u64")]
    pub uptime_seconds: Option<u64>,
    /// The name of this node.
    #[schemars(with = "String")]
    pub node: Option<String>,
}

/// Usage of the period and its cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Billing {
    /// Metered quantity of this period in billable units.
    #[schemars(range(min = 0))]
    pub usage: f64,
    /// Cost, rounded once to the digits of the currency.
    #[schemars(range(min = 0))]
    pub cost: f64,
    /// Always `current_month`.
    #[schemars(extend("const" = "current_month"))]
    pub period: String,
    /// When the usage was last read.
    pub last_updated: Timestamp,
    /// `cost` as an exact decimal, before rounding.
    #[schemars(with = "String")]
    pub cost_exact: Option<String>,
    /// ISO 4217 code.
    #[schemars(with = "String")]
    pub currency: Option<String>,
    /// What is counted, for example `request`.
    #[schemars(with = "String")]
    pub unit: Option<String>,
    /// The first instant of the period.
    #[schemars(with = "Timestamp")]
    pub period_start: Option<Timestamp>,
    /// The first instant after the period.
    #[schemars(with = "Timestamp")]
    pub period_end: Option<Timestamp>,
    /// Whether the period is not covered in full: metering began inside it, the ledger cannot be read or written, or what a
    /// source has counted had to be left out.
    #[serde(default)]
    pub partial: bool,
}

/// The dependency checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthReport {
    /// True while no critical check is unhealthy.
    pub healthy: bool,
    /// When the report was made.
    pub timestamp: Timestamp,
    /// Name → state.
    pub checks: BTreeMap<String, Health>,
    /// Name → more about it.
    #[serde(default)]
    pub details: BTreeMap<String, CheckDetail>,
}

/// More about one dependency check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckDetail {
    /// How long the last check took, in milliseconds.
    #[schemars(range(min = 0))]
    pub latency_ms: Option<f64>,
    /// The end of the last check.
    pub last_check: Option<Timestamp>,
    /// Since when the state is what it is.
    pub since: Option<Timestamp>,
    /// Whether the fleet is unhealthy without it.
    pub critical: bool,
    /// Why it is not healthy, in words.
    pub error: Option<String>,
    /// The kind of check: `http`, `tcp`, `redis`, `postgres`, or `self` for the server's own vital signs.
    pub kind: String,
}

/// A message as it stands on the wire: `{"type":…,"data":…,"id":…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<M = Message> {
    /// What is said.
    #[serde(flatten)]
    pub message: M,
    /// Which message of the feed this is. A peer that is not ours may leave it out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<EventId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_with_only_the_published_keys_are_understood() {
        for text in [
            r#"{"type":"backends","data":[{"address":"127.0.0.1:8081","pool":"pool1","weight":1,"status":"healthy"}]}"#,
            r#"{"type":"backends_update","data":{"address":"127.0.0.1:8081","status":"unhealthy","last_check":"2024-01-15T10:30:00Z"}}"#,
            r#"{"type":"metrics","data":{"cpu":45.2,"memory":67.8,"requests":156,"timestamp":"2024-01-15T10:30:00Z"}}"#,
            r#"{"type":"status","data":{"status":"healthy","timestamp":"2024-01-15T10:30:00Z","uptime":"1h30m","version":"1.1.0","cluster_size":3}}"#,
            r#"{"type":"billing","data":{"usage":850.5,"cost":42.75,"period":"current_month","last_updated":"2024-01-15T10:30:00Z"}}"#,
            r#"{"type":"health","data":{"healthy":true,"timestamp":"2024-01-15T10:30:00Z","checks":{"database":"healthy","external_apis":"degraded"}}}"#,
        ] {
            let read: Result<Envelope, _> = serde_json::from_str(text);
            assert!(read.is_ok(), "{text}: {read:?}");
        }
    }
}
