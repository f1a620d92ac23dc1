//! The latest message of a feed by a plain `GET`, and what a client is told that has it already.

use std::time::Instant;

use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::shape::valid;
use crate::support::{PATIENCE, TestServer, http};

#[test]
fn it_is_the_newest_message_and_its_tag_the_id() {
    let server = TestServer::start();
    let path = "/api/billing";
    let told = server.open(Feed::Billing).text_within(PATIENCE);
    let plain = server.get(path);
    assert_eq!((plain.status, plain.body.as_str()), (200, &*told));
    let message = valid(plain.json());
    let tag = format!("\"{}\"", message["id"].as_str().expect("an id"));
    let header = |name: &str| plain.header(name).unwrap_or_default().to_owned();
    let headers = [header("etag"), header("cache-control"), header("content-type")];
    assert_eq!(headers, [tag.as_str(), "no-cache", "application/json"]);

    let asked = |method: &str, tags: &str| {
        http::request(server.address(), method, path, &[("If-None-Match", tags), ("Origin", "http://localhost:1")], "")
    };
    for (tags, status) in [(&*tag, 304), (&*format!("\"x\", W/{tag}"), 304), ("*", 304), ("\"x\"", 200)] {
        let answer = asked("GET", tags);
        assert_eq!((answer.status, answer.header("etag")), (status, Some(&*tag)), "{tags}");
        assert_eq!(answer.body, if status == 304 { "" } else { &*told });
        assert_eq!(answer.header("access-control-expose-headers"), Some("etag, retry-after"));
    }
    let head = http::exchange_without_body(server.address(), "HEAD", path);
    assert_eq!((head.status, head.header("etag")), (200, Some(&*tag)), "{head:?}");
    assert_eq!(head.header("content-length"), Some(&*told.len().to_string()));

    server.force_update(r#"{"type":"billing"}"#);
    let newer = asked("GET", &tag);
    assert_eq!(newer.status, 200, "there is a newer one: {newer:?}");
    assert_ne!(newer.header("etag"), Some(&*tag));
}

#[test]
fn of_backends_it_is_the_whole_list_also_when_updates_were_said_last() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").backend("web", "127.0.0.2:1").start();
    server.force_update(r#"{"type":"backends"}"#);
    let mut feed = server.open(Feed::Backends);
    feed.json();
    server.force_update(r#"{"type":"backends"}"#);
    let updates: Vec<Value> = (0..2).map(|_| feed.json()).collect();
    assert!(updates.iter().all(|update| update["type"] == "backends_update"), "{updates:?}");
    let list = valid(server.get("/api/backends").json());
    assert_eq!((&list["type"], list["data"].as_array().map(Vec::len)), (&"backends".into(), Some(2)));
    assert!(list["id"].as_str() >= updates[1]["id"].as_str(), "{list}");
}

#[test]
fn until_something_was_measured_it_says_to_come_again() {
    let server = TestServer::start();
    let begin = Instant::now();
    loop {
        let answer = server.get("/api/metrics");
        if answer.status == 200 {
            break;
        }
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{answer:?}");
        assert_eq!(answer.error().0, "not_measured");
        assert!(begin.elapsed() < PATIENCE, "nothing was ever measured");
    }
}

#[test]
fn no_other_path_is_taken_for_a_feed() {
    let server = TestServer::start();
    for (path, status) in [
        ("/api/ws", 426),
        ("/api/ws/metrics", 426),
        ("/api/asyncapi.json", 200),
        ("/api/openapi.json", 200),
        ("/api/events", 404),
        ("/api/sources", 404),
        ("/api/metric", 404),
        ("/api/metrics/x", 404),
        ("/api/", 404),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    let (code, message) = server.get("/api/metric").error();
    assert!(code == "unknown_feed" && message.contains("backends, metrics, status, billing, health"), "{message}");
}
