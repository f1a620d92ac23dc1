//! What a probe expects: expressions, schema, cadence, limits, certificates; and how long it waits for a pass.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Message, accept};

use super::{probe, report};
use crate::stub::{Stub, metrics, read_head, stay};
use crate::support::certificate;
use crate::support::{TestServer, Veloflux};

/// The verdict of a check of the first target.
fn verdict<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["targets"][0]["checks"].as_array().expect("a list");
    let found = checks.iter().find(|check| check["name"] == name);
    found.and_then(|check| check["verdict"].as_str()).unwrap_or("none")
}

#[test]
fn expectations_hold_for_each_message_or_fail_with_what_was_found() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2)]);
    for (expression, code, words) in [
        (".data.cpu < 90", 0, ""),
        (".state.metrics.memory == 38.1", 0, ""),
        (".data.cpu > 90", 1, "expect .data.cpu > 90: does not hold for message 1"),
        (".id == '0000000a-1'", 1, "does not hold for message 2"),
        (".data.cqu < 90", 1, "`.data.cqu`"),
    ] {
        let done = probe(&stub, &["metrics", "--messages", "2", "--expect", expression]).run();
        assert_eq!(done.code, code, "{expression}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains(words), "{expression}: {}", done.stdout);
    }
    let done = probe(&stub, &["metrics", "--expect", ".data.cpu <"]).run();
    assert_eq!(done.code, 2);
    assert!(done.stderr.lines().any(|line| line.trim_start().starts_with('^')), "{}", done.stderr);
}

#[test]
fn the_schema_of_every_message_is_checked_and_a_missing_one_is_told() {
    let wrong = metrics(2).replace("12.4", "\"12.4\"");
    let stub = Stub::sending(&[&metrics(1), &wrong]);
    let done = probe(&stub, &["metrics", "--messages", "2"]).run();
    assert_eq!(done.code, 1, "{}", done.stdout);
    assert!(done.stdout.contains("schema: message 2: `data.cpu` is \"12.4\""), "{}", done.stdout);
    let done = probe(&stub, &["metrics", "--messages", "3"]).within(Duration::from_secs(10)).run();
    assert_eq!(done.code, 1, "{}", done.stdout);
    assert!(done.stdout.contains("messages: message 3 of 3 did not come within 4 s"), "{}", done.stdout);
}

#[test]
fn a_real_feed_keeps_its_cadence_and_its_schema() {
    let server = TestServer::start();
    let home = tempfile::tempdir().expect("a directory");
    let flags = ["probe", "metrics", "--messages", "3", "--json", "--budget", "cadence=3s", "--server", &server.url()];
    let done = Veloflux::new(home.path(), flags).run();
    assert_eq!(done.code, 0, "{}", done.stdout);
    let report = report(&done.stdout);
    for check in ["schema", "cadence", "budget cadence"] {
        assert_eq!(verdict(&report, check), "pass", "{check}");
    }
    assert_eq!(report["targets"][0]["messages"]["received"], 3);
}

#[test]
fn limits_are_budgets_or_warnings() {
    let stub = Stub::sending(&[&metrics(1)]);
    for (flags, code, words) in [
        (&["--budget", "tcp=10s,total=10s", "-w", "loss=0%"][..], 0, "1 passed"),
        (&["--warning", "total=0s"], 0, "1 with warnings"),
        (&["--critical", "total=0s"], 1, "budget total: "),
        (&["--budget", "cert_days=14"], 1, "budget cert_days: not measured, the connection is without TLS"),
        (&["-c", "token_ttl=1h"], 1, "budget token_ttl: not measured, no token was sent that says when it expires"),
        (&["-w", "tls=1s"], 0, "1 with warnings"),
    ] {
        let done = probe(&stub, &[&["metrics"], flags].concat()).run();
        assert_eq!(done.code, code, "{flags:?}: {}", done.stdout);
        assert!(done.stdout.contains(words), "{flags:?}: {}", done.stdout);
    }
    for (flags, words) in [
        (&["--budget", "tpc=1s"][..], "the keys are dns, tcp"),
        (&["--budget", "cadence=1ms"], "give `--messages 2` or more"),
        (&["--warning", "cadence=1ms", "--messages", "1"], "give `--messages 2` or more"),
        (&["--budget", "loss=0%", "--pings", "0"], "--pings"),
    ] {
        let done = probe(&stub, &[&["metrics"], flags].concat()).run();
        assert_eq!(done.code, 2, "{flags:?}");
        assert!(done.stderr.contains(words), "{flags:?}: {}", done.stderr);
    }
}

#[test]
fn runs_are_counted_and_told_one_by_one() {
    let stub = Stub::sending(&[&metrics(1)]);
    let done = probe(&stub, &["metrics", "--json", "-n", "3", "-i", "10ms", "--pings", "2"]).run();
    let report = report(&done.stdout);
    let target = &report["targets"][0];
    assert_eq!((done.code, stub.connections()), (0, 3));
    assert_eq!((target["runs"].as_array().map(Vec::len), &target["pings"]["sent"]), (Some(3), &6.into()));
    assert!(target["pings"]["rtt_ms"]["p99"].is_number());
}

#[test]
fn the_timeout_is_for_the_whole_command_however_many_runs_were_asked_for() {
    let stub = Stub::sending(&[&metrics(1)]);
    let done = probe(&stub, &["metrics", "--json", "-n", "1000", "-i", "100ms", "--timeout", "500ms"]).run();
    assert_eq!(done.code, 124, "{}", done.stdout);
    let runs = report(&done.stdout)["targets"][0]["runs"].as_array().expect("a list").clone();
    let (last, good) = runs.split_last().expect("some");
    assert!(!good.is_empty() && good.len() <= 6 && good.iter().all(|run| run["ok"] == true), "{runs:?}");
    assert_eq!(last["failure"]["reason"], "not over within 500 ms");
}

#[test]
fn targets_are_tried_at_the_same_moment_as_many_as_asked_for() {
    for (parallel, code) in [("2", 0), ("1", 3)] {
        // Speaks only when two have come.
        let both = Arc::new(Barrier::new(2));
        let stub = Stub::start(move |stream, _| {
            both.wait();
            if let Ok(mut socket) = accept(stream) {
                let _ = socket.send(Message::text(metrics(1)));
                while socket.read().is_ok() {}
            }
        });
        let url = stub.url().replace("http", "ws");
        let urls = [format!("{url}/api/ws/metrics?1"), format!("{url}/api/ws/metrics?2")];
        let patience = if code == 0 { "20s" } else { "1s" };
        let done = probe(&stub, &["--parallel", parallel, "--connect-timeout", patience, &urls[0], &urls[1]]).run();
        assert_eq!(done.code, code, "{}", done.stdout);
    }
}

#[test]
fn waiting_ends_with_the_first_pass_and_at_once_where_it_is_hopeless() {
    let stub = Stub::start(|mut stream, number| {
        if number < 3 {
            read_head(&mut stream);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
        } else if let Ok(mut socket) = accept(stream) {
            let _ = socket.send(Message::text(metrics(1)));
            while socket.read().is_ok() {}
        }
    });
    let done = probe(&stub, &["metrics", "--wait", "20s", "-i", "10ms", "--json"]).run();
    assert_eq!((done.code, stub.connections()), (0, 3), "{}", done.stdout);
    assert_eq!(report(&done.stdout)["targets"][0]["retries"], 2);

    for (answer, code) in [("HTTP/1.1 401 X\r\n\r\n", 4), ("HTTP/1.1 403 X\r\n\r\n", 4), ("HTTP/1.1 404 X\r\n\r\n", 3)]
    {
        let stub = Stub::answering(answer);
        let done = probe(&stub, &["metrics", "--wait", "20s", "-i", "10ms"]).run();
        assert_eq!((done.code, stub.connections()), (code, 1), "{}", done.stdout);
    }

    let stub = Stub::answering("HTTP/1.1 503 X\r\n\r\n");
    let done = probe(&stub, &["metrics", "--wait", "300ms", "-i", "50ms"]).run();
    assert_eq!(done.code, 124, "{}", done.stdout);
    assert!(stub.connections() > 1 && done.stdout.contains("503; it did not pass within 300 ms"), "{}", done.stdout);
}

#[test]
fn waiting_is_for_limits_and_expectations_too() {
    let stub = Stub::websocket(|mut socket, number| {
        let number = number as u64;
        let _ = socket.send(Message::text(metrics(number).replace("12.4", &number.to_string())));
        while socket.read().is_ok() {}
    });
    let wait = |flags: &[&str]| probe(&stub, &[&["metrics", "-i", "10ms", "--wait"], flags].concat()).run();
    let done = wait(&["20s", "--expect", ".data.cpu >= 3"]);
    assert_eq!((done.code, stub.connections()), (0, 3), "{}", done.stdout);
    let done = wait(&["100ms", "--budget", "total=0s"]);
    assert_eq!(done.code, 124, "{}", done.stdout);
    assert!(done.stdout.contains("budget total: "), "{}", done.stdout);
}

#[test]
fn a_server_that_upgrades_and_says_nothing_is_a_failure_in_time() {
    let done = probe(&Stub::raw(b"", stay), &["metrics"]).within(Duration::from_secs(5)).run();
    assert_eq!(done.code, 1, "{}", done.stdout);
    let done = probe(&Stub::raw(b"", stay), &["metrics", "--wait", "500ms", "--connect-timeout", "20s"]).run();
    assert_eq!(done.code, 124, "{}", done.stdout);
}

#[test]
fn the_days_a_certificate_has_left_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::make(folder.path());
    let stub = Stub::secure(&made);
    let server = stub.secure_url();
    let run = |flags: &[&str]| {
        let home = tempfile::tempdir().expect("a directory");
        let arguments = [&["probe", "metrics", "--json", "--server", &server], flags].concat();
        let done = Veloflux::new(home.path(), arguments).run();
        (done.code, report(&done.stdout))
    };
    let trusted = made.certificate.display().to_string();
    let (code, told) = run(&["--cacert", &trusted, "--budget", "cert_days=1", "--warning", "cert_days=10"]);
    assert_eq!(code, 0, "{told}");
    let target = &told["targets"][0];
    assert!(target["phases_ms"]["tls"].is_number(), "{target}");
    let left = target["certificate"]["seconds_left"].as_i64().expect("a number");
    assert!((86_400..=2 * 86_400).contains(&left), "{left}");
    assert_eq!((verdict(&told, "budget cert_days"), verdict(&told, "limit cert_days")), ("pass", "warn"));
    let (code, told) = run(&["--insecure", "--budget", "cert_days=3"]);
    assert_eq!((code, verdict(&told, "budget cert_days")), (1, "fail"));
    let (code, told) = run(&[]);
    assert_eq!((code, verdict(&told, "tls")), (3, "fail"), "{told}");
}

#[test]
fn the_expiry_of_the_token_is_told() {
    let stub = Stub::sending(&[&metrics(1)]);
    // {"exp":4102444800}, the year 2100, and {"exp":1}.
    for (claims, code, verdict_of_it) in [("eyJleHAiOjQxMDI0NDQ4MDB9", 0, "pass"), ("eyJleHAiOjF9", 4, "fail")] {
        let flags = ["metrics", "--json", "--budget", "token_ttl=1h"];
        let done = probe(&stub, &flags).env("VELOFLUX_TOKEN", format!("e30.{claims}.c2ln")).run();
        let report = report(&done.stdout);
        assert_eq!((done.code, verdict(&report, "token")), (code, verdict_of_it), "{}", done.stdout);
        assert_eq!(verdict(&report, "budget token_ttl"), verdict_of_it);
    }
}
