//! Caddy: the real program, by its admin API.

use std::process::Command;

use tempfile::TempDir;

use super::{Follower, are, backend, becomes, counted, cut_off, listening, lost, request, serving, snippet};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};

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

    fn run(&mut self) {
        let program = Program::start(&mut self.command("run"), self.folder.path());
        listening(self.port, &program);
        self.program = Some(program);
    }

    fn reload(&self, proxy: &str) {
        self.write(proxy);
        let reloaded = self.command("reload").output().expect("caddy runs");
        assert!(reloaded.status.success(), "{reloaded:?}");
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
    becomes(&server, &first, &[("status", "unhealthy"), ("detail", "connection refused")]);
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);

    // Caddy knows no draining but leaving one out; this one it now checks itself.
    let checked = format!("reverse_proxy {second} {{\n\t\thealth_uri /\n\t\thealth_interval 200ms\n\t}}");
    rig.reload(&checked);
    are(&server, &[&second]);
    becomes(&server, &second, &[("status", "healthy"), ("state", "healthy")]);
    request(rig.port, 2);
    counted(&server, 8);
    // Its gauge may be ten seconds late.
    b.answer(500);
    eventually(2 * PATIENCE, || match backend(&server, &second) {
        Some(shown) if shown["status"] == "unhealthy" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    b.answer(200);

    rig.program.take().expect("it runs").kill();
    lost(&server, &second);
    becomes(&server, &second, &[("status", "unknown")]);
    rig.run();
    becomes(&server, &second, &[("status", "healthy")]);
    request(rig.port, 3);
    counted(&server, 11);

    cut_off(&server, rig.program.as_ref().expect("it runs"), &second);
    request(rig.port, 1);
    counted(&server, 12);
    follower.looks_back(server);
}
