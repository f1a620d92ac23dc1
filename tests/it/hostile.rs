//! What surrounds the server may be broken or hostile: it goes on, stays bounded, and leaves when it is told to.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, PipeReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tempfile::TempDir;
use veloflux::limits::{ACCEPT_PAUSE, CLOSE_TIMEOUT, INBOUND_BYTES_BURST, INBOUND_BYTES_PER_SECOND};
use veloflux::protocol::Feed;

use crate::support::{Frame, PATIENCE, Socket, StubBackend, TestServer, eventually, http};

const TOKEN: &str = "hostile-token";

/// More log lines than any buffer on the way to a stalled reader of stderr takes.
const STORM: usize = 400;

/// What two kernels may hold of a stream on one machine, at most.
const KERNEL_BYTES: usize = 16 << 20;

/// A server with odd places to write to.
struct Stubborn {
    child: Child,
    home: TempDir,
}

impl Stubborn {
    fn start(stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Stubborn {
        Stubborn::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), stdout, stderr)
    }

    fn start_at(listen: SocketAddr, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Stubborn {
        let home = TempDir::with_prefix("veloflux-test-").expect("a temporary directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_veloflux"));
        command.args(["serve", "--listen", &listen.to_string(), "--state-dir"]).arg(home.path().join("state"));
        command.env_clear();
        command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env("VELOFLUX_TOKEN", TOKEN);
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("the binary starts");
        Stubborn { child, home }
    }

    /// Where it listens, from the file for clients on this machine.
    fn address(&self) -> SocketAddr {
        eventually(PATIENCE, || {
            let files = std::fs::read_dir(self.home.path().join("veloflux")).map_err(|error| error.to_string())?;
            let port = files.flatten().find_map(|file| file.file_name().to_str()?.strip_suffix(".json")?.parse().ok());
            port.map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))).ok_or_else(|| "no file".to_owned())
        })
    }

    /// Makes it log a line for each of many commands, and answer each.
    fn storm(&self) {
        let address = self.address();
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        for round in 0..STORM {
            let action = ["pause", "resume"][round % 2];
            let body = format!(r#"{{"action":"{action}","type":"billing"}}"#);
            let response = http::request(address, "POST", "/api/ws/control", &headers, &body);
            assert_eq!(response.status, 200, "round {round}: {response:?}");
        }
    }

    fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a child of ours");
        eventually(Duration::from_secs(6), || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("still running: {other:?}")),
        })
    }
}

impl Drop for Stubborn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that takes nothing more. Nobody reads the end that stays with the test.
fn full_pipe() -> (PipeReader, File) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut writer = File::from(OwnedFd::from(writer));
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a descriptor of ours");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    // What a program usually finds: a pipe that makes it wait.
    fcntl_setfl(&writer, OFlags::empty()).expect("a descriptor of ours");
    (reader, writer)
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_it_up() {
    let (_reader, writer) = full_pipe();
    let server = Stubborn::start(Stdio::null(), writer);
    server.storm();
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_written_does_not_kill_it() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let (reader, closed) = std::io::pipe().expect("a pipe");
    drop(reader);
    for stderr in [Stdio::from(full), Stdio::from(closed)] {
        let server = Stubborn::start(Stdio::null(), stderr);
        server.storm();
        assert_eq!(server.stop().code(), Some(0));
    }
}

#[test]
fn an_announcement_that_nobody_reads_does_not_make_it_deaf() {
    let (_reader, writer) = full_pipe();
    let server = Stubborn::start(writer.try_clone().expect("a descriptor"), writer);
    server.storm();
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn a_start_that_fails_ends_though_nobody_reads_why() {
    let (_reader, writer) = full_pipe();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut server = Stubborn::start_at(taken.local_addr().expect("bound"), Stdio::null(), writer);
    let status = eventually(PATIENCE, || server.child.try_wait().ok().flatten().ok_or_else(|| "running".to_owned()));
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_peer_that_has_been_closed_is_not_read_at_full_speed() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.write_all(Socket::request(server.address(), &Feed::Metrics.path(), "").as_bytes()).expect("it reads");
    stream.write_all(&Frame::text("unmasked").unmasked().bytes()).expect("it reads");
    stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a TCP option");
    let (start, mut taken) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(10) {
        match stream.write(&[0; 64 * 1024]) {
            Ok(count) => taken += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let lasting = CLOSE_TIMEOUT.as_secs() as usize + 2;
    let limit = INBOUND_BYTES_BURST as usize + lasting * INBOUND_BYTES_PER_SECOND as usize + KERNEL_BYTES;
    assert!(taken < limit, "{taken} bytes in {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "it is thrown out in the end");
}

#[test]
fn out_of_descriptors_it_waits_says_so_once_and_goes_on() {
    let server = TestServer::start();
    assert_eq!(server.get("/livez").status, 200);
    // Room for a few, whatever it has open already.
    let limit = Rlimit { current: Some(60), maximum: Some(60) };
    prlimit(Some(server.pid()), Resource::Nofile, limit).expect("a child of ours");
    let waiting: Vec<Socket> = (0..80).map(|_| Socket::connect(server.address())).collect();
    let complaints = || server.stderr().matches("cannot accept connections").count();
    eventually(PATIENCE, || if complaints() > 0 { Ok(()) } else { Err(server.stderr()) });
    // Several pauses of the accept loop.
    std::thread::sleep(10 * ACCEPT_PAUSE);
    assert_eq!(complaints(), 1, "{}", server.stderr());
    drop(waiting);
    eventually(PATIENCE, || {
        assert_eq!(server.get("/livez").status, 200);
        let stderr = server.stderr();
        if stderr.contains("accepting connections again") { Ok(()) } else { Err(stderr) }
    });
}

#[test]
fn a_check_that_this_machine_cannot_make_is_no_failure_of_its_target() {
    let backend = StubBackend::start();
    let pool = format!(
        "[[pool]]\nname = \"web\"\nbackends = [\"{}\"]\n[pool.check]\ninterval = \"200ms\"\nfall = 1\nrise = 1",
        backend.address()
    );
    let server = TestServer::builder().config(&pool).start();
    let mut feed = server.open(Feed::Backends);
    let mut status = String::from("unknown");
    let mut until = |wanted: &str| {
        let mut seen = Vec::new();
        while status != wanted {
            let message = feed.json_within(PATIENCE);
            let item = if message["type"] == "backends" { &message["data"][0] } else { &message["data"] };
            status = item["status"].as_str().expect("a status").to_owned();
            seen.push(item.clone());
        }
        seen
    };
    until("healthy");
    let open =
        std::fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).expect("a child of ours").count();
    let limit = |current| Rlimit { current: Some(current), maximum: getrlimit(Resource::Nofile).maximum };
    let before = prlimit(Some(server.pid()), Resource::Nofile, limit(open as u64 - 1));
    let before = before.expect("a child of ours");
    let seen = until("unknown");
    assert!(seen.iter().all(|item| item["status"] != "unhealthy"), "{seen:?}");
    let detail = seen.last().map(|item| item["detail"].to_string()).unwrap_or_default();
    assert!(detail.contains("could not ask") && detail.contains("too many open files"), "{seen:?}");
    prlimit(Some(server.pid()), Resource::Nofile, before).expect("a child of ours");
    until("healthy");
}
