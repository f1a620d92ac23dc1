//! Caddy: the real program, by its admin API.

use std::process::Command;

use tempfile::TempDir;

use super::{
    Balancer, Follower, WITHIN_ONE_POLL, are, becomes, counted, listening, request, restarted_and_cut_off, serving,
    snippet, told_at_once,
};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port, http};

struct Rig {
    folder: TempDir,
    admin: u16,
    port: u16,
    program: Option<Program>,
}

impl Rig {
    fn start(proxy: &str) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Rig { folder, admin: free_port(), port: free_port(), program: None };
        rig.write(proxy);
        rig.run();
        rig
    }

    fn write(&self, proxy: &str) {
        let text = format!(
            "{{\n\tadmin 127.0.0.1:{}\n\tauto_https off\n\tservers {{\n\t\tmetrics\n\t}}\n}}\n\
             http://127.0.0.1:{} {{\n\t{proxy}\n}}\n",
            self.admin, self.port
        );
        std::fs::write(self.folder.path().join("Caddyfile"), text).expect("a file of ours");
    }

    fn command(&self, word: &str) -> Command {
        let mut command = Command::new("caddy");
        command.arg(word).arg("--config").arg(self.folder.path().join("Caddyfile"));
        command.args(["--adapter", "caddyfile"]).env("HOME", self.folder.path());
        command
    }

    /// Whether its gauge for this upstream has that value.
    fn says(&self, upstream: &str, healthy: u8) -> Result<(), String> {
        let text = http::foreign(self.admin, "/metrics").map_err(|error| error.to_string())?.body;
        let line = format!("caddy_reverse_proxy_upstreams_healthy{{upstream=\"{upstream}\"}} {healthy}");
        if text.contains(&line) { Ok(()) } else { Err(format!("no {line} in\n{text}")) }
    }

    fn reload(&self, proxy: &str) {
        self.write(proxy);
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
fn it_goes_through_everything() {
    let (mut a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&format!("reverse_proxy {first} {second}"));
    let server = serving(&snippet("caddy", &[("127.0.0.1:2019", &format!("127.0.0.1:{}", rig.admin))]));
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
