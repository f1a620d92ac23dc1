//! The opening handshake: what is let in, and what each mistake is told, with its status and headers.

use std::time::{Duration, Instant};

use veloflux::protocol::Feed;

use crate::support::{PATIENCE, Socket, TestServer, http};

/// A request that is refused, and what the refusal has to say.
struct Refused {
    name: &'static str,
    request: String,
    status: u16,
    /// Header name and value.
    header: Option<(&'static str, &'static str)>,
    /// Words of the message.
    says: &'static [&'static str],
}

const GOOD: &[(&str, &str)] = &[
    ("Host", "localhost"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn request(line: &str, headers: &[(&str, &str)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line}\r\n{headers}\r\n")
}

/// The good headers with one changed or, with no value, left out.
fn with(name: &str, value: Option<&str>) -> String {
    let headers: Vec<(&str, &str)> = GOOD
        .iter()
        .filter_map(|(key, good)| if *key == name { value.map(|value| (*key, value)) } else { Some((*key, *good)) })
        .collect();
    request("GET /api/ws/metrics HTTP/1.1", &headers)
}

/// The good headers and one more line.
fn plus(name: &str, value: &str) -> String {
    request("GET /api/ws/metrics HTTP/1.1", &[GOOD, &[(name, value)]].concat())
}

fn refused() -> Vec<Refused> {
    let row = |name, request, status, header, says| Refused { name, request, status, header, says };
    let upgrade = Some(("upgrade", "websocket"));
    let version = Some(("sec-websocket-version", "13"));
    let bare = request("GET /api/ws/metrics HTTP/1.1", &[("Host", "localhost")]);
    let old = request("GET /api/ws/metrics HTTP/1.0", GOOD);
    vec![
        row("no upgrade at all", bare, 426, upgrade, &["`Upgrade: websocket`"]),
        row("no Upgrade header", with("Upgrade", None), 426, upgrade, &["`Upgrade: websocket`"]),
        row("another upgrade", with("Upgrade", Some("h2c")), 426, upgrade, &["`Upgrade: websocket`"]),
        row("an upgrade that only starts alike", with("Upgrade", Some("websockets")), 426, upgrade, &["Upgrade"]),
        row("no Connection header", with("Connection", None), 426, upgrade, &["`Connection: Upgrade`"]),
        row("a Connection without Upgrade", with("Connection", Some("keep-alive")), 426, upgrade, &["Connection"]),
        row("HTTP/1.0", old, 426, upgrade, &["HTTP/1.0"]),
        row("no version", with("Sec-WebSocket-Version", None), 426, version, &["Sec-WebSocket-Version"]),
        row("version 8", with("Sec-WebSocket-Version", Some("8")), 426, version, &["13"]),
        row("version 14", with("Sec-WebSocket-Version", Some("14")), 426, version, &["13"]),
        row("a version that is no number", with("Sec-WebSocket-Version", Some("x")), 426, version, &["13"]),
        row("no key", with("Sec-WebSocket-Key", None), 400, None, &["Sec-WebSocket-Key"]),
        row("an empty key", with("Sec-WebSocket-Key", Some("")), 400, None, &["Sec-WebSocket-Key"]),
        row("a short key", with("Sec-WebSocket-Key", Some("c2hvcnQ=")), 400, None, &["16 bytes"]),
        row("a long key", with("Sec-WebSocket-Key", Some("dGhpcyBpcyB0b28gbG9uZyBmb3IgYSBrZXk=")), 400, None, &["16"]),
        row("no base64", with("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25*ZQ==")), 400, None, &["base64"]),
        row("two keys", plus("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), 400, None, &["once"]),
        row("POST to a feed", request("POST /api/ws/metrics HTTP/1.1", GOOD), 405, Some(("allow", "GET")), &[]),
        row("PUT to a feed", request("PUT /api/ws/metrics HTTP/1.1", GOOD), 405, Some(("allow", "GET")), &[]),
        row("DELETE of a feed", request("DELETE /api/ws/metrics HTTP/1.1", GOOD), 405, Some(("allow", "GET")), &[]),
        row(
            "an unknown feed",
            request("GET /api/ws/metric HTTP/1.1", GOOD),
            404,
            None,
            &["backends", "metrics", "status", "billing", "health"],
        ),
        row("a feed in capitals", request("GET /api/ws/METRICS HTTP/1.1", GOOD), 404, None, &["metrics"]),
        row("below a feed", request("GET /api/ws/metrics/cpu HTTP/1.1", GOOD), 404, None, &[]),
        row("another path", request("GET /nowhere HTTP/1.1", GOOD), 404, None, &[]),
        row("a foreign origin", plus("Origin", "https://evil.example"), 403, None, &["origin"]),
        row("the null origin", plus("Origin", "null"), 403, None, &["origin"]),
    ]
}

#[test]
fn each_mistake_is_told_with_its_status_and_headers() {
    let server = TestServer::start();
    let mut failed = Vec::new();
    for row in refused() {
        let response = http::exchange(server.address(), row.request.as_bytes());
        let header = row.header.is_none_or(|(name, value)| {
            response
                .header(name)
                .is_some_and(|found| found.split(',').any(|word| word.trim().eq_ignore_ascii_case(value)))
        });
        let parsed: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
        let message = parsed["error"]["message"].as_str().unwrap_or_default();
        let code = parsed["error"]["code"].as_str().unwrap_or_default();
        let says = !message.is_empty() && !code.is_empty() && row.says.iter().all(|word| message.contains(word));
        let json = response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if response.status != row.status || !header || !says || !json {
            failed.push(format!(
                "  {}: wanted {} {:?} {:?}, got {response:?}",
                row.name, row.status, row.header, row.says
            ));
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_right_way_to_ask_is_let_in() {
    let server = TestServer::start();
    let own = format!("http://{}", server.address());
    let lower: Vec<(String, &str)> = GOOD.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    let lower: Vec<(&str, &str)> = lower.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let same_origin = request(
        "GET /api/ws/metrics HTTP/1.1",
        &[&[("Host", &*server.address().to_string()), ("Origin", &*own)], &GOOD[1..]].concat(),
    );
    for (name, text) in [
        ("as in the RFC", request("GET /api/ws/metrics HTTP/1.1", GOOD)),
        ("header names in small letters", request("GET /api/ws/metrics HTTP/1.1", &lower)),
        ("websocket in capitals", with("Upgrade", Some("WebSocket"))),
        ("upgrade in capitals", with("Connection", Some("UPGRADE"))),
        ("several tokens in Connection", with("Connection", Some("keep-alive, Upgrade"))),
        ("several tokens without blanks", with("Connection", Some("keep-alive,upgrade,x"))),
        ("Connection in two lines", plus("Connection", "keep-alive")),
        ("several upgrades offered", with("Upgrade", Some("h2c, websocket"))),
        ("a query", request("GET /api/ws/metrics?x=1 HTTP/1.1", GOOD)),
        ("an unknown extension offered", plus("Sec-WebSocket-Extensions", "x-webkit-foo; a=1")),
        ("compression offered", plus("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")),
        ("broken extensions", plus("Sec-WebSocket-Extensions", ";;,=")),
        ("a loopback origin", plus("Origin", "http://localhost:5173")),
        ("the same origin", same_origin),
        ("a long cookie", plus("Cookie", &"c".repeat(6_000))),
    ] {
        let mut socket = Socket::connect(server.address());
        socket.send(text.as_bytes());
        let response = socket.response();
        assert_eq!(response.status, 101, "{name}: {response:?}");
        assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{name}");
        let extensions = response.header("sec-websocket-extensions").unwrap_or_default();
        assert!(!extensions.contains("x-webkit"), "{name}: an extension that nobody knows was accepted");
        assert_eq!(response.header("content-length"), None, "{name}: a 101 has no body");
        let first = socket.frame();
        match extensions {
            "" => assert_eq!((first.rsv, first.payload.first()), (0, Some(&b'{')), "{name}"),
            _ => assert_eq!(first.rsv, 4, "{name}: what was agreed on is kept to"),
        }
        socket.close();
    }
}

#[test]
fn a_subprotocol_that_was_not_asked_for_is_not_chosen() {
    let server = TestServer::start();
    let mut socket = Socket::connect(server.address());
    socket.send(plus("Sec-WebSocket-Protocol", "chat, superchat").as_bytes());
    let response = socket.response();
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-protocol"), None, "we speak neither of them");
}

#[test]
fn a_feed_with_a_token_wants_it() {
    let feed_token = "feed-token-for-reading";
    let home = crate::support::server::home();
    let file = home.path().join("feed-token");
    std::fs::write(&file, feed_token).expect("a file of ours");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a file of ours");
    let config = format!("[auth]\nfeed_token_file = {:?}", file.display().to_string());
    let server = TestServer::builder_in(home).config(&config).start();
    for (name, header) in [
        ("none", None),
        ("a wrong one", Some("Bearer wrong".to_owned())),
        ("another scheme", Some(format!("Basic {feed_token}"))),
        ("nothing behind the scheme", Some("Bearer ".to_owned())),
    ] {
        let text = header
            .as_deref()
            .map_or_else(|| request("GET /api/ws/metrics HTTP/1.1", GOOD), |header| plus("Authorization", header));
        let response = http::exchange(server.address(), text.as_bytes());
        assert_eq!(response.status, 401, "{name}: {response:?}");
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{name}: {response:?}");
        response.error();
    }
    for token in [feed_token.to_owned(), server.token()] {
        let more = format!("Authorization: Bearer {token}\r\n");
        Socket::open_with(server.address(), &Feed::Metrics.path(), &more, &[]).json();
    }
    assert!(!server.stderr().contains(feed_token));
}

#[test]
fn a_head_that_is_too_big_is_refused() {
    let server = TestServer::start();
    for (name, text) in [
        ("one long header", plus("Cookie", &"c".repeat(200_000))),
        ("a long path", request(&format!("GET /api/ws/metrics?{} HTTP/1.1", "q".repeat(200_000)), GOOD)),
        ("a thousand headers", {
            let lines: String = (0..1_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
            request("GET /api/ws/metrics HTTP/1.1", GOOD).replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))
        }),
    ] {
        let response = http::try_exchange(server.address(), text.as_bytes(), PATIENCE);
        // A server that stops reading may be unable to say so: the answer and the reset cross on the wire.
        let fine = response.as_ref().map_or_else(
            |error| error.kind() == std::io::ErrorKind::ConnectionReset,
            |response| matches!(response.status, 400 | 414 | 431),
        );
        assert!(fine, "{name}: {response:?}");
    }
    assert_eq!(server.get("/livez").status, 200, "the server lives on");
}

#[test]
fn what_is_no_http_is_refused() {
    let server = TestServer::start();
    for text in [
        "\r\n\r\n\r\n\r\n nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7f\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let response = http::try_exchange(server.address(), text.as_bytes(), PATIENCE);
        assert!(response.as_ref().map_or(true, |response| response.status >= 400), "{text:?}: {response:?}");
    }
    assert_eq!(server.get("/livez").status, 200, "the server lives on");
}

/// A client that sends its head slowly, or nothing, holds its connection for five seconds and no longer.
#[test]
fn a_slow_head_is_cut_off_after_five_seconds() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        for drip in [false, true] {
            let server = &server;
            scope.spawn(move || {
                let mut socket = Socket::connect(server.address());
                let start = Instant::now();
                socket.send(b"GET /api/ws/metrics HTTP/1.1\r\n");
                let mut lines = 0;
                loop {
                    if drip {
                        lines += 1;
                        socket.send(format!("X-{lines}: x\r\n").as_bytes());
                    }
                    // An answer (408) may come before the end; then the end.
                    if socket.is_over_within(Duration::from_millis(250)) {
                        break;
                    }
                    assert!(start.elapsed() < Duration::from_secs(8), "still open, drip: {drip}");
                }
                assert!(
                    start.elapsed() > Duration::from_secs(4),
                    "closed too early, drip: {drip}: {:?}",
                    start.elapsed()
                );
            });
        }
        scope.spawn(|| {
            let silent = Instant::now();
            let mut socket = Socket::connect(server.address());
            socket.ending_within(Duration::from_secs(8));
            assert!(silent.elapsed() > Duration::from_secs(4), "a silent connection has five seconds as well");
        });
    });
}

#[test]
fn a_connection_serves_several_requests_before_it_is_upgraded() {
    let server = TestServer::start();
    let mut socket = Socket::connect(server.address());
    for _ in 0..3 {
        socket.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(socket.response().status, 200);
    }
    socket.send(Socket::request(server.address(), &Feed::Status.path(), "").as_bytes());
    assert_eq!(socket.response().status, 101);
    assert_eq!(socket.json()["type"], "status");
    socket.close();
}
