//! `--conformance`: our server passes, one that does not judge frames fails where it should.

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::{probe, report};
use crate::stub::{Stub, metrics};
use crate::support::{TestServer, Veloflux};

fn checks(text: &str) -> Vec<(String, String)> {
    let report = report(text);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let checks = report["targets"][0]["checks"].as_array().expect("a list").iter();
    let checks = checks.map(|check| (text(&check["name"]), text(&check["verdict"])));
    checks.filter_map(|(name, verdict)| Some((name.strip_prefix("rfc6455 ")?.to_owned(), verdict))).collect()
}

#[test]
fn our_server_keeps_to_the_rfc() {
    let server = TestServer::start();
    let home = tempfile::tempdir().expect("a directory");
    let done =
        Veloflux::new(home.path(), ["probe", "metrics", "--conformance", "--json", "--server", &server.url()]).run();
    assert_eq!(done.code, 0, "{}", done.stdout);
    let checks = checks(&done.stdout);
    assert!(checks.len() >= 20 && checks.iter().all(|(_, verdict)| verdict == "pass"), "{checks:?}");
}

#[test]
fn a_server_that_takes_anything_fails_by_name() {
    // Reads and reads, and never says what was wrong.
    let stub = Stub::websocket(|mut socket, _| {
        let _ = socket.send(Message::text(metrics(1)));
        while socket.read().is_ok() {}
    });
    let done = probe(&stub, &["metrics", "--conformance", "--json"]).run();
    assert_eq!(done.code, 1, "{}", done.stdout);
    let checks = checks(&done.stdout);
    let verdict = |name: &str| {
        let found = checks.iter().find(|(found, _)| found == name);
        found.map(|(_, verdict)| verdict.as_str()).unwrap_or_else(|| panic!("no check `{name}`"))
    };
    assert_eq!(verdict("a ping is answered with its payload"), "pass");
    assert_eq!(verdict("an unmasked frame ends in 1002"), "fail");
    assert_eq!(verdict("version 12 is refused with the version to use"), "fail");
}

#[test]
fn broken_frames_go_to_nobody_who_was_not_named() {
    let stub = Stub::sending(&[&metrics(1)]);
    let done = probe(&stub, &["--conformance"]).run();
    assert_eq!((done.code, stub.connections()), (2, 0), "{}", done.stderr);
    let done = probe(&stub, &["--conformance", &stub.url()]).run();
    assert_eq!((done.code, stub.connections()), (2, 0), "{}", done.stderr);
    assert!(done.stderr.contains("`--conformance` is for WebSockets"), "{}", done.stderr);
}
