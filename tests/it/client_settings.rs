//! The client's settings file: every key has its effect, flags and variables go before it, mistakes are told.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::stub::{Stub, metrics, read_head, stay};
use crate::support::Veloflux;
use crate::support::certificate;
use crate::support::command::Finished;

/// A home with this file in the usual place.
fn home(settings: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(home.path().join(".config/veloflux")).expect("writable");
    fs::write(home.path().join(".config/veloflux/client.toml"), settings).expect("writable");
    home
}

fn run(home: &Path, args: &[&str]) -> Finished {
    Veloflux::new(home, args).run()
}

/// Answers commands, and gives the head of every request.
fn answering() -> (Stub, mpsc::Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let stub = Stub::start(move |mut stream, _| {
        let _ = sender.send(read_head(&mut stream).to_lowercase());
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"control\":\"ok\"");
    });
    (stub, heads)
}

#[test]
fn a_server_is_that_of_the_flag_the_variable_or_the_file() {
    let (of_file, of_flag) = (Stub::sending(&[&metrics(1)]), Stub::sending(&[&metrics(1)]));
    let home = home(&format!("server = \"{}\"", of_file.url()));
    let watch = ["watch", "metrics", "-n", "1", "--json"];
    assert_eq!(run(home.path(), &watch).code, 0);
    assert_eq!((of_file.connections(), of_flag.connections()), (1, 0));
    assert_eq!(Veloflux::new(home.path(), watch).env("VELOFLUX_SERVER", of_flag.url()).run().code, 0);
    assert_eq!(run(home.path(), &[&watch[..], &["-s", &of_flag.url()]].concat()).code, 0);
    assert_eq!((of_file.connections(), of_flag.connections()), (1, 2));
}

#[test]
fn its_token_is_for_its_servers_only_and_comes_last() {
    let ((theirs, their_heads), (other, other_heads)) = (answering(), answering());
    let home = home(&format!("server = [\"{}\"]\ntoken_file = \"../../secret\"", theirs.url()));
    fs::write(home.path().join("secret"), "of-the-file\n").expect("writable");
    let next = |heads: &mpsc::Receiver<String>| heads.recv_timeout(Duration::from_secs(10)).expect("a request");
    assert_eq!(run(home.path(), &["control", "check"]).code, 0);
    assert!(next(&their_heads).contains("authorization: bearer of-the-file\r\n"));
    let done = Veloflux::new(home.path(), ["control", "check"]).env("VELOFLUX_TOKEN", "of-the-variable").run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(next(&their_heads).contains("authorization: bearer of-the-variable\r\n"));
    assert_eq!(run(home.path(), &["control", "check", "-s", &other.url()]).code, 0);
    let head = next(&other_heads);
    assert!(!head.contains("authorization"), "{head}");
}

#[test]
fn trust_timeout_and_colour_are_taken_from_it() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let made = certificate::make(folder.path());
    let secure = Stub::secure(&made);
    let certificate = made.certificate.display().to_string();
    let probe = ["probe", "metrics", "--json"];
    let server = secure.secure_url();
    for (line, code) in [(String::new(), 3), (format!("cacert = \"{certificate}\""), 0), ("insecure = true".into(), 0)]
    {
        let home = home(&format!("server = \"{server}\"\n{line}"));
        assert_eq!(run(home.path(), &probe).code, code, "{line}");
    }
    // Who names certificates to trust wants them looked at.
    let elsewhere = certificate::make(other.path()).certificate.display().to_string();
    let careless = home(&format!("server = \"{server}\"\ninsecure = true"));
    assert_eq!(run(careless.path(), &[&probe[..], &["--cacert", &elsewhere]].concat()).code, 3);

    let silent = Stub::start(|stream, _| stay(stream));
    let quick = home(&format!("server = \"{}\"\nconnect_timeout = \"300ms\"\ncolor = \"always\"", silent.url()));
    let done = run(quick.path(), &["watch", "metrics", "--no-reconnect"]);
    assert!(done.stderr.contains("300 ms") && done.stderr.contains('\u{1b}'), "{}", done.stderr);
    let done =
        run(quick.path(), &["watch", "metrics", "--no-reconnect", "--connect-timeout", "200ms", "--color", "never"]);
    assert!(done.stderr.contains("200 ms") && !done.stderr.contains('\u{1b}'), "{}", done.stderr);
}

#[test]
fn mistakes_are_told_with_file_and_line_and_end_with_2() {
    let home = home("servr = \"http://a\"\ninsecure = 1\n");
    let file = home.path().join(".config/veloflux/client.toml");
    for command in ["watch", "probe"] {
        let done = run(home.path(), &[command]);
        assert_eq!(done.code, 2, "{}", done.stderr);
        let expected = format!(
            "error: settings file `{0}`, line 1: unknown key `servr` in the file; did you mean `server`?\n\
             error: settings file `{0}`, line 2: `insecure` in the file: `1` is a whole number, expected `true` or `false` \
             without quotes\n",
            file.display()
        );
        assert_eq!(done.stderr, expected);
    }
    assert_eq!(run(home.path(), &["probe", "--format", "nagios"]).code, 3, "what is monitored has not failed");
    fs::write(&file, "server = \"ftp://a\"").expect("writable");
    let done = run(home.path(), &["control", "check"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("`server` in the client's settings file: "), "{}", done.stderr);
    // `serve` has a file of its own.
    assert_eq!(run(home.path(), &["serve", "--check-config"]).code, 0);
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let home = tempfile::tempdir().expect("a directory");
    let named = home.path().join("mine.toml");
    let check = || Veloflux::new(home.path(), ["control", "check"]).env("VELOFLUX_CLIENT_CONFIG", &named).run();
    let done = check();
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("mine.toml") && done.stderr.contains("cannot be read"), "{}", done.stderr);
    let (stub, heads) = answering();
    fs::write(&named, format!("server = \"{}\"", stub.url())).expect("writable");
    assert_eq!(check().code, 0);
    assert!(heads.try_recv().is_ok());
}
