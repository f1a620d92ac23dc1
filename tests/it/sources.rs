//! The sources: the feeds tell what load balancers, registries, files and pushes say, at once and truthfully.
//!
//! Each load balancer is the real program, and goes through the same: a server dies, one is drained, the balancer is
//! reloaded, restarted, and cut off. Its source is the snippet that the README shows.

mod away;
mod caddy;
mod dns;
mod envoy;
mod haproxy;
mod lists;
mod nginx;
mod orders;
mod pages;
mod presets;
mod traefik;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process_group};
use serde_json::Value;
use veloflux::protocol::Feed;

use crate::support::program::Program;
use crate::support::server::{Home, home};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, Socket, TestServer};

/// One poll of a source in these tests, and some room for a busy machine.
const WITHIN_ONE_POLL: Duration = Duration::from_millis(500 + 2_000);

/// A server with one source, whose table this is.
fn serving(source: &str) -> TestServer {
    serving_in(&home(), source)
}

/// The same, with what an earlier one has left there.
fn serving_in(home: &Home, source: &str) -> TestServer {
    TestServer::builder_in(Arc::clone(home)).config(&format!("[[source]]\nname = \"edge\"\n{source}")).start()
}

/// Waits until so many requests are billed, over all runs.
fn bills(server: &TestServer, wanted: f64) {
    eventually(PATIENCE, || {
        server.force_update(r#"{"type":"billing"}"#);
        match latest(server, Feed::Billing) {
            billing if billing["usage"] == wanted => Ok(()),
            billing => Err(billing.to_string()),
        }
    });
}

/// The source that the README shows for a kind, with the places of the test in the place of the README's, each of which has
/// to stand in it. It is read twice a second, and so are its backends checked where we do that.
fn snippet(kind: &str, places: &[(&str, &str)]) -> String {
    let all = snippets();
    let found = all.iter().find(|snippet| snippet.lines().any(|line| line.starts_with(&format!("kind = \"{kind}\""))));
    let mut text = found.unwrap_or_else(|| panic!("the README has no snippet for `{kind}`")).clone();
    for (theirs, ours) in places {
        assert!(text.contains(theirs), "no `{theirs}` in\n{text}");
        text = text.replace(theirs, ours);
    }
    let (mut source, mut check) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with("[[source]]") && !line.starts_with("name = ")) {
        let part = if line.starts_with("[source.check]") || !check.is_empty() { &mut check } else { &mut source };
        part.push_str(&format!("{line}\n"));
    }
    let check = if check.is_empty() { "[source.check]\n".to_owned() } else { check };
    let often = "interval = \"500ms\"\n";
    format!("{source}{often}{check}{often}fast_interval = \"250ms\"\n")
}

/// Every snippet of the README that is a source.
fn snippets() -> Vec<String> {
    let blocks = include_str!("../../README.md").split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block.to_owned()));
    blocks.filter(|block| block.contains("[[source]]")).collect()
}

/// The backends as a client that comes now is told.
fn backends(server: &TestServer) -> Vec<Value> {
    let message = server.open(Feed::Backends).json();
    message["data"].as_array().expect("a list first").clone()
}

/// The backend at this address, or with this name in place of one.
fn backend(server: &TestServer, address: &str) -> Option<Value> {
    backends(server).into_iter().find(|backend| backend["address"] == address)
}

/// Waits until a backend has these values. Gives it, and how long that took.
fn becomes(server: &TestServer, address: &str, wanted: &[(&str, &str)]) -> (Value, Duration) {
    let since = Instant::now();
    let found = eventually(PATIENCE, || {
        let backend = backend(server, address).ok_or_else(|| format!("no {address} in {:?}", backends(server)))?;
        match wanted.iter().all(|(key, value)| backend[key] == *value) {
            true => Ok(backend),
            false => Err(format!("{backend}, not {wanted:?}\n{}", server.stderr())),
        }
    });
    (found, since.elapsed())
}

/// Waits until the balancer itself knows, and then for the feed to say it, which has to be so within one poll.
fn told(server: &TestServer, knows: impl FnMut() -> Result<(), String>, address: &str, wanted: &[(&str, &str)]) {
    eventually(PATIENCE, knows);
    let (_, took) = becomes(server, address, wanted);
    assert!(took < WITHIN_ONE_POLL, "{wanted:?} of {address} took {took:?}");
}

/// Waits for the feed to say what the balancer knows already, or nobody but us has to find out.
fn told_at_once(server: &TestServer, address: &str, wanted: &[(&str, &str)]) {
    told(server, || Ok(()), address, wanted);
}

/// Waits until the addresses are these and no others. Gives how long that took.
fn are(server: &TestServer, addresses: &[&str]) -> Duration {
    let since = Instant::now();
    eventually(PATIENCE, || {
        let all = backends(server);
        let same =
            all.len() == addresses.len() && addresses.iter().all(|one| all.iter().any(|it| it["address"] == *one));
        if same { Ok(()) } else { Err(format!("{all:?}, not {addresses:?}\n{}", server.stderr())) }
    });
    since.elapsed()
}

/// A load balancer that can be ended and begun again.
trait Balancer {
    /// Where it takes requests.
    fn port(&self) -> u16;
    fn program(&mut self) -> &mut Option<Program>;
    fn run(&mut self);
}

/// A restart, at which its counts begin again and ours do not, and then a while in which it hangs; so many requests have been
/// counted before. Ends the server.
fn restarted_and_cut_off(rig: &mut impl Balancer, server: TestServer, follower: Follower, address: &str, before: u64) {
    rig.program().take().expect("it runs").kill();
    lost(&server, address);
    becomes(&server, address, &[("status", "unknown")]);
    rig.run();
    becomes(&server, address, &[("status", "healthy")]);
    request(rig.port(), 3);
    counted(&server, before + 3);

    cut_off(&server, rig.program().as_ref().expect("it runs"), address);
    request(rig.port(), 1);
    counted(&server, before + 4);
    follower.looks_back(server);
}

/// Stops a balancer without ending it, as a host that hangs, and lets it go on: meanwhile its backends are stale, and when
/// nobody has known for long enough, the status says who does not answer. Nothing is dropped.
fn cut_off(server: &TestServer, program: &Program, address: &str) {
    let count = backends(server).len();
    kill_process_group(program.pid(), Signal::STOP).expect("it is ours");
    lost(server, address);
    assert_eq!(backends(server).len(), count);
    kill_process_group(program.pid(), Signal::CONT).expect("it is ours");
    answering(server, address);
}

/// Waits until what is known of a backend is stale, and the status says why.
fn lost(server: &TestServer, address: &str) {
    eventually(PATIENCE, || match backend(server, address) {
        Some(found) if found["stale"] == true => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually(PATIENCE, || match latest(server, Feed::Status) {
        status if status["reasons"].to_string().contains("source `edge` does not answer") => Ok(()),
        status => Err(status.to_string()),
    });
    assert_ne!(latest(server, Feed::Status)["status"], "healthy");
}

/// Waits until it is not, any more.
fn answering(server: &TestServer, address: &str) {
    eventually(PATIENCE, || match backend(server, address) {
        Some(found) if found["stale"] == false && found["status"] == "healthy" => Ok(()),
        other => Err(format!("{other:?}\n{}", server.stderr())),
    });
}

/// The latest message of a feed.
fn latest(server: &TestServer, feed: Feed) -> Value {
    server.open(feed).json()["data"].clone()
}

/// Waits until the metrics have counted so many requests in all, and never more; the billing has them, too.
fn counted(server: &TestServer, wanted: u64) {
    let (mut feed, end) = (server.open(Feed::Metrics), Instant::now() + PATIENCE);
    loop {
        let metrics = feed.json()["data"].clone();
        let now = metrics["requests_total"].as_u64().expect("a number");
        assert!(now <= wanted, "more than there were: {metrics}");
        if now == wanted {
            assert_eq!(metrics["requests_source"], "edge", "{metrics}");
            break;
        }
        assert!(Instant::now() < end, "{now} of {wanted} requests");
    }
    server.force_update(r#"{"type":"billing"}"#);
    let billing = latest(server, Feed::Billing);
    assert_eq!(billing["usage"].as_f64(), Some(wanted as f64), "{billing}");
}

/// Follows the metrics of a server to its end.
struct Follower(JoinHandle<Vec<u64>>);

impl Follower {
    fn of(server: &TestServer) -> Follower {
        let mut feed: Socket = server.open(Feed::Metrics);
        Follower(std::thread::spawn(move || {
            let mut totals = Vec::new();
            while let Some(frame) = feed.frame_within(PATIENCE) {
                let message: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
                totals.extend(message["data"]["requests_total"].as_u64());
            }
            totals
        }))
    }

    /// Ends the server, and looks back: no count went down, and nothing has panicked.
    fn looks_back(self, server: TestServer) {
        let said = server.stderr();
        assert!(!said.contains("panicked"), "{said}");
        drop(server);
        let totals = self.0.join().expect("the feed went on to the end");
        assert!(totals.len() > 1 && totals.is_sorted(), "{totals:?}");
    }
}

/// Sends requests through a balancer at this port, and has each answered.
fn request(port: u16, times: u64) {
    request_of("127.0.0.1", "/", port, times);
}

/// The same for a host and a path of it.
fn request_of(host: &str, path: &str, port: u16, times: u64) {
    for _ in 0..times {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
}

/// Waits until somebody listens at this port.
fn listening(port: u16, program: &Program) {
    eventually(PATIENCE, || match TcpStream::connect(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}: {}", program.log())),
    });
}

/// Every snippet of the README is a whole settings file that is understood, and its source is what it says.
#[test]
fn every_snippet_of_the_readme_is_understood() {
    let mut kinds: Vec<&str> = Vec::new();
    for snippet in snippets() {
        let home = home();
        let file = home.path().join("veloflux.toml");
        std::fs::write(&file, &snippet).expect("a file of ours");
        let arguments = ["serve", "--check-config", "--config", file.to_str().expect("text")];
        let finished = crate::support::Veloflux::new(home.path(), arguments).run();
        assert_eq!(finished.code, 0, "{snippet}: {finished:?}");
        let kind = veloflux::sources::KINDS.iter().map(|kind| kind.name);
        kinds.extend(kind.filter(|kind| finished.stdout.contains(&format!(": {kind} every 2s"))));
    }
    kinds.sort_unstable();
    let mut all: Vec<&str> = veloflux::sources::KINDS.iter().map(|kind| kind.name).collect();
    all.sort_unstable();
    assert_eq!(kinds, all, "one snippet a kind");
}
