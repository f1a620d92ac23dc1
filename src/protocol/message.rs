//! The messages: server to client ([`Message`] in its [`Envelope`]) and client to server ([`Inbound`]).
//!
//! Field names and JSON types are published; front ends are written against them. Only add keys. Keys that were added to the
//! published ones are always sent, and need not be there to be understood: a server may know only the published ones.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::control::ErrorBody;
use super::{Admin, Feed, Health, Timestamp};

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

/// The name of one message in one run of a feed: `<epoch>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Names one run of the stream.
    pub epoch: u32,
    /// Counts the feed's messages from 1.
    pub seq: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.seq)
    }
}

/// Text that is not `<epoch>-<seq>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event id of the form `<8 hex digits>-<number>`")]
pub struct BadEventId(String);

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let bad = || BadEventId(text.to_owned());
        let (epoch, seq) = text.split_once('-').ok_or_else(bad)?;
        let plain = epoch.len() == 8 && !epoch.starts_with('+') && seq.bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return Err(bad());
        }
        Ok(EventId { epoch: u32::from_str_radix(epoch, 16).map_err(|_| bad())?, seq: seq.parse().map_err(|_| bad())? })
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EventId {
    fn schema_name() -> Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which message of the feed this is: `<epoch>-<seq>`. `epoch` names one run of the stream, `seq` counts from 1.",
            "type": "string",
            "pattern": "^[0-9a-f]{8}-[1-9][0-9]*$",
            "examples": ["5f0c2a19-17"],
        })
    }
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

/// The answer to a client's `ping` message.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "pong")]
pub struct Pong {
    /// What the client sent, untouched.
    #[schemars(with = "serde_json::Value")]
    pub timestamp: Box<RawValue>,
    /// The server's clock.
    pub server_time: Timestamp,
}

/// The answer to text that is no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "error")]
pub struct ErrorMessage {
    /// What was wrong.
    pub data: ErrorBody,
}

/// A client's question whether the other end is there, answered with a [`Pong`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "ping")]
pub struct Ping {
    /// Comes back in the answer, untouched.
    #[serde(default)]
    pub timestamp: serde_json::Value,
}

/// Says who a client is: as its first message, or with a fresh token in place of one that expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "auth")]
pub struct Auth {
    /// The token.
    pub token: String,
}

/// What a client's text message asks for.
#[derive(Debug)]
pub enum Inbound {
    /// Answer with a [`Pong`] that carries this timestamp.
    Ping(Box<RawValue>),
    /// Says who is speaking: the first message of a client that has presented nothing else, or a fresh token in place of
    /// one that expires. The token is not shown in `Debug`.
    Auth(Spoken),
    /// A JSON object of a type we do not know: ignored.
    Other,
    /// Not a JSON object: answered with an [`ErrorMessage`].
    Bad(String),
}

/// A token that was said in a message. Its `Debug` hides it.
pub struct Spoken(pub String);

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Inbound {
    /// Reads a client's text message. Never fails: what is wrong is [`Inbound::Bad`].
    pub fn parse(text: &str) -> Inbound {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(rename = "type", borrow, default)]
            kind: Option<&'a RawValue>,
            #[serde(borrow, default)]
            timestamp: Option<&'a RawValue>,
            #[serde(borrow, default)]
            token: Option<&'a RawValue>,
        }
        // serde would also read a struct from an array; only an object is a message.
        if !text.trim_start().starts_with('{') {
            return Inbound::Bad("a message is a JSON object".to_owned());
        }
        match serde_json::from_str::<Raw<'_>>(text) {
            Err(error) => Inbound::Bad(format!("a message is a JSON object: {error}")),
            Ok(Raw { kind: Some(kind), timestamp, .. }) if kind.get() == "\"ping\"" => {
                Inbound::Ping(timestamp.map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned))
            }
            Ok(Raw { kind: Some(kind), token, .. }) if kind.get() == "\"auth\"" => {
                match token.map(|token| serde_json::from_str(token.get())) {
                    Some(Ok(token)) => Inbound::Auth(Spoken(token)),
                    _ => Inbound::Bad("`token` of an `auth` message is text".to_owned()),
                }
            }
            Ok(_) => Inbound::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_answered_with_the_same_timestamp_to_the_letter() {
        for timestamp in ["1705314600000", "\"2024-01-15T10:30:00Z\"", "1.50", "{\"a\":[1, 2]}", "null"] {
            let Inbound::Ping(raw) = Inbound::parse(&format!("{{\"type\":\"ping\",\"timestamp\":{timestamp}}}")) else {
                panic!("a ping");
            };
            assert_eq!(raw.get(), timestamp);
        }
        assert!(matches!(Inbound::parse("{\"type\":\"ping\"}"), Inbound::Ping(raw) if raw.get() == "null"));
    }

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

    #[test]
    fn a_token_is_text_and_is_not_shown() {
        let said = Inbound::parse(r#"{"type":"auth","token":"s3cret"}"#);
        assert!(!format!("{said:?}").contains("s3cret"));
        assert!(matches!(said, Inbound::Auth(Spoken(token)) if token == "s3cret"));
        for text in [r#"{"type":"auth"}"#, r#"{"type":"auth","token":7}"#, r#"{"type":"auth","token":null}"#] {
            assert!(matches!(Inbound::parse(text), Inbound::Bad(_)), "{text}");
        }
    }

    #[test]
    fn only_a_json_object_is_a_message() {
        for text in ["", "ping", "[]", "[\"ping\",1]", "1", "null", "\"x\"", "{", "{}x", "{\"type\":}"] {
            assert!(matches!(Inbound::parse(text), Inbound::Bad(_)), "{text}");
        }
        for text in ["{}", " {\"type\":\"subscribe\"}", "{\"type\":1}", "{\"type\":null}"] {
            assert!(matches!(Inbound::parse(text), Inbound::Other), "{text}");
        }
    }

    #[test]
    fn event_ids_survive_the_wire_and_nothing_else_is_one() {
        let id = EventId { epoch: 0xabc, seq: 17 };
        assert_eq!(id.to_string(), "00000abc-17");
        assert_eq!("00000abc-17".parse(), Ok(id));
        for text in
            ["", "-", "abc-1", "00000abc-", "00000abc", "0000xabc-1", "00000abc-+1", "+0000abc-1", "00000abc-1-2"]
        {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
