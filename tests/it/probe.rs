//! `veloflux probe`: phases, verdicts and exit codes.

mod conformance;
mod judging;
mod reports;
mod routes;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use veloflux::output::schema::PROBE;

use crate::schema;
use crate::stub::{Stub, close, metrics, stay};
use crate::support::{TestServer, Veloflux};

fn probe(stub: &Stub, flags: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    let url = stub.url();
    Veloflux::new(home.path(), ["probe", "--server", &url, "--connect-timeout", "1s"].iter().chain(flags))
}

/// The report, which has to be as its schema says.
fn report(text: &str) -> Value {
    schema::document(text, PROBE)
}

#[test]
fn a_real_server_passes_and_every_phase_is_measured() {
    let server = TestServer::start();
    let home = tempfile::tempdir().expect("a directory");
    let done = Veloflux::new(home.path(), ["probe", "--json", "--server", &server.url()]).run();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let report = report(&done.stdout);
    assert_eq!((&report["ok"], &report["exit"]), (&true.into(), &0.into()));
    let targets = report["targets"].as_array().expect("a list");
    let feeds: Vec<&str> = targets.iter().filter_map(|target| target["feed"].as_str()).collect();
    assert_eq!(feeds, ["backends", "metrics", "status", "billing", "health"]);
    for target in targets {
        let phases = &target["phases_ms"];
        for phase in ["tcp", "upgrade", "first_message", "close"] {
            assert!(phases[phase].is_number(), "{phase}: {target}");
        }
        assert_eq!((&phases["dns"], &phases["tls"]), (&Value::Null, &Value::Null));
        assert_eq!((&target["pings"]["answered"], &target["status"]), (&3.into(), &101.into()));
        assert_eq!(target["failure"], Value::Null);
    }
}

#[test]
fn every_way_to_fail_has_its_phase_and_exit_code() {
    for (what, stub, code, phase, words) in [
        ("401", Stub::answering("HTTP/1.1 401 X\r\n\r\n"), 4, "upgrade", "401"),
        ("404", Stub::answering("HTTP/1.1 404 X\r\n\r\n"), 3, "upgrade", "404"),
        ("no HTTP", Stub::answering("220 mail ready\r\n\r\n"), 3, "upgrade", "no HTTP answer"),
        ("an accepted connection and silence", Stub::start(|stream, _| stay(stream)), 3, "upgrade", "no answer within"),
        ("101 and silence", Stub::raw(b"", stay), 1, "first_message", "nothing within 1 s"),
        ("another feed", Stub::sending(&["{\"type\":\"status\"}"]), 1, "first_message", "type `status`"),
        ("nonsense", Stub::sending(&["nonsense"]), 1, "first_message", "not a JSON object"),
        ("4401", Stub::websocket(|socket, _| close(socket, 4401, "")), 4, "first_message", "4401"),
        ("1011", Stub::websocket(|socket, _| close(socket, 1011, "")), 5, "first_message", "1011"),
        ("a head byte by byte", Stub::start(drip), 3, "upgrade", "no answer within"),
        ("pings and nothing else", Stub::websocket(flood), 1, "first_message", "nothing within 1 s"),
        ("garbage after 101", Stub::raw(b"\xff\0", stay), 5, "first_message", "1002"),
        ("101 and a reset", Stub::websocket(|socket, _| reset(socket)), 5, "first_message", "1006"),
        ("100 MB", Stub::raw(b"\x81\x7f\0\0\0\0\x05\xf5\xe1\0", stay), 5, "first_message", "1009"),
    ] {
        let done = probe(&stub, &["metrics", "--json"]).within(Duration::from_secs(10)).run();
        assert_eq!(done.code, code, "{what}: {}{}", done.stdout, done.stderr);
        let report = report(&done.stdout);
        let failure = &report["targets"][0]["failure"];
        assert_eq!(failure["phase"], phase, "{what}: {failure}");
        assert!(failure["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{what}: {failure}");
    }
}

/// Never comes to the end of its status line.
fn drip(mut stream: TcpStream, _: usize) {
    let _ = stream.write_all(b"HTTP/1.1 101 ");
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Pings for ever and reads nothing.
fn flood(mut socket: WebSocket<TcpStream>, _: usize) {
    while socket.get_mut().write_all(&b"\x89\0".repeat(512)).is_ok() {}
}

/// Ends the connection so that the peer's kernel says so.
fn reset(socket: WebSocket<TcpStream>) {
    let stream = socket2::SockRef::from(socket.get_ref());
    stream.set_linger(Some(Duration::ZERO)).expect("a socket option");
}

#[test]
fn a_ping_without_an_answer_fails() {
    let stub = Stub::websocket(|mut socket, _| {
        socket.send(Message::text(metrics(1))).expect("the client reads");
        // Reads beside the WebSocket, which would answer.
        stay(socket.get_ref().try_clone().expect("a descriptor is free"));
    });
    let done = probe(&stub, &["metrics", "--pings", "1"]).run();
    assert_eq!(done.code, 1, "{}", done.stdout);
    assert!(done.stdout.contains("ping: 0 of 1 pings were answered"), "{}", done.stdout);
}

#[test]
fn the_whole_probe_has_a_deadline() {
    let done = probe(&Stub::raw(b"", stay), &["metrics", "--timeout", "300ms", "--connect-timeout", "20s"]).run();
    assert_eq!(done.code, 124, "{}", done.stdout);
    assert!(done.stdout.contains("timeout: not over within 300 ms"), "{}", done.stdout);
}

#[test]
fn http_urls_are_asked_once() {
    for (answer, code) in [("HTTP/1.1 204 X\r\n\r\n", 0), ("HTTP/1.1 500 X\r\n\r\n", 1), ("HTTP/1.1 403 X\r\n\r\n", 4)]
    {
        let stub = Stub::answering(answer);
        let done = probe(&stub, &[&format!("{}/healthz?key=hunter2", stub.url())]).run();
        assert_eq!((done.code, stub.connections()), (code, 1), "{}", done.stdout);
        assert!(done.stdout.contains("/healthz") && !done.stdout.contains("hunter2"), "{}", done.stdout);
    }
}
