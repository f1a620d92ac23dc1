//! What a person sees on a terminal, and what a terminal is not told.

use crate::stub::{Stub, metrics};
use crate::support::TestServer;
use crate::support::terminal::Terminal;

const VELOFLUX: &str = env!("CARGO_BIN_EXE_veloflux");

#[test]
fn what_a_server_sends_does_not_retitle_the_terminal_in_any_format() {
    let steering = "\\u001b]0;owned\\u0007\\u009b31m";
    let text = format!(r#"{{"type":"metrics","data":{{"cpu":1,"memory":2,"requests":3,"note":"{steering}"}}}}"#);
    let other = r#"{"type":"]0;owned","data":"\u001b]2;owned\u0007"}"#;
    let stub = Stub::sending(&[&text, other, "\u{1b}]0;owned\u{7}"]);
    let home = tempfile::tempdir().expect("a directory");
    for flags in ["", "--json", "--format raw", "--select .data", "--changes", "-v"] {
        let line = format!("{VELOFLUX} watch metrics -s {} -d 1s {flags}", stub.url());
        let terminal = Terminal::running(home.path(), (80, 24), &line);
        let before = terminal.knows("#{pane_title}");
        let screen = terminal.ended(home.path(), 0);
        assert_eq!(terminal.knows("#{pane_title}"), before, "{flags}: {screen}");
        assert!(!before.contains("owned"));
    }
}

#[test]
fn a_probe_shows_how_far_it_is_and_leaves_only_its_report() {
    let stub = Stub::sending(&[&metrics(1)]);
    let home = tempfile::tempdir().expect("a directory");
    let line = format!("{VELOFLUX} probe metrics -n 8 -i 200ms -s {}", stub.url());
    let terminal = Terminal::running(home.path(), (80, 24), &line);
    terminal.shows(&["probing  ━", "/8  "]);
    let screen = terminal.ended(home.path(), 0);
    assert!(screen.contains("1 passed") && !screen.contains("probing"), "{screen}");
}

#[test]
fn help_fits_the_terminal_it_is_read_on() {
    let home = tempfile::tempdir().expect("a directory");
    for (width, height) in [(80, 24), (160, 50)] {
        for command in ["", "serve", "watch", "probe", "control"] {
            let line = format!("{VELOFLUX} {command} --help > help; cut -c{}- help | tr -d '\\n'", width + 1);
            let terminal =
                Terminal::running(home.path(), (width, height), &format!("cd {}; {line}", home.path().display()));
            let screen = terminal.ended(home.path(), 0);
            assert_eq!(screen.trim(), "before\nexit=0", "{command}: lines that do not fit");
        }
    }
}

#[test]
fn what_is_typed_during_a_watch_is_nothing_to_it() {
    let server = TestServer::start();
    let home = server.home();
    let line = format!("{VELOFLUX} watch metrics -n 2 -s {}", server.url());
    let terminal = Terminal::running(home.path(), (80, 24), &line);
    terminal.press("x");
    let screen = terminal.ended(home.path(), 0);
    assert_eq!(screen.lines().filter(|line| line.contains("metrics   cpu ")).count(), 2, "{screen}");
}

#[test]
fn a_long_line_goes_on_below_its_text_and_is_one_line_in_a_pipe() {
    let reasons: Vec<String> = (1..=3).map(|number| format!("\"backend 10.0.0.{number}:80 is unhealthy\"")).collect();
    let text = format!(
        r#"{{"type":"status","data":{{"status":"degraded","timestamp":"2024-01-15T10:30:00Z","uptime":"1h30m","version":"1.1.0","cluster_size":1,"reasons":[{}]}}}}"#,
        reasons.join(",")
    );
    let stub = Stub::sending(&[&text]);
    let home = tempfile::tempdir().expect("a directory");
    let line = format!("{VELOFLUX} watch status -n 1 -q -s {}", stub.url());
    let screen = Terminal::running(home.path(), (80, 24), &line).ended(home.path(), 0);
    let lines: Vec<&str> = screen.lines().skip(1).take_while(|line| !line.starts_with("exit")).collect();
    assert!(lines.len() >= 3 && lines.iter().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(
        lines[1..].iter().all(|line| line.starts_with(&" ".repeat(24)) && !line[24..].starts_with(' ')),
        "{screen}"
    );
    assert!(!lines.iter().any(|line| line.ends_with("unhea")), "between words: {screen}");
    let piped =
        crate::support::Veloflux::new(home.path(), ["watch", "status", "-n", "1", "-q", "-s", &stub.url()]).run();
    assert_eq!(piped.stdout.lines().count(), 1, "{}", piped.stdout);
}
