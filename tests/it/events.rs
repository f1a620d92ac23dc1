//! A feed as Server-Sent Events: the same messages, the same ways to come back, and an end where there is one.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::{Value, json};
use veloflux::limits::EVENT_STREAM_KEEP_ALIVE;
use veloflux::protocol::{EventId, Feed};

use crate::support::{Events, PATIENCE, TestServer, eventually, http};

fn seq(message: &Value) -> u64 {
    id(message).seq
}

fn id(message: &Value) -> EventId {
    message["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {message}"))
}

#[test]
fn every_event_is_a_message_of_the_websocket_to_the_byte() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    for feed in Feed::ALL {
        let mut socket = server.open(feed);
        let mut events = Events::open(&server, &format!("/api/events/{feed}"), "");
        let header = |name: &str| events.head.header(name).unwrap_or_default().to_owned();
        let headers = [header("content-type"), header("cache-control"), header("x-accel-buffering")];
        assert_eq!(headers, ["text/event-stream", "no-store", "no"]);
        server.force_update(&json!({"type": feed}).to_string());
        // The snapshot, and what was forced.
        for _ in 0..2 {
            let text = socket.text_within(PATIENCE);
            let message: Value = serde_json::from_str(&text).expect("JSON");
            let event = events.next().expect("an event");
            assert_eq!(event.data.as_deref(), Some(&*text));
            assert_eq!(event.event.as_deref(), message["type"].as_str());
            assert_eq!(event.id.as_deref(), message["id"].as_str());
        }
    }
}

#[test]
fn a_browser_that_comes_back_gets_what_it_missed_or_is_told_that_it_does_not() {
    let server = TestServer::start();
    let path = "/api/events/billing";
    let mut events = Events::open(&server, path, "");
    let first = events.message();
    drop(events);
    for _ in 0..3 {
        server.force_update(r#"{"type":"billing"}"#);
    }
    let other_run = EventId { epoch: id(&first).epoch.wrapping_add(1), seq: 1 };
    let (here, future) = (id(&first).to_string(), EventId { seq: 1000, ..id(&first) }.to_string());
    for (query, header, recovered) in [
        (String::new(), Some(here.clone()), true),
        (format!("?last_id={here}"), None, true),
        // The address is the one of the first connection; the header is what has been seen since.
        (format!("?last_id={other_run}"), Some(here.clone()), true),
        (format!("?last_id={here}"), Some(future), false),
        (format!("?last_id={other_run}"), None, false),
        (String::new(), Some("nonsense".to_owned()), false),
        (String::new(), Some("\u{e4}".to_owned()), false),
    ] {
        let more = header.as_ref().map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let mut back = Events::open(&server, &format!("{path}{query}"), &more);
        let told = back.message();
        let replayed = if recovered { 3 } else { 0 };
        let data = json!({"feed": "billing", "recovered": recovered, "replayed": replayed});
        assert_eq!(told, json!({"type": "resumed", "data": data}), "{query} {header:?}");
        let expected = if recovered { 1..=3 } else { 3..=3 };
        for more in expected {
            assert_eq!(seq(&back.message()), seq(&first) + more, "{query} {header:?}");
        }
    }
}

#[test]
fn a_paused_feed_still_shows_that_the_stream_is_alive() {
    let server = TestServer::start();
    let mut events = Events::open(&server, "/api/events/billing", "");
    events.message();
    server.control(r#"{"action":"pause","type":"all"}"#);
    events.patience(EVENT_STREAM_KEEP_ALIVE + PATIENCE);
    let comment = events.next().expect("a comment");
    assert_eq!(comment, crate::support::events::Event::default());
}

#[test]
fn a_slow_reader_gets_the_newest_state_and_no_queue() {
    let server = TestServer::builder().listed(1000).start();
    let mut sleeper = Events::open(&server, "/api/events/backends", "");
    let mut sleepers: Vec<Events> = (0..10).map(|_| Events::open(&server, "/api/events/backends", "")).collect();
    server.force_update(r#"{"type":"backends"}"#);
    let before = server.resident();
    let mut rounds = 0;
    while rounds < 12 {
        server.force_update(r#"{"type":"backends"}"#);
        rounds += 1;
    }
    // Each list is some 300 kB.
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 12 << 20, "{grown} bytes for {} sleepers", sleepers.len() + 1);
    let newest = seq(&server.open(Feed::Backends).json());
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| *last < newest) {
        heard.push(seq(&sleeper.message()));
    }
    assert!(heard.is_sorted_by(|a, b| a < b) && heard.len() < rounds, "{heard:?} of {newest}");
    sleepers.clear();
}

#[test]
fn it_ends_properly_when_the_server_stops() {
    let mut server = TestServer::start();
    let mut events = Events::open(&server, "/api/events/status", "");
    events.message();
    server.signal(Signal::TERM);
    while events.next().is_some() {}
    assert!(server.exit_within(PATIENCE).success());
}

#[test]
fn every_stream_is_counted_while_it_is_open() {
    let server = TestServer::start();
    let figures = || {
        let text = server.get("/metrics").body;
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines
            .map(|(name, value)| (name.trim_end_matches("{}").to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let is = |name: &str, value: &str| {
        eventually(PATIENCE, || match figures().get(name) {
            Some(found) if found == value => Ok(()),
            found => Err(format!("{name}: {found:?}, not {value}")),
        });
    };
    let mut events = Events::open(&server, "/api/events/billing", "");
    events.message();
    is("veloflux_event_streams", "1");
    is("veloflux_connections", "1");
    is("veloflux_event_streams_opened_total{feed=\"billing\"}", "1");
    is("veloflux_messages_total{feed=\"billing\"}", "1");
    drop(events);
    is("veloflux_event_streams", "0");
    is("veloflux_connections", "0");
}

#[test]
fn a_stream_counts_among_the_connections_of_its_address() {
    let server = TestServer::builder().config("[limits]\nconnections_per_address = 2").start();
    let streams: Vec<Events> = (0..2).map(|_| Events::open(&server, "/api/events/billing", "")).collect();
    let refused = server.get("/api/billing");
    assert_eq!(refused.status, 429, "{refused:?}");
    drop(streams);
    eventually(PATIENCE, || match http::request(server.address(), "GET", "/api/billing", &[], "").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn what_is_no_feed_is_told_with_the_feeds_there_are() {
    let server = TestServer::start();
    let refused = server.get("/api/events/metric");
    assert_eq!(refused.status, 404);
    let (code, message) = refused.error();
    assert!(code == "unknown_feed" && message.contains("backends, metrics, status, billing, health"), "{message}");
}

#[test]
fn a_page_of_a_foreign_origin_is_not_let_in() {
    let server = TestServer::start();
    let asked = |origin: &str| Events::ask(&server, "/api/events/billing", &format!("Origin: {origin}\r\n")).head;
    assert_eq!(asked("https://evil.example").status, 403);
    let page = asked("http://localhost:3000");
    assert_eq!(page.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(page.status, 200);
}
