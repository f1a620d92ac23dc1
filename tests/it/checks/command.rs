//! The `command` check against shell scripts that end as plugins do, or do not end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use veloflux::checks::{CheckSpec, CheckState, Monitor, Probe, ProbeOptions, Timing};
use veloflux::protocol::Health;

use super::TIMEOUT;

/// What one run of a program finds.
async fn run(argv: &[&str]) -> CheckState {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let probe = Probe::command(&argv, &ProbeOptions::default()).expect("a program");
    let timing = Timing { timeout: TIMEOUT, ..Timing::default() };
    let spec = CheckSpec { name: "it".to_owned(), probe, timing };
    let monitor = Monitor::new(vec![spec], Arc::new(Semaphore::new(1)));
    monitor.check_now().await;
    monitor.states().remove(0)
}

async fn script(text: &str) -> (Health, Option<String>) {
    let state = run(&["/bin/sh", "-c", text]).await;
    (state.status, state.error)
}

#[tokio::test]
async fn the_exit_code_is_the_status_and_the_first_line_the_reason() {
    let why = |words: &str| Some(words.to_owned());
    for (text, found) in [
        ("exit 0", (Health::Healthy, None)),
        ("echo 'DISK OK | /=1'; exit 0", (Health::Healthy, None)),
        ("echo 'DISK WARNING - 91 % | /=91'; echo more; exit 1", (Health::Degraded, why("DISK WARNING - 91 %"))),
        ("echo 'full' >&2; exit 2", (Health::Unhealthy, why("full"))),
        ("echo 'no such disk'; exit 3", (Health::Unknown, why("no such disk"))),
        ("exit 7", (Health::Unhealthy, why("ended with exit code 7"))),
        ("kill -9 $$", (Health::Unhealthy, why("killed by signal 9"))),
        ("head -c 10000000 /dev/zero; exit 1", (Health::Degraded, None)),
    ] {
        let (status, error) = script(text).await;
        assert_eq!(status, found.0, "{text}: {error:?}");
        assert!(found.1.is_none() || error == found.1, "{text}: {error:?}");
        assert!(error.is_none_or(|error| error.len() < 300));
    }
    let missing = run(&["/missing/plugin"]).await;
    assert_eq!(missing.error.as_deref(), Some("cannot run `/missing/plugin`: no such file or directory"));
}

#[tokio::test]
async fn what_is_said_last_is_heard_however_soon_the_end_comes() {
    for _ in 0..50 {
        assert_eq!(script("echo bye; exit 1").await, (Health::Degraded, Some("bye".to_owned())));
    }
}

#[tokio::test]
async fn no_shell_sees_the_arguments_and_no_secret_the_program() {
    let state = run(&["/bin/sh", "-c", "echo \"$1\"; exit 1", "x", "$(id); *"]).await;
    assert_eq!(state.error.as_deref(), Some("$(id); *"));
    let (_, error) = script("read line; echo \"stdin: $line, token: $VELOFLUX_TOKEN\"; exit 1").await;
    assert_eq!(error.as_deref(), Some("stdin: , token:"));
}

/// The numbers that a script wrote, once it has written two.
fn pids(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("the script wrote it");
    text.split_whitespace().map(str::to_owned).collect()
}

/// Whether a process is there, and not only as an entry that nobody has collected.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

async fn gone(pids: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while pids.iter().any(|pid| alive(pid)) {
        assert!(Instant::now() < deadline, "still there: {pids:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    let text = format!("trap '' TERM; sleep 600 & echo $! $$ > {}; echo begun; wait", file.display());
    let (status, error) = script(&text).await;
    assert_eq!((status, error.as_deref()), (Health::Unhealthy, Some("no answer within 1.5 s")));
    let pids = pids(&file);
    assert_eq!(pids.len(), 2);
    gone(&pids).await;
}

#[tokio::test]
async fn a_program_that_leaves_others_behind_is_not_waited_for_longer_and_they_are_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    // The sleeper holds the pipe open.
    let text = format!("sleep 600 & echo $! $$ > {}; echo done; exit 1", file.display());
    assert_eq!(script(&text).await, (Health::Degraded, Some("done".to_owned())));
    gone(&pids(&file)).await;
}

#[tokio::test]
async fn one_that_has_left_its_group_is_killed_and_the_next_run_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    // Its child leads a group, which it joins.
    let text = r#"my $child = fork() // die;
        if (!$child) { my $parent = getppid(); setpgrp(0, 0); sleep 1 while getppid() == $parent; exit }
        select(undef, undef, undef, 0.01) until setpgrp(0, $child);
        open(my $file, ">>", $ARGV[0]); print $file "$$\n"; close $file;
        sleep 600"#;
    let path = file.display().to_string();
    let argv = ["/usr/bin/perl", "-e", text, &path].map(str::to_owned);
    let probe = Probe::command(&argv, &ProbeOptions::default()).expect("a program");
    let timing = Timing { timeout: TIMEOUT, ..Timing::default() };
    let monitor = Monitor::new(vec![CheckSpec { name: "it".to_owned(), probe, timing }], Arc::new(Semaphore::new(1)));
    for runs in [1, 2] {
        monitor.check_now().await;
        assert_eq!(monitor.states()[0].error.as_deref(), Some("no answer within 1.5 s"));
        let pids = pids(&file);
        assert_eq!(pids.len(), runs);
        gone(&pids).await;
    }
}
