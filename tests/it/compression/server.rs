//! Our server: what goes over the wire, and what it takes.

use std::time::Instant;

use serde_json::{Value, json};
use veloflux::limits::WRITE_TIMEOUT;
use veloflux::protocol::{Feed, INBOUND_MESSAGE_BYTES_MAX};

use super::wire::{Came, Wire, frame};
use crate::support::{Frame, PATIENCE, Socket, TestServer, eventually};

const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// A source with 99 backends that is told by the test, with this many of them unhealthy.
fn push(server: &TestServer, unhealthy: usize) {
    let backend = |at: usize| {
        let status = if at < unhealthy { "unhealthy" } else { "healthy" };
        json!({"address": format!("10.20.30.{at}:8080"), "weight": 1, "status": status})
    };
    let document = json!({"backends": (0..99).map(backend).collect::<Vec<_>>()});
    let answer = server.post("/api/sources/edge", &document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn fleet() -> TestServer {
    let server = TestServer::builder()
        .config("[[source]]\nname = \"edge\"\nkind = \"push\"\nttl = \"1h\"\npool = \"web\"")
        .start();
    push(&server, 0);
    let mut plain = server.open(Feed::Backends);
    plain.json_until(PATIENCE, |message| {
        message["data"]
            .as_array()
            .is_some_and(|list| list.len() == 99 && list.iter().all(|one| one["status"] == "healthy"))
    });
    server
}

#[test]
fn five_changes_of_ninety_nine_backends_are_250_bytes() {
    let server = fleet();
    let mut wire = Wire::open(&server, "/api/ws/backends", OFFER);
    let list = wire.next();
    assert_eq!(list.json()["data"].as_array().map(Vec::len), Some(99));
    assert!(list.compressed && list.bytes * 5 < list.text.len(), "{} bytes of {}", list.bytes, list.text.len());
    for unhealthy in [5, 10, 15] {
        push(&server, unhealthy);
        let (mut updates, mut bytes) = (0, 0);
        while updates < 5 {
            let came = wire.next();
            // A tick may come in between.
            if came.json()["type"] == "backends_update" {
                assert!(came.compressed);
                (updates, bytes) = (updates + 1, bytes + came.bytes);
            }
        }
        assert!(bytes <= 250, "{bytes} bytes for five updates");
    }
}

#[test]
fn metrics_are_40_bytes_where_little_happens_and_50_where_much_does() {
    let server = TestServer::start();
    let mut wire = Wire::open(&server, "/api/ws/metrics", OFFER);
    assert!(wire.next().compressed);
    // The next one may be of the window that began with the server, which is shorter.
    assert!(wire.next().compressed);
    // Regular messages: nobody asks for anything, so that only the time and the load are new.
    let quiet: Vec<Came> = (0..3).map(|_| wire.next()).collect();
    // Each asked for with a request, which changes nearly every number.
    let busy: Vec<Came> = (0..8)
        .map(|_| {
            server.force_update(r#"{"type":"metrics"}"#);
            wire.next()
        })
        .collect();
    let told = |all: &[Came]| all.iter().map(|one| format!("{} {}\n", one.bytes, one.text)).collect::<String>();
    assert!(quiet.iter().chain(&busy).all(|one| one.compressed));
    for (all, most) in [(&quiet, 40), (&busy, 50)] {
        assert!(all.iter().all(|one| one.bytes <= most && one.bytes * 5 < one.text.len()), "{}", told(all));
    }
}

#[test]
fn what_is_not_compressed_leaves_the_chain_as_it_is() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    // It says what is asked for, and nothing in between.
    server.control(r#"{"action":"pause","type":"status"}"#);
    // What was under way has left by now.
    server.force_update(r#"{"type":"status"}"#);
    let (mut wire, mut plain) = (Wire::open(&server, "/api/ws/status", OFFER), server.open(Feed::Status));
    assert!(wire.next().compressed);
    plain.json();
    for round in 0..10 {
        // A pong, an answer to nonsense, a pong frame: all of them plain, and longer than what they stand between.
        wire.socket.send_text(&json!({"type": "ping", "timestamp": "x".repeat(500)}).to_string());
        let pong = wire.next();
        assert_eq!((&pong.json()["type"], pong.compressed), (&json!("pong"), false), "{round}");
        wire.socket.send_text("nonsense");
        let error = wire.next();
        assert_eq!((&error.json()["type"], error.compressed), (&json!("error"), false), "{round}");
        wire.socket.send_frame(&Frame::ping("still there?"));
        assert_eq!(wire.socket.frame().payload, b"still there?");
        server.force_update(r#"{"type":"status"}"#);
        let (came, text) = (wire.next(), plain.text_within(PATIENCE));
        assert_eq!(came.text, text, "{round}");
        assert!(came.compressed && came.bytes < text.len() / 3, "{round}: {} bytes of {}", came.bytes, text.len());
    }
}

#[test]
fn who_must_not_remember_is_given_every_message_alone() {
    let server = fleet();
    for (path, offer) in [
        ("/api/ws/backends", "permessage-deflate; server_no_context_takeover"),
        ("/api/ws?feeds=backends,metrics,status", OFFER),
    ] {
        let mut wire = Wire::open(&server, path, offer);
        let mut kinds = std::collections::BTreeSet::new();
        for _ in 0..3 {
            server.force_update("");
            for _ in 0..3 {
                wire.forget();
                let came = wire.next();
                let json = came.json();
                kinds.insert(json["type"].as_str().expect("a type").to_owned());
                assert!(came.compressed == (came.bytes < came.text.len()), "{} of {}", came.bytes, came.text.len());
            }
        }
        assert!(kinds.contains("backends"), "{kinds:?}");
    }
}

#[test]
fn a_reader_who_sleeps_and_wakes_up_is_in_step_again() {
    let server = fleet();
    let mut wire = Wire::open(&server, "/api/ws/backends", OFFER);
    wire.next();
    // More than the kernel holds for it, even compressed, and for less time than a peer may take that does not read.
    let mut noise = 1_u64;
    let started = Instant::now();
    while started.elapsed() < WRITE_TIMEOUT * 3 / 5 {
        let mut digits = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{noise:016x}")
        };
        let mut backend = |at: usize| {
            let detail: String = (0..10).map(|_| digits()).collect();
            json!({"address": format!("10.20.30.{at}:8080"), "weight": 1 + at, "status": "healthy", "detail": detail})
        };
        let document = json!({"backends": (0..99).map(&mut backend).collect::<Vec<_>>()});
        assert_eq!(server.post("/api/sources/edge", &document.to_string()).status, 200);
        server.force_update(r#"{"type":"backends"}"#);
    }
    push(&server, 3);
    server.force_update(r#"{"type":"backends"}"#);
    let newest = server.open(Feed::Backends).json();
    let seq =
        |json: &Value| json["id"].as_str().and_then(|id| id.rsplit_once('-')?.1.parse::<u64>().ok()).expect("an id");
    let mut gaps = 0;
    let mut last = 0;
    loop {
        let came = wire.next();
        let json = came.json();
        gaps += u64::from(last > 0 && seq(&json) != last + 1);
        last = seq(&json);
        if last >= seq(&newest) {
            break;
        }
    }
    assert!(gaps > 0, "it was to miss something");
    push(&server, 5);
    let update = wire.next();
    assert!(update.compressed);
    update.json();
}

#[test]
fn an_offer_that_cannot_be_kept_is_declined_and_the_next_is_looked_at() {
    let server = TestServer::start();
    for (offer, agreed) in [
        ("permessage-deflate; server_max_window_bits=10", None),
        ("permessage-deflate; unknown", None),
        (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            Some("permessage-deflate; client_no_context_takeover"),
        ),
        (
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
            ),
        ),
    ] {
        let mut socket = Socket::connect(server.address());
        let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        socket.send(Socket::request(server.address(), "/api/ws/health", &header).as_bytes());
        let response = socket.response();
        assert_eq!((response.status, response.header("sec-websocket-extensions")), (101, agreed), "{offer}");
        let first = socket.frame();
        assert_eq!((first.rsv == 4, first.payload.starts_with(b"{")), (agreed.is_some(), agreed.is_none()), "{offer}");
        socket.close();
    }
}

#[test]
fn what_a_client_compresses_is_read_within_the_same_limits() {
    let server = TestServer::start();
    let open = || {
        let mut wire = Wire::open(&server, "/api/ws/billing", OFFER);
        wire.next();
        wire
    };
    let ping = |size: usize| {
        let start = br#"{"type":"ping","timestamp":""#;
        [&start[..], &vec![b' '; size - start.len() - 2], b"\"}"].concat()
    };
    let mut wire = open();
    for round in 0..3 {
        wire.socket.send_frame(&frame(&ping(200 + round)));
        assert_eq!(wire.next().json()["type"], "pong", "{round}");
    }
    // In fragments, with a ping between them; and uncompressed.
    let whole = frame(&ping(300));
    let (one, two) = whole.payload.split_at(10);
    wire.socket.send_frame(&Frame::text(one).rsv(4).more());
    wire.socket.send_frame(&Frame::ping("between"));
    wire.socket.send_frame(&Frame::continuation(two));
    assert_eq!(wire.socket.frame().payload, b"between");
    assert_eq!(wire.next().json()["type"], "pong");
    wire.socket.send_text(r#"{"type":"ping","timestamp":1}"#);
    assert_eq!(wire.next().json()["timestamp"], 1);
    wire.socket.send_frame(&frame(&ping(INBOUND_MESSAGE_BYTES_MAX)));
    assert_eq!(wire.next().json()["type"], "pong", "the largest there may be");
    wire.socket.close();

    for (what, bad, code) in [
        ("one byte too many", frame(&ping(INBOUND_MESSAGE_BYTES_MAX + 1)), 1009),
        ("a bomb", frame(&vec![b' '; 60_000_000]), 1009),
        ("no deflate", Frame::text([0xff, 0xff, 0xff]).rsv(4), 1007),
        ("no UTF-8", frame(b"\xff\xfe"), 1007),
        ("a reserved bit nobody knows", frame(b"{}").rsv(6), 1002),
        ("a compressed continuation", Frame::continuation([0]).rsv(4), 1002),
        ("a compressed ping", Frame::ping([0]).rsv(4), 1002),
    ] {
        let mut wire = open();
        wire.socket.send_frame(&bad);
        assert_eq!(wire.socket.close_frame_within(PATIENCE).close_code(), Some(code), "{what}");
        assert!(wire.socket.is_over_within(PATIENCE), "{what}");
    }
    eventually(PATIENCE, || match server.resident() {
        bytes @ ..200_000_000 => Ok(bytes),
        bytes => Err(format!("{bytes} bytes")),
    });
}

#[test]
fn who_comes_back_is_given_what_it_missed_compressed_and_is_in_step() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    let mut plain = server.open(Feed::Status);
    let mut texts = vec![plain.text_within(PATIENCE)];
    for _ in 0..6 {
        server.force_update(r#"{"type":"status"}"#);
        texts.push(plain.text_within(PATIENCE));
    }
    let first: Value = serde_json::from_str(&texts[0]).expect("JSON");
    let path = format!("/api/ws/status?last_id={}", first["id"].as_str().expect("an id"));
    let mut wire = Wire::open(&server, &path, OFFER);
    let told = wire.next();
    assert_eq!((&told.json()["type"], told.compressed), (&json!("resumed"), false));
    server.force_update(r#"{"type":"status"}"#);
    texts.push(plain.text_within(PATIENCE));
    for (number, text) in texts[1..].iter().enumerate() {
        let came = wire.next();
        assert!(came.compressed && came.text == *text, "{number}");
        assert!(number == 0 || came.bytes < text.len() / 3, "{number}: {} bytes of {}", came.bytes, text.len());
    }
}
