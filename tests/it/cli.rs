//! The manners of the command line: help, versions, wrong words, environment.

use std::process::{Command, Stdio};

use crate::support::Veloflux;

fn run(arguments: &[&str]) -> crate::support::command::Finished {
    let home = tempfile::tempdir().expect("a directory");
    Veloflux::new(home.path(), arguments).run()
}

#[test]
fn help_and_version_are_results_and_a_wrong_word_is_talk() {
    for arguments in [&["--help"][..], &["--version"], &["watch", "--help"], &["control", "pause", "--help"]] {
        let done = run(arguments);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(!done.stdout.is_empty());
    }
    for (arguments, words) in [
        (&[][..], "Usage"),
        (&["wacht"], "watch"),
        (&["watch", "metrisc"], "did you mean `metrics`?"),
        (&["watch", "-n", "0"], "0"),
        (&["watch", "-d", "5"], "`5` has no unit; write `5s`"),
        (&["watch", "--server", "127.0.0.1:8080"], "has no scheme"),
        (&["probe", "redis://h"], "no probe for the scheme `redis`"),
        (&["control", "pause"], "<FEED|all>"),
        (&["control", "pause", "metrisc"], "metrics"),
        (&["watch", "--cacert", "/nonexistent"], "cannot use `/nonexistent`"),
    ] {
        let done = run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(done.stderr.contains(words), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn help_in_a_full_disk_or_a_closed_pipe_does_not_panic() {
    let help = |stdout: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veloflux"));
        command.args(["watch", "--help"]).stdout(stdout).stderr(Stdio::null()).status().expect("the binary starts")
    };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    assert_eq!(help(full.into()).code(), Some(1));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(help(writer.into()).code(), Some(0));
}

#[test]
fn a_flag_beats_the_environment_and_nothing_is_coloured_in_a_pipe() {
    let home = tempfile::tempdir().expect("a directory");
    let probe = |flags: &[&str]| {
        let arguments = ["probe", "metrics"].iter().chain(flags);
        Veloflux::new(home.path(), arguments).env("VELOFLUX_SERVER", "http://127.0.0.1:1")
    };
    let done = probe(&[]).run();
    assert!(done.stdout.contains("127.0.0.1:1: connection refused"), "{}", done.stdout);
    assert!(!done.stdout.contains('\x1b'), "{}", done.stdout);
    let done = probe(&["--server", "http://127.0.0.1:2"]).run();
    assert!(done.stdout.contains("127.0.0.1:2: connection refused"), "{}", done.stdout);
    assert!(probe(&["--color", "always"]).run().stdout.contains('\x1b'));
    assert!(probe(&[]).env("CLICOLOR_FORCE", "1").run().stdout.contains('\x1b'));
    assert!(!probe(&[]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().stdout.contains('\x1b'));
}
