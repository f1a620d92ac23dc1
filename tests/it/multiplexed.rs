//! Several feeds on one socket: each with its own numbers and its own way to come back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use veloflux::protocol::{EventId, Feed};

use crate::support::shape::valid;
use crate::support::{PATIENCE, Socket, TestServer, http};

#[test]
fn each_feed_comes_as_it_does_on_a_socket_of_its_own() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    for (query, feeds) in [
        ("?feeds=metrics,backends", &["backends", "metrics"][..]),
        ("?feeds=billing", &["billing"]),
        ("?feeds=metrics,metrics", &["metrics"]),
        ("?feeds=all", &["backends", "metrics", "status", "billing", "health"]),
        ("", &["backends", "metrics", "status", "billing", "health"]),
    ] {
        let mut socket = Socket::open(server.address(), &format!("/api/ws{query}"));
        // Each says its state; one may have said more before the last has said anything.
        let mut heard = BTreeSet::new();
        while heard.len() < feeds.len() {
            let message = valid(socket.json());
            let feed = message["type"].as_str().expect("a type").trim_end_matches("_update").to_owned();
            assert!(feeds.contains(&feed.as_str()), "{query}: {message}");
            heard.insert(feed);
        }
        socket.send_text(r#"{"type":"ping","timestamp":1}"#);
        socket.json_until(PATIENCE, |message| message["type"] == "pong");
        socket.close();
    }

    let mut one = server.open(Feed::Billing);
    let mut several = Socket::open(server.address(), "/api/ws?feeds=health,billing");
    let snapshot = one.text_within(PATIENCE);
    while several.text_within(PATIENCE) != snapshot {}
    server.force_update("");
    let forced = one.text_within(PATIENCE);
    while several.text_within(PATIENCE) != forced {}
}

#[test]
fn a_word_that_is_no_feed_is_answered_with_the_feeds_there_are() {
    let server = TestServer::start();
    for query in ["feeds=metric", "feeds=metrics,", "feeds=", "feeds=all,metrics", "feeds=metrics%2Cnope"] {
        let refused = server.get(&format!("/api/ws?{query}"));
        assert_eq!(refused.status, 404, "{query}: {refused:?}");
        let (code, message) = refused.error();
        assert_eq!(code, "unknown_feed");
        assert!(message.contains("the feeds are backends, metrics, status, billing, health"), "{message}");
    }
    let plain = server.get("/api/ws?feeds=metrics");
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")), "{plain:?}");
    assert_eq!(http::request(server.address(), "POST", "/api/ws", &[], "").status, 405);
}

#[test]
fn each_feed_resumes_where_it_was() {
    let server = TestServer::start();
    let mut socket = Socket::open(server.address(), "/api/ws?feeds=metrics,billing,health");
    let mut last: BTreeMap<String, EventId> = BTreeMap::new();
    while last.len() < 3 {
        last.extend([name(&socket.json())]);
    }
    socket.close();
    for _ in 0..3 {
        server.force_update(r#"{"type":"billing"}"#);
    }
    let nowhere = EventId { seq: 10_000, ..last["metrics"] };
    let path = format!("/api/ws?feeds=metrics,billing,health&last_id=billing:{},metrics:{nowhere}", last["billing"]);
    let mut back = Socket::open(server.address(), &path);
    let answers = [back.json(), back.json()];
    let answered = |feed: &str| {
        let found = answers.iter().find(|answer| answer["type"] == "resumed" && answer["data"]["feed"] == feed);
        found.unwrap_or_else(|| panic!("nothing is said of {feed} before anything else: {answers:?}"))["data"].clone()
    };
    assert_eq!(answered("metrics"), json!({"feed": "metrics", "recovered": false, "replayed": 0}));
    assert_eq!(answered("billing"), json!({"feed": "billing", "recovered": true, "replayed": 3}));
    // A snapshot of `metrics`, what was missed of `billing`, and `health` as on any first connection.
    let mut heard: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    while heard.len() < 3 || heard["billing"].len() < 3 {
        let (feed, id) = name(&back.json());
        heard.entry(feed).or_default().push(id);
    }
    for id in &heard["billing"] {
        let before = last.insert("billing".to_owned(), *id).expect("it was there");
        assert_eq!(id.seq, before.seq + 1);
    }
    assert_eq!(heard["health"][0], last["health"]);
    assert!(heard["metrics"][0].seq >= last["metrics"].seq);
}

#[test]
fn a_slow_reader_gets_the_newest_of_every_feed_and_no_queue() {
    let server = TestServer::builder().listed(1000).start();
    let mut sleeper = Socket::open(server.address(), "/api/ws?feeds=backends,billing,metrics");
    // Each list is more than the kernels keep for a reader that sleeps.
    for _ in 0..6 {
        server.force_update(r#"{"type":"backends"}"#);
        server.force_update(r#"{"type":"billing"}"#);
    }
    let newest = [Feed::Backends, Feed::Billing, Feed::Metrics].map(|feed| name(&server.open(feed).json()));
    let mut heard: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let reached = |heard: &BTreeMap<String, Vec<u64>>, (feed, id): &(String, EventId)| {
        heard.get(feed).and_then(|seen| seen.last()).is_some_and(|last| *last >= id.seq)
    };
    while !newest.iter().all(|feed| reached(&heard, feed)) {
        let (feed, id) = name(&sleeper.json());
        heard.entry(feed).or_default().push(id.seq);
    }
    for (feed, seen) in &heard {
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.len() <= 3, "{feed}: {seen:?} of {newest:?}");
    }
}

fn name(message: &Value) -> (String, EventId) {
    let id = message["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {message}"));
    let kind = message["type"].as_str().unwrap_or_default();
    (kind.strip_suffix("_update").unwrap_or(kind).to_owned(), id)
}
