//! Clients that others wrote: Python's `websockets`, npm's `ws`, and the Autobahn case files.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use veloflux::protocol::{EventId, Feed};

use crate::support::TestServer;
use crate::support::programs::{chromium, node, python, run};

/// A minute, so that keep-alive pings of both sides (20 s and 25 s) fall into it.
const SECONDS: u64 = 60;

#[test]
fn python_websockets_holds_every_feed_for_a_minute() {
    held_for_a_minute(python("hold.py"));
}

#[test]
fn npm_ws_holds_every_feed_for_a_minute() {
    held_for_a_minute(node("hold.mjs"));
}

fn held_for_a_minute(mut client: Command) {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    client.args([format!("ws://{}", server.address()), SECONDS.to_string()]);
    let seen = run(client);
    let seen = seen.as_array().expect("a list");
    assert_eq!(seen.len(), 2 * Feed::ALL.len(), "each with and without compression offered");
    for one in seen {
        let feed: Feed = one["feed"].as_str().and_then(|feed| feed.parse().ok()).expect("a feed");
        // The snapshot, and one a cadence; the last may fall past the end.
        let least = SECONDS / feed.cadence().as_secs();
        assert!(one["messages"].as_u64().is_some_and(|messages| messages >= least), "{one}");
        assert_eq!((&one["gaps"], &one["pongs"], &one["close_code"]), (&0.into(), &1.into(), &1000.into()), "{one}");
        if one["compression"] == false || one["compression"] == Value::Null {
            assert_eq!(one["extensions"], Value::Array(vec![]), "{one}");
        }
    }
}

#[test]
fn python_websockets_comes_back_to_what_it_missed() {
    comes_back(python("resuming.py"));
}

#[test]
fn npm_ws_comes_back_to_what_it_missed() {
    comes_back(node("resuming.mjs"));
}

#[test]
fn a_browsers_event_source_comes_back_by_itself_to_what_it_missed() {
    let server = TestServer::start();
    let mut client = node("eventsource.mjs");
    client.arg(chromium()).arg(server.address().port().to_string());
    let heard = run(client);
    let heard = heard.as_array().expect("a list");
    let told: Vec<&Value> =
        heard.iter().filter(|event| event["type"] == "resumed").map(|event| &event["data"]["data"]).collect();
    assert!(!told.is_empty() && told.iter().all(|told| told["recovered"] == true), "{heard:?}");
    assert!(told.iter().any(|told| told["replayed"].as_u64() > Some(0)), "{heard:?}");
    let seen = heard.iter().filter(|event| event["type"] == "metrics");
    let seen: Vec<EventId> = seen.filter_map(|event| event["id"].as_str()?.parse().ok()).collect();
    consecutive(&seen);
}

fn consecutive(seen: &[EventId]) {
    let begin = seen.first().expect("some").seq;
    assert_eq!(
        seen.iter().map(|id| id.seq).collect::<Vec<_>>(),
        (begin..begin + seen.len() as u64).collect::<Vec<_>>()
    );
}

fn comes_back(mut client: Command) {
    let server = TestServer::start();
    client.arg(format!("ws://{}", server.address()));
    let told = run(client);
    for one in told.as_array().expect("a list") {
        assert_eq!(one["told"]["recovered"], true, "{one}");
        // Away for two cadences and a half, and one that came live.
        assert!(one["told"]["replayed"].as_u64().is_some_and(|count| count >= 2), "{one}");
        let seen = one["seen"].as_array().expect("a list").iter();
        let seen: Vec<EventId> = seen.filter_map(|id| id.as_str()?.parse().ok()).collect();
        consecutive(&seen);
    }
}

#[test]
fn the_autobahn_case_files_find_nothing() {
    let server = TestServer::start();
    let mut client = python("autobahn.py");
    client.arg(format!("ws://{}{}", server.address(), Feed::Billing.path()));
    let verdict = run(client);
    let failed = verdict["failed"].as_array().expect("a list");
    let lines: Vec<String> = failed.iter().map(Value::to_string).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), verdict["run"], lines.join("\n"));
    assert!(verdict["run"].as_u64().is_some_and(|run| run >= 200), "{verdict}");
}

#[test]
fn the_lock_file_of_the_node_clients_names_no_registry() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/package-lock.json");
    let lock = std::fs::read_to_string(lock).expect("a lock file");
    assert!(!lock.contains("\"resolved\": \"http"), "make it with `omit-lockfile-registry-resolved=true`");
}
