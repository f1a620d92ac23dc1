//! Silence: a feed that says nothing for too long is told, long before a ping is missed.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{records, types, watch, watch_at};
use crate::stub::{Stub, metrics};
use crate::support::{PATIENCE, TestServer, eventually};

#[test]
fn a_frozen_server_is_stale_within_three_cadences() {
    let server = TestServer::start();
    let running = watch_at(&server.url(), &["--json", "-d", "30s"]).within(Duration::from_secs(40)).start();
    let wait_for = |what: &str, deadline: Duration| {
        eventually(deadline, || if running.printed().contains(what) { Ok(()) } else { Err(running.printed()) });
    };
    wait_for("\"type\":\"message\"", PATIENCE);
    server.signal(Signal::STOP);
    let frozen = Instant::now();
    wait_for("\"type\":\"stale\"", Duration::from_secs(9));
    // The last message came up to one cadence before the server froze.
    assert!(frozen.elapsed() >= Duration::from_secs(3), "{:?}", frozen.elapsed());
    server.signal(Signal::CONT);
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, Signal::INT).expect("a child of ours");
    let records = records(&running.finish().stdout);
    let stale = records.iter().find(|record| record["type"] == "stale").expect("it was told");
    let silent = stale["silent_ms"].as_u64().expect("a number");
    assert!((6_000..7_000).contains(&silent), "{silent}");
}

#[test]
fn a_silence_is_told_or_ends_the_connection_or_the_watch() {
    let silent = Stub::sending(&[&metrics(1)]);
    let stale = ["--json", "--stale-after", "150ms"];
    let run = |flags: &[&str]| watch(&silent, &[&stale[..], flags].concat()).within(PATIENCE).run();

    let done = run(&["-d", "500ms"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(types(&records(&done.stdout)), ["open", "message", "stale", "summary"], "told once a silence");

    let done = run(&["--on-stale", "fail"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("`--on-stale` is `fail`"), "{}", done.stderr);

    let done = run(&["--on-stale", "reconnect", "-n", "2"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "message", "stale", "lost", "retry", "open", "message", "summary"]);
    assert_eq!(records[3]["cause"], "stale");
}

#[test]
fn a_flood_of_pings_does_not_pass_for_news() {
    let stub = Stub::websocket(|mut socket, _| {
        use tokio_tungstenite::tungstenite::Message;
        socket.send(Message::text(metrics(1))).expect("the client reads");
        // Faster than the client reads, and for as long as it does.
        let pings = [0x89, 0x00].repeat(4096);
        let stream = socket.get_mut();
        while std::io::Write::write_all(stream, &pings).is_ok() {}
    });
    let flags = ["--json", "--stale-after", "150ms", "--on-stale", "fail", "-d", "20s"];
    let done = watch(&stub, &flags).within(PATIENCE).run();
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(types(&records(&done.stdout)).contains(&"stale"), "{}", done.stdout);
}

#[test]
fn the_summary_says_what_was_lost_and_for_how_long() {
    let stub = Stub::websocket(|mut socket, number| {
        use tokio_tungstenite::tungstenite::Message;
        socket.send(Message::text(metrics(number as u64))).expect("the client reads");
        if number == 1 {
            crate::stub::close(socket, 1012, "retry_after_ms=400");
        } else {
            while socket.read().is_ok() {}
        }
    });
    let done = watch(&stub, &["--json", "-n", "2"]).run();
    let records = records(&done.stdout);
    let stream = &records[records.len() - 1]["streams"][0];
    let outage = &stream["outages"][0];
    assert_eq!((&outage["cause"], &outage["retries"]), (&"1012".into(), &1.into()));
    let down = outage["down_ms"].as_u64().expect("it came back");
    assert!((400..2_000).contains(&down), "{down}");
    assert_eq!(stream["down_ms"].as_u64(), Some(down));
    let share = stream["availability"].as_f64().expect("it ran");
    assert!(share > 0.0 && share < 0.5, "{share}");
    let done = watch(&stub, &["-n", "1", "--max-attempts", "1"]).run();
    assert!(!done.stderr.contains("up "), "nothing was lost: {}", done.stderr);
}
