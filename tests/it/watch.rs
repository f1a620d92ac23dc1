//! `veloflux watch` against servers that behave and servers that do not: what it writes, and how it ends.

mod alerts;
mod conditions;
mod recording;
mod resume;
mod selection;
mod silence;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocket;

use crate::schema;
use crate::stub::{Stub, close, metrics, stay};
use crate::support::{PATIENCE, Veloflux, eventually};

/// A port on which nobody listens: those below 1024 are not given out.
const NOBODY: &str = "http://127.0.0.1:1";

/// A `watch metrics` of this stub that is quick to try again.
fn watch(stub: &Stub, flags: &[&str]) -> Veloflux {
    watch_at(&stub.url(), flags)
}

fn watch_at(url: &str, flags: &[&str]) -> Veloflux {
    follow("metrics", url, flags)
}

/// A `watch` of this feed.
fn follow(feed: &str, url: &str, flags: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    let quick = ["watch", feed, "--server", url, "--base-delay", "10ms", "--jitter", "none"];
    Veloflux::new(home.path(), quick.iter().chain(flags))
}

/// The records that were written, each of which has to be as its schema says.
fn records(stdout: &str) -> Vec<Value> {
    let records: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    records.iter().for_each(schema::hold);
    records
}

fn types(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["type"].as_str().expect("every record has a type")).collect()
}

#[test]
fn a_server_that_closes_for_ever_is_given_up_after_five_retries() {
    let stub = Stub::websocket(|mut socket, _| {
        socket.send(Message::text(metrics(1))).expect("the client reads");
        close(socket, 1011, "out of order");
    });
    let done = watch(&stub, &[]).run();
    assert_eq!((done.code, stub.connections()), (5, 6), "{}", done.stderr);
    assert!(done.stderr.contains("connection lost: 1011 out of order"), "{}", done.stderr);
    assert!(done.stderr.contains("retry 5/5 in 160 ms"), "{}", done.stderr);
    assert!(done.stderr.contains("gave up after 5 retries"), "{}", done.stderr);
}

#[test]
fn every_way_to_fail_has_its_exit_code() {
    fn reset(stream: TcpStream) {
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    // Not before: the end could overtake the word that somebody has accepted.
    fn reset_when_asked(mut stream: TcpStream) {
        let _ = stream.read(&mut [0]);
        reset(stream);
    }
    const SILENT: &[&str] =
        &["--ping-interval", "100ms", "--ping-timeout", "50ms", "--max-missed-pings", "2", "--no-reconnect"];
    /// Never comes to the end of its status line.
    fn drip(mut stream: TcpStream, _: usize) {
        let _ = stream.write_all(b"HTTP/1.1 101 ");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fn endless(mut stream: TcpStream, _: usize) {
        let _ = stream.write_all(b"HTTP/1.1 101 X\r\n");
        while stream.write_all(&b"X: y\r\n".repeat(100)).is_ok() {}
    }
    /// A message that would take minutes.
    fn trickle(mut socket: WebSocket<TcpStream>, _: usize) {
        let stream = socket.get_mut();
        let _ = stream.write_all(b"\x81\x7e\x7f\xff{");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    const ONCE: &[&str] = &["--no-reconnect"];
    const BRIEF: &[&str] = &["--no-reconnect", "--connect-timeout", "300ms"];
    const SLOW: &[&str] = &["--no-reconnect", "--stale-after", "300ms", "--on-stale", "fail"];
    for (what, stub, flags, code, connections, words) in [
        ("accepted and silent", Stub::start(|stream, _| stay(stream)), BRIEF, 3, 1, "no answer within"),
        ("a head byte by byte", Stub::start(drip), BRIEF, 3, 1, "no answer within"),
        ("a head without end", Stub::start(endless), ONCE, 3, 1, "too many headers"),
        (
            "accepted and reset",
            Stub::start(|stream, _| reset_when_asked(stream)),
            ONCE,
            3,
            1,
            "no upgrade to WebSocket",
        ),
        ("frames byte by byte", Stub::websocket(trickle), SLOW, 1, 1, "`--on-stale` is `fail`"),
        ("401", Stub::answering("HTTP/1.1 401 X\r\n\r\n"), &[][..], 4, 1, "--token-file"),
        ("403", Stub::answering("HTTP/1.1 403 X\r\n\r\n"), &[], 4, 1, "answered 403"),
        ("404", Stub::answering("HTTP/1.1 404 X\r\n\r\n"), &[], 3, 1, "answered 404"),
        ("503", Stub::answering("HTTP/1.1 503 X\r\n\r\n"), &["--max-attempts", "2"], 3, 3, "answered 503"),
        ("no HTTP", Stub::answering("SSH-2.0-OpenSSH_9.2\r\n\r\n"), ONCE, 3, 1, "no upgrade to WebSocket"),
        ("4401", Stub::websocket(|socket, _| close(socket, 4401, "")), &[], 4, 1, "4401"),
        ("1008", Stub::websocket(|socket, _| close(socket, 1008, "")), &[], 4, 1, "1008"),
        ("4429", Stub::websocket(|socket, _| close(socket, 4429, "")), &[], 5, 1, "4429"),
        ("1001", Stub::websocket(|socket, _| close(socket, 1001, "")), ONCE, 5, 1, "1001"),
        ("1000", Stub::websocket(|socket, _| close(socket, 1000, "")), &[], 0, 1, "the server is done"),
        ("1000 too early", Stub::websocket(|socket, _| close(socket, 1000, "")), &["-n", "1"], 5, 1, "done"),
        ("reset within a frame", Stub::raw(b"\x81\x7e\x01\x00abc", reset), ONCE, 5, 1, "1006"),
        ("end without a close frame", Stub::raw(b"", drop), ONCE, 5, 1, "1006 no close frame"),
        ("garbage", Stub::raw(b"garbage, not frames", stay), ONCE, 5, 1, "1002"),
        ("a message of 100 MB", Stub::raw(b"\x81\x7f\0\0\0\0\x05\xf5\xe1\0", stay), ONCE, 5, 1, "1009"),
        ("silence", Stub::raw(b"", stay), SILENT, 5, 1, "no sign of life after 2 pings"),
        ("a frame that never ends", Stub::raw(b"\x81\x7e\x01\x00abc", stay), SILENT, 5, 1, "no sign of life"),
    ] {
        let done = watch(&stub, flags).within(PATIENCE).run();
        assert_eq!(done.code, code, "{what}: {}", done.stderr);
        assert_eq!(stub.connections(), connections, "{what}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{what}: {}", done.stderr);
    }
}

#[test]
fn nobody_there_is_3() {
    let done = watch_at(NOBODY, &["--max-attempts", "2"]).run();
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("connection refused"), "{}", done.stderr);
    assert!(done.stderr.contains("veloflux serve"), "{}", done.stderr);
}

#[test]
fn a_server_that_asks_for_time_is_given_it() {
    let stub = Stub::answering("HTTP/1.1 503 X\r\nRetry-After: 1\r\n\r\n");
    let done = watch(&stub, &["--max-attempts", "1"]).run();
    assert!(done.took >= Duration::from_secs(1), "{:?}", done.took);
    assert_eq!((done.code, stub.connections()), (3, 2));
}

#[test]
fn a_count_gives_that_many_records_and_0_with_nothing_on_standard_input() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2), &metrics(3), &metrics(4)]);
    let done = watch(&stub, &["--json", "-n", "3"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "message", "message", "summary"]);
    for record in &records[..4] {
        assert_eq!(record["feed"], "metrics");
        assert_eq!(record["server"], format!("127.0.0.1:{}", stub.port));
        assert!(record["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{record}");
    }
    assert!(done.stdout.contains(&format!("\"payload\":{}", metrics(2))), "the document is untouched: {}", done.stdout);
    assert_eq!(records[4]["exit"], 0);
    assert_eq!(records[4]["streams"][0]["messages"], 3);
}

#[test]
fn gaps_and_what_is_no_message_are_told_and_counted() {
    let stub = Stub::sending(&[&metrics(1), &metrics(4), "nonsense", "{\"type\":\"news\"}"]);
    let done = watch(&stub, &["--json", "-n", "3"]).run();
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "gap", "message", "invalid", "message", "summary"]);
    assert_eq!((&records[2]["missed"], &records[2]["after"]), (&Value::from(2), &Value::from("0000000a-1")));
    assert_eq!(records[4]["text"], "nonsense");
    assert_eq!((&records[6]["streams"][0]["missed"], &records[6]["streams"][0]["invalid"]), (&2.into(), &1.into()));
}

#[test]
fn a_lost_connection_is_two_records_and_the_stream_goes_on() {
    let stub = Stub::websocket(|mut socket, number| {
        socket.send(Message::text(metrics(number as u64))).expect("the client reads");
        if number == 1 {
            close(socket, 1012, "retry_after_ms=20");
        } else {
            while socket.read().is_ok() {}
        }
    });
    let done = watch(&stub, &["--json", "-n", "2"]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "lost", "retry", "open", "message", "summary"]);
    assert_eq!(records[2]["cause"], "1012");
    assert_eq!(
        (&records[3]["attempt"], &records[3]["of"], &records[3]["delay_ms"]),
        (&1.into(), &5.into(), &20.into())
    );
    assert_eq!(records[6]["streams"][0]["connections"], 2);
}

#[test]
fn raw_is_the_server_s_own_bytes() {
    let pretty = "{\n \"type\": \"metrics\",\r\n \"data\": 1.50}";
    let done = watch(&Stub::sending(&[pretty]), &["--format", "raw", "-n", "1", "-q"]).run();
    assert_eq!(done.stdout, format!("{}\n", pretty.replace(['\r', '\n'], " ")));
    assert_eq!(done.stderr, "");
}

#[test]
fn what_a_server_sends_cannot_steer_the_terminal() {
    let title = "{\"type\":\"\u{9b}news\\u001b]0;owned\\u0007\",\"data\":\"\u{9b}31m\"}";
    let done = watch(&Stub::sending(&[title]), &["-n", "1"]).run();
    let steering = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    assert!(!steering(&done.stdout) && !steering(&done.stderr), "{:?} {:?}", done.stdout, done.stderr);
    assert!(done.stdout.contains("\\x9bnews\\x1b]0;owned\\x07"), "{:?}", done.stdout);
    let reason = Stub::websocket(|socket, _| close(socket, 1011, "\x1b]0;owned\x07"));
    let done = watch(&reason, &["--max-attempts", "1"]).run();
    assert!(!steering(&done.stderr), "{:?}", done.stderr);
}

#[test]
fn the_time_is_up_in_two_ways() {
    let stub = Stub::sending(&[&metrics(1)]);
    assert_eq!(watch(&stub, &["-d", "200ms"]).run().code, 0);
    for flags in [&["--timeout", "200ms"][..], &["--timeout", "200ms", "--fail-if", ".data.cpu > 90"]] {
        let done = watch(&stub, flags).run();
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "nothing to wait for: {}", done.stderr);
        assert!(done.stderr.contains("`--duration` leaves after a time"), "{}", done.stderr);
    }
    let done = watch(&stub, &["-n", "2", "--timeout", "200ms"]).run();
    assert_eq!(done.code, 124);
    assert!(done.stderr.contains("the time is up"), "{}", done.stderr);
    assert_eq!(watch_at(NOBODY, &["-d", "200ms", "--max-attempts", "0"]).run().code, 3);
}

#[test]
fn a_reader_that_leaves_is_a_quiet_success() {
    let stub = Stub::websocket(|mut socket, _| {
        let mut number = 1;
        while socket.send(Message::text(metrics(number))).is_ok() {
            number += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut child = watch(&stub, &[]).spawn();
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.contains("metrics"), "{line}");
    let status = eventually(PATIENCE, || child.try_wait().expect("our child").ok_or_else(|| "it runs".to_owned()));
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_watch_that_judges_comes_to_its_verdict_without_a_reader() {
    let stub = || Stub::sending(&[&metrics(1), &metrics(2), &metrics(3)]);
    for (flags, code) in [
        (&["-n", "3"][..], 0),
        (&["-n", "4", "--timeout", "300ms"], 124),
        (&["--until", ".id == '0000000a-3'", "--timeout", "20s"], 0),
        (&["--until", ".data.cpu > 99", "--timeout", "300ms"], 124),
        (&["--fail-if", ".id == '0000000a-2'", "-d", "20s"], 1),
        (&["--stale-after", "300ms", "--on-stale", "fail"], 1),
        (&["-d", "20s"], 0),
    ] {
        for format in ["text", "json"] {
            let done = watch(&stub(), &[flags, &["--format", format]].concat()).within(PATIENCE).unread().run();
            assert_eq!(done.code, code, "{flags:?} {format}: {}", done.stderr);
        }
    }
}

#[test]
fn a_reader_that_has_stopped_reading_does_not_hold_it_past_its_deadline() {
    let stub = Stub::websocket(|mut socket, _| {
        let mut number = 1;
        while socket.send(Message::text(metrics(number))).is_ok() {
            number += 1;
        }
    });
    for (flags, code) in [
        (&["-d", "300ms"][..], 0),
        (&["--until", ".data.cpu > 99", "--timeout", "300ms"], 124),
        (&["--fail-if", ".data.cpu > 99", "-d", "300ms"], 124),
    ] {
        // Nobody takes anything out of its pipe.
        let mut child = watch(&stub, &[flags, &["--json", "-q"]].concat()).spawn();
        let status = eventually(PATIENCE, || child.try_wait().expect("our child").ok_or_else(|| "it runs".to_owned()));
        assert_eq!(status.code(), Some(code), "{flags:?}");
    }
}

#[test]
fn head_gets_its_line_and_nobody_says_anything() {
    let stub = Stub::websocket(|mut socket, _| {
        let mut number = 1;
        while socket.send(Message::text(metrics(number))).is_ok() {
            number += 1;
        }
    });
    let mut shell = Command::new("/bin/bash");
    let script = "\"$0\" watch metrics --json -s \"$1\" </dev/null | head -1; echo ${PIPESTATUS[0]}";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_veloflux"), &stub.url()]).env_clear().env("PATH", "/usr/bin:/bin");
    let done = Veloflux::program(shell).within(PATIENCE).run();
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("{\"type\":\"open\""), "{}", done.stdout);
    assert_eq!((lines[1], done.stderr.as_str()), ("0", ""), "a quiet success");
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let stub = Stub::sending(&[&metrics(1)]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let done = Command::new(env!("CARGO_BIN_EXE_veloflux"))
        .args(["watch", "metrics", "-n", "1", "-s", &stub.url()])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .expect("the binary starts");
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("error: cannot write to standard output"), "{said}");
}

#[test]
fn ctrl_c_says_goodbye_sums_up_and_dies_by_the_signal() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (sender, goodbye) = mpsc::channel();
        let stub = Stub::websocket(move |mut socket, _| {
            socket.send(Message::text(metrics(1))).expect("the client reads");
            while let Ok(message) = socket.read() {
                if let Message::Close(Some(frame)) = message {
                    sender.send(u16::from(frame.code)).expect("the test waits");
                }
            }
        });
        let running = watch(&stub, &[]).start();
        eventually(PATIENCE, || {
            if running.printed().contains("cpu") || running.printed().contains("metrics") {
                Ok(())
            } else {
                Err("nothing".to_owned())
            }
        });
        let id = running.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().expect("kill is there").success());
        let done = running.finish();
        assert_eq!(done.code, code, "{}", done.stderr);
        assert_eq!(goodbye.recv_timeout(PATIENCE), Ok(1000));
        assert!(done.stderr.contains("1 message"), "{}", done.stderr);
    }
}
