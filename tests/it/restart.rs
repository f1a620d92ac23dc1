//! Under a service manager: what it is told, the socket it hands over, and a restart that turns nobody away. The tests stand
//! in for systemd.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use veloflux::limits::{RESTART_DELAY, RESTART_SPREAD_MIN};
use veloflux::protocol::Feed;

use crate::support::server::home;
use crate::support::{Events, Frame, Opcode, PATIENCE, Socket, TestServer, Veloflux, eventually, http};

/// What the manager hears.
struct Manager {
    socket: UnixDatagram,
    home: Arc<TempDir>,
}

impl Manager {
    fn new() -> Manager {
        let home = home();
        let socket = UnixDatagram::bind(home.path().join("notify")).expect("a socket of ours");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Manager { socket, home }
    }

    fn path(&self) -> String {
        self.home.path().join("notify").display().to_string()
    }

    /// The next message that is no sign of life.
    fn told(&self) -> Vec<String> {
        loop {
            let message = self.message();
            if message != ["WATCHDOG=1"] {
                return message;
            }
        }
    }

    fn message(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer).expect("a message in time");
        String::from_utf8_lossy(&buffer[..count]).lines().map(str::to_owned).collect()
    }
}

/// A server that was started with a socket of somebody else's.
struct Activated(Child);

impl Activated {
    fn start(listener: &TcpListener, home: &Path) -> Activated {
        Activated(Activated::command(listener, home, "1").spawn().expect("a shell"))
    }

    fn command(listener: &TcpListener, home: &Path, count: &str) -> Command {
        // The third descriptor is the first that is handed over. `$$` stays the process through `exec`.
        let script =
            "exec 3<&0 4<&0 </dev/null; LISTEN_FDS=$1 LISTEN_PID=$$ exec \"$0\" serve --state-dir \"$HOME/state\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_veloflux"), count]).env_clear();
        command
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let handed = OwnedFd::from(listener.try_clone().expect("one more descriptor"));
        command.stdin(handed).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a child of ours");
    }

    fn ended(&mut self) -> ExitStatus {
        eventually(PATIENCE, || self.0.try_wait().ok().flatten().ok_or_else(|| "still running".to_owned()))
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

#[test]
fn the_manager_is_told_what_the_server_is_about() {
    let manager = Manager::new();
    let mut server = TestServer::builder_in(Arc::clone(&manager.home)).env("NOTIFY_SOCKET", &manager.path()).start();
    let url = server.url();
    let ready = ["READY=1".to_owned(), format!("STATUS=listening on {url}")];
    assert_eq!(manager.told(), ready);
    server.signal(Signal::HUP);
    let reloading = manager.told();
    assert_eq!(reloading[0], "RELOADING=1");
    let at: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").and_then(|at| at.parse().ok()).expect("a time");
    let uptime = std::fs::read_to_string("/proc/uptime").expect("a file of the kernel");
    let uptime: f64 = uptime.split(' ').next().and_then(|word| word.parse().ok()).expect("seconds");
    assert!((at as f64 / 1e6 - uptime).abs() < 60.0, "{at} and {uptime}");
    assert_eq!(manager.told(), ready);
    server.signal(Signal::TERM);
    assert_eq!(manager.told(), ["STOPPING=1"]);
    assert_eq!(server.exit_within(PATIENCE).code(), Some(0));
}

#[test]
fn a_manager_that_wants_signs_of_life_gets_them_as_often_as_it_has_to() {
    let manager = Manager::new();
    let _server = TestServer::builder_in(Arc::clone(&manager.home))
        .env("NOTIFY_SOCKET", &manager.path())
        .env("WATCHDOG_USEC", "500000")
        .start();
    let (mut beats, start) = (0, Instant::now());
    while beats < 6 {
        if manager.message() == ["WATCHDOG=1"] {
            beats += 1;
        }
    }
    // Five quarters of a second; a busy machine may let the first come late.
    assert!(start.elapsed() >= Duration::from_millis(500), "no more often than needed: {:?}", start.elapsed());
}

#[test]
fn a_manager_that_is_not_there_is_no_reason_not_to_serve() {
    let server = TestServer::builder().env("NOTIFY_SOCKET", "/nowhere/notify").start();
    assert_eq!(server.get("/livez").status, 200);
    eventually(PATIENCE, || match server.stderr() {
        said if said.contains("the service manager cannot be told") => Ok(()),
        said => Err(said),
    });
}

#[test]
fn a_socket_that_is_handed_over_is_served_and_stays_open_when_the_server_leaves() {
    let home = home();
    let (listener, address) = listener();
    // Before there is a server, whoever connects waits.
    let mut early = Socket::connect(address);
    early.send(Socket::request(address, &Feed::Metrics.path(), "").as_bytes());
    let mut server = Activated::start(&listener, home.path());
    assert_eq!(early.response().status, 101);
    early.json();
    server.signal(Signal::TERM);
    assert_eq!(early.close_frame_within(PATIENCE).close_code(), Some(1001), "it was not told that it will be back");
    early.send_frame(&Frame::close(1001, ""));
    assert_eq!(server.ended().code(), Some(0));
    let mut between = Socket::connect(address);
    between.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let _again = Activated::start(&listener, home.path());
    assert_eq!(between.response().status, 200);
}

#[test]
fn more_sockets_than_one_are_a_mistake_in_the_unit() {
    let home = home();
    let (listener, _) = listener();
    let output = Activated::command(&listener, home.path(), "2").stderr(Stdio::piped()).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("handed over 2 sockets; keep one `ListenStream=`"), "{said}");
}

#[test]
fn before_a_restart_each_client_is_told_a_moment_of_its_own() {
    let mut server = TestServer::start();
    let mut sockets: Vec<Socket> = (0..40).map(|_| server.open(Feed::Metrics)).collect();
    sockets.iter_mut().for_each(|socket| drop(socket.json()));
    let mut events = Events::open(&server, "/api/events/metrics", "");
    events.message();
    server.signal(Signal::USR2);
    // A browser heeds the last time it was told.
    let told = std::iter::from_fn(|| events.next()).filter_map(|event| event.retry).last();
    let mut waits: Vec<u64> = Vec::new();
    for socket in &mut sockets {
        let close = socket.close_frame_within(PATIENCE);
        assert_eq!(close.close_code(), Some(1012));
        let reason = String::from_utf8_lossy(&close.payload[2..]).into_owned();
        let wait = reason.split_once("retry_after_ms=").and_then(|(_, wait)| wait.parse().ok());
        waits.push(wait.unwrap_or_else(|| panic!("no time in {reason:?}")));
        socket.send_frame(&Frame::close(1012, ""));
    }
    assert_eq!(server.exit_within(PATIENCE).code(), Some(0));
    let (least, most) = (RESTART_DELAY.as_millis() as u64, (RESTART_DELAY + RESTART_SPREAD_MIN).as_millis() as u64);
    assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "{waits:?}");
    assert!(told.is_some_and(|told| (least..=most).contains(&told)), "an event stream was told {told:?}");
    waits.sort_unstable();
    assert!(waits[0] < least + 300 && waits[39] > most - 300, "spread over the whole time: {waits:?}");
    waits.dedup();
    assert!(waits.len() > 20, "{waits:?}");
}

#[test]
fn restarts_under_load_turn_nobody_away_and_a_watch_goes_on() {
    let manager = Manager::new();
    let home = Arc::clone(&manager.home);
    let (listener, address) = listener();
    let start = || {
        let mut command = Activated::command(&listener, home.path(), "1");
        let server = Activated(command.env("NOTIFY_SOCKET", manager.path()).spawn().expect("a shell"));
        // Before that a signal would end it as it ends any program.
        while !manager.told().contains(&"READY=1".to_owned()) {}
        server
    };
    let mut server = start();
    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let knock = |path: &'static str| {
        let (done, answered) = (Arc::clone(&done), Arc::clone(&answered));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let answer = if path == "/livez" { get(address) } else { shake_hands(address) };
                answer.unwrap_or_else(|error| panic!("{path}: turned away: {error}"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let knocking: Vec<_> = ["/livez", "/livez", "feed", "feed"].into_iter().map(knock).collect();
    let url = format!("http://{address}");
    let watch = ["watch", "metrics", "--json", "-n", "6", "--server", &url];
    let watching = Veloflux::new(home.path(), watch).start();
    eventually(PATIENCE, || if watching.printed().contains("\"cpu\"") { Ok(()) } else { Err(watching.printed()) });
    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        server.signal(Signal::USR2);
        assert_eq!(server.ended().code(), Some(0));
        server = start();
        eventually(PATIENCE, || match answered.load(Ordering::Relaxed) - before {
            enough if enough > 20 => Ok(()),
            few => Err(format!("{few} answers since the restart")),
        });
    }
    done.store(true, Ordering::Relaxed);
    for knocking in knocking {
        knocking.join().expect("nobody was turned away");
    }
    let watched = watching.finish();
    assert_eq!(watched.code, 0, "{watched:?}");
    assert!(watched.stdout.contains("retry_after_ms"), "it was told when to come back: {watched:?}");
}

fn get(address: SocketAddr) -> std::io::Result<()> {
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = http::try_exchange(address, request.as_bytes(), PATIENCE)?;
    if answer.status == 200 { Ok(()) } else { Err(std::io::Error::other(format!("{answer:?}"))) }
}

/// Opens a feed and waits for its first frame, which may already be a goodbye.
fn shake_hands(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.write_all(Socket::request(address, &Feed::Metrics.path(), "").as_bytes())?;
    let mut buffer = Vec::new();
    let answer = http::read(&mut stream, &mut buffer, PATIENCE)?;
    if answer.status != 101 {
        return Err(std::io::Error::other(format!("{answer:?}")));
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    loop {
        match crate::support::socket::parse(&buffer) {
            Some((frame, _)) if frame.opcode == Opcode::TEXT => return Ok(()),
            Some((frame, _)) if frame.close_code() == Some(1012) => return Ok(()),
            Some((frame, _)) => return Err(std::io::Error::other(format!("{frame:?}"))),
            None => {}
        }
        let mut chunk = [0; 4096];
        match std::io::Read::read(&mut stream, &mut chunk)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

#[test]
fn the_sample_units_fit_the_server_and_each_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a sample unit");
    let (service, socket) = (read("veloflux.service"), read("veloflux.socket"));
    for line in
        ["Type=notify-reload", "RestartKillSignal=SIGUSR2", "Requires=veloflux.socket", "StateDirectory=veloflux"]
    {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
    assert!(socket.lines().any(|line| line.starts_with("ListenStream=")));
    let copies = home();
    let service = service.replace("/usr/local/bin/veloflux", env!("CARGO_BIN_EXE_veloflux"));
    let service: String =
        service.lines().filter(|line| !line.starts_with("Documentation=")).map(|line| format!("{line}\n")).collect();
    std::fs::write(copies.path().join("veloflux.service"), service).expect("a file of ours");
    std::fs::write(copies.path().join("veloflux.socket"), socket).expect("a file of ours");
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg(copies.path().join("veloflux.service")).arg(copies.path().join("veloflux.socket"));
    // Where there is no systemd, there is nobody to ask.
    let Ok(verified) = verify.output() else { return };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // An older systemd does not know this type, and takes the unit all the same.
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.contains("veloflux.") && !line.contains("notify-reload")).collect();
    assert!(complaints.is_empty(), "{said}");
}
