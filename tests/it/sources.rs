//! The sources: the feeds tell what load balancers, registries, files and pushes say, at once and truthfully.

mod haproxy;

use std::time::{Duration, Instant};

use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::server::home;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, TestServer};

/// A server with one source, whose table this is.
fn serving(source: &str) -> TestServer {
    TestServer::builder_in(home()).config(&format!("[[source]]\nname = \"edge\"\n{source}")).start()
}

/// The backends as a client that comes now is told.
fn backends(server: &TestServer) -> Vec<Value> {
    let message = server.open(Feed::Backends).json();
    message["data"].as_array().expect("a list first").clone()
}

/// The backend at this address, or with this name in place of one.
fn backend(server: &TestServer, address: &str) -> Option<Value> {
    backends(server).into_iter().find(|backend| backend["address"] == address)
}

/// Waits until a backend has these values. Gives it, and how long that took.
fn becomes(server: &TestServer, address: &str, wanted: &[(&str, &str)]) -> (Value, Duration) {
    let since = Instant::now();
    let found = eventually(PATIENCE, || {
        let backend = backend(server, address).ok_or_else(|| format!("no {address} in {:?}", backends(server)))?;
        match wanted.iter().all(|(key, value)| backend[key] == *value) {
            true => Ok(backend),
            false => Err(format!("{backend}, not {wanted:?}\n{}", server.stderr())),
        }
    });
    (found, since.elapsed())
}

/// The latest message of a feed.
fn latest(server: &TestServer, feed: Feed) -> Value {
    server.open(feed).json()["data"].clone()
}

/// Waits until the metrics have counted so many requests in all, which they never take back.
fn counted(server: &TestServer, wanted: u64) {
    let total = |metrics: &Value| metrics["requests_total"].as_u64().expect("a number");
    let (mut feed, end) = (server.open(Feed::Metrics), Instant::now() + PATIENCE);
    let mut before = 0;
    loop {
        let metrics = feed.json()["data"].clone();
        let now = total(&metrics);
        assert!(now >= before, "{metrics}");
        assert!(now <= wanted, "more than there were: {metrics}");
        if now == wanted {
            assert_eq!(metrics["requests_source"], "edge", "{metrics}");
            return;
        }
        assert!(Instant::now() < end, "{now} of {wanted} requests");
        before = now;
    }
}
