//! nginx: the real program. Its upstreams are checked by us; its configuration and its counts are followed through reloads
//! and restarts.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::{backends, becomes, counted, latest, serving};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};
use veloflux::protocol::Feed;

struct Rig {
    folder: TempDir,
    port: u16,
    program: Option<Program>,
}

impl Rig {
    fn start(servers: &[String]) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Rig { folder, port: free_port(), program: None };
        let at = |name: &str| rig.folder.path().join(name).display().to_string();
        let mut temporary = String::new();
        for what in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(temporary, "  {what}_temp_path {};", at(what)).expect("text");
        }
        let config = format!(
            "daemon off;\npid {};\nerror_log stderr;\nevents {{ worker_connections 64; }}\nhttp {{\n  access_log off;\n{temporary}\
             \x20 include {};\n  server {{\n    listen 127.0.0.1:{};\n    location / {{ proxy_pass http://app; }}\n\
             \x20   location = /status {{ stub_status; }}\n  }}\n}}\n",
            at("pid"),
            at("upstreams/*.conf"),
            rig.port,
        );
        std::fs::write(rig.folder.path().join("nginx.conf"), config).expect("a file of ours");
        std::fs::create_dir(rig.folder.path().join("upstreams")).expect("a folder of ours");
        rig.servers(servers);
        rig.run();
        rig
    }

    fn servers(&self, servers: &[String]) {
        let lines: String = servers.iter().map(|server| format!("  server {server};\n")).collect();
        let text = format!("upstream app {{\n{lines}}}\n");
        std::fs::write(self.folder.path().join("upstreams/app.conf"), text).expect("a file of ours");
    }

    fn run(&mut self) {
        let config = self.folder.path().join("nginx.conf");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(self.folder.path()).arg("-c").arg(config).args(["-e", "stderr"]);
        self.program = Some(Program::start(&mut command, self.folder.path()));
        eventually(PATIENCE, || match self.request("/status") {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}: {}", self.program.as_ref().expect("started").log())),
        });
    }

    fn request(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

#[test]
fn its_upstreams_are_checked_and_its_requests_counted_through_reloads_and_restarts() {
    let (mut a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&[format!("{first} weight=3"), format!("{second} down")]);
    let file = rig.folder.path().join("nginx.conf");
    let server = serving(&format!(
        "kind = \"nginx\"\nfile = {file:?}\nurl = \"http://127.0.0.1:{}/status\"\ninterval = \"500ms\"\n\
         [source.check]\npath = \"/\"\ninterval = \"500ms\"\nfast_interval = \"250ms\"",
        rig.port
    ));
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "app"), ("source", "edge")]);
    assert_eq!((&shown["weight"], &shown["admin"]), (&3.into(), &"enabled".into()), "{shown}");
    becomes(&server, &second, &[("status", "healthy"), ("admin", "maintenance")]);
    // Others look at its status page, too, and that counts; we do not.
    for _ in 0..5 {
        rig.request("/").expect("an answer");
    }
    counted(&server, 5);
    a.kill();
    becomes(&server, &first, &[("status", "unhealthy"), ("detail", "connection refused")]);
    assert_eq!(latest(&server, Feed::Status)["status"], "unhealthy", "the only one enabled is down");
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);
    // A reload: what the file says, and the counts go on.
    rig.servers(std::slice::from_ref(&second));
    kill_process(rig.program.as_ref().expect("it runs").pid(), Signal::HUP).expect("it is ours");
    eventually(PATIENCE, || match &backends(&server)[..] {
        [only] if only["address"] == second.as_str() && only["admin"] == "enabled" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    for _ in 0..2 {
        rig.request("/").expect("an answer");
    }
    counted(&server, 7);
    // A restart: the count begins again, ours does not. What answers the test's own look at it counts as well.
    rig.program.take().expect("it runs").kill();
    becomes(&server, &second, &[("status", "healthy")]);
    eventually(PATIENCE, || match &backends(&server)[..] {
        [only] if only["stale"] == true => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let status = latest(&server, Feed::Status);
    assert_eq!(status["reasons"][0], "source `edge` does not answer: connection refused", "{status}");
    drop(rig);
}

#[test]
fn a_configuration_that_is_broken_leaves_what_was_known() {
    let stub = StubBackend::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, format!("http {{ upstream app {{ server {}; }} }}", stub.address())).expect("a file of ours");
    let server = serving(&format!("kind = \"nginx\"\nfile = {file:?}\ninterval = \"500ms\""));
    becomes(&server, &stub.address(), &[("status", "healthy")]);
    std::fs::write(&file, "http { upstream app {").expect("a file of ours");
    let words = format!("source `edge` does not answer: `{}` ends inside a block", file.display());
    eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["reasons"][0] == words.as_str() => Ok(()),
        status => Err(status.to_string()),
    });
    becomes(&server, &stub.address(), &[("status", "healthy")]);
}
