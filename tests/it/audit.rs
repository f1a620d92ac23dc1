//! The audit log: every act leaves a line, before it is answered; a line that was touched shows; and neither a crash nor a
//! full disk makes control fail or the log lie.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use veloflux::protocol::Feed;

use crate::support::command::Finished;
use crate::support::disk::Tmpfs;
use crate::support::server::home;
use crate::support::{PATIENCE, StubBackend, TestServer, Veloflux, eventually, http};

fn log_of(server: &TestServer) -> PathBuf {
    server.home().path().join("state/audit.jsonl")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What of a line tells what was done.
fn act(line: &Value) -> Value {
    json!([line["who"], line["role"], line["action"], line["arguments"], line["reason"], line["outcome"]])
}

fn verify(path: &Path) -> Finished {
    Veloflux::new(path.parent().expect("a folder"), ["serve", "--verify-audit", &path.display().to_string()]).run()
}

#[test]
fn every_act_leaves_a_line_that_says_who_what_why_and_what_came_of_it() {
    let backend = StubBackend::start();
    let home = home();
    let roll = home.path().join("tokens");
    let roles = format!("{} operator deploys\n{} viewer board\n", sha256("op"), sha256("eye"));
    fs::write(&roll, roles).expect("a file of ours");
    let config = format!(
        "[auth]\ntokens_file = {:?}\nfeeds_public = true\n[[source]]\nname = \"deploys\"\nkind = \"push\"\n",
        roll.display().to_string()
    );
    let address = backend.address().to_string();
    let server = TestServer::builder_in(home).config(&config).backend("web", &address).start();
    let as_ = |token: &str, path: &str, body: &Value| {
        let bearer = format!("Bearer {token}");
        http::request(server.address(), "POST", path, &[("Authorization", &bearer)], &body.to_string()).status
    };
    let control = "/api/ws/control";
    let admin = server.token();
    let drain = json!({"action": "drain", "backend": address, "for": "30m", "reason": "new kernel"});
    for (token, path, body, status) in [
        (&*admin, control, json!({"action": "pause", "type": "metrics"}), 200),
        ("op", control, json!({"action": "resume", "type": "all"}), 200),
        ("op", control, drain, 200),
        ("op", control, json!({"action": "drain", "backend": "nobody:1"}), 404),
        ("op", control, json!({"action": "reload"}), 403),
        ("eye", control, json!({"action": "pause", "type": "all"}), 403),
        ("eye", "/api/ws/force-update", json!({}), 403),
        ("op", "/api/ws/force-update", json!({"type": "status"}), 200),
        ("op", "/api/sources/deploys", json!({"backends": [{}]}), 400),
        ("op", "/api/sources/nobody", json!({"backends": []}), 404),
        (&*admin, control, json!({"action": "reload"}), 200),
        // These change nothing, or nobody knows who did them, or they come every few seconds.
        (&*admin, control, json!({}), 200),
        (&*admin, control, json!({"action": "jump"}), 400),
        ("nobody", control, json!({"action": "pause", "type": "all"}), 401),
        ("op", "/api/sources/deploys", json!({"backends": []}), 200),
    ] {
        assert_eq!(as_(token, path, &body), status, "{path} {body}");
    }
    let log = log_of(&server);
    let found = lines(&log);
    let acts: Vec<Value> = found.iter().map(act).collect();
    let drained = json!({"backend": address, "for": "30m"});
    let control_token = "control token";
    let wanted = [
        json!(["server", null, "start", {"version": env!("CARGO_PKG_VERSION"), "listen": server.address()}, null, "done"]),
        json!([control_token, "admin", "pause", {"type": "metrics"}, null, "done"]),
        json!(["deploys", "operator", "resume", {"type": "all"}, null, "done"]),
        json!(["deploys", "operator", "drain", drained, "new kernel", "done"]),
        json!(["deploys", "operator", "drain", {"backend": "nobody:1"}, null, "refused"]),
        json!(["deploys", "operator", "reload", {}, null, "refused"]),
        json!(["board", "viewer", "control", null, null, "refused"]),
        json!(["board", "viewer", "force-update", null, null, "refused"]),
        json!(["deploys", "operator", "force-update", {"type": "status"}, null, "done"]),
        json!(["deploys", "operator", "push", {"source": "deploys"}, null, "refused"]),
        json!(["deploys", "operator", "push", {"source": "nobody"}, null, "refused"]),
        json!([control_token, "admin", "reload", {}, null, "done"]),
    ];
    assert_eq!(acts, wanted, "{found:#?}");
    for (line, seq) in found.iter().zip(1..) {
        assert_eq!(line["seq"], seq);
        assert!(line["time"].as_str().is_some_and(crate::support::shape::is_time), "{line}");
        assert_eq!(line["error"].is_string(), line["outcome"] == "refused", "{line}");
        let from = if line["who"] == "server" { Value::Null } else { "127.0.0.1".into() };
        assert_eq!(line["from"], from);
    }
    let text = fs::read_to_string(&log).expect("a file");
    assert!(!text.contains(&admin), "a token is in the log");
    assert_eq!(fs::metadata(&log).expect("a file").permissions().mode() & 0o777, 0o600);
    let verdict = verify(&log);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    assert!(verdict.stdout.starts_with("intact: 12 lines in 1 file, number 1 of "), "{verdict:?}");
    assert!(verdict.stdout.trim_end().ends_with(&sha256(text.lines().last().expect("a line"))), "{verdict:?}");
    assert!(server.get("/metrics").body.contains("veloflux_audit_lines_total{} 12\n"));
}

#[test]
fn the_chain_goes_on_over_restarts_kills_and_torn_lines() {
    let home = home();
    let log = home.path().join("state/audit.jsonl");
    let stop = |mut server: TestServer, signal| {
        server.signal(signal);
        server.exit_within(PATIENCE);
    };
    let server = TestServer::builder_in(home.clone()).start();
    server.control(r#"{"action":"pause","type":"all"}"#);
    stop(server, Signal::TERM);
    // Killed in the middle of whatever it does, again and again.
    for round in 0..4 {
        let server = TestServer::builder_in(home.clone()).start();
        let (address, token) = (server.address(), server.token());
        let busy = std::thread::spawn(move || {
            let head = format!("POST /api/ws/control HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n");
            let body = r#"{"action":"pause","type":"all"}"#;
            let request = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let mut done = 0;
            while http::try_exchange(address, request.as_bytes(), PATIENCE).is_ok_and(|response| response.status == 200)
            {
                done += 1;
            }
            done
        });
        let before = lines(&log).len();
        eventually(PATIENCE, || {
            let now = fs::read(&log).expect("a file").iter().filter(|byte| **byte == b'\n').count();
            if now > before + 3 * round { Ok(()) } else { Err(format!("{now} lines")) }
        });
        stop(server, Signal::KILL);
        let done: usize = busy.join().expect("no panic");
        let verdict = verify(&log);
        assert_eq!(verdict.code, 0, "round {round}: {verdict:?}");
        // What was answered is in the log.
        let kept = fs::read_to_string(&log).expect("a file").lines().count();
        assert!(kept >= before + done, "round {round}: {done} were answered, {kept} lines where {before} were");
    }
    // What such a kill may leave at worst.
    let text = fs::read_to_string(&log).expect("a file");
    let torn = &text[..text.trim_end().len() - 40];
    fs::write(&log, torn).expect("a file of ours");
    let verdict = verify(&log);
    assert!(verdict.code == 0 && verdict.stdout.contains("the last is not finished"), "{verdict:?}");
    let server = TestServer::builder_in(home.clone()).start();
    server.control(r#"{"action":"resume","type":"all"}"#);
    stop(server, Signal::TERM);
    let verdict = verify(&log);
    assert!(verdict.code == 0 && verdict.stdout.contains("1 torn by a crash, and noted"), "{verdict:?}");
    let last = lines_that_are_some(&log);
    let actions: Vec<&str> = last[last.len() - 4..].iter().filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(actions, ["torn", "start", "resume", "stop"]);
}

#[test]
fn whoever_touches_the_log_is_found_out() {
    let mut server = TestServer::start();
    let log = log_of(&server);
    for what in ["metrics", "status", "billing"] {
        server.control(&json!({"action": "pause", "type": what}).to_string());
    }
    server.signal(Signal::TERM);
    server.exit_within(PATIENCE);
    let whole = fs::read_to_string(&log).expect("a file");
    let all: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(all.len(), 5, "{whole}");
    let without = |index: usize| {
        let mut rest = all.clone();
        rest.remove(index);
        rest.concat()
    };
    for (text, line) in [
        (whole.replace("\"type\":\"status\"", "\"type\":\"health\""), 4),
        (whole.replace("\"who\":\"control token\"", "\"who\":\"nobody\""), 3),
        (without(1), 2),
        (without(3), 4),
        ([all[0], all[2], all[1], all[3], all[4]].concat(), 2),
        ([&*whole, all[2]].concat(), 6),
        ([&*whole, "{}\n"].concat(), 6),
        (whole.replace("\"seq\":3", "\"seq\":7"), 3),
    ] {
        fs::write(&log, &text).expect("a file of ours");
        let verdict = verify(&log);
        let place = format!("broken: `{}`, line {line}: ", log.display());
        assert!(verdict.code == 1 && verdict.stdout.starts_with(&place), "line {line} was due: {verdict:?}\n{text}");
    }
    let verdict = verify(&log.with_file_name("none"));
    assert!(verdict.code == 2 && verdict.stderr.contains("cannot be read"), "{verdict:?}");
}

#[test]
fn a_full_disk_keeps_nobody_from_control_and_loses_no_line() {
    let home = home();
    let disk = home.path().join("disk");
    fs::create_dir(&disk).expect("a directory of ours");
    let mounted = Tmpfs::mount(&disk);
    let log = disk.join("audit.jsonl");
    let config = format!("[audit]\nfile = {:?}\n", log.display().to_string());
    let server = TestServer::builder_in(home).config(&config).start();
    let pause = || server.control(r#"{"action":"pause","type":"billing"}"#);
    let status = || {
        server.force_update(r#"{"type":"status"}"#);
        server.open(Feed::Status).json()["data"].clone()
    };
    let mentioned = |status: &Value| status["reasons"].to_string().contains("not in the audit log");
    pause();
    assert!(!mentioned(&status()));
    let before = lines(&log).len();
    let ballast = disk.join("ballast");
    match &mounted {
        Some(_) => Tmpfs::fill(&ballast),
        // Not allowed to mount: no file can be written where a directory stands.
        None => {
            fs::rename(&log, disk.join("aside")).expect("ours");
            fs::create_dir(&log).expect("ours");
        }
    }
    // What was left of its last page.
    eventually(PATIENCE, || {
        let asked = Instant::now();
        pause();
        assert!(asked.elapsed() < Duration::from_secs(5), "a full disk made control wait {:?}", asked.elapsed());
        let status = status();
        if mentioned(&status) && status["status"] != "healthy" { Ok(()) } else { Err(status.to_string()) }
    });
    (0..5).for_each(|_| drop(pause()));
    let metrics = server.get("/metrics").body;
    let waiting = metrics.lines().find_map(|line| line.strip_prefix("veloflux_audit_waiting{} ")).expect("a gauge");
    assert!(waiting.parse::<u64>().is_ok_and(|waiting| waiting >= 5), "{waiting}");
    match &mounted {
        Some(_) => fs::remove_file(&ballast).expect("ours"),
        None => {
            fs::remove_dir(&log).expect("ours");
            fs::rename(disk.join("aside"), &log).expect("ours");
        }
    }
    eventually(PATIENCE, || {
        let status = status();
        if mentioned(&status) { Err(status.to_string()) } else { Ok(()) }
    });
    let verdict = verify(&log);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    let after = lines(&log);
    assert!(after.len() >= before + 6, "{} lines, {before} before", after.len());
    assert!(after.iter().all(|line| line["action"] != "lost"));
}

#[test]
fn two_servers_of_one_state_directory_make_one_chain() {
    let home = home();
    let servers = [TestServer::builder_in(home.clone()).start(), TestServer::builder_in(home.clone()).start()];
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| (0..20).for_each(|_| drop(server.control(r#"{"action":"pause","type":"all"}"#))));
        }
    });
    let log = log_of(&servers[0]);
    assert_eq!(lines(&log).len(), 42);
    assert_eq!(verify(&log).code, 0);
}

#[test]
fn it_is_kept_elsewhere_or_not_at_all_where_the_settings_say_so() {
    let home = home();
    let config = |text: &str| TestServer::builder_in(home.clone()).config(&format!("[audit]\n{text}\n")).start();
    let server = config("enabled = false");
    server.control(r#"{"action":"pause","type":"all"}"#);
    assert!(!log_of(&server).exists());
    drop(server);
    let server = config("file = \"here.jsonl\"");
    server.control(r#"{"action":"pause","type":"all"}"#);
    assert_eq!(lines(&home.path().join("here.jsonl")).len(), 2);
    assert!(!log_of(&server).exists());
    drop(server);
    let file = home.path().join("veloflux.toml");
    fs::write(&file, "[audit]\nenabled = false\nfile = \"x\"\n").expect("a file of ours");
    let wrong = Veloflux::new(home.path(), ["serve", "--check-config", "--config", &file.display().to_string()]).run();
    assert!(wrong.code == 2 && wrong.stderr.contains("line 3"), "{wrong:?}");
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines that are JSON: a torn one is none.
fn lines_that_are_some(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a file");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn an_act_is_carried_to_its_end_and_noted_when_whoever_asked_hangs_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("bound");
    let config = format!(
        "[[pool]]\nname = \"web\"\nbackends = [\"{address}\"]\n[pool.check]\npath = \"/\"\ninterval = \"1m\"\ntimeout = \"500ms\"\n"
    );
    let server = TestServer::builder().config(&config).start();
    let first = silent.accept().expect("its first check");
    eventually(PATIENCE, || match server.get("/api/backends").json()["data"][0].clone() {
        backend if backend["status"] == "unhealthy" => Ok(()),
        backend => Err(backend.to_string()),
    });
    let body = r#"{"type":"backends"}"#;
    let mut asker = TcpStream::connect(server.address()).expect("it listens");
    let (token, length) = (server.token(), body.len());
    let head =
        format!("POST /api/ws/force-update HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}", server.address());
    write!(asker, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").expect("it reads");
    let forced = silent.accept().expect("the check that was asked for");
    drop(asker);
    eventually(PATIENCE, || match lines(&log_of(&server)).last() {
        Some(line) if line["action"] == "force-update" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    drop((first, forced));
}
