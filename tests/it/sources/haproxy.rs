//! HAProxy: the real program, by its sockets of every level and its statistics page; killed, drained, reloaded, restarted
//! and cut off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use veloflux::protocol::Feed;

use super::{backend, backends, becomes, counted, latest, serving};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer, free_port};

/// A HAProxy with two servers, `a` and `b`, of the pool `app`, and one in maintenance.
struct Rig {
    folder: TempDir,
    port: u16,
    statistics: u16,
    control: u16,
    a: StubBackend,
    b: StubBackend,
    program: Option<Program>,
}

impl Rig {
    fn start(legends: &str) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (StubBackend::start(), StubBackend::start());
        let mut rig =
            Rig { folder, port: free_port(), statistics: free_port(), control: free_port(), a, b, program: None };
        let sockets = ["user", "operator", "admin"]
            .map(|level| format!("  stats socket {} mode 600 level {level}\n", rig.socket(level)))
            .concat();
        let config = format!(
            "global\n{sockets}  stats socket ipv4@127.0.0.1:{} level admin\n\
             defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n\
             frontend web\n  bind 127.0.0.1:{}\n  default_backend app\n\
             frontend statistics\n  bind 127.0.0.1:{}\n  stats enable\n  stats uri /stats\n  stats auth ops:hunter2\n{legends}\
             backend app\n  option httpchk GET /\n  default-server check inter 200ms fastinter 100ms fall 2 rise 1\n\
             \x20 server a {} weight 3\n  server b {}\n  server spare 127.0.0.1:1 disabled\n",
            rig.control,
            rig.port,
            rig.statistics,
            rig.a.address(),
            rig.b.address(),
        );
        std::fs::write(rig.config(), config).expect("a file of ours");
        rig.run(&[]);
        rig
    }

    fn config(&self) -> String {
        self.folder.path().join("haproxy.cfg").display().to_string()
    }

    fn socket(&self, level: &str) -> String {
        self.folder.path().join(format!("{level}.sock")).display().to_string()
    }

    /// Starts it, in place of one that runs.
    fn run(&mut self, arguments: &[&str]) {
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", &self.config()]).args(arguments);
        self.program = Some(Program::start(&mut command, self.folder.path()));
        self.listening();
    }

    fn listening(&self) {
        // Not its port: a connection that says nothing counts as a request.
        eventually(PATIENCE, || match UnixStream::connect(self.socket("admin")) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}: {}", self.program.as_ref().expect("started").log())),
        });
    }

    /// Tells it something over the socket of this level.
    fn tell(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket("admin")).expect("it listens");
        stream.write_all(format!("{command}\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Sends requests through it.
    fn request(&self, times: u64) {
        for _ in 0..times {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.starts_with("HTTP/1"), "{answer}");
        }
    }

    fn pid(&self) -> Pid {
        self.program.as_ref().expect("it runs").pid()
    }
}

fn source(url: &str) -> String {
    format!("kind = \"haproxy\"\nurl = \"{url}\"\ninterval = \"500ms\"")
}

fn settled(server: &TestServer, rig: &Rig) {
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
    let rig = Rig::start("");
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
    for (legends, addresses) in [("", false), ("  stats show-legends\n", true)] {
        let rig = Rig::start(legends);
        let server = serving(&source(&format!("http://ops:hunter2@127.0.0.1:{}/stats", rig.statistics)));
        let address = if addresses { rig.a.address() } else { "a".to_owned() };
        becomes(&server, &address, &[("status", "healthy"), ("pool", "app")]);
        rig.request(7);
        // Our own polling is not among them.
        counted(&server, 7);
        let refused = serving(&source(&format!("http://ops:wrong@127.0.0.1:{}/stats", rig.statistics)));
        let words = "source `edge` does not answer: `GET /stats;csv` answered 401";
        eventually(PATIENCE, || match latest(&refused, Feed::Status) {
            status if status["reasons"][0] == words => Ok(()),
            status => Err(status.to_string()),
        });
        assert!(!refused.stderr().contains("wrong"), "{}", refused.stderr());
    }
}

#[test]
fn what_happens_to_a_server_is_told_within_one_poll() {
    let mut rig = Rig::start("");
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    let mut feed = server.open(Feed::Backends);
    rig.b.kill();
    let said = eventually(PATIENCE, || {
        let stat = rig.tell("show stat");
        let line = stat.lines().find(|line| line.starts_with("app,b,")).expect("a server").to_owned();
        if line.contains(",DOWN,") { Ok(std::time::Instant::now()) } else { Err(line) }
    });
    let update = feed.json_until(PATIENCE, |message| {
        message["type"] == "backends_update" && message["data"]["status"] == "unhealthy"
    });
    // Half a second of polling, and some room for a busy machine.
    assert!(said.elapsed() < Duration::from_millis(1_500), "{:?}", said.elapsed());
    assert_eq!(update["data"]["address"], b.as_str());
    assert!(update["data"]["detail"].as_str().is_some_and(|why| why.contains("Connection refused")), "{update}");
    let status = eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["status"] == "degraded" => Ok(status),
        status => Err(status.to_string()),
    });
    assert!(status["reasons"][0].as_str().is_some_and(|why| why.contains(&b)), "{status}");
    assert_eq!(rig.tell("set server app/a state drain").trim(), "");
    becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN"), ("status", "healthy")]);
    let (_, took) = becomes(&server, &b, &[("status", "unhealthy")]);
    assert!(took < PATIENCE);
    let status = eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["status"] == "unhealthy" => Ok(status),
        status => Err(status.to_string()),
    });
    assert_eq!(status["reasons"][0], "pool `app`: 0 of 3 backends pass, 1 needed", "{status}");
    rig.b.revive();
    rig.tell("set server app/a state ready");
    settled(&server, &rig);
}

#[test]
fn counts_survive_a_reload_a_restart_and_an_outage() {
    let mut rig = Rig::start("");
    let server = serving(&source(&format!("unix://{}", rig.socket("operator"))));
    settled(&server, &rig);
    rig.request(5);
    counted(&server, 5);
    let old = rig.program.take().expect("it runs");
    rig.run(&["-sf", &old.pid().as_raw_nonzero().to_string()]);
    // What the old one still serves is never told to anybody.
    old.stopped();
    rig.listening();
    settled(&server, &rig);
    rig.request(3);
    counted(&server, 8);
    // Gone: what is known stays, stale, and then nobody knows.
    rig.program.take().expect("it runs").kill();
    let (stale, _) = becomes(&server, &rig.a.address(), &[("status", "healthy")]);
    assert_eq!(stale["source"], "edge");
    eventually(PATIENCE, || match backend(&server, &rig.a.address()) {
        Some(a) if a["stale"] == true => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let (lost, _) = becomes(&server, &rig.a.address(), &[("status", "unknown")]);
    assert!(lost["detail"].as_str().is_some_and(|why| why.starts_with("source `edge` has not answered for")), "{lost}");
    assert_eq!(backends(&server).len(), 3, "nothing is dropped");
    let status = latest(&server, Feed::Status);
    assert_eq!(status["status"], "degraded", "{status}");
    rig.run(&[]);
    settled(&server, &rig);
    rig.request(2);
    counted(&server, 10);
    // A frozen one is cut off at the deadline like one that is gone.
    kill_process(rig.pid(), Signal::STOP).expect("it is ours");
    becomes(&server, &rig.a.address(), &[("status", "unknown")]);
    kill_process(rig.pid(), Signal::CONT).expect("it is ours");
    settled(&server, &rig);
}

/// Orders something with the command line, as an operator would.
fn ordered(server: &TestServer, arguments: &[&str]) -> crate::support::command::Finished {
    let mut all = vec!["control".to_owned()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    all.extend(["--server".to_owned(), server.url()]);
    let token = server.token();
    crate::support::Veloflux::new(server.home().path(), all).env("VELOFLUX_TOKEN", &token).run()
}

#[test]
fn an_order_is_kept_through_reloads_and_restarts_until_it_is_withdrawn() {
    let mut rig = Rig::start("");
    let url = format!("unix://{}", rig.socket("admin"));
    let server = serving(&source(&url));
    settled(&server, &rig);
    let a = rig.a.address();
    let drained = ordered(&server, &["drain", &a, "--reason", "new kernel"]);
    assert_eq!(
        (drained.code, drained.stdout.contains(&format!("{a} of pool app: draining: applied"))),
        (0, true),
        "{drained:?}"
    );
    let (shown, _) = becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN")]);
    assert_eq!(
        (&shown["intent"]["state"], &shown["intent"]["reason"]),
        (&"applied".into(), &"new kernel".into()),
        "{shown}"
    );
    assert!(rig.tell("show stat").contains("app,a,0,0,0"), "it is HAProxy that drains");
    // A reload forgets it, and it is told again.
    let old = rig.program.take().expect("it runs");
    rig.run(&["-sf", &old.pid().as_raw_nonzero().to_string()]);
    old.stopped();
    rig.listening();
    let again = |rig: &Rig| {
        eventually(PATIENCE, || match rig.tell("show stat") {
            stat if stat.lines().any(|line| line.starts_with("app,a,") && line.contains(",DRAIN,")) => Ok(()),
            stat => Err(stat),
        });
    };
    again(&rig);
    // So does a restart of ours, with HAProxy restarted meanwhile.
    let home = server.home();
    drop(server);
    rig.program.take().expect("it runs").kill();
    rig.run(&[]);
    let server = TestServer::builder_in(home).config(&format!("[[source]]\nname = \"edge\"\n{}", source(&url))).start();
    again(&rig);
    becomes(&server, &a, &[("admin", "draining")]);
    let weighed = ordered(&server, &["weight", &a, "7"]);
    assert_eq!(weighed.code, 0, "{weighed:?}");
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
        shown if shown["weight"] == 7 => Ok(()),
        shown => Err(shown.to_string()),
    });
    let enabled = ordered(&server, &["enable", &a, "--pool", "app"]);
    assert!(enabled.stdout.contains(&format!("{a} of pool app: enabled")), "{enabled:?}");
    let (shown, _) = becomes(&server, &a, &[("admin", "enabled"), ("state", "UP")]);
    assert!(shown["intent"].is_null(), "{shown}");
}

#[test]
fn an_order_for_a_while_ends_by_itself_and_one_that_cannot_be_done_says_why() {
    let rig = Rig::start("");
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    assert_eq!(ordered(&server, &["maintenance", &b, "--for", "2s"]).code, 0);
    becomes(&server, &b, &[("admin", "maintenance"), ("status", "unknown")]);
    becomes(&server, &b, &[("admin", "enabled"), ("status", "healthy")]);
    let unknown = ordered(&server, &["drain", "127.0.0.1:9"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("there is no backend `127.0.0.1:9`"), "{unknown:?}");

    let weak = serving(&source(&format!("unix://{}", rig.socket("operator"))));
    settled(&weak, &rig);
    let refused = ordered(&weak, &["drain", &a]);
    assert!(refused.code == 1 && refused.stderr.contains("write `level admin` at its `stats socket`"), "{refused:?}");
    assert!(backend(&weak, &a).expect("it is there")["intent"].is_null(), "what was refused is not kept");
    let page = serving(&source(&format!("http://ops:hunter2@127.0.0.1:{}/stats", rig.statistics)));
    becomes(&page, "a", &[("status", "healthy")]);
    let refused = ordered(&page, &["drain", "a"]);
    assert!(refused.code == 1 && refused.stderr.contains("HAProxy takes no orders over HTTP"), "{refused:?}");
}

#[test]
fn an_order_to_a_balancer_that_is_away_waits_for_it() {
    let mut rig = Rig::start("");
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let a = rig.a.address();
    rig.program.take().expect("it runs").kill();
    becomes(&server, &a, &[("status", "unknown")]);
    let waiting = ordered(&server, &["drain", &a]);
    assert!(waiting.code == 0 && waiting.stdout.contains("draining: pending"), "{waiting:?}");
    rig.run(&[]);
    becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN")]);
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
        shown if shown["intent"]["state"] == "applied" => Ok(()),
        shown => Err(shown.to_string()),
    });
}
