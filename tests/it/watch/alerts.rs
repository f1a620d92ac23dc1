//! `--exec` and `--notify`: somebody else is told, and the stream does not wait for it.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::{watch, watch_at};
use crate::stub::{Stub, close, metrics, read_head};
use crate::support::{PATIENCE, eventually};

fn alerts(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_loss_is_told_before_the_watch_ends_and_only_once_in_a_while() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("alerts");
    let stub = Stub::websocket(|mut socket, _| {
        socket.send(Message::text(metrics(1))).expect("the client reads");
        close(socket, 1011, "out of order");
    });
    let command = format!("echo noise; cat >> '{}'", file.display());
    let done = watch(&stub, &["--exec", &command, "--max-attempts", "3", "--json"]).run();
    assert_eq!((done.code, stub.connections()), (5, 4), "{}", done.stderr);
    assert!(!done.stdout.contains("noise") && done.stderr.contains("noise"), "results are ours alone");
    let alerts = alerts(&file);
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert_eq!((&alerts[0]["type"], &alerts[0]["cause"]), (&"lost".into(), &"1011".into()));
    assert_eq!((&alerts[0]["feed"], &alerts[0]["held_back"]), (&"metrics".into(), &0.into()));
    assert_eq!((&alerts[1]["type"], &alerts[1]["held_back"]), (&"error".into(), &3.into()), "it is given up");

    std::fs::remove_file(&file).expect("it was there");
    let every = watch(&stub, &["--exec", &command, "--max-attempts", "3", "--cooldown", "0s", "--on", "lost,open"]);
    every.run();
    assert_eq!(self::alerts(&file).len(), 8);
}

#[test]
fn nobody_there_is_a_loss_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("alerts");
    let command = format!("cat >> '{}'", file.display());
    let done = watch_at(super::NOBODY, &["--exec", &command, "--max-attempts", "1"]).run();
    assert_eq!(done.code, 3);
    let alerts = alerts(&file);
    assert_eq!((alerts.len(), &alerts[0]["type"], &alerts[0]["exit"]), (1, &"error".into(), &3.into()));
}

#[test]
fn what_was_waited_for_is_posted() {
    let (sender, bodies) = mpsc::channel();
    let hook = Stub::start(move |mut stream, _| {
        let head = read_head(&mut stream);
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let mut body = vec![0; length.expect("a length").trim().parse().expect("a number")];
        stream.read_exact(&mut body).expect("the body comes");
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").expect("the client reads");
        sender.send((head, String::from_utf8(body).expect("text"))).expect("the test waits");
    });
    let stub = Stub::sending(&[&metrics(1)]);
    let url = format!("{}/hook?key=hunter2", hook.url());
    let done = watch(&stub, &["--until", ".data.cpu > 12", "--notify", &url]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let (head, body) = bodies.recv_timeout(PATIENCE).expect("it was posted");
    assert!(head.starts_with("POST /hook?key=hunter2 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let event: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&event["type"], &event["expression"]), (&"until".into(), &".data.cpu > 12".into()));

    let refusing = Stub::answering("HTTP/1.1 500 X\r\n\r\n");
    let url = format!("{}/hook?key=hunter2", refusing.url());
    let done = watch(&stub, &["-n", "1", "--on", "open", "--notify", &url]).run();
    assert_eq!(done.code, 0, "who is not told changes nothing about the answer");
    assert!(done.stderr.contains("answered 500") && !done.stderr.contains("hunter2"), "{}", done.stderr);
}

#[test]
fn a_command_that_hangs_holds_up_nothing_and_goes_with_the_watch() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pid");
    let stub = Stub::websocket(|mut socket, _| {
        let mut number = 1;
        while socket.send(Message::text(metrics(number))).is_ok() {
            number += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let command = format!("echo $$ > '{}'; sleep 600 & wait", file.display());
    let running = watch(&stub, &["--exec", &command, "--on", "open", "--json"]).start();
    let group: i32 = eventually(PATIENCE, || {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| text)
    });
    let before = running.printed().lines().count();
    eventually(PATIENCE, || {
        let more = running.printed().lines().count() - before;
        if more >= 20 { Ok(()) } else { Err(format!("{more} lines")) }
    });
    let interrupted = Instant::now();
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a child of ours");
    assert_eq!(running.finish().code, 130);
    assert!(interrupted.elapsed() < Duration::from_secs(5), "{:?}", interrupted.elapsed());
    let group = rustix::process::Pid::from_raw(group).expect("a group");
    eventually(PATIENCE, || match rustix::process::test_kill_process_group(group) {
        Err(_) => Ok(()),
        Ok(()) => Err("its group still runs".to_owned()),
    });
}
