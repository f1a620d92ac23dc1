//! Caddy: the real program, by its admin API.

use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    Balancer, Follower, WITHIN_ONE_POLL, are, backends, becomes, bills, counted, listening, request, request_of,
    restarted_and_cut_off, serving, serving_in, snippet, told_at_once,
};
use crate::support::program::Program;
use crate::support::server::home;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer, free_port, http};

struct Rig {
    folder: TempDir,
    admin: u16,
    port: u16,
    program: Option<Program>,
}

impl Rig {
    /// With one site, which has its address for a name.
    fn start(proxy: &str) -> Rig {
        Rig::with(&[("http://127.0.0.1", proxy)])
    }

    /// With these sites, each with its directives.
    fn with(sites: &[(&str, &str)]) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Rig { folder, admin: free_port(), port: free_port(), program: None };
        rig.write(sites);
        rig.run();
        rig
    }

    fn write(&self, sites: &[(&str, &str)]) {
        let mut text =
            format!("{{\n\tadmin 127.0.0.1:{}\n\tauto_https off\n\tservers {{\n\t\tmetrics\n\t}}\n}}\n", self.admin);
        for (site, directives) in sites {
            let names: Vec<String> = site.split(' ').map(|name| format!("{name}:{}", self.port)).collect();
            text.push_str(&format!("{} {{\n\t{directives}\n}}\n", names.join(", ")));
        }
        std::fs::write(self.folder.path().join("Caddyfile"), text).expect("a file of ours");
    }

    fn command(&self, word: &str) -> Command {
        let mut command = Command::new("caddy");
        command.arg(word).arg("--config").arg(self.folder.path().join("Caddyfile"));
        command.args(["--adapter", "caddyfile"]).env("HOME", self.folder.path());
        command
    }

    /// A server with the README's source, at this one's place.
    fn read(&self) -> TestServer {
        serving(&snippet("caddy", &[("127.0.0.1:2019", &format!("127.0.0.1:{}", self.admin))]))
    }

    /// Whether its gauge for this upstream has that value.
    fn says(&self, upstream: &str, healthy: u8) -> Result<(), String> {
        let text = http::foreign(self.admin, "/metrics").map_err(|error| error.to_string())?.body;
        let line = format!("caddy_reverse_proxy_upstreams_healthy{{upstream=\"{upstream}\"}} {healthy}");
        if text.contains(&line) { Ok(()) } else { Err(format!("no {line} in\n{text}")) }
    }

    fn reload(&self, proxy: &str) {
        self.write(&[("http://127.0.0.1", proxy)]);
        self.reloaded();
    }

    /// Has it read its file again.
    fn reloaded(&self) {
        let reloaded = self.command("reload").output().expect("caddy runs");
        assert!(reloaded.status.success(), "{reloaded:?}");
    }
}

impl Balancer for Rig {
    fn port(&self) -> u16 {
        self.port
    }

    fn program(&mut self) -> &mut Option<Program> {
        &mut self.program
    }

    fn run(&mut self) {
        let program = Program::start(&mut self.command("run"), self.folder.path());
        listening(self.port, &program);
        self.program = Some(program);
    }
}

#[test]
fn a_later_run_goes_on_from_the_counters_as_it_sees_them() {
    let home = home();
    let mut rig = Rig::with(&[("http://127.0.0.1", "header X-A 1\n\theader X-B 2\n\trespond ok")]);
    let read =
        |rig: &Rig| serving_in(&home, &snippet("caddy", &[("127.0.0.1:2019", &format!("127.0.0.1:{}", rig.admin))]));
    let server = read(&rig);
    request(rig.port, 9);
    counted(&server, 9);
    // What it counts begins again, and what this run has counted does not.
    rig.program.take().expect("it runs").kill();
    rig.run();
    request(rig.port, 5);
    counted(&server, 14);
    server.signal(Signal::KILL);
    drop(server);
    request(rig.port, 3);
    let server = read(&rig);
    bills(&server, 17.0);
    request(rig.port, 1);
    bills(&server, 18.0);
}

#[test]
fn it_goes_through_everything() {
    let (mut a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&format!("reverse_proxy {first} {second}"));
    let server = rig.read();
    let follower = Follower::of(&server);
    for address in [&first, &second] {
        becomes(&server, address, &[("status", "healthy"), ("pool", "srv0/127.0.0.1"), ("state", "up")]);
    }
    request(rig.port, 6);
    counted(&server, 6);
    // Caddy goes on saying 0 fails of it; our own check knows.
    a.kill();
    told_at_once(&server, &first, &[("status", "unhealthy"), ("detail", "connection refused")]);
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);

    // Caddy knows no draining but leaving one out; this one it now checks itself.
    let checked = format!("reverse_proxy {second} {{\n\t\thealth_uri /\n\t\thealth_interval 200ms\n\t}}");
    rig.reload(&checked);
    assert!(are(&server, &[&second]) < WITHIN_ONE_POLL);
    becomes(&server, &second, &[("status", "healthy"), ("state", "healthy")]);
    request(rig.port, 2);
    counted(&server, 8);
    // Its gauge may be ten seconds late.
    b.answer(500);
    eventually(2 * PATIENCE, || rig.says(&second, 0));
    told_at_once(&server, &second, &[("status", "unhealthy")]);
    b.answer(200);

    restarted_and_cut_off(&mut rig, server, follower, &second, 8);
}

/// The pools of a backend, in their order.
fn pools(server: &TestServer, address: &str) -> Vec<String> {
    let all = backends(server).into_iter().filter(|backend| backend["address"] == address);
    all.map(|backend| backend["pool"].as_str().expect("a pool").to_owned()).collect()
}

#[test]
fn hosts_with_several_routes_count_each_request_once() {
    let stub = StubBackend::start();
    let app = stub.address();
    let beside = format!("encode gzip\n\treverse_proxy /x/* {app}\n\treverse_proxy /y/* {app}\n\trespond \"mine\"");
    let rig = Rig::with(&[
        ("http://one.test http://two.test", &format!("encode gzip\n\theader A 1\n\treverse_proxy {app}")),
        ("http://three.test", &beside),
        ("http://", &format!("forward_auth /in/* {app} {{\n\t\turi /\n\t}}\n\treverse_proxy {app}")),
    ]);
    let server = rig.read();
    becomes(&server, &app, &[("status", "healthy")]);
    let named = ["srv0/one.test", "srv0/three.test/x/*", "srv0/three.test/y/*"];
    for pool in named {
        assert!(pools(&server, &app).iter().any(|one| one == pool), "no {pool} in {:?}", pools(&server, &app));
    }
    for (host, path, times) in [
        ("one.test", "/", 2),
        ("two.test", "/", 1),
        ("three.test", "/x/1", 3),
        ("three.test", "/y/1", 1),
        ("three.test", "/z", 2),
        ("four.test", "/", 1),
        ("four.test", "/in/1", 4),
    ] {
        request_of(host, path, rig.port, times);
    }
    counted(&server, 14);
}

/// Without a host the directives are routes of the server itself, where each of its handlers counts.
#[test]
fn a_site_for_every_host_counts_each_request_once_whichever_handlers_it_meets() {
    let stub = StubBackend::start();
    let app = stub.address();
    let directives = [
        "header A 1",
        "header B 2",
        "encode gzip",
        "handle /headed/* {\n\t\theader C 3\n\t}",
        &format!("handle_path /whole/* {{\n\t\treverse_proxy {app}\n\t}}"),
        &format!("forward_auth /in/* {app} {{\n\t\turi /\n\t}}"),
        "respond /mine \"mine\"",
        &format!("reverse_proxy /x/* {app}"),
        &format!("reverse_proxy /y/* {app}"),
        &format!("reverse_proxy /in/* {app}"),
        &format!("reverse_proxy /headed/* {app}"),
    ];
    let rig = Rig::with(&[("http://", &directives.join("\n\t"))]);
    let server = rig.read();
    becomes(&server, &app, &[("status", "healthy")]);
    let mut sum = 0;
    // Those that meet more handlers than others are counted by themselves, so that nothing makes up for them.
    for paths in [
        &[("/x/1", 3), ("/y/1", 2), ("/whole/1", 2)][..],
        &[("/headed/1", 3), ("/in/1", 4)],
        &[("/mine", 1), ("/no", 2)],
    ] {
        for (path, times) in paths {
            request_of("any.test", path, rig.port, *times);
            sum += times;
        }
        counted(&server, sum);
    }
    // Other handlers after a reload: the counters are the same.
    rig.write(&[("http://", &format!("forward_auth {app} {{\n\t\turi /\n\t}}\n\treverse_proxy {app}"))]);
    rig.reloaded();
    are(&server, &[&app]);
    request_of("any.test", "/", rig.port, 5);
    counted(&server, sum + 5);
}
