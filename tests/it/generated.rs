//! Completions and man pages are what the command line says. `UPDATE=1 cargo test generated` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use veloflux::cli::{self, ENVIRONMENT, EXPRESSIONS, FILES, SIGNALS, examples};
use veloflux::exit::EXIT_CODES;
use veloflux::output::schema::{CONTROL, CONTROL_DRY_RUN, Key, PROBE, RECORD_TYPES, RecordType, SHARED};
use veloflux::protocol::Feed;

/// Every generated file: its path in the repository and its content.
fn files() -> Vec<(PathBuf, String)> {
    let mut command = cli::command();
    command.build();
    let mut files = Vec::new();
    for (shell, name) in [(Shell::Bash, "veloflux.bash"), (Shell::Zsh, "_veloflux"), (Shell::Fish, "veloflux.fish")] {
        let mut text = Vec::new();
        generate(shell, &mut cli::command(), "veloflux", &mut text);
        let text = String::from_utf8(text).expect("generated text");
        let text = match shell {
            Shell::Bash => flag_before_the_sign(&text),
            Shell::Fish => text + &fish_feeds(),
            _ => flags_after_a_feed(&text),
        };
        files.push((Path::new("completions").join(name), text.into_bytes()));
    }
    files.push((PathBuf::from("man/veloflux.1"), page(&command, "veloflux")));
    for subcommand in command.get_subcommands() {
        let name = format!("veloflux-{}", subcommand.get_name());
        files.push((PathBuf::from(format!("man/{name}.1")), page(subcommand, subcommand.get_name())));
    }
    files.into_iter().map(|(path, text)| (path, String::from_utf8(text).expect("generated text"))).collect()
}

/// Has bash, to which `--flag=value` is three words, look at the flag as well; clap looks at the sign alone.
fn flag_before_the_sign(script: &str) -> String {
    let (before, after) = script.split_once("    prev=\"$3\"\n").expect("clap reads the word before");
    let mended = "    prev=\"$3\"\n    if [[ \"$prev\" == \"=\" ]]; then\n        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"\n    fi\n";
    [before, mended, after].concat()
}

/// Has zsh offer flags behind a feed, too, and take a `:` in the name of a value for what it is; clap does neither.
fn flags_after_a_feed(script: &str) -> String {
    script
        .replace("'*::subjects", "'*:subjects")
        .replace(":HOST:PORT:ADDRESS:", r":HOST\:PORT\:ADDRESS:")
        .replace(":NAME: VALUE:", r":NAME\: VALUE:")
}

/// What clap leaves out for fish: the feeds, and that no file stands where no flag asks for one.
fn fish_feeds() -> String {
    let words = Feed::ALL.map(Feed::name).join(" ");
    let line = |when: &str| format!("complete -c veloflux -n \"{when}\" -f -a \"{words} all\"\n");
    let mut text = "complete -c veloflux -f\n".to_owned();
    for name in ["watch", "probe"] {
        text.push_str(&line(&format!("__fish_veloflux_using_subcommand {name}")));
    }
    for action in ["force-update", "pause", "resume"] {
        text.push_str(&line(&format!(
            "__fish_veloflux_using_subcommand control; and __fish_seen_subcommand_from {action}"
        )));
    }
    text
}

/// A man page: what clap knows, then what stands in every page.
fn page(command: &clap::Command, name: &str) -> Vec<u8> {
    let title = if name == "veloflux" { name.to_owned() } else { format!("veloflux-{name}") };
    // The examples and exit codes at the end of `--help` get sections of their own here.
    let plain = command.clone().after_long_help(None::<&str>);
    let man = Man::new(plain).title(title).source("veloflux");
    let mut text = Vec::new();
    let render = |write: fn(&Man, &mut dyn std::io::Write) -> std::io::Result<()>, text: &mut Vec<u8>| {
        write(&man, text).expect("memory takes everything");
    };
    render(Man::render_title, &mut text);
    render(Man::render_name_section, &mut text);
    render(Man::render_synopsis_section, &mut text);
    render(Man::render_description_section, &mut text);
    render(Man::render_options_section, &mut text);
    let mut sections = Roff::new();
    if name == "veloflux" {
        render(Man::render_subcommands_section, &mut text);
    } else if command.has_subcommands() {
        // An action is too small for a page of its own.
        sections.control("SH", ["ACTIONS"]);
        for action in command.get_subcommands() {
            let usage: Vec<String> = action.get_positionals().map(|argument| format!(" {argument}")).collect();
            let about = action.get_about().expect("every action says what it does").to_string();
            let usage = usage.concat();
            sections.control("TP", []).text([bold(action.get_name()), roman(usage)]).text([roman(about)]);
        }
    }
    if name == "watch" || name == "probe" {
        sections.control("SH", ["EXPRESSIONS"]);
        for (text, meaning) in EXPRESSIONS {
            sections.control("TP", []).text([bold(*text)]).text([roman(*meaning)]);
        }
    }
    match name {
        "watch" => records(&mut sections),
        "probe" => documents(&mut sections, "With --json, one JSON document. Keys are only ever added:", PROBE),
        "control" => {
            documents(&mut sections, "With --json, one JSON object a server. Keys are only ever added:", CONTROL);
            sections.control("PP", []).text([roman("With --json and --dry-run:")]);
            keys(&mut sections, CONTROL_DRY_RUN);
        }
        _ => {}
    }
    if name == "serve" {
        sections.control("SH", ["SIGNALS"]);
        for (signal, meaning) in SIGNALS {
            sections.control("TP", []).text([bold(*signal)]).text([roman(*meaning)]);
        }
    }
    sections.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in EXIT_CODES {
        sections.control("TP", []).text([bold((*exit as u8).to_string())]).text([roman(*meaning)]);
    }
    for (heading, rows) in [("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)] {
        sections.control("SH", [heading]);
        for (name, meaning) in rows {
            sections.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
        }
    }
    sections.control("SH", ["EXAMPLES"]);
    for (line, purpose) in examples(name) {
        sections.control("TP", []).text([bold(*line)]).text([roman(*purpose)]);
    }
    sections.to_writer(&mut text).expect("memory takes everything");
    text
}

/// The schema of what a command writes with `--json`.
fn documents(sections: &mut Roff, what: &str, rows: &[Key]) {
    sections.control("SH", ["JSON"]);
    sections.text([roman(what)]);
    keys(sections, rows);
}

fn keys(sections: &mut Roff, rows: &[Key]) {
    for (key, kind, meaning) in rows {
        sections.control("TP", []).text([bold(*key), roman(format!(" ({kind})"))]).text([roman(*meaning)]);
    }
}

/// The schema of `watch --json`.
fn records(sections: &mut Roff) {
    sections.control("SH", ["RECORDS"]);
    sections.text([roman("With --json, one JSON object a line. Keys are only ever added. Every record has these:")]);
    keys(sections, SHARED);
    for RecordType { name, when, keys: own } in RECORD_TYPES {
        sections.control("SS", [*name]).text([roman(format!("{when}."))]);
        keys(sections, own);
    }
}

#[test]
fn completions_and_man_pages_are_what_the_command_line_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("UPDATE").is_some();
    for (path, text) in files() {
        let whole = root.join(&path);
        if update {
            fs::create_dir_all(whole.parent().expect("a folder")).expect("writable");
            fs::write(&whole, &text).expect("writable");
        }
        let committed = fs::read_to_string(&whole).unwrap_or_default();
        assert!(committed == text, "`{}` is out of date; run `UPDATE=1 cargo test generated`", path.display());
    }
}
