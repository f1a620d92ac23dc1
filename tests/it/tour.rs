//! The five-minute tour of the README, run as it stands.
//!
//! The rules, for whoever writes the tour:
//! - Only fenced blocks marked `console` below the heading `## Five-minute tour` are run, in order, in one shell session's
//!   spirit: one server for all of them, a fresh home.
//! - A line `$ veloflux …` is a command; the lines after it, up to the next `$`, are what it prints. Other `$` lines (say,
//!   `$ cargo install …`) are for people and are not run, nor is what they print compared.
//! - `$ veloflux serve …` starts the server and leaves it running; its output is what stands on stdout and stderr by then,
//!   so show only the line `listening on …`. The port of the README is replaced by the real one, in commands too: write
//!   `http://127.0.0.1:8080` or nothing (the default is passed for you).
//! - Of what is printed, numbers, times, ids and the spaces between columns are masked; a line `…` stands for any lines, a
//!   `…` at the end of a line for the rest of it.
//!   stdout is compared, and stderr too where the block shows it after stdout.
//! - A block may end a command that would run on (`watch` without `-n`) with a line `^C`.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PATIENCE, TestServer, Veloflux, eventually};

/// One command and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    output: Vec<String>,
}

#[test]
fn the_tour_in_the_readme_is_true() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let steps = steps(&std::fs::read_to_string(readme).expect("README.md stands at the top"));
    let mut ran = 0;
    let mut server: Option<TestServer> = None;
    for step in steps {
        let Some(words) = step.command.strip_prefix("veloflux ").and_then(words) else { continue };
        ran += 1;
        if words.first().is_some_and(|word| word == "serve") {
            let started = TestServer::builder().args(words.into_iter().skip(1)).start();
            let first = mask(&format!("listening on {}", started.url()));
            let shown: Vec<String> = step.output.iter().map(|line| mask(line)).collect();
            assert!(shown.contains(&first), "`{}` prints {first:?}, the README shows {shown:?}", step.command);
            server = Some(started);
            continue;
        }
        let server = server.as_ref().unwrap_or_else(|| panic!("start a server before `{}`", step.command));
        let printed = print(server, &words, &step);
        let wanted: Vec<String> = step.output.iter().filter(|line| *line != "^C").map(|line| mask(line)).collect();
        assert!(
            alike(&wanted, &printed),
            "`{}`\nthe README shows:\n  {}\nit prints:\n  {}",
            step.command,
            wanted.join("\n  "),
            printed.join("\n  ")
        );
    }
    assert!(ran >= 4, "a tour of {ran} commands");
}

#[test]
fn the_rules_of_the_tour_hold() {
    let text = "# x\n```console\n$ veloflux no\n```\n## Five-minute tour\n```console\n$ veloflux watch -n 1\n20:10:02.114  cpu 1.5 %\n\
                $ ls\nsrc\n```\n```sh\n$ veloflux no\n```\n### Deeper\n```console\n$ veloflux probe\n…\nok\n```\n## Next\n```console\n$ veloflux no\n```\n";
    let commands: Vec<String> = steps(text).into_iter().map(|step| step.command).collect();
    assert_eq!(commands, ["veloflux watch -n 1", "ls", "veloflux probe"]);
    assert_eq!(mask("20:10:02.114  metrics   cpu 12.4 %"), mask("09:01:00.007  metrics cpu 7 %"));
    assert_eq!(mask(r#"{"id":"0a1b2c3d-17"}"#), mask(r#"{"id":"ffffffff-1"}"#));
    assert_ne!(mask("healthy"), mask("unhealthy"));
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(
        alike(&lines("a … d"), &lines("a b c d")) && alike(&lines("…"), &[]) && alike(&lines("a b"), &lines("a b"))
    );
    assert!(!alike(&lines("a … d"), &lines("a b c")) && !alike(&lines("a"), &lines("a b")));
    assert_eq!(
        words(r#"probe --expect "cpu < 90" 'a b'"#),
        Some(vec!["probe".into(), "--expect".into(), "cpu < 90".into(), "a b".into()])
    );
    assert_eq!(words("watch | head -1"), None, "what needs a shell is for people");
}

/// The commands of the tour.
fn steps(readme: &str) -> Vec<Step> {
    let (mut steps, mut inside, mut console) = (Vec::<Step>::new(), false, None);
    for line in readme.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            console = if console.is_some() { None } else { Some(inside && fence == "console") };
        } else if console.is_none() && (line.starts_with("## ") || line.starts_with("# ")) {
            inside = line == "## Five-minute tour";
        } else if console == Some(true) {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
                (None, Some(step)) => step.output.push(line.trim_end().to_owned()),
                (None, None) => panic!("a block starts with `$ `: {line}"),
            }
        }
    }
    steps
}

/// Runs a command against the server of the tour and gives what it printed, masked.
fn print(server: &TestServer, words: &[String], step: &Step) -> Vec<String> {
    let home = server.home();
    let command =
        Veloflux::new(home.path(), words).env("VELOFLUX_SERVER", server.url()).within(Duration::from_secs(60));
    let finished = if step.output.iter().any(|line| line == "^C") {
        let running = command.start();
        let pid = Pid::from_raw(i32::try_from(running.id()).expect("a pid")).expect("a pid");
        // It has something to show before it is interrupted.
        eventually(
            PATIENCE * 4,
            || if running.printed().lines().count() > 1 { Ok(()) } else { Err(running.printed()) },
        );
        kill_process(pid, Signal::INT).expect("a child of ours");
        running.finish()
    } else {
        command.run()
    };
    finished.stdout.lines().chain(finished.stderr.lines()).map(mask).collect()
}

/// A line without what is different every time.
fn mask(line: &str) -> String {
    let mut masked = String::new();
    let mut chars = line.trim().chars().peekable();
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '\u{a0}' | '\u{202f}');
    while let Some(c) = chars.next() {
        if c == ' ' {
            while chars.next_if_eq(&' ').is_some() {}
            masked.push(' ');
        } else if c.is_ascii_digit() {
            while chars.next_if(|next| is_number(*next)).is_some() {}
            masked.push('#');
        } else {
            masked.push(c);
        }
    }
    // Hexadecimal epochs of ids, in quotes, with their number behind a dash.
    let ids = masked.split('"').map(|part| match part.rsplit_once('-') {
        Some((epoch, "#")) if !epoch.is_empty() && epoch.chars().all(|c| c == '#' || c.is_ascii_hexdigit()) => "ID",
        _ => part,
    });
    ids.collect::<Vec<_>>().join("\"")
}

/// Whether the lines are those wanted, where `…` alone stands for any lines, and at the end of a line for its rest.
fn alike(wanted: &[String], printed: &[String]) -> bool {
    match wanted.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "…" => (0..=printed.len()).any(|skip| alike(rest, &printed[skip..])),
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            let same = line.strip_suffix('…').map_or(first == line, |start| first.starts_with(start));
            same && alike(rest, others)
        }),
    }
}

/// The words of a command; none when it needs more of a shell than quotes.
fn words(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '>' | '<' | '&' | ';' | '$' | '`') => return None,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
