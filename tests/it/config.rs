//! Settings at the boundary: exit codes, which stream says what, and what is left behind.

use std::fs;

use crate::support::Veloflux;
use crate::support::command::Finished;

/// Runs `veloflux serve --config FILE ARGS…` with `settings` in the file, in a place of its own.
fn serve(settings: &str, args: &[&str]) -> (Finished, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("veloflux.toml");
    fs::write(&file, settings).expect("a file of ours");
    let command = Veloflux::new(home.path(), ["serve", "--config"]).arg(&file);
    (args.iter().fold(command, |command, arg| command.arg(arg)).run(), home)
}

#[test]
fn every_mistake_is_told_on_a_line_of_its_own_and_nothing_starts() {
    let settings = "[server]\nlisen = \"127.0.0.1:0\"\n\n[[pool]]\nname = \"web\"\nbackends = [\"127.0.0.1:1\"]\n[pool.check]\nrise = 0\n";
    for args in [&[][..], &["--check-config"]] {
        let (finished, home) = serve(settings, args);
        let file = home.path().join("veloflux.toml");
        let expected = [
            "line 2: unknown key `lisen` in [server]; did you mean `listen`?",
            "line 8: `rise` in [pool.check]: `0` is out of range; write a whole number from 1 to 100",
        ]
        .map(|what| format!("error: settings file `{}`, {what}\n", file.display()));
        assert_eq!(finished.stderr, expected.concat());
        assert_eq!((finished.code, finished.stdout.as_str()), (2, ""));
        assert!(!home.path().join("state").exists(), "a refused start leaves nothing behind");
    }
}

#[test]
fn flags_and_variables_are_refused_in_the_words_of_the_file() {
    for (args, says) in [
        (&["--listen", "8080"][..], "`8080` is not an address with a port; write for example `127.0.0.1:8080`"),
        (&["--listen", "0.0.0.0:0"], "can be reached from other machines"),
        (&["--backend", "web"], "not of the form `POOL=ADDR[,weight=N]`"),
        (&["--check", "db=oracle://h"], "there is no check of the kind `oracle`"),
        (&["--token-file", "/missing/token"], "`/missing/token` cannot be read: no such file or directory"),
    ] {
        let (finished, _home) = serve("", args);
        assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.starts_with("error: ") && finished.stderr.contains(says), "{}", finished.stderr);
    }
}

#[test]
fn good_settings_are_summed_up_without_secrets_and_without_starting() {
    let (finished, home) = serve(veloflux::config::EXAMPLE, &["--check-config", "--listen", "127.0.0.1:9"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    for line in ["listen   127.0.0.1:9", "pool     web: critical", "check    database: critical, postgres every 15s"] {
        assert!(finished.stdout.lines().any(|told| told.starts_with(line)), "{line} in:\n{}", finished.stdout);
    }
    assert!(!home.path().join("state").exists());

    let settings =
        "[auth]\ntoken_file = \"token\"\n[[check]]\nname = \"cache\"\nurl = \"redis://:in-the-url@127.0.0.1\"\n";
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::write(home.path().join("veloflux.toml"), settings).expect("a file of ours");
    fs::write(home.path().join("token"), "in-the-file\n").expect("a file of ours");
    let command = Veloflux::new(home.path(), ["serve", "--check-config"]);
    let finished = command.env("VELOFLUX_CONFIG", home.path().join("veloflux.toml")).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("control  with the token in"), "{}", finished.stdout);
    for secret in ["in-the-file", "in-the-url"] {
        assert!(!finished.stdout.contains(secret) && !finished.stderr.contains(secret));
    }
}
