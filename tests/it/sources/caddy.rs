//! Caddy: the real program, by its admin API.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::{backends, becomes, counted, serving};
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
        self.program = Some(Program::start(&mut self.command("run"), self.folder.path()));
        eventually(PATIENCE, || match TcpStream::connect(("127.0.0.1", self.port)) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}: {}", self.program.as_ref().expect("started").log())),
        });
    }

    fn request(&self, times: u64) {
        for _ in 0..times {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
            stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
        }
    }
}

#[test]
fn upstreams_are_checked_by_whoever_checks_them_and_requests_counted() {
    let (mut a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&format!("reverse_proxy {first} {second}"));
    let server = serving(&format!(
        "kind = \"caddy\"\nurl = \"http://127.0.0.1:{}\"\ninterval = \"500ms\"\n\
         [source.check]\ninterval = \"500ms\"\nfast_interval = \"250ms\"",
        rig.admin
    ));
    for address in [&first, &second] {
        becomes(&server, address, &[("status", "healthy"), ("pool", "srv0/127.0.0.1"), ("state", "up")]);
    }
    rig.request(6);
    counted(&server, 6);
    // Caddy goes on saying 0 fails of it; our own check knows.
    a.kill();
    becomes(&server, &first, &[("status", "unhealthy")]);
    a.revive();
    // Reloaded with one upstream less, which Caddy now checks itself.
    rig.write(&format!("reverse_proxy {second} {{\n\t\thealth_uri /\n\t\thealth_interval 200ms\n\t}}"));
    let reloaded = rig.command("reload").output().expect("caddy runs");
    assert!(reloaded.status.success(), "{reloaded:?}");
    eventually(PATIENCE, || match &backends(&server)[..] {
        [only] if only["address"] == second.as_str() && only["state"] == "healthy" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    rig.request(2);
    counted(&server, 8);
    rig.program.take().expect("it runs").kill();
    becomes(&server, &second, &[("status", "unknown")]);
    rig.run();
    becomes(&server, &second, &[("status", "healthy")]);
    rig.request(3);
    counted(&server, 11);
}
