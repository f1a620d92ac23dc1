//! nginx: the real program. Its upstreams are checked by us; its configuration and its counts are followed through reloads
//! and restarts.

use std::fmt::Write as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use tempfile::TempDir;
use veloflux::protocol::Feed;

use super::{
    Follower, WITHIN_ONE_POLL, are, backend, becomes, counted, latest, lost, request, serving, snippet, told_at_once,
};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};

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
        let program = Program::start(&mut command, self.folder.path());
        // Not its port: whoever connects to it is counted.
        let pid = self.folder.path().join("pid");
        eventually(PATIENCE, || match std::fs::read_to_string(&pid) {
            Ok(text) if text.trim() == program.pid().as_raw_nonzero().to_string() => Ok(()),
            other => Err(format!("{other:?}: {}", program.log())),
        });
        self.program = Some(program);
    }

    fn reload(&self) {
        kill_process(self.program.as_ref().expect("it runs").pid(), Signal::HUP).expect("it is ours");
    }
}

#[test]
fn it_goes_through_everything() {
    let (mut a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&[format!("{first} weight=3"), second.clone()]);
    let file = rig.folder.path().join("nginx.conf").display().to_string();
    let status = format!("http://127.0.0.1:{}/status", rig.port);
    let places = [("/etc/nginx/nginx.conf", file.as_str()), ("http://127.0.0.1/status", &status)];
    let server = serving(&snippet("nginx", &places));
    let follower = Follower::of(&server);
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "app"), ("source", "edge")]);
    assert_eq!((&shown["weight"], &shown["admin"]), (&3.into(), &"enabled".into()), "{shown}");
    becomes(&server, &second, &[("status", "healthy"), ("admin", "enabled")]);
    // We look at its status page all the time, and that does not count.
    request(rig.port, 5);
    counted(&server, 5);

    // One dies, which nginx tells nobody. The other is drained; a reload is how nginx is told.
    a.kill();
    told_at_once(&server, &first, &[("status", "unhealthy"), ("detail", "connection refused")]);
    rig.servers(&[format!("{first} weight=3"), format!("{second} down")]);
    rig.reload();
    told_at_once(&server, &second, &[("status", "healthy"), ("admin", "maintenance")]);
    let roll_up = latest(&server, Feed::Status);
    assert_eq!(roll_up["status"], "unhealthy", "the only one enabled is down: {roll_up}");
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);

    // A reload with one less: what the file says, and the counts go on.
    rig.servers(std::slice::from_ref(&second));
    rig.reload();
    assert!(are(&server, &[&second]) < WITHIN_ONE_POLL);
    becomes(&server, &second, &[("status", "healthy"), ("admin", "enabled")]);
    request(rig.port, 2);
    counted(&server, 7);
    // Our own settings are read again, which makes no request of what we ask.
    server.control(r#"{"action":"reload"}"#);
    server.force_update(r#"{"type":"backends"}"#);
    counted(&server, 7);

    // A restart: the count begins again, and ours does not.
    rig.program.take().expect("it runs").kill();
    lost(&server, &second);
    eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["reasons"][0] == "source `edge` does not answer: connection refused" => Ok(()),
        status => Err(status.to_string()),
    });
    assert_eq!(backend(&server, &second).expect("it is there")["status"], "healthy", "we go on checking it");
    rig.run();
    becomes(&server, &second, &[("status", "healthy")]);
    eventually(PATIENCE, || match backend(&server, &second) {
        Some(found) if found["stale"] == false => Ok(()),
        other => Err(format!("{other:?}")),
    });
    request(rig.port, 3);
    counted(&server, 10);

    // Cut off: what hangs is asked again when it comes back, and what it was asked meanwhile is not counted.
    super::cut_off(&server, rig.program.as_ref().expect("it runs"), &second);
    request(rig.port, 1);
    counted(&server, 11);
    follower.looks_back(server);
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

#[test]
fn servers_in_a_file_of_their_own_are_found_and_snippets_are_nobodys() {
    let (a, b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let rig = Rig::start(std::slice::from_ref(&first));
    let at = |name: &str| rig.folder.path().join(name);
    let put = |name: &str, text: &str| std::fs::write(at(name), text).expect("a file of ours");
    put("upstreams/app.conf", &format!("upstream app {{\n  include app.servers;\n  server {second} backup;\n}}\n"));
    put("app.servers", &format!("server {first} weight=2;\n"));
    // What holds no upstream need not be ours to read.
    put("upstreams/site.conf", "map $host $x { include hosts; }\nserver { listen unix:site.sock; include snippet; }\n");
    put("hosts", "a b;\n");
    put("snippet", "location /x { return 200 ok; }\n");
    let check =
        Command::new("nginx").arg("-t").arg("-p").arg(rig.folder.path()).arg("-c").arg(at("nginx.conf")).output();
    let check = check.expect("nginx is installed");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    std::fs::remove_file(at("hosts")).expect("a file of ours");
    std::fs::remove_file(at("snippet")).expect("a file of ours");
    let server = serving(&format!("kind = \"nginx\"\nfile = {:?}\ninterval = \"500ms\"", at("nginx.conf")));
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "app")]);
    assert_eq!(shown["weight"], 2, "{shown}");
    becomes(&server, &second, &[("status", "healthy"), ("pool", "app")]);
    are(&server, &[&first, &second]);
}

#[test]
fn a_server_behind_a_unix_socket_is_up_while_somebody_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, socket) = (folder.path().join("nginx.conf"), folder.path().join("app.sock"));
    let address = format!("unix:{}", socket.display());
    let listener = UnixListener::bind(&socket).expect("a socket of ours");
    std::fs::write(&file, format!("http {{ upstream app {{ server {address} max_fails=1; }} }}"))
        .expect("a file of ours");
    let source = format!("kind = \"nginx\"\nfile = {file:?}\ninterval = \"500ms\"\n");
    let server = serving(&format!(
        "{source}[source.check]\npath = \"/healthz\"\ninterval = \"500ms\"\nfast_interval = \"250ms\""
    ));
    becomes(&server, &address, &[("status", "healthy"), ("state", "up"), ("pool", "app")]);
    drop(listener);
    becomes(&server, &address, &[("status", "unhealthy"), ("detail", "connection refused")]);
}

#[test]
fn a_server_of_a_stream_need_not_speak_what_web_servers_are_asked() {
    let stub = StubBackend::start();
    stub.answer(500);
    let (folder, address) = (tempfile::tempdir().expect("a folder"), stub.address());
    let (file, localhost) = (folder.path().join("nginx.conf"), address.replace("127.0.0.1", "localhost"));
    let upstreams =
        format!("http {{ upstream web {{ server {localhost}; }} }} stream {{ upstream db {{ server {address}; }} }}");
    std::fs::write(&file, upstreams).expect("a file of ours");
    let source = format!("kind = \"nginx\"\nfile = {file:?}\n");
    let server = serving(&format!(
        "{source}[source.check]\npath = \"/healthz\"\ninterval = \"500ms\"\nfast_interval = \"250ms\""
    ));
    becomes(&server, &localhost, &[("status", "unhealthy"), ("pool", "web")]);
    becomes(&server, &address, &[("status", "healthy"), ("pool", "db")]);
}
