//! Starting, stopping, being killed, and what a full disk or a taken port does.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::disk::Tmpfs;
use crate::support::server::home;
use crate::support::{Ending, Events, PATIENCE, Socket, StubBackend, TestServer, Veloflux, eventually};

#[test]
fn told_to_stop_it_says_good_bye_to_every_client_and_exits_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = TestServer::builder().backend("web", "127.0.0.1:1").start();
        let mut sockets: Vec<Socket> = Feed::ALL.iter().cycle().take(50).map(|feed| server.open(*feed)).collect();
        for socket in &mut sockets {
            socket.json();
        }
        let told = Instant::now();
        server.signal(signal);
        for socket in &mut sockets {
            let close = socket.close_frame_within(Duration::from_secs(5));
            assert_eq!(close.close_code(), Some(1001));
            // A client that answers is let go at once.
            socket.send_frame(&crate::support::Frame::close(1001, ""));
            assert_eq!(socket.ending_within(Duration::from_secs(5)), Ending::Finished);
        }
        let status = server.exit_within(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "{}", server.stderr());
        assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    }
}

#[test]
fn clients_that_do_not_answer_or_read_do_not_hold_it_up() {
    let mut server = TestServer::start();
    let _silent: Vec<Socket> = (0..20).map(|_| server.open(Feed::Metrics)).collect();
    let _half_open: Vec<TcpStream> =
        (0..5).map(|_| TcpStream::connect(server.address()).expect("the server accepts")).collect();
    // Half a request, and a whole one whose answer does not end and is not read.
    let mut half = TcpStream::connect(server.address()).expect("the server accepts");
    half.write_all(b"GET / HTTP/1.1\r\nHost: ").expect("the server reads");
    let _unread = Events::open(&server, "/api/events/metrics", "");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_within(Duration::from_secs(6)).code(), Some(0), "{}", server.stderr());
    assert!(!server.stderr().contains("drain deadline"), "nobody was waited for: {}", server.stderr());
}

#[test]
fn while_it_stops_nobody_new_is_let_in() {
    let mut server = TestServer::start();
    // Someone who does not say good-bye keeps it up for a moment.
    let mut held = server.open(Feed::Metrics);
    held.json();
    server.signal(Signal::TERM);
    held.close_frame_within(Duration::from_secs(2));
    let late = crate::support::http::try_exchange(
        server.address(),
        Socket::request(server.address(), &Feed::Metrics.path(), "").as_bytes(),
        PATIENCE,
    );
    assert!(late.as_ref().map_or(true, |response| response.status != 101), "{late:?}");
    assert_eq!(server.exit_within(Duration::from_secs(6)).code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = TestServer::start();
    // Not answering the good-bye holds the drain up.
    let mut held: Vec<Socket> = (0..3).map(|_| server.open(Feed::Metrics)).collect();
    held.iter_mut().for_each(|socket| drop(socket.json()));
    server.signal(Signal::TERM);
    held[0].close_frame_within(Duration::from_secs(2));
    let second = Instant::now();
    server.signal(Signal::TERM);
    let status = server.exit_within(Duration::from_secs(2));
    // Those who do not answer the good-bye would hold it for two seconds.
    assert!(second.elapsed() < Duration::from_millis(1_500), "{:?}", second.elapsed());
    // It may have been done already; else it was cut short, and says so.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    assert!(matches!(code, 0 | 143), "{status:?}");
}

#[test]
fn it_is_back_within_seconds_with_its_ledger_intact() {
    let mut server = TestServer::start();
    let home = server.home();
    (0..100).for_each(|_| assert_eq!(server.get("/livez").status, 200));
    let before = usage(&server);
    assert!(before >= 100.0, "{before}");
    server.signal(Signal::TERM);
    server.exit_within(Duration::from_secs(5));
    let down = Instant::now();
    let again = TestServer::builder_in(home).start();
    let mut socket = again.open(Feed::Billing);
    let after = socket.json()["data"]["usage"].as_f64().expect("a number");
    assert!(down.elapsed() < Duration::from_secs(5), "{:?}", down.elapsed());
    // Everything counted before it stopped, and this handshake at most.
    assert!(after >= before && after <= before + 3.0, "{before} before, {after} after");
}

#[test]
fn killed_it_loses_at_most_the_last_second_and_counts_nothing_twice() {
    let home = home();
    // Every request ever sent, and what must have been booked by the last kill.
    let (mut sent, mut booked) = (0.0, 0.0);
    for round in 0..4 {
        let mut server = TestServer::builder_in(home.clone()).start();
        let found = usage(&server);
        sent += 2.0;
        assert!(found >= booked, "round {round}: {booked} were booked, {found} found");
        assert!(found <= sent, "round {round}: {sent} were sent, {found} found");
        for _ in 0..50 {
            assert_eq!(server.get("/livez").status, 200);
        }
        (sent, booked) = (sent + 50.0, found + 50.0);
        // It books once a second, so this is what may not be lost any more.
        std::thread::sleep(Duration::from_millis(1_500));
        server.signal(Signal::KILL);
        server.exit_within(PATIENCE);
    }
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let home = home();
    let finished =
        Veloflux::new(home.path(), ["serve", "--listen", &address, "--state-dir", &home.path().display().to_string()])
            .run();
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_eq!(finished.stdout, "");
    let wanted = format!("error: cannot listen on {address}: address in use; stop the other server or pass `--listen`");
    assert!(finished.stderr.lines().any(|line| line == wanted), "{finished:?}");
}

#[test]
fn a_port_is_free_again_right_after_a_server_with_clients_was_killed() {
    let mut server = TestServer::start();
    let address = server.address();
    let mut socket = server.open(Feed::Metrics);
    socket.json();
    let home = server.home();
    server.signal(Signal::KILL);
    server.exit_within(PATIENCE);
    let again = TestServer::builder_in(home).listen(address).start();
    assert_eq!(again.address(), address);
}

#[test]
fn a_state_directory_that_cannot_be_used_degrades_and_says_so() {
    // A file where the directory should be stops root as well, which no permission does.
    let home = home();
    let blocked = home.path().join("blocked");
    std::fs::write(&blocked, "in the way").expect("a file of ours");
    let server = TestServer::builder_in(home.clone()).token("given").state_dir(&blocked.join("state")).start();
    degraded_with_a_reason(&server);
    let billing = server.open(Feed::Billing).json();
    assert_eq!(billing["data"]["partial"], true, "{billing}");
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(std::fs::read_to_string(&blocked).expect("still there"), "in the way");
}

#[test]
fn a_ledger_that_is_none_is_left_alone_and_told() {
    let home = home();
    let state = home.path().join("state");
    std::fs::create_dir(&state).expect("a directory of ours");
    let ledger = state.join("ledger.db");
    let garbage = b"this is not a database, and nobody may write over it".repeat(100);
    std::fs::write(&ledger, &garbage).expect("a file of ours");
    let server = TestServer::builder_in(home.clone()).start();
    degraded_with_a_reason(&server);
    drop(server);
    assert_eq!(std::fs::read(&ledger).expect("still there"), garbage);
}

#[test]
fn a_full_disk_degrades_and_heals_when_there_is_room() {
    let home = home();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).expect("a directory of ours");
    let Some(_mounted) = Tmpfs::mount(&disk) else {
        // Not allowed to mount: a directory that lets nobody write stands for the full disk.
        std::fs::set_permissions(&disk, std::fs::Permissions::from_mode(0o500)).expect("a directory of ours");
        let server = TestServer::builder_in(home.clone()).token("given").state_dir(&disk).start();
        degraded_with_a_reason(&server);
        return;
    };
    let ballast = disk.join("ballast");
    let server = TestServer::builder_in(home.clone()).token("given").state_dir(&disk).start();
    assert_eq!(server.get("/livez").status, 200);
    let before = usage(&server);
    Tmpfs::fill(&ballast);
    eventually(PATIENCE, || {
        // Something new to book, until there is no room for it.
        (0..200).for_each(|_| assert_eq!(server.get("/livez").status, 200, "it goes on serving"));
        let status = told_status(&server);
        if status["status"] == "degraded" && mentions_ledger(&status) { Ok(()) } else { Err(status.to_string()) }
    });
    std::fs::remove_file(&ballast).expect("a file of ours");
    eventually(PATIENCE, || {
        let status = told_status(&server);
        if mentions_ledger(&status) { Err(status.to_string()) } else { Ok(()) }
    });
    assert!(usage(&server) >= before + 200.0, "what was counted meanwhile is not lost");
}

#[test]
fn the_probes_and_the_figures_of_the_process_can_be_read() {
    let backend = StubBackend::start();
    let server = TestServer::builder()
        .backend("web", &format!("http://{}/", backend.address()))
        .check("database", &format!("tcp://{}", backend.address()))
        .start();
    let mut socket = server.open(Feed::Metrics);
    socket.json();
    assert_eq!(server.get("/livez").status, 200);
    eventually(PATIENCE, || match server.get("/readyz") {
        ready if ready.status == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // What was handed over is counted after that, and may have been read before.
    let response = eventually(PATIENCE, || match server.get("/metrics") {
        response if response.body.contains("\nveloflux_messages_total{feed=\"metrics\"} 0\n") => Err(response.body),
        response => Ok(response),
    });
    assert_eq!(response.status, 200);
    let series = exposition(&response.body);
    let value = |wanted: &str| {
        let found = series.iter().find(|(name, _)| name == wanted);
        found.unwrap_or_else(|| panic!("no {wanted} in {}", response.body)).1
    };
    assert_eq!(value("veloflux_connections"), 1.0);
    assert!(value("veloflux_messages_total{feed=\"metrics\"}") >= 1.0);
    assert!(value("veloflux_message_bytes_total{feed=\"metrics\"}") > 100.0);
    assert!(value("veloflux_http_requests_total") >= 2.0);
    assert!(value("veloflux_process_resident_memory_bytes") > 1e6);
    for wanted in [
        "veloflux_lagged_total",
        "veloflux_connections_closed_total",
        "veloflux_check_results_total",
        "veloflux_check_duration_seconds_total",
    ] {
        assert!(series.iter().any(|(name, _)| name.starts_with(wanted)), "no {wanted} in {}", response.body);
    }

    socket.close();
    eventually(PATIENCE, || {
        let series = exposition(&server.get("/metrics").body);
        let open = series.iter().find(|(name, _)| name == "veloflux_connections").map(|(_, value)| *value);
        if open == Some(0.0) { Ok(()) } else { Err(format!("{open:?} connections are open")) }
    });
}

#[test]
fn stdout_is_one_line_and_logs_are_json_where_nobody_reads_them() {
    let mut server = TestServer::builder().env("VELOFLUX_LOG", "debug").backend("web", "127.0.0.1:1").start();
    server.force_update("");
    server.get("/nowhere");
    server.signal(Signal::TERM);
    server.exit_within(PATIENCE);
    let said = eventually(PATIENCE, || {
        let said = server.stderr();
        if said.is_empty() { Err("nothing was said".to_owned()) } else { Ok(said) }
    });
    for line in said.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(record["level"].is_string() && record["timestamp"].is_string(), "{line}");
    }
    assert_eq!(server.stdout_after_the_first_line(), "", "stdout is for the one line that scripts read");
}

#[test]
fn a_running_server_can_be_found_by_its_port_and_leaves_no_trace() {
    let mut server = TestServer::start();
    let directory = server.home().path().join("veloflux");
    let file = directory.join(format!("{}.json", server.address().port()));
    let text =
        eventually(PATIENCE, || std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display())));
    let beacon: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(beacon["url"], server.url());
    assert_eq!(beacon["pid"].as_i64(), Some(i64::from(server.pid().as_raw_nonzero().get())));
    let token = beacon["token_file"].as_str().expect("a path");
    assert_eq!(std::fs::read_to_string(token).expect("readable").trim(), server.token());
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&directory)), (0o600, 0o700));
    server.signal(Signal::TERM);
    server.exit_within(PATIENCE);
    assert!(!file.exists(), "a server that left cleanly is not found");
}

#[test]
fn check_config_says_what_it_would_do_and_starts_nothing() {
    let home = home();
    let file = home.path().join("veloflux.toml");
    std::fs::write(&file, "[[pool]]\nname = \"web\"\nbackends = [\"127.0.0.1:8081\"]\n").expect("a file of ours");
    let path = file.display().to_string();
    let fine = Veloflux::new(home.path(), ["serve", "--check-config", "--config", &path]).run();
    assert_eq!(fine.code, 0, "{fine:?}");
    assert!(fine.stdout.contains("web") && fine.stdout.contains("127.0.0.1:8081"), "{fine:?}");
    std::fs::write(&file, "[server]\nlisen = \"127.0.0.1:0\"\n").expect("a file of ours");
    let wrong = Veloflux::new(home.path(), ["serve", "--config", &path]).run();
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("line 2") && wrong.stderr.contains("`listen`"), "{wrong:?}");
}

fn told_status(server: &TestServer) -> Value {
    server.force_update(r#"{"type":"status"}"#);
    server.open(Feed::Status).json()["data"].clone()
}

fn mentions_ledger(status: &Value) -> bool {
    ["ledger", "state directory", "usage"].iter().any(|word| status["reasons"].to_string().contains(word))
}

fn degraded_with_a_reason(server: &TestServer) {
    eventually(PATIENCE, || {
        let status = told_status(server);
        if status["status"] == "degraded" && mentions_ledger(&status) { Ok(()) } else { Err(status.to_string()) }
    });
}

/// The usage as it is now.
fn usage(server: &TestServer) -> f64 {
    server.force_update(r#"{"type":"billing"}"#);
    server.open(Feed::Billing).json()["data"]["usage"].as_f64().expect("a number")
}

/// Reads Prometheus' text line by line, as strictly as its parser does: every series once, every value a number, and its
/// type announced before it.
fn exposition(text: &str) -> Vec<(String, f64)> {
    let mut series: Vec<(String, f64)> = Vec::new();
    let mut types = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            match words[..] {
                ["TYPE", name, kind] => {
                    assert!(
                        matches!(kind, "counter" | "gauge" | "histogram" | "summary" | "info" | "unknown"),
                        "{line}"
                    );
                    assert!(types.insert(name.to_owned()), "twice: {line}");
                }
                ["HELP" | "UNIT", _, _] | ["EOF"] => {}
                _ => panic!("no comment of the format: {line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let bare = name.split('{').next().unwrap_or_default();
        assert!(bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'), "{line}");
        let labels = name.strip_prefix(bare).unwrap_or_default();
        let name = if labels == "{}" { bare } else { name };
        assert!(matches!(labels, "" | "{}") || (labels.starts_with('{') && labels.ends_with("\"}")), "{line}");
        let family =
            ["_total", "_bucket", "_sum", "_count"].iter().find_map(|suffix| bare.strip_suffix(suffix)).unwrap_or(bare);
        assert!(types.contains(family) || types.contains(bare), "no TYPE before {line}");
        assert!(!series.iter().any(|(known, _)| known == name), "twice: {line}");
        series.push((name.to_owned(), value));
    }
    series
}
