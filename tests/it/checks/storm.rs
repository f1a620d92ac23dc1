//! When all backends are gone at once the likelier cause is on this side, and the feeds say so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::{PATIENCE, Socket, StubBackend, TestServer};

const DEADLINE: Duration = Duration::from_secs(9);

/// Follows the feed until all of the backends are `wanted`. Gives every status any of them was told to have on the way.
fn follow(socket: &mut Socket, known: &mut BTreeMap<String, String>, wanted: &str) -> Vec<String> {
    let (end, mut seen) = (Instant::now() + DEADLINE, Vec::new());
    while known.is_empty() || known.values().any(|status| status != wanted) {
        let message = socket.json_within(end.saturating_duration_since(Instant::now()));
        let items = match &message["data"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        for item in items {
            let text = |key: &str| item[key].as_str().expect("text").to_owned();
            known.insert(text("address"), text("status"));
            seen.push(text("status"));
        }
    }
    seen
}

#[test]
fn a_fleet_that_vanishes_at_once_is_unknown_with_one_reason_and_comes_back_without_a_storm() {
    let mut backends: Vec<StubBackend> = (0..6).map(|_| StubBackend::start()).collect();
    let addresses: Vec<String> = backends.iter().map(|backend| format!("\"{}\"", backend.address())).collect();
    let check = "[pool.check]\ninterval = \"1s\"\nfast_interval = \"300ms\"\ntimeout = \"500ms\"";
    let config = format!("[[pool]]\nname = \"web\"\nbackends = [{}]\n{check}", addresses.join(", "));
    let server = TestServer::builder().config(&config).start();
    let (mut socket, mut known) = (server.open(Feed::Backends), BTreeMap::new());
    follow(&mut socket, &mut known, "healthy");

    backends.iter_mut().for_each(StubBackend::kill);
    let seen = follow(&mut socket, &mut known, "unknown");
    assert!(!seen.iter().any(|status| status == "unhealthy"), "{seen:?}");
    // Each feed says it by itself.
    let status = server.open(Feed::Status).json_until(PATIENCE, |status| status["data"]["status"] == "degraded");
    let reasons = status["data"]["reasons"].to_string();
    assert_eq!(reasons.matches("turned bad at once").count(), 1, "one reason for all: {reasons}");
    assert!(
        reasons.contains(" of 6 checks turned bad at once: this server may be the one that is cut off"),
        "{reasons}"
    );

    backends.iter_mut().for_each(StubBackend::revive);
    let seen = follow(&mut socket, &mut known, "healthy");
    assert!(!seen.iter().any(|status| status == "unhealthy"), "{seen:?}");
}

#[test]
fn how_late_checks_begin_is_in_the_metrics() {
    let server = TestServer::start();
    let text = server.get("/metrics").body;
    for of in ["backends", "dependencies"] {
        assert!(text.contains(&format!("veloflux_check_lag_seconds{{of=\"{of}\"}} 0")), "{text}");
    }
}
