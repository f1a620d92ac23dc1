//! `--until`, `--stable-for` and `--fail-if`: a gate passes only when what it waits for holds.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::{follow, records, types, watch};
use crate::stub::{Stub, close, metrics};
use crate::support::{PATIENCE, TestServer, eventually};

fn backends(status: &[&str]) -> String {
    let item = |(index, status): (usize, &&str)| {
        format!(r#"{{"address":"10.0.0.{index}:80","pool":"web","weight":1,"status":"{status}","last_check":null}}"#)
    };
    let items: Vec<String> = status.iter().enumerate().map(item).collect();
    format!(r#"{{"type":"backends","data":[{}]}}"#, items.join(","))
}

fn update(index: usize, status: &str) -> String {
    format!(
        r#"{{"type":"backends_update","data":{{"address":"10.0.0.{index}:80","status":"{status}","last_check":null}}}}"#
    )
}

#[test]
fn nothing_that_could_be_healthy_is_not_healthy() {
    let done =
        follow("backends", &Stub::sending(&[&backends(&[])]).url(), &["--until", "healthy", "--timeout", "300ms"])
            .run();
    assert_eq!(done.code, 124, "{}", done.stderr);
    assert!(done.stderr.contains("the time is up, and `healthy` does not hold"), "{}", done.stderr);
}

#[test]
fn the_state_is_made_of_updates_too() {
    let texts = [backends(&["healthy", "unhealthy"]), update(1, "unhealthy"), update(1, "healthy")];
    let stub = Stub::sending(&texts.each_ref().map(String::as_str));
    let done = follow("backends", &stub.url(), &["--until", "healthy", "--timeout", "20s", "--json"]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "message", "message", "until", "summary"]);
    assert_eq!((&records[4]["expression"], &records[4]["held_ms"]), (&"healthy".into(), &0.into()));
}

#[test]
fn it_has_to_hold_on_the_connection_of_now_without_a_break() {
    let stub = Stub::websocket(|mut socket, number| {
        let healthy = if number == 1 { "healthy" } else { "unhealthy" };
        socket.send(Message::text(backends(&[healthy]))).expect("the client reads");
        if number == 1 {
            close(socket, 1012, "");
        } else {
            while socket.read().is_ok() {}
        }
    });
    let gate = ["--until", "healthy", "--stable-for", "300ms", "--timeout", "1s"];
    let done = follow("backends", &stub.url(), &gate).run();
    assert_eq!((done.code, stub.connections()), (124, 2), "{}", done.stderr);
    let steady = Stub::sending(&[&backends(&["healthy"])]);
    let done = follow("backends", &steady.url(), &gate).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.took >= Duration::from_millis(300), "{:?}", done.took);
    assert!(done.stderr.contains("`healthy` has held for 300 ms"), "{}", done.stderr);
}

#[test]
fn what_must_not_hold_fails_at_once() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2)]);
    let done = watch(&stub, &["--fail-if", ".state.metrics.cpu > 12", "--json"]).within(PATIENCE).run();
    assert_eq!(done.code, 1, "{}", done.stderr);
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "fail", "summary"]);
    assert_eq!((&records[2]["feed"], &records[3]["exit"]), (&"metrics".into(), &1.into()));
    assert_eq!(watch(&stub, &["--fail-if", ".data.cpu > 13", "-n", "2"]).run().code, 0);
}

#[test]
fn a_gate_that_was_not_passed_is_no_success() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2)]);
    let never = ["--until", ".data.cpu > 99"];
    for (flags, code) in [(["-n", "2"], 124), (["-d", "200ms"], 124)] {
        let done = watch(&stub, &[&never[..], &flags].concat()).run();
        assert_eq!(done.code, code, "{flags:?}: {}", done.stderr);
    }
    let over = Stub::websocket(|socket, _| close(socket, 1000, ""));
    assert_eq!(watch(&over, &never).run().code, 5);
    let running = watch(&stub, &never).start();
    eventually(PATIENCE, || running.printed().lines().nth(1).map(drop).ok_or_else(|| running.printed()));
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a child of ours");
    assert_eq!(running.finish().code, 130);
}

#[test]
fn a_gate_that_can_never_pass_does_not_wait_for_ever() {
    let status = r#"{"type":"status","data":{"status":"healthy"}}"#;
    let status_only = Stub::start(move |mut stream, _| {
        use std::io::{Read, Write};
        let mut head = [0; 24];
        if stream.peek(&mut head).is_ok() && String::from_utf8_lossy(&head).contains("/api/ws/status") {
            if let Ok(mut socket) = tokio_tungstenite::tungstenite::accept(stream) {
                socket.send(Message::text(status)).expect("the client reads");
                while socket.read().is_ok() {}
            }
        } else {
            crate::stub::read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 404 X\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 64]);
        }
    });
    for gate in ["--until", "--fail-if"] {
        let flags = ["metrics", gate, ".state.metrics.cpu > 99"];
        let done = follow("status", &status_only.url(), &flags).within(PATIENCE).run();
        assert_eq!(done.code, 3, "{gate}: {}", done.stderr);
        assert!(done.stderr.contains("answered 404"), "{gate}: {}", done.stderr);
    }
}

#[test]
fn a_condition_without_an_answer_is_told_once_and_does_not_hold() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2), &metrics(3)]);
    let done = watch(&stub, &["--until", ".data.cqu < 50", "--timeout", "300ms"]).run();
    assert_eq!(done.code, 124);
    assert_eq!(done.stderr.matches("`.data.cqu < 50` has no answer: ").count(), 1, "{}", done.stderr);
}

#[test]
fn what_must_not_hold_is_no_success_when_nobody_could_say_whether_it_does() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2)]);
    for flags in [&["-n", "2"][..], &["--until", ".data.cpu < 50"]] {
        let done = watch(&stub, &[&["--fail-if", ".data.cqu > 90", "--quiet"], flags].concat()).run();
        assert_eq!(done.code, 1, "{flags:?}: {}", done.stderr);
        assert!(done.stderr.contains("error: `.data.cqu > 90` has no answer: "), "{flags:?}: {}", done.stderr);
        assert!(done.stderr.contains("`.data.cqu > 90` never had an answer"), "{flags:?}: {}", done.stderr);
    }
    let silent = Stub::sending(&[]);
    let done = watch(&silent, &["--fail-if", ".data.cpu > 90", "-d", "200ms"]).run();
    assert_eq!(done.code, 1, "nothing was judged: {}", done.stderr);
}

#[test]
fn a_feed_that_is_silent_does_not_disarm_what_is_asked_of_another() {
    // It sends the same on every path, which is no message of the feed `status`.
    let stub = Stub::sending(&[&metrics(1)]);
    let done = watch(&stub, &["status", "--fail-if", ".state.metrics.cpu > 12"]).within(PATIENCE).run();
    assert_eq!(done.code, 1, "{}", done.stderr);
}

#[test]
fn servers_below_two_paths_of_one_address_are_two() {
    let stub = Stub::start(|stream, _| {
        let mut head = [0; 16];
        let sick = stream.peek(&mut head).is_ok() && String::from_utf8_lossy(&head).starts_with("GET /sick/");
        let Ok(mut socket) = tokio_tungstenite::tungstenite::accept(stream) else { return };
        let list = backends(&[if sick { "unhealthy" } else { "healthy" }]);
        socket.send(Message::text(list)).expect("the client reads");
        while socket.read().is_ok() {}
    });
    let (well, sick) = (format!("{}/well", stub.url()), format!("{}/sick", stub.url()));
    let flags = ["--server", &sick, "--until", "healthy", "--timeout", "500ms", "--json"];
    let done = follow("backends", &well, &flags).run();
    assert_eq!(done.code, 124, "only one of the two is healthy: {}", done.stderr);
    let records = records(&done.stdout);
    let named = |path: &str| {
        let name = format!("127.0.0.1:{}{path}", stub.port);
        records.iter().any(|record| record["type"] == "message" && record["server"] == name.as_str())
    };
    assert!(named("/well") && named("/sick"), "{}", done.stdout);
}

#[test]
fn who_is_not_there_at_the_end_has_not_been_found_good() {
    let stub = Stub::websocket(|mut socket, _| {
        socket.send(Message::text(metrics(1))).expect("the client reads");
        close(socket, 1012, "retry_after_ms=60000");
    });
    let flags = ["--fail-if", ".data.cpu > 90", "-d", "300ms"];
    let done = watch(&stub, &flags).run();
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert!(done.stderr.contains("the time is up, and a connection is lost"), "{}", done.stderr);
    assert_eq!(watch(&stub, &flags[2..]).run().code, 0, "nothing was asked");
}

#[test]
fn a_mistake_in_a_condition_is_pointed_at() {
    let stub = Stub::sending(&[]);
    for flag in ["--until", "--fail-if", "--select"] {
        let done = watch(&stub, &[flag, ".data.cpu <"]).run();
        assert_eq!((done.code, stub.connections()), (2, 0), "{flag}: {}", done.stderr);
        assert!(done.stderr.contains('^'), "{flag}: {}", done.stderr);
    }
}

#[test]
fn several_feeds_of_a_real_server_are_one_state() {
    let server = TestServer::start();
    let condition = ".state.metrics.memory > 0 and .state.status.status == 'healthy' and has(.state.billing.cost)";
    let done = follow("all", &server.url(), &["--until", condition, "--timeout", "20s", "-q"]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
}
