//! `--record` and `--replay`: what was seen once can be seen again, in the same way every time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::{follow, records, types, watch};
use crate::stub::{Stub, close, metrics};
use crate::support::command::Finished;
use crate::support::{PATIENCE, Veloflux, eventually};

/// A server whose first connection ends with 1012 and whose later ones end with 4401.
fn troubled() -> Stub {
    Stub::websocket(|mut socket, number| {
        for text in [metrics(number as u64 * 10), "nonsense".to_owned(), metrics(number as u64 * 10 + 3)] {
            socket.send(Message::text(text)).expect("the client reads");
        }
        close(socket, if number == 1 { 1012 } else { 4401 }, "");
    })
}

fn replay(file: &Path, flags: &[&str]) -> Finished {
    let home = tempfile::tempdir().expect("a directory");
    let file = file.display().to_string();
    let arguments = ["watch", "--replay", &file, "--speed", "max"];
    Veloflux::new(home.path(), arguments.iter().chain(flags)).within(PATIENCE).run()
}

#[test]
fn a_replay_is_the_same_every_time_and_the_same_as_what_was_recorded() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("watch.ndjson");
    let live = watch(&troubled(), &["--json", "--record", &file.display().to_string()]).run();
    assert_eq!(live.code, 4, "{}", live.stderr);
    let (first, second) = (replay(&file, &["--json"]), replay(&file, &["--json"]));
    assert_eq!((first.code, second.code), (4, 4), "{}", first.stderr);
    assert_eq!((&first.stdout, &first.stderr), (&second.stdout, &second.stderr));
    // The summary says to the millisecond how long it ran, which a clock that goes on to the end knows a little later.
    let records_before_the_last = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.pop();
        lines
    };
    assert_eq!(records_before_the_last(&first.stdout), records_before_the_last(&live.stdout));
    assert_eq!(first.stderr, live.stderr);
    records(&first.stdout);
    let (first, second) = (replay(&file, &[]), replay(&file, &[]));
    assert_eq!((&first.stdout, &first.stderr), (&second.stdout, &second.stderr));
    assert!(first.stderr.contains("connection lost: 1012"), "{}", first.stderr);
}

#[test]
fn conditions_and_counts_hold_for_recorded_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("watch.ndjson");
    let texts = [metrics(1), metrics(2), metrics(3)];
    let stub = Stub::sending(&texts.each_ref().map(String::as_str));
    let done = watch(&stub, &["-d", "600ms", "--record", &file.display().to_string()]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let holds = ".state.metrics.cpu < 50";
    for (flags, code, last) in [
        (&[][..], 0, "message"),
        (&["-n", "2"], 0, "message"),
        (&["-n", "4"], 0, "message"),
        (&["--until", holds, "--stable-for", "200ms"], 0, "until"),
        (&["--until", holds, "--stable-for", "1h"], 124, "message"),
        (&["--until", holds, "--stable-for", "400ms", "--timeout", "200ms"], 124, "message"),
        (&["--fail-if", holds], 1, "fail"),
        (&["metrics", "-n", "1"], 0, "message"),
    ] {
        let done = replay(&file, &[&["--json"], flags].concat());
        assert_eq!(done.code, code, "{flags:?}: {}", done.stderr);
        let records = records(&done.stdout);
        assert_eq!(types(&records)[records.len() - 2], last, "{flags:?}");
    }
    let done = replay(&file, &["billing"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("none of the feeds that were named"), "{}", done.stderr);
    let home = tempfile::tempdir().expect("a directory");
    let file = file.display().to_string();
    let slow = Veloflux::new(home.path(), ["watch", "--replay", &file, "--speed", "0.5"]).run();
    assert!(slow.took >= Duration::from_secs(1), "half as fast: {:?}", slow.took);
}

#[test]
fn an_interrupted_recording_holds_whole_lines_and_its_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("watch.ndjson");
    let stub = Stub::websocket(|mut socket, _| {
        let mut number = 1;
        while socket.send(Message::text(metrics(number))).is_ok() {
            number += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let running = watch(&stub, &["--json", "--record", &file.display().to_string()]).start();
    eventually(PATIENCE, || running.printed().lines().nth(50).map(drop).ok_or_else(|| "not yet".to_owned()));
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a child of ours");
    let live = running.finish();
    assert_eq!(live.code, 130);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.ends_with('\n'));
    assert!(
        text.lines().last().is_some_and(|line| line.contains("\"ending\":\"stopped\"")),
        "{:?}",
        text.lines().last()
    );
    let messages = |text: &str| text.lines().filter(|line| line.contains("\"type\":\"message\"")).count();
    assert_eq!(messages(&text), messages(&live.stdout));
    let again = replay(&file, &["--json"]);
    assert_eq!((again.code, messages(&again.stdout)), (0, messages(&text)), "{}", again.stderr);
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_watch() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2), &metrics(3), &metrics(4), &metrics(5)]);
    let done = watch(&stub, &["-n", "5", "--record", "/dev/full"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (1, ""));
    assert!(done.stderr.contains("cannot record to `/dev/full`: no space left on device"), "{}", done.stderr);

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("watch.ndjson");
    // A file that may grow to one kilobyte is a disk on which there is no more.
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" watch metrics -n 5 -s \"$1\" --record \"$2\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_veloflux"), &stub.url(), &file.display().to_string()]);
    let done = Veloflux::program(command).run();
    assert_eq!((done.code, done.stdout.lines().count()), (1, 5), "{}", done.stderr);
    assert!(done.stderr.contains("file too large; the recording ends here, the watch goes on"), "{}", done.stderr);
    assert_eq!(done.stderr.matches("cannot record").count(), 1, "{}", done.stderr);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.ends_with('\n') && text.len() <= 1_024, "{} bytes", text.len());
    assert_eq!(replay(&file, &[]).code, 0);
}

#[test]
fn somebody_s_file_is_neither_written_over_nor_taken_for_a_recording() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("notes.txt");
    std::fs::write(&file, "mine\n").expect("writable");
    let stub = Stub::sending(&[]);
    let done = watch(&stub, &["--record", &file.display().to_string()]).run();
    assert_eq!((done.code, stub.connections()), (1, 0), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "mine\n");
    let done = replay(&file, &[]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("line 1: this is no recording"), "{}", done.stderr);
    let done = follow("metrics", &stub.url(), &["--replay", "x", "--exec", "y"]).run();
    assert_eq!(done.code, 2, "an alert is about what happens now");
}
