//! A bad day in a short time: clients that come and go, in good order and in none, while the server is stopped and killed,
//! backends die, the disk is full, the clock is set ahead and back, and Redis and PostgreSQL go away. Afterwards the memory is
//! back, nothing is left open, the ledger is right, and every feed is live.
//!
//! A run takes about twenty seconds; `VELOFLUX_SOAK=300` makes it five minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use veloflux::protocol::Feed;

use crate::checks::{postgres, redis};
use crate::support::clock::Clock;
use crate::support::disk::Tmpfs;
use crate::support::program::Program;
use crate::support::server::home;
use crate::support::{Frame, PATIENCE, Socket, StubBackend, TestServer, eventually, free_port, http};

/// How long clients and chaos go on by default.
const SPAN: Duration = Duration::from_secs(16);

/// What the server may have grown by at the end. It books and forgets all the time, and the allocator keeps some of that.
const GROWTH_BYTES_MAX: u64 = 6 * 1024 * 1024;

/// Requests that were sent, and those that were answered.
#[derive(Default)]
struct Sent {
    tried: AtomicU64,
    answered: AtomicU64,
    /// Those that are over, one way or the other.
    over: AtomicU64,
}

impl Sent {
    fn attempt(&self, request: impl FnOnce() -> bool) {
        self.tried.fetch_add(1, Ordering::SeqCst);
        if request() {
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
        self.over.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until nobody waits for an answer, where there is nobody to give one. Then all that were answered are counted.
    fn settle(&self) {
        eventually(PATIENCE, || {
            let over = self.over.load(Ordering::SeqCst);
            match self.tried.load(Ordering::SeqCst) - over {
                0 => Ok(()),
                waiting => Err(format!("{waiting} wait for an answer")),
            }
        });
    }
}

/// Clients of every kind, until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(address: std::net::SocketAddr, sent: &Arc<Sent>) -> Crowd {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..6).map(|kind| {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(sent));
            std::thread::spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    visit(address, kind, round, &sent);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
        });
        Crowd { threads: threads.collect(), stop }
    }

    fn leave(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client does not panic");
        }
    }
}

/// One visit. A server that is away, or goes away, is no failure here.
fn visit(address: std::net::SocketAddr, kind: u32, round: usize, sent: &Sent) {
    const SHORT: Duration = Duration::from_secs(3);
    let feed = Feed::ALL[round % Feed::ALL.len()];
    let handshake = Socket::request(address, &feed.path(), "");
    let upgraded = |sent: &Sent| {
        let mut socket = Socket::try_connect(address)?;
        let mut status = 0;
        sent.attempt(|| {
            socket.send(handshake.as_bytes());
            status = socket.try_response(SHORT).map_or(0, |response| response.status);
            status == 101
        });
        (status == 101).then_some(socket)
    };
    match kind {
        // Reads the state and says good-bye.
        0 => {
            if let Some(mut socket) = upgraded(sent) {
                let _ = socket.try_frame(SHORT);
                socket.send_frame(&Frame::close(1000, ""));
                let _ = socket.is_over_within(SHORT);
            }
        }
        // Is gone without a word.
        1 => drop(upgraded(sent)),
        // Speaks, and breaks the protocol.
        2 => {
            if let Some(mut socket) = upgraded(sent) {
                socket.send_text(r#"{"type":"ping","timestamp":1}"#);
                socket.send(&[0xff; 16]);
                let _ = socket.is_over_within(SHORT);
            }
        }
        // Asks a question over HTTP.
        3 => sent.attempt(|| {
            let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            http::try_exchange(address, request.as_bytes(), SHORT).is_ok()
        }),
        // Begins a request and never ends it.
        4 => {
            if let Some(mut socket) = Socket::try_connect(address) {
                socket.send(b"GET /api/ws/metrics HTTP/1.1\r\nHo");
            }
        }
        // Stays for a while and listens.
        _ => {
            if let Some(mut socket) = upgraded(sent) {
                let until = Instant::now() + Duration::from_millis(300);
                while Instant::now() < until && socket.try_frame(Duration::from_millis(100)).is_some() {}
            }
        }
    }
}

/// The usage as it is now, and that two more requests were sent for it.
fn usage(server: &TestServer, sent: &Sent) -> f64 {
    sent.attempt(|| server.force_update(r#"{"type":"billing"}"#)["feeds"].is_array());
    let mut usage = 0.0;
    sent.attempt(|| {
        usage = server.open(Feed::Billing).json()["data"]["usage"].as_f64().expect("a number");
        true
    });
    usage
}

fn gauge(server: &TestServer, sent: &Sent, name: &str) -> f64 {
    let mut body = String::new();
    sent.attempt(|| {
        body = server.get("/metrics").body;
        true
    });
    let value = body.lines().find_map(|line| line.strip_prefix(name)?.trim_start_matches("{}").strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no `{name}` in {body}"))
}

const DESCRIPTORS: &str = "veloflux_process_file_descriptors{what=\"open\"}";

#[test]
fn after_a_bad_day_memory_is_back_nothing_is_open_the_ledger_is_right_and_every_feed_is_live() {
    let span = std::env::var("VELOFLUX_SOAK").ok().and_then(|text| text.parse().ok());
    let span = span.map_or(SPAN, Duration::from_secs);
    let home = home();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).expect("a directory of ours");
    let mounted = Tmpfs::mount(&disk);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut backends = [StubBackend::start(), StubBackend::start()];
    let cache_port = free_port().to_string();
    let cache_folder = tempfile::tempdir().expect("a folder");
    let cache = || redis::server(cache_folder.path(), None, &["--port", &cache_port]);
    let cluster = postgres::Cluster::create();
    let (mut cache_runs, mut cluster_runs) = (cache(), cluster.start(&[]));
    let pools: String = backends.iter().map(|backend| format!("\"{}\", ", backend.address())).collect();
    let config = format!(
        "[[pool]]\nname = \"web\"\nbackends = [{pools}]\n[pool.check]\ninterval = \"200ms\"\n\
         [[check]]\nname = \"cache\"\nurl = \"redis://127.0.0.1:{cache_port}\"\ninterval = \"1s\"\n\
         [[check]]\nname = \"database\"\nurl = \"{}\"\ninterval = \"1s\"\n",
        cluster.url("postgres:hunter2@", "/postgres")
    );
    let clock = Clock::new(home.path());
    let start = || {
        let builder = TestServer::builder_in(home.clone()).config(&config).token("given").state_dir(&disk);
        let variables = clock.variables();
        variables.iter().fold(builder, |builder, (name, value)| builder.env(name, value)).listen(address).start()
    };
    let sent = Arc::new(Sent::default());
    let mut server = start();
    let crowd = Crowd::start(address, &sent);

    // First with kills, in the middle of the crowd: each may cost what was answered after the last booking, and an ordered
    // message is made after one.
    let answered = || sent.answered.load(Ordering::SeqCst);
    let (begun, mut kills, mut unbooked) = (Instant::now(), 0_u64, 0);
    while begun.elapsed() < span / 2 {
        std::thread::sleep((span / 8).min(Duration::from_secs(5)));
        let booked = answered();
        usage(&server, &sent);
        server.signal(Signal::KILL);
        server.exit_within(PATIENCE);
        sent.settle();
        unbooked += answered() - booked;
        server = start();
        kills += 1;
    }

    // Then with everything else, on one process whose memory and descriptors can be compared.
    crowd.leave();
    let calm = |server: &TestServer| {
        eventually(Duration::from_secs(40), || match gauge(server, &sent, "veloflux_connections") {
            0.0 => Ok(()),
            open => Err(format!("{open} connections are open")),
        });
    };
    let crowd = Crowd::start(address, &sent);
    std::thread::sleep(span / 8);
    crowd.leave();
    calm(&server);
    let before = (server.resident(), gauge(&server, &sent, DESCRIPTORS), threads(&server));
    let crowd = Crowd::start(address, &sent);
    let (begun, mut rounds) = (Instant::now(), 0_usize);
    let mut frozen = Duration::ZERO;
    while begun.elapsed() < span / 2 {
        server.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(700));
        server.signal(Signal::CONT);
        frozen += Duration::from_millis(700);
        clock.set([3600, -3600][rounds % 2]);
        backends[0].kill();
        cache_runs.kill();
        cluster_runs.kill();
        if mounted.is_some() {
            Tmpfs::fill(&disk.join("ballast"));
        }
        std::thread::sleep(Duration::from_millis(1_500));
        if mounted.is_some() {
            std::fs::remove_file(disk.join("ballast")).expect("ours");
        }
        backends[0].revive();
        cache_runs = cache();
        cluster_runs = revived(&cluster);
        std::thread::sleep(Duration::from_millis(800));
        rounds += 1;
    }
    crowd.leave();
    calm(&server);

    // Nothing was counted twice, and nothing that was booked is lost.
    let found = usage(&server, &sent);
    let (tried, answered) = (sent.tried.load(Ordering::SeqCst), sent.answered.load(Ordering::SeqCst));
    // The handshake that asked is counted with the next one.
    let least = answered.saturating_sub(unbooked + 1) as f64;
    assert!(found <= tried as f64, "{found} are billed, {tried} were sent");
    assert!(
        found >= least,
        "{found} are billed, {answered} were answered, {unbooked} of them unbooked at {kills} kills"
    );

    // Everybody is well again, and every feed says so.
    eventually(Duration::from_secs(60), || {
        sent.attempt(|| {
            server.force_update("")["feeds"].as_array().is_some_and(|feeds| feeds.len() == Feed::ALL.len())
        });
        let report = server.open(Feed::Health).json()["data"].clone();
        // One that has flapped so much is held at degraded for a while.
        let well = |health: &serde_json::Value| health == "healthy" || health == "degraded";
        if report["checks"].as_object().is_some_and(|checks| checks.len() == 2 && checks.values().all(well)) {
            Ok(())
        } else {
            Err(report.to_string())
        }
    });
    for feed in Feed::ALL {
        let mut socket = server.open(feed);
        let first = socket.json();
        let next = socket.json_within(feed.cadence() + PATIENCE);
        assert_ne!(first["id"], next["id"], "{feed} goes on");
        socket.close();
    }
    calm(&server);
    let after = (server.resident(), gauge(&server, &sent, DESCRIPTORS), threads(&server));
    let told = format!(
        "{kills} kills, {rounds} rounds, stopped for {frozen:?}; {tried} requests sent, {answered} answered, {found} billed; \
         resident {} -> {} KiB, descriptors {} -> {}, threads {} -> {}",
        before.0 / 1024,
        after.0 / 1024,
        before.1,
        after.1,
        before.2,
        after.2
    );
    assert!(after.0 <= before.0 + GROWTH_BYTES_MAX, "{told}");
    // A check may be under way.
    assert!(after.1 <= before.1 + 6.0, "{told}");
    // Threads of the pool for files come and go with their work.
    assert!(after.2 <= before.2 + 8, "{told}");
    report(&told);
}

/// PostgreSQL after it was killed: what is left of its processes may hold its memory for a moment more, and then it does
/// not start.
fn revived(cluster: &postgres::Cluster) -> Program {
    let ready = |program: &Program| program.log().matches("ready to accept connections").count();
    eventually(Duration::from_secs(40), || {
        let mut program = cluster.start(&[]);
        let before = ready(&program);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if ready(&program) > before {
                return Ok(program);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        program.kill();
        Err(program.log())
    })
}

/// Threads of the process.
fn threads(server: &TestServer) -> usize {
    let pid = server.pid().as_raw_nonzero();
    std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs").count()
}

#[expect(
    clippy::print_stderr,
    reason = "the long run is made for these figures; the harness hides them in a short one"
)]
fn report(told: &str) {
    eprintln!("{told}");
}
