//! `veloflux watch --dashboard` on a real terminal: tmux plays the terminal, so that what is looked at is what a person sees.

use std::path::Path;

use rustix::process::Signal;

use crate::stub::Stub;
use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, StubBackend, TestServer, Veloflux, eventually};

/// A terminal with the dashboard on it.
fn board(home: &Path, flags: &[&str]) -> Terminal {
    with(home, "", flags)
}

/// The same with something before the command, such as a variable.
fn with(home: &Path, before: &str, flags: &[&str]) -> Terminal {
    let board = format!("{before} {} watch --dashboard {}", env!("CARGO_BIN_EXE_veloflux"), flags.join(" "));
    Terminal::running(home, (80, 24), &board)
}

/// Waits until the line of the memory is like this: the measurement that is never nothing.
fn shows_memory(terminal: &Terminal, wanted: impl Fn(&str) -> bool) {
    eventually(PATIENCE, || {
        let screen = terminal.screen();
        let line = screen.lines().find(|line| line.contains("   memory ")).unwrap_or_default();
        if wanted(line) { Ok(()) } else { Err(screen) }
    });
}

/// How many columns of a sparkline there are in a text.
fn bars(text: &str) -> usize {
    text.chars().filter(|c| ('▁'..='█').contains(c)).count()
}

#[test]
fn all_feeds_stand_on_one_screen_of_any_size() {
    let backend = StubBackend::start();
    let address = backend.address();
    let server = TestServer::builder().backend("web", &address).backend("web", "127.0.0.1:1").start();
    let home = server.home();
    let terminal = board(home.path(), &["--server", &server.url()]);
    let screen = terminal.shows(&[
        &format!("127.0.0.1:{}", server.address().port()),
        "● backends",
        "live, ",
        " cpu ",
        "the last 1m",
        "1 healthy  1 unhealthy",
        "web  1 of 2 pass",
        &format!("● healthy    {address}"),
        "✗ unhealthy  127.0.0.1:1",
        "connection refused",
        "current month",
    ]);
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    terminal.resize(160, 50);
    terminal.shows(&["connected ", "heard ", "most "]);
    terminal.resize(40, 10);
    terminal.shows(&["the dashboard needs 70x20, this is 40x10"]);
    terminal.resize(80, 24);
    terminal.shows(&["● backends"]);
    terminal.press("q");
    let screen = terminal.ended(home.path(), 0);
    assert!(
        screen.contains("metrics ") && screen.contains(" message") && !screen.contains("current month"),
        "{screen}"
    );
}

#[test]
fn the_terminal_is_as_it_was_on_every_way_out() {
    let server = TestServer::start();
    let url = server.url();
    type Leave = fn(&Terminal);
    let ways: [(&str, Leave, i32); 5] = [
        ("q", |terminal| terminal.press("q"), 0),
        ("Esc", |terminal| terminal.press("Escape"), 0),
        ("Ctrl-C", |terminal| terminal.press("C-c"), 130),
        ("SIGTERM", |terminal| terminal.signal(Signal::TERM), 143),
        ("SIGHUP", |terminal| terminal.signal(Signal::HUP), 129),
    ];
    for (way, leave, code) in ways {
        let home = tempfile::tempdir().expect("a directory");
        let terminal = board(home.path(), &["--server", &url]);
        terminal.shows(&["● metrics", "q quit"]);
        assert_eq!(terminal.knows("#{alternate_on}"), "1", "{way}");
        leave(&terminal);
        terminal.ended(home.path(), code);
    }
    // A server that does not take part in the goodbye is not waited for twice.
    let deaf = Stub::websocket(|socket, _| {
        std::thread::sleep(PATIENCE);
        drop(socket);
    });
    let home = tempfile::tempdir().expect("a directory");
    let terminal = board(home.path(), &["--server", &deaf.url()]);
    terminal.shows(&["● metrics"]);
    let program = terminal.program();
    for _ in 0..2 {
        // The second one may come when it has ended already.
        let _ = rustix::process::kill_process(program, Signal::INT);
    }
    terminal.ended(home.path(), 130);
}

#[test]
fn a_server_that_restarts_is_found_again_and_the_history_is_kept() {
    let server = TestServer::start();
    let (home, address) = (server.home(), server.address());
    let quick = ["--server", &server.url(), "--base-delay", "300ms", "--max-delay", "300ms", "--max-attempts", "0"];
    let terminal = board(home.path(), &quick);
    // Two measurements at least, so that the sparkline has something to keep.
    shows_memory(&terminal, |line| bars(line) >= 2);
    drop(server);
    terminal.shows(&["↻ metrics", "try ", "all feeds, for ", "old: last heard "]);
    // Long enough for a measurement to be missed.
    terminal.shows(&["metrics  old: last heard 5s ago"]);
    shows_memory(&terminal, |line| bars(line) >= 2);
    let again = TestServer::builder_in(home).listen(address).start();
    terminal.shows(&["● metrics", "live, "]);
    // What was, a hole, and what is.
    shows_memory(&terminal, |line| match line.split_once('·') {
        Some((before, after)) => bars(before) >= 2 && bars(after) >= 1,
        None => false,
    });
    drop(again);
}

#[test]
fn keys_update_freeze_and_filter() {
    let backend = StubBackend::start();
    let server = TestServer::builder().backend("web", &backend.address()).backend("db", "127.0.0.1:1").start();
    let home = server.home();
    let terminal = board(home.path(), &["--server", &server.url()]);
    terminal.shows(&["● healthy", "✗ unhealthy"]);
    terminal.press("u");
    terminal.shows(&["updated: backends, metrics, status, billing, health"]);
    terminal.press("/");
    terminal.press("w");
    terminal.press("e");
    terminal.shows(&["/we", "1 with `we`"]);
    terminal.press("Enter");
    let screen = terminal.shows(&["web  1 of 1 pass"]);
    assert!(!screen.contains("db  0 of 1"), "{screen}");
    terminal.press("Escape");
    terminal.shows(&["db  0 of 1 pass"]);
    terminal.press("p");
    terminal.shows(&["FROZEN for "]);
    terminal.press("p");
    terminal.press("?");
    terminal.shows(&["╭ keys ", "let it go on"]);
    terminal.press("r");
    terminal.shows(&["no connection was given up"]);
}

#[test]
fn an_update_without_the_right_token_is_refused_and_said() {
    let server = TestServer::start();
    let home = tempfile::tempdir().expect("a directory");
    let terminal = board(home.path(), &["--server", &server.url()]);
    terminal.shows(&["● metrics"]);
    terminal.press("u");
    terminal.shows(&["not updated, 401", "--token-file"]);
}

#[test]
fn what_was_given_up_stays_on_the_screen_can_be_tried_again_and_is_the_exit_code() {
    let home = tempfile::tempdir().expect("a directory");
    let stub = Stub::answering("HTTP/1.1 503 X\r\n\r\n");
    let url = stub.url();
    let terminal = board(home.path(), &["--server", &url, "--no-reconnect"]);
    terminal.shows(&["✗ metrics", "lost ", "all feeds, for ", "answered 503"]);
    assert_eq!(stub.connections(), 5);
    terminal.press("r");
    eventually(PATIENCE, || if stub.connections() == 10 { Ok(()) } else { Err(stub.connections().to_string()) });
    terminal.shows(&["✗ backends", "✗ metrics", "✗ status", "✗ billing", "✗ health"]);
    terminal.press("q");
    let screen = terminal.ended(home.path(), 3);
    assert!(screen.contains("error: metrics: not connected"), "{screen}");
}

#[test]
fn without_colour_there_is_none_and_with_it_there_is() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    let home = server.home();
    // Red, green, yellow.
    let coloured = |painted: &str| ["8;5;1m", "8;5;2m", "8;5;3m"].iter().any(|colour| painted.contains(colour));
    for (before, flags, colour) in [
        ("", "", true),
        ("NO_COLOR=1", "", false),
        ("", "--color=never", false),
        ("NO_COLOR=1", "--color=always", true),
    ] {
        let terminal = with(home.path(), before, &["--server", &server.url(), flags]);
        terminal.shows(&["✗ unhealthy", "● metrics"]);
        let painted = terminal.painted();
        assert_eq!(coloured(&painted), colour, "{before} {flags}: {painted:?}");
    }
}

#[test]
fn what_a_server_sends_cannot_steer_the_terminal() {
    let list = r#"{"type":"backends","data":[{"address":"\u001b]0;owned\u0007","pool":"\u009b31m","weight":1,"status":"healthy"}]}"#;
    let stub = Stub::sending(&[list]);
    let home = tempfile::tempdir().expect("a directory");
    let terminal = board(home.path(), &["--server", &stub.url()]);
    let title = terminal.knows("#{pane_title}");
    terminal.shows(&["\\x1b]0;owned\\x07", "\\x9b31m"]);
    assert_eq!(terminal.knows("#{pane_title}"), title);
}

#[test]
fn what_the_dashboard_cannot_do_is_refused() {
    let home = tempfile::tempdir().expect("a directory");
    for (flags, words) in [
        (&[][..], "standard output is none"),
        (&["-n", "1"], "cannot be used with '--count"),
        (&["--until", "healthy"], "cannot be used with '--until"),
        (&["--json"], "cannot be used with '--json"),
        (&["--record", "x"], "cannot be used with '--record"),
    ] {
        let done = Veloflux::new(home.path(), ["watch", "--dashboard"].iter().chain(flags)).run();
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{flags:?}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{flags:?}: {}", done.stderr);
    }
    for (before, flags, words) in [
        ("TERM=dumb", &[][..], "`TERM` is `dumb`"),
        ("", &["metrics"], "leave FEED and URL out"),
        ("", &["-s", "http://127.0.0.1:1", "-s", "http://127.0.0.1:2"], "shows one server"),
        ("", &["--on-stale", "fail"], "leave `--on-stale fail` out"),
    ] {
        let terminal = with(home.path(), before, flags);
        let screen = terminal.ended(home.path(), 2);
        let said = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{flags:?}: {screen}");
    }
}
