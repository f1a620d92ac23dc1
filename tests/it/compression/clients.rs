//! Our server read by clients that others wrote: Python's `websockets`, npm's `ws`, and Chromium.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::programs::{chromium, node, python};
use crate::support::{PATIENCE, TestServer, Veloflux};

/// Messages that each client waits for: more than enough for the window to slide.
const COUNT: u32 = 130;

/// Runs a client, makes the feed speak until it has enough, and gives what it saw.
fn seen(server: &TestServer, feed: Feed, mut client: Command) -> Vec<Value> {
    client.args([feed.name(), &COUNT.to_string()]);
    let mut plain = server.open(feed);
    let mut running = Veloflux::program(client).within(PATIENCE * 6).start();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut keep = |text: String| {
        let message: Value = serde_json::from_str(&text).expect("JSON");
        texts.insert(message["id"].as_str().expect("an id").to_owned(), text);
    };
    keep(plain.text_within(PATIENCE));
    while !running.is_over() {
        server.force_update(&format!(r#"{{"type":"{feed}"}}"#));
        keep(plain.text_within(PATIENCE));
    }
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
    let told: Value = serde_json::from_str(&finished.stdout).expect("a line of JSON");
    let held = told["held"].as_array().expect("a list").clone();
    for one in &held {
        let terms = &one["terms"];
        let messages = one["messages"].as_array().expect("a list");
        let mut last = None;
        for text in messages.iter().map(|text| text.as_str().expect("a text")) {
            let message: Value = serde_json::from_str(text).expect("JSON");
            let id = message["id"].as_str().expect("an id");
            assert_eq!(texts.get(id).map(String::as_str), Some(text), "{terms}: the same as uncompressed");
            let number: u64 = id.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).expect("a number");
            assert!(last.is_none_or(|last| number == last + 1), "{terms}: {id} is not the next");
            last = Some(number);
        }
        assert_eq!(one["close_code"], 1000, "{one}");
        assert!(one["pongs"].as_u64() > Some(0), "{terms}: {}", one["pongs"]);
    }
    held
}

/// Every connection got something, and compression was agreed on unless the terms say that it cannot be.
fn agreed(held: &[Value], count: usize, declined: &[&str]) {
    assert_eq!(held.len(), count);
    for one in held {
        let (terms, length) = (one["terms"].as_str().expect("a name"), one["messages"].as_array().map_or(0, Vec::len));
        assert!(length as u32 >= COUNT / 3, "{terms}: {length} messages");
        let compressed = one["agreed"].as_array().is_some_and(|agreed| !agreed.is_empty());
        assert_eq!(compressed, !declined.contains(&terms), "{terms}: {}", one["agreed"]);
    }
}

fn server() -> TestServer {
    TestServer::builder().backend("web", "127.0.0.1:1").backend("web", "127.0.0.2:1").start()
}

fn websocket_url(server: &TestServer) -> String {
    format!("ws://{}", server.address())
}

#[test]
fn python_websockets_reads_every_message_whenever_it_joins() {
    for feed in [Feed::Status, Feed::Health] {
        let server = server();
        let mut client = python("compressed.py");
        client.arg(websocket_url(&server));
        agreed(&seen(&server, feed, client), 1 + 7 * 3, &["plain", "server window 10"]);
    }
}

#[test]
fn npm_ws_reads_every_message_whenever_it_joins() {
    for feed in [Feed::Status, Feed::Billing] {
        let server = server();
        let mut client = node("compressed.mjs");
        client.arg(websocket_url(&server));
        agreed(&seen(&server, feed, client), 1 + 6 * 3, &["plain", "server window 10"]);
    }
}

#[test]
fn chromium_reads_every_message() {
    let server = server();
    let mut client = node("compressed-browser.mjs");
    client.arg(chromium()).arg(server.url());
    let held = seen(&server, Feed::Status, client);
    agreed(&held, 2, &[]);
    assert_eq!(held[0]["agreed"][0], "permessage-deflate; client_no_context_takeover");
}
