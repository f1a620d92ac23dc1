//! HAProxy: the real program, by its sockets of every level and its statistics page; killed, drained, reloaded, restarted
//! and cut off.

mod addresses;
mod counts;
mod exporter;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use veloflux::protocol::Feed;

use super::{Follower, backends, becomes, counted, cut_off, latest, lost, request, serving, snippet, told};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer, free_port};

/// A HAProxy with two servers, `a` and `b`, of the pool `app`, and one in maintenance.
pub(super) struct Rig {
    folder: TempDir,
    pub(super) port: u16,
    statistics: u16,
    control: u16,
    pub(super) a: StubBackend,
    pub(super) b: StubBackend,
    pub(super) program: Option<Program>,
}

/// What a HAProxy is told beyond the usual.
#[derive(Default)]
pub(super) struct More<'a> {
    /// Lines for the frontend with the statistics.
    statistics: &'a str,
    /// Lines for the end of the file.
    backends: &'a str,
}

impl Rig {
    pub(super) fn start() -> Rig {
        Rig::with(More::default())
    }

    fn with(more: More<'_>) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (StubBackend::start(), StubBackend::start());
        let mut rig =
            Rig { folder, port: free_port(), statistics: free_port(), control: free_port(), a, b, program: None };
        rig.configure("admin", &more);
        rig.run(&[]);
        rig
    }

    /// Writes the file. The socket called `admin` gets this level.
    fn configure(&self, admin: &str, more: &More<'_>) {
        let levels = [("user", "user"), ("operator", "operator"), ("admin", admin)];
        let sockets = levels
            .map(|(name, level)| format!("  stats socket {} mode 600 level {level}\n", self.socket(name)))
            .concat();
        let config = format!(
            "global\n{sockets}  stats socket ipv4@127.0.0.1:{} level admin\n\
             defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n\
             frontend web\n  bind 127.0.0.1:{}\n  default_backend app\n\
             frontend statistics\n  bind 127.0.0.1:{}\n  stats enable\n  stats uri /stats\n  stats auth ops:hunter2\n{}\
             backend app\n  option httpchk GET /\n  default-server check inter 200ms fastinter 100ms fall 2 rise 1\n\
             \x20 server a {} weight 3\n  server b {}\n  server spare 127.0.0.1:1 disabled\n{}",
            self.control,
            self.port,
            self.statistics,
            more.statistics,
            self.a.address(),
            self.b.address(),
            more.backends,
        );
        std::fs::write(self.config(), config).expect("a file of ours");
    }

    /// Gives the socket called `admin` another level, from the next start on.
    pub(super) fn level(&self, admin: &str) {
        self.configure(admin, &More::default());
    }

    fn config(&self) -> String {
        self.folder.path().join("haproxy.cfg").display().to_string()
    }

    pub(super) fn socket(&self, level: &str) -> String {
        self.folder.path().join(format!("{level}.sock")).display().to_string()
    }

    /// The statistics page, and who is let in.
    pub(super) fn page(&self) -> String {
        format!("ops:hunter2@127.0.0.1:{}/stats", self.statistics)
    }

    /// Starts it, in place of one that runs.
    pub(super) fn run(&mut self, arguments: &[&str]) {
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", &self.config()]).args(arguments);
        self.program = Some(Program::start(&mut command, self.folder.path()));
        self.listening();
    }

    /// Reloads it as its own scripts do: a new process takes over the sockets, and the old one ends.
    pub(super) fn reload(&mut self) {
        let old = self.program.take().expect("it runs");
        self.run(&["-sf", &old.pid().as_raw_nonzero().to_string()]);
        // What the old one still serves is never told to anybody.
        old.stopped();
        self.listening();
    }

    pub(super) fn kill(&mut self) {
        self.program.take().expect("it runs").kill();
    }

    fn listening(&self) {
        // Not its port: a connection that says nothing counts as a request.
        eventually(PATIENCE, || match UnixStream::connect(self.socket("admin")) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}: {}", self.program.as_ref().expect("started").log())),
        });
    }

    /// Tells it something.
    pub(super) fn tell(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket("admin")).expect("it listens");
        stream.write_all(format!("{command}\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Whether it says itself, in the words of its statistics, that a server of `app` is so.
    pub(super) fn says(&self, server: &str, word: &str) -> Result<(), String> {
        let (stat, start) = (self.tell("show stat"), format!("app,{server},"));
        let line = stat.lines().find(|line| line.starts_with(&start)).expect("a server").to_owned();
        if line.contains(&format!(",{word}")) { Ok(()) } else { Err(line) }
    }
}

/// The README's source, at another place.
pub(super) fn source(url: &str) -> String {
    snippet("haproxy", &[("unix:///run/haproxy/admin.sock", url)])
}

pub(super) fn settled(server: &TestServer, rig: &Rig) {
    for stub in [&rig.a, &rig.b] {
        becomes(
            server,
            &stub.address(),
            &[("status", "healthy"), ("pool", "app"), ("source", "edge"), ("admin", "enabled")],
        );
    }
}

#[test]
fn a_socket_of_every_level_tells_pools_addresses_weights_and_words() {
    let rig = Rig::start();
    let control = format!("tcp://127.0.0.1:{}", rig.control);
    let urls = ["user", "operator", "admin"].map(|level| format!("unix://{}", rig.socket(level)));
    for url in urls.iter().chain([&control]) {
        let server = serving(&source(url));
        settled(&server, &rig);
        let (a, _) = becomes(&server, &rig.a.address(), &[("state", "UP")]);
        assert_eq!((&a["weight"], &a["stale"]), (&3.into(), &false.into()), "{a}");
        assert!(a["last_check"].is_string() && a["latency_ms"].is_number(), "{a}");
        let (spare, _) =
            becomes(&server, "127.0.0.1:1", &[("admin", "maintenance"), ("status", "unknown"), ("state", "MAINT")]);
        assert!(spare["detail"].is_null(), "{spare}");
        assert_eq!(backends(&server).len(), 3, "{url}");
        assert_eq!(latest(&server, Feed::Status)["status"], "healthy", "{}", latest(&server, Feed::Status));
    }
}

#[test]
fn the_statistics_page_needs_its_password_and_shows_names_where_it_hides_addresses() {
    let rig = Rig::start();
    let server = serving(&source(&format!("http://{}", rig.page())));
    becomes(&server, "a", &[("status", "healthy"), ("pool", "app")]);
    request(rig.port, 7);
    // Our own polling is not among them.
    counted(&server, 7);
    let refused = serving(&source(&format!("http://{}", rig.page().replace("hunter2", "wrong"))));
    let words = "source `edge` does not answer: `GET /stats;csv` answered 401";
    eventually(PATIENCE, || match latest(&refused, Feed::Status) {
        status if status["reasons"][0] == words => Ok(()),
        status => Err(status.to_string()),
    });
    assert!(!refused.stderr().contains("wrong"), "{}", refused.stderr());
}

/// A server dies, another is drained; then the balancer is reloaded, killed, started and frozen.
fn goes_through_everything(place: fn(&Rig) -> String) {
    let mut rig = Rig::with(More { statistics: "  stats show-legends\n", ..More::default() });
    let server = serving(&source(&place(&rig)));
    let follower = Follower::of(&server);
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    request(rig.port, 5);
    counted(&server, 5);

    rig.b.kill();
    told(&server, || rig.says("b", "DOWN,"), &b, &[("status", "unhealthy")]);
    let (dead, _) = becomes(&server, &b, &[("state", "DOWN")]);
    // HAProxy has the words of the system only if its connection was refused, and not if it was dropped just then.
    let of_haproxy = |why: &str| why.contains("Connection refused") || why == "Layer4 connection problem";
    assert!(dead["detail"].as_str().is_some_and(of_haproxy), "{dead}");
    assert_eq!(rig.tell("set server app/a state drain").trim(), "");
    told(&server, || rig.says("a", "DRAIN,"), &a, &[("admin", "draining"), ("status", "healthy")]);
    rig.b.revive();
    rig.tell("set server app/a state ready");
    settled(&server, &rig);

    rig.reload();
    settled(&server, &rig);
    request(rig.port, 3);
    counted(&server, 8);

    rig.kill();
    lost(&server, &a);
    let (unknown, _) = becomes(&server, &a, &[("status", "unknown")]);
    let words = "source `edge` has not answered for";
    assert!(unknown["detail"].as_str().is_some_and(|why| why.starts_with(words)), "{unknown}");
    assert_eq!(backends(&server).len(), 3, "nothing is dropped");
    rig.run(&[]);
    settled(&server, &rig);
    request(rig.port, 2);
    counted(&server, 10);

    cut_off(&server, rig.program.as_ref().expect("it runs"), &a);
    request(rig.port, 1);
    counted(&server, 11);
    follower.looks_back(server);
}

#[test]
fn its_socket_of_level_user_goes_through_everything() {
    goes_through_everything(|rig| format!("unix://{}", rig.socket("user")));
}

#[test]
fn its_socket_of_level_operator_goes_through_everything() {
    goes_through_everything(|rig| format!("unix://{}", rig.socket("operator")));
}

#[test]
fn its_socket_of_level_admin_goes_through_everything() {
    goes_through_everything(|rig| format!("unix://{}", rig.socket("admin")));
}

#[test]
fn its_socket_over_tcp_goes_through_everything() {
    goes_through_everything(|rig| format!("tcp://127.0.0.1:{}", rig.control));
}

#[test]
fn its_statistics_page_goes_through_everything() {
    goes_through_everything(|rig| format!("http://{}", rig.page()));
}

#[test]
fn the_overall_status_follows_its_pools() {
    let mut rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let b = rig.b.address();
    rig.b.kill();
    let status = eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["status"] == "degraded" => Ok(status),
        status => Err(status.to_string()),
    });
    assert!(status["reasons"][0].as_str().is_some_and(|why| why.contains(&b)), "{status}");
    rig.tell("set server app/a state drain");
    let status = eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["status"] == "unhealthy" => Ok(status),
        status => Err(status.to_string()),
    });
    assert_eq!(status["reasons"][0], "pool `app`: 0 of 3 backends pass, 1 needed", "{status}");
}

#[test]
fn its_rarer_words_are_understood() {
    let (mut falling, leaving, plain) = (StubBackend::start(), StubBackend::start(), StubBackend::start());
    let backends = format!(
        "backend words\n  option httpchk GET /\n  http-check disable-on-404\n\
         \x20 server falling {} check inter 100ms fall 200\n  server leaving {} check inter 100ms\n  server plain {}\n",
        falling.address(),
        leaving.address(),
        plain.address()
    );
    let rig = Rig::with(More { backends: &backends, ..More::default() });
    let server = serving(&source(&format!("unix://{}", rig.socket("user"))));
    settled(&server, &rig);
    becomes(&server, &falling.address(), &[("status", "healthy"), ("pool", "words")]);
    // It does not check this one, so we do.
    becomes(&server, &plain.address(), &[("status", "healthy"), ("state", "up"), ("source", "edge")]);
    falling.kill();
    leaving.answer(404);
    let (shown, _) = becomes(&server, &falling.address(), &[("status", "degraded")]);
    assert!(shown["state"].as_str().is_some_and(|word| word.starts_with("UP ") && word.ends_with("/200")), "{shown}");
    let (shown, _) = becomes(&server, &leaving.address(), &[("status", "degraded"), ("state", "NOLB")]);
    assert_eq!(shown["detail"], "it wants no new sessions", "{shown}");
    rig.tell("set server words/plain state maint");
    becomes(&server, &plain.address(), &[("admin", "maintenance")]);
}

#[test]
fn what_an_agent_or_another_server_decides_is_understood() {
    let (leading, following, advised) = (StubBackend::start(), StubBackend::start(), StubBackend::start());
    // An agent says one line to whoever connects.
    let agent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = agent.local_addr().expect("bound").port();
    let advice = Arc::new(Mutex::new("ready up\n"));
    let said = Arc::clone(&advice);
    std::thread::spawn(move || {
        for stream in agent.incoming() {
            let word = *said.lock().expect("no panic");
            let _ = stream.and_then(|mut stream| stream.write_all(word.as_bytes()));
        }
    });
    let backends = format!(
        "backend words\n  option httpchk GET /\n  default-server check inter 100ms\n\
         \x20 server leading {}\n  server advised {} agent-check agent-inter 100ms agent-port {port}\n\
         backend others\n  server following {} track words/leading\n",
        leading.address(),
        advised.address(),
        following.address(),
    );
    let rig = Rig::with(More { backends: &backends, ..More::default() });
    let server = serving(&source(&format!("unix://{}", rig.socket("user"))));
    for stub in [&leading, &following, &advised] {
        becomes(&server, &stub.address(), &[("status", "healthy"), ("admin", "enabled")]);
    }
    rig.tell("set server words/leading state maint");
    let via = [("state", "MAINT (via words/leading)"), ("admin", "maintenance"), ("pool", "others")];
    becomes(&server, &following.address(), &via);
    for (word, status, state, admin) in [
        ("drain\n", "healthy", "DRAIN (agent)", "draining"),
        ("ready down\n", "unhealthy", "DOWN (agent)", "enabled"),
        ("ready up\n", "healthy", "UP", "enabled"),
    ] {
        *advice.lock().expect("no panic") = word;
        becomes(&server, &advised.address(), &[("status", status), ("state", state), ("admin", admin)]);
    }
}
