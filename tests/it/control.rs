//! `veloflux control`: what it sends, to whom it shows the token, and what it makes of the answer.

use std::io::Write;
use std::sync::mpsc;

use serde_json::Value;
use veloflux::output::schema::{CONTROL, CONTROL_DRY_RUN};

use crate::schema;
use crate::stub::{Stub, read_head};
use crate::support::{TestServer, Veloflux};

fn control(flags: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    Veloflux::new(home.path(), ["control"].iter().chain(flags))
}

#[test]
fn the_actions_do_what_they_say() {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::write(home.path().join("token"), "hunter2-hunter2-hunter2\n").expect("writable");
    let token = home.path().join("token").display().to_string();
    let server = TestServer::builder().env("VELOFLUX_TOKEN", "hunter2-hunter2-hunter2").start();
    let url = server.url();
    let run = |action: &[&str]| {
        let done = control(&[action, &["--json", "--server", &url, "--token-file", &token]].concat()).run();
        assert_eq!(done.code, 0, "{action:?}: {}", done.stderr);
        schema::document(&done.stdout, CONTROL)["answer"].clone()
    };
    assert_eq!(run(&["check"])["paused"], serde_json::json!([]));
    assert_eq!(run(&["pause", "billing"])["paused"], serde_json::json!(["billing"]));
    assert_eq!(run(&["force-update", "billing"])["force_update"], "triggered");
    assert_eq!(run(&["resume", "all"])["paused"], serde_json::json!([]));
}

#[test]
fn a_wrong_or_missing_token_is_4() {
    let server = TestServer::start();
    for (token, words) in [(Some("wrong"), "answered 401"), (None, "no token was found")] {
        let mut command = control(&["check", "--server", &server.url()]);
        if let Some(token) = token {
            command = command.env("VELOFLUX_TOKEN", token);
        }
        let done = command.run();
        assert_eq!(done.code, 4, "{}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    }
}

#[test]
fn a_token_on_standard_input_is_sent_and_never_shown() {
    let (sender, heads) = mpsc::channel();
    let stub = Stub::start(move |mut stream, _| {
        sender.send(read_head(&mut stream)).expect("the test waits");
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"control\":\"ok\"");
    });
    let done = control(&["check", "-v", "--token-file", "-", "--server", &stub.url()]).stdin("hunter2\n").run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let head = heads.recv().expect("a request").to_lowercase();
    assert!(head.starts_with("post /api/ws/control http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer hunter2\r\n"), "{head}");
    assert!(!done.stdout.contains("hunter2") && !done.stderr.contains("hunter2"), "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_token_does_not_leave_the_machine_in_the_clear() {
    let done = control(&["check", "--server", "http://192.0.2.1"]).env("VELOFLUX_TOKEN", "hunter2").run();
    assert_eq!(done.code, 4);
    assert!(done.stderr.contains("would travel in the clear to 192.0.2.1:80"), "{}", done.stderr);
}

#[test]
fn a_dry_run_shows_the_request_without_the_token_and_sends_nothing() {
    let stub = Stub::start(|_, _| ());
    let done =
        control(&["pause", "metrics", "--dry-run", "--server", &stub.url()]).env("VELOFLUX_TOKEN", "hunter2").run();
    assert_eq!((done.code, stub.connections()), (0, 0));
    let expected = format!(
        "POST /api/ws/control HTTP/1.1\nHost: 127.0.0.1:{}\nAuthorization: Bearer [redacted]\n\
         Content-Type: application/json\n\n{{\"action\":\"pause\",\"type\":\"metrics\"}}\n",
        stub.port
    );
    assert_eq!(done.stdout, expected);
    let done = control(&["check", "--dry-run", "--json", "--server", &stub.url()]).run();
    let told = schema::document(&done.stdout, CONTROL_DRY_RUN);
    assert_eq!((&told["authorization"], stub.connections()), (&Value::Null, 0), "{told}");
}

#[test]
fn a_command_that_may_have_arrived_is_not_sent_twice() {
    let stub = Stub::start(|mut stream, _| {
        read_head(&mut stream);
    });
    let done = control(&["check", "--server", &stub.url()]).run();
    assert_eq!((done.code, stub.connections()), (5, 1), "{}", done.stderr);
    assert!(done.stderr.contains("it was sent, and may have been done"), "{}", done.stderr);

    let done = control(&["check", "--server", "http://127.0.0.1:1"]).run();
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("nothing was sent: connection refused"), "{}", done.stderr);
}

#[test]
fn silence_ends_at_the_deadline() {
    let stub = Stub::start(|stream, _| crate::stub::stay(stream));
    let done = control(&["check", "--timeout", "300ms", "--server", &stub.url()]).run();
    assert_eq!(done.code, 124, "{}", done.stderr);
}

#[test]
fn what_was_asked_for_is_verified() {
    let server = TestServer::builder().token("hunter2-hunter2").start();
    let run = |action: &[&str]| {
        let done =
            control(&[action, &["--server", &server.url()]].concat()).env("VELOFLUX_TOKEN", "hunter2-hunter2").run();
        assert_eq!(done.code, 0, "{action:?}: {}{}", done.stdout, done.stderr);
        done.stdout
    };
    let told = run(&["force-update", "--verify"]);
    for feed in ["backends", "metrics", "status", "billing", "health"] {
        let line = told.lines().find(|line| line.trim_start().starts_with(feed)).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains("sent after") && line.ends_with(" ms"), "{told}");
    }
    let told = schema::document(&run(&["force-update", "billing", "--verify", "--json"]), CONTROL);
    assert!(told["verified"]["sent_after_ms"]["billing"].is_number(), "{told}");
    assert_eq!(told["verified"]["ok"], true);
    schema::document(&run(&["pause", "status", "--verify", "--json"]), CONTROL);
    assert!(run(&["pause", "metrics", "--verify"]).ends_with("  verified\n"));
    assert!(run(&["resume", "all", "--verify"]).ends_with("  verified\n"));
}

#[test]
fn a_command_whose_effect_nobody_sees_has_failed() {
    // Says yes to every POST, and nothing more on any feed.
    let stub = Stub::start(|mut stream, number| {
        if number == 1 {
            if let Ok(mut socket) = tokio_tungstenite::tungstenite::accept(stream) {
                let _ = socket.send(tokio_tungstenite::tungstenite::Message::text(crate::stub::metrics(1)));
                while socket.read().is_ok() {}
            }
        } else {
            read_head(&mut stream);
            let body = "{\"force_update\":\"triggered\",\"feeds\":[\"metrics\"]}";
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    let done = control(&["force-update", "metrics", "--verify", "--server", &stub.url()]).run();
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("  metrics   nothing"), "{}", done.stdout);
    assert!(done.stderr.contains("no message of metrics within 2 s"), "{}", done.stderr);

    let done = control(&["force-update", "metrics", "--verify", "--server", "http://127.0.0.1:1"]).run();
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("nothing was sent: cannot verify it"), "{}", done.stderr);
}

#[test]
fn every_server_is_told_and_the_exit_is_true_though_nobody_reads() {
    let refusing = Stub::answering("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
    let good = Stub::answering("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"control\":\"ok\"}");
    for (servers, code) in [([&good, &refusing], 1), ([&refusing, &good], 1), ([&good, &good], 0)] {
        let before = good.connections() + refusing.connections();
        let urls = servers.map(Stub::url);
        let done = control(&["check", "--json", "-s", &urls[0], "-s", &urls[1]]).unread().run();
        assert_eq!(done.code, code, "{}", done.stderr);
        assert_eq!(done.stderr.contains("answered 500"), code == 1, "{}", done.stderr);
        assert_eq!(good.connections() + refusing.connections() - before, 2);
    }
}

#[test]
fn an_expired_token_is_told_before_anything_is_sent() {
    let stub = Stub::start(|_, _| ());
    // {"exp":1705314600}
    let done =
        control(&["check", "--server", &stub.url()]).env("VELOFLUX_TOKEN", "e30.eyJleHAiOjE3MDUzMTQ2MDB9.c2ln").run();
    assert_eq!((done.code, stub.connections()), (4, 0), "{}", done.stderr);
    assert!(done.stderr.contains("expired 2024-01-15T10:30:00.000Z; get a new one"), "{}", done.stderr);
}

#[test]
fn the_process_list_shows_no_token() {
    let (sender, heads) = mpsc::channel();
    let stub = Stub::start(move |mut stream, _| {
        sender.send(read_head(&mut stream)).expect("the test waits");
        crate::stub::stay(stream);
    });
    let home = tempfile::tempdir().expect("a directory");
    let token = home.path().join("token");
    std::fs::write(&token, "hunter2\n").expect("writable");
    let token = token.display().to_string();
    let running = control(&["check", "--timeout", "2s", "--server", &stub.url(), "--token-file", &token]).start();
    assert!(heads.recv().expect("a request").contains("hunter2"), "it was sent");
    let shown = std::process::Command::new("ps").args(["-ww", "-o", "args=", "-p", &running.id().to_string()]).output();
    let shown = String::from_utf8_lossy(&shown.expect("procps brings it").stdout).into_owned();
    assert!(shown.contains("control check") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(running.finish().code, 124);
}
