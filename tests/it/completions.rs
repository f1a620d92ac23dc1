//! The completions, asked of the shells themselves: what a person is offered who presses the key for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, Veloflux, eventually};

/// What stands on the line behind `veloflux`, and what every shell offers for its end. In the folder are a file
/// `settings.toml` and a folder `stage`.
const OFFERS: &[(&str, &str)] = &[
    ("wa", "watch"),
    ("control re", "reload resume"),
    ("control --json -s http://h pau", "pause"),
    ("watch --form", "--format"),
    ("watch metrics --form", "--format"),
    ("control drain --s", "--server --source"),
    ("watch --format ", "json raw text"),
    ("watch --format=j", "json"),
    ("probe --format n", "nagios"),
    ("probe --report j", "json junit"),
    ("probe --budget rtt", "rtt_p50 rtt_p95 rtt_p99"),
    ("probe -w cert", "cert_days"),
    ("watch --on st", "stale"),
    ("watch me", "metrics"),
    ("watch metrics --duration 5s st", "status"),
    ("probe b", "backends billing"),
    ("control pause he", "health"),
    ("serve --config s", "settings.toml stage/"),
    ("serve --config=se", "settings.toml"),
    ("watch metrics --token-file se", "settings.toml"),
    ("serve --state-dir ", "stage/"),
    // What only a person knows is no file.
    ("watch --until ", ""),
    ("serve --backend ", ""),
    ("watch --resolve ", ""),
    ("probe --header ", ""),
    ("control drain --pool ", ""),
];

#[test]
fn bash_offers_what_the_command_line_takes() {
    let home = home();
    let file = completions().join("veloflux.bash");
    fs::write(home.path().join("rc"), format!("PS1='> '; source {}", file.display())).expect("writable");
    offers(&home, "bash --rcfile ../rc -i", "M-?");
}

#[test]
fn zsh_offers_what_the_command_line_takes() {
    let home = home();
    let setup = format!(
        "fpath=({} $fpath); PS1='> '; zstyle ':completion:*' verbose no; autoload -Uz compinit; compinit -u",
        completions().display()
    );
    fs::write(home.path().join(".zshrc"), setup).expect("writable");
    offers(&home, "zsh -d -i", "C-d");
}

#[test]
fn fish_offers_what_the_command_line_takes() {
    let home = home();
    let folder = home.path().join(".config/fish/completions");
    fs::create_dir_all(&folder).expect("writable");
    fs::copy(completions().join("veloflux.fish"), folder.join("veloflux.fish")).expect("writable");
    let offered = |line: &str| {
        let mut command = Command::new("fish");
        command.args(["-c", "complete -C $argv", &format!("veloflux {line}")]).current_dir(home.path().join("here"));
        // It completes only what there is to run.
        let program = Path::new(env!("CARGO_BIN_EXE_veloflux")).parent().expect("a folder").to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([program].into_iter().chain(std::env::split_paths(&others)));
        command.env_clear().env("HOME", home.path()).env("PATH", path.expect("folders"));
        let done = Veloflux::program(command).run();
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}");
        // Each with the flag before its `=` and a description behind it.
        let word = |line: &str| {
            let word = line.split('\t').next().unwrap_or_default();
            word.split_once('=').map_or(word, |(_, value)| value).to_owned()
        };
        done.stdout.lines().map(word).collect::<BTreeSet<String>>()
    };
    for (line, wanted) in OFFERS {
        assert_eq!(offered(line), words(wanted), "{line}");
    }
    for line in ["serve ", "control check ", "control drain ", "control weight 10.0.0.1:80 "] {
        assert_eq!(offered(line), words(""), "{line}");
    }
}

/// Holds a shell in a terminal to its offers; the key lists them and leaves the line as it is.
fn offers(home: &TempDir, shell: &str, key: &str) {
    let terminal = Terminal::running(home.path(), (200, 50), &format!("cd ~/here && {shell}"));
    terminal.shows(&["\n>"]);
    for (line, wanted) in OFFERS {
        terminal.press("C-u");
        terminal.press("C-l");
        terminal.types(&format!("veloflux {line}"));
        terminal.press(key);
        // Read after the key, so shown no earlier than the list.
        terminal.types("Z");
        eventually(PATIENCE, || {
            let screen = terminal.screen();
            let (prompts, list): (Vec<&str>, Vec<&str>) = screen.lines().partition(|line| line.starts_with("> "));
            let listed = prompts.contains(&format!("> veloflux {line}Z").as_str());
            let offered = words(&list.join(" "));
            if listed && offered == words(wanted) { Ok(()) } else { Err(format!("not {wanted:?}:\n{screen}")) }
        });
    }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn completions() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// A home with a folder `here`.
fn home() -> TempDir {
    let home = TempDir::with_prefix("veloflux-shell-").expect("a temporary directory");
    fs::create_dir_all(home.path().join("here/stage")).expect("writable");
    fs::write(home.path().join("here/settings.toml"), "").expect("writable");
    home
}
