//! What messages look like: values of the types themselves, written as the server writes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::protocol::message::{
    Backend, BackendUpdate, Billing, CheckDetail, HealthReport, Intent, Metrics, Scope, Standing, Status,
};
use crate::protocol::{Admin, Envelope, EventId, Feed, Health, Message, Timestamp};

/// The time in the examples.
pub fn noon() -> Timestamp {
    at("2024-01-15T10:30:00.250Z")
}

fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).expect("a point in time")
}

/// Messages of every kind, each with the feed that sends it.
pub fn of_feeds() -> Vec<(Feed, Value)> {
    let ordered = Backend { admin: Admin::Draining, intent: Some(intent()), ..backend("127.0.0.1:8082") };
    let messages = [
        Message::Backends(vec![backend("127.0.0.1:8081"), ordered.clone()]),
        Message::BackendsUpdate(BackendUpdate::from(&ordered)),
        Message::Metrics(metrics()),
        Message::Status(status()),
        Message::Billing(billing()),
        Message::Health(health()),
    ];
    let numbered = (1..).zip(messages).map(|(seq, message)| {
        let feed = message.feed();
        let envelope = Envelope { message, id: Some(EventId { epoch: 0x5f0c_2a19, seq }) };
        (feed, serde_json::to_value(envelope).expect("a message has string keys and no failing serialiser"))
    });
    numbered.collect()
}

fn backend(address: &str) -> Backend {
    Backend {
        address: address.to_owned(),
        pool: "web".to_owned(),
        weight: 1,
        status: Health::Healthy,
        last_check: Some(noon()),
        state: "up".to_owned(),
        admin: Admin::Enabled,
        latency_ms: Some(1.9),
        last_change: Some(noon()),
        source: "check".to_owned(),
        detail: None,
        stale: false,
        intent: None,
    }
}

fn intent() -> Intent {
    Intent {
        admin: Some(Admin::Draining),
        weight: None,
        state: Standing::Applied,
        error: None,
        since: noon(),
        until: None,
        reason: Some("new kernel".to_owned()),
    }
}

fn metrics() -> Metrics {
    Metrics {
        cpu: 45.2,
        memory: 67.8,
        requests: 156,
        timestamp: noon(),
        scope: Some(Scope::Host),
        memory_scope: Some(Scope::Host),
        requests_total: Some(40_312),
        requests_per_second: Some(78.0),
        requests_source: Some("self".to_owned()),
        window_ms: Some(2_000),
        connections: Some(3),
    }
}

fn status() -> Status {
    Status {
        status: Health::Degraded,
        timestamp: noon(),
        uptime: "1h30m".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_size: 1,
        reasons: vec!["backend 127.0.0.1:8084 of pool `web` is unhealthy: connection refused".to_owned()],
        uptime_seconds: Some(5_400),
        node: Some("edge-1".to_owned()),
    }
}

fn billing() -> Billing {
    Billing {
        usage: 850.5,
        cost: 42.75,
        period: "current_month".to_owned(),
        last_updated: noon(),
        cost_exact: Some("42.75".to_owned()),
        currency: Some("USD".to_owned()),
        unit: Some("thousand requests".to_owned()),
        period_start: Some(at("2024-01-01T00:00:00.000Z")),
        period_end: Some(at("2024-02-01T00:00:00.000Z")),
        partial: false,
    }
}

fn health() -> HealthReport {
    let detail = |error: Option<&str>| CheckDetail {
        latency_ms: Some(0.8),
        last_check: Some(noon()),
        since: Some(noon()),
        critical: error.is_none(),
        error: error.map(str::to_owned),
        kind: "tcp".to_owned(),
    };
    let slow = "took 812 ms, more than 500 ms";
    HealthReport {
        healthy: true,
        timestamp: noon(),
        checks: BTreeMap::from([
            ("database".to_owned(), Health::Healthy),
            ("external_apis".to_owned(), Health::Degraded),
        ]),
        details: BTreeMap::from([
            ("database".to_owned(), detail(None)),
            ("external_apis".to_owned(), detail(Some(slow))),
        ]),
    }
}
