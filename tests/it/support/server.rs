//! The server under test: the real binary on a port of its own, with a state directory of its own, killed at the end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;
use veloflux::protocol::Feed;

use super::command::Veloflux;
use super::http::{self, Response};
use super::socket::Socket;
use super::wait::{PATIENCE, eventually};

/// A running server.
pub(crate) struct TestServer {
    child: Child,
    address: SocketAddr,
    started: Instant,
    home: Home,
    token: Option<String>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

/// Where a server keeps its things: made for one server, or handed on to the next start of the same.
pub(crate) type Home = Arc<TempDir>;

/// A server being put together.
pub(crate) struct Builder {
    home: Home,
    args: Vec<String>,
    env: Vec<(String, String)>,
    config: String,
    token: Option<String>,
    state_dir: Option<PathBuf>,
    listen: String,
}

/// A place for a server's things.
pub(crate) fn home() -> Home {
    Arc::new(TempDir::with_prefix("veloflux-test-").expect("a temporary directory"))
}

impl Builder {
    /// Adds to the settings file.
    pub(crate) fn config(mut self, toml: &str) -> Builder {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    pub(crate) fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Builder {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A backend of `pool`: `host:port` for a TCP check, a URL for an HTTP check.
    pub(crate) fn backend(self, pool: &str, address: &str) -> Builder {
        self.args(["--backend".to_owned(), format!("{pool}={address}")])
    }

    /// So many backends, some 300 bytes each on the wire, that a file says are healthy: so they are not checked, and past
    /// fifty all of them are listed at every tick.
    pub(crate) fn listed(self, count: usize) -> Builder {
        let file = self.home.path().join("backends.csv");
        let lines = (0..count).map(|n| format!("10.0.{}.{}:80,healthy\n", n / 250, n % 250));
        let text: String = std::iter::once("address,status\n".to_owned()).chain(lines).collect();
        std::fs::write(&file, text).expect("a file of ours");
        self.config(&format!("[[source]]\nname = \"inventory\"\nkind = \"file\"\npool = \"web\"\nfile = {file:?}"))
    }

    /// A named dependency.
    pub(crate) fn check(self, name: &str, url: &str) -> Builder {
        self.args(["--check".to_owned(), format!("{name}={url}")])
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Builder {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the control token, in place of a generated one.
    pub(crate) fn token(mut self, token: &str) -> Builder {
        self.token = Some(token.to_owned());
        self.env("VELOFLUX_TOKEN", token)
    }

    /// The directory of the ledger and the generated token, in place of one of its own.
    pub(crate) fn state_dir(mut self, path: &Path) -> Builder {
        self.state_dir = Some(path.to_owned());
        self
    }

    /// A port chosen by the test, in place of a free one.
    pub(crate) fn listen(mut self, address: SocketAddr) -> Builder {
        self.listen = address.to_string();
        self
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(self) -> TestServer {
        let mut args: Vec<String> = ["serve", "--listen", &self.listen].map(str::to_owned).to_vec();
        let state_dir = self.state_dir.clone().unwrap_or_else(|| self.home.path().join("state"));
        args.extend(["--state-dir".to_owned(), state_dir.display().to_string()]);
        if !self.config.is_empty() {
            let file = self.home.path().join("veloflux.toml");
            std::fs::write(&file, &self.config).expect("a file of ours");
            args.extend(["--config".to_owned(), file.display().to_string()]);
        }
        args.extend(self.args);
        let mut command = Veloflux::new(self.home.path(), args);
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        let started = Instant::now();
        let mut child = command.spawn();
        let stderr = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().expect("a pipe"), Arc::clone(&stderr));
        let stdout = Arc::new(Mutex::new(String::new()));
        let (line_in, line_out) = mpsc::channel();
        let mut pipe = BufReader::new(child.stdout.take().expect("a pipe"));
        let rest = Arc::clone(&stdout);
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = pipe.read_line(&mut line);
            let _ = line_in.send(line);
            keep(pipe, rest);
        });
        let line = line_out.recv_timeout(PATIENCE).unwrap_or_default();
        let address =
            line.trim_end().strip_prefix("listening on ").and_then(|url| url.split_once("://")?.1.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            let said = stderr.lock().expect("no holder panics").clone();
            panic!("the server did not say where it listens but {line:?}, and on stderr:\n{said}");
        };
        TestServer { child, address, started, home: self.home, token: self.token, stdout, stderr }
    }
}

impl TestServer {
    /// A server with nothing configured.
    pub(crate) fn start() -> TestServer {
        TestServer::builder().start()
    }

    pub(crate) fn builder() -> Builder {
        TestServer::builder_in(home())
    }

    /// A server that finds what an earlier one left.
    pub(crate) fn builder_in(home: Home) -> Builder {
        Builder {
            home,
            args: Vec::new(),
            env: Vec::new(),
            config: String::new(),
            token: None,
            state_dir: None,
            listen: "127.0.0.1:0".to_owned(),
        }
    }

    pub(crate) fn home(&self) -> Home {
        Arc::clone(&self.home)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// When its process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The control token: the given one, else the generated one.
    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap_or_else(|| {
            let file = self.home.path().join("state/token");
            eventually(PATIENCE, || {
                std::fs::read_to_string(&file)
                    .map(|text| text.trim().to_owned())
                    .map_err(|error| format!("{}: {error}", file.display()))
            })
        })
    }

    /// Everything it has said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("no holder panics").clone()
    }

    /// Everything it has written to stdout after the line that says where it listens.
    pub(crate) fn stdout_after_the_first_line(&self) -> String {
        self.stdout.lock().expect("no holder panics").clone()
    }

    /// Opens a feed.
    pub(crate) fn open(&self, feed: Feed) -> Socket {
        Socket::open(self.address, &feed.path())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        http::request(self.address, "GET", path, &[], "")
    }

    /// A `POST` with the control token.
    pub(crate) fn post(&self, path: &str, body: &str) -> Response {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        http::request(self.address, "POST", path, &headers, body)
    }

    /// `POST`s a command that has to succeed.
    pub(crate) fn control(&self, body: &str) -> Value {
        let response = self.post("/api/ws/control", body);
        assert_eq!(response.status, 200, "{body}: {response:?}");
        assert_eq!(response.json()["control"], "ok", "{response:?}");
        response.json()
    }

    /// Makes `what` (a feed, or all) measure and send now.
    pub(crate) fn force_update(&self, body: &str) -> Value {
        let response = self.post("/api/ws/force-update", body);
        assert_eq!(response.status, 200, "{body}: {response:?}");
        assert_eq!(response.json()["force_update"], "triggered", "{response:?}");
        response.json()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("a child of ours");
    }

    /// Waits for its end.
    pub(crate) fn exit_within(&mut self, deadline: Duration) -> ExitStatus {
        eventually(deadline, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("still running: {other:?}")),
        })
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of /proc/PID/status");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of KiB");
        kib * 1024
    }
}

impl Drop for TestServer {
    #[expect(clippy::print_stderr, reason = "the test harness shows it with the failed test, and only then")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- what the server at {} said ----\n{}", self.address, self.stderr());
        }
    }
}

fn keep(pipe: impl Read + Send + 'static, said: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut said = said.lock().expect("no holder panics");
            said.push_str(&String::from_utf8_lossy(&line));
            said.push('\n');
        }
    });
}
