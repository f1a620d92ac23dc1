//! The sources: the feeds tell what load balancers, registries, files and pushes say, at once and truthfully.

mod caddy;
mod dns;
mod haproxy;
mod lists;
mod nginx;
mod pages;

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

/// Every snippet of the README is a whole settings file that is understood, and its source is what it says.
#[test]
fn every_snippet_of_the_readme_is_understood() {
    let readme = include_str!("../../README.md");
    let snippets: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(snippet, _)| snippet))
        .filter(|snippet| snippet.contains("[[source]]"))
        .collect();
    let mut kinds: Vec<&str> = Vec::new();
    for snippet in &snippets {
        let home = home();
        let file = home.path().join("veloflux.toml");
        std::fs::write(&file, snippet).expect("a file of ours");
        let arguments = ["serve", "--check-config", "--config", file.to_str().expect("text")];
        let finished = crate::support::Veloflux::new(home.path(), arguments).run();
        assert_eq!(finished.code, 0, "{snippet}: {finished:?}");
        let kind = veloflux::sources::KINDS.iter().map(|kind| kind.name);
        kinds.extend(kind.filter(|kind| finished.stdout.contains(&format!(": {kind} every 2s"))));
    }
    kinds.sort_unstable();
    let mut all: Vec<&str> = veloflux::sources::KINDS.iter().map(|kind| kind.name).collect();
    all.sort_unstable();
    assert_eq!(kinds, all, "one snippet a kind");
}
