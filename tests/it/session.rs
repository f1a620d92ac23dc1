//! The client's session on a clock that the test turns: real connections to peers that misbehave, and hours in a moment.

use std::io::Write;
use std::sync::mpsc as signals;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use veloflux::client::backoff::{Jitter, Schedule};
use veloflux::client::connect::{Access, Compression};
use veloflux::client::endpoint::Server;
use veloflux::client::event::{Ending, Event, What};
use veloflux::client::heartbeat::Pulse;
use veloflux::client::loss::Loss;
use veloflux::client::session::{Habits, Ping, Session};
use veloflux::client::stale::{Patience, WhenStale};
use veloflux::net::Route;
use veloflux::net::tls::{Sessions, TlsOptions, client_config};
use veloflux::protocol::Feed;
use veloflux::shutdown::Shutdown;

use crate::stub::{Stub, close, metrics, stay};

/// How long a test may take by the clock on the wall.
const REAL_DEADLINE: Duration = Duration::from_secs(20);

/// The defaults of the command line, which are the contract's.
fn contract(jitter: Jitter) -> Schedule {
    Schedule {
        max_attempts: Some(5),
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(30),
        factor: 2.0,
        jitter,
    }
}

/// A session under way, and the clock it lives by: that of the test's runtime, which stands still.
struct Rig {
    events: mpsc::Receiver<Event>,
    running: JoinHandle<()>,
    /// While this is held the runtime does not turn the clock by itself when it waits for a socket.
    _still: signals::Sender<()>,
    started: Instant,
}

impl Rig {
    fn start(stub: &Stub, jitter: Jitter) -> Rig {
        let (still, held) = signals::channel::<()>();
        // A runtime with a blocking task does not turn its paused clock. It is let go when the rig is dropped.
        tokio::task::spawn_blocking(move || held.recv_timeout(REAL_DEADLINE));
        let tls = client_config(&TlsOptions::default(), Sessions::Fresh, &["http/1.1"]).expect("no file is needed");
        let timeout = Duration::from_secs(10);
        let (route, compression) = (Arc::new(Route::default()), Compression::Unwanted);
        let access = Access { tls, headers: HeaderMap::new(), timeout, route, compression };
        let habits = Habits {
            schedule: Some(contract(jitter)),
            pulse: Pulse { interval: Duration::from_secs(30), timeout: Duration::from_secs(5), max_missed: 3 },
            ping: Ping::Frame,
            patience: Patience::Cadences(3.0),
            when_stale: WhenStale::Carry,
            count: None,
        };
        let endpoint = Server::parse(&stub.url()).expect("a URL").feed(Feed::Metrics);
        let session = Session { stream: 0, endpoint, access: Arc::new(access), habits };
        let (sender, events) = mpsc::channel(16);
        let running = tokio::spawn(session.run(sender, Shutdown::new()));
        Rig { events, running, _still: still, started: Instant::now() }
    }

    /// The next event, which a peer brings about, not the clock.
    async fn event(&mut self) -> What {
        self.events.recv().await.expect("the session goes on").what
    }

    /// What has happened by now, without waiting for a peer.
    async fn happened(&mut self) -> Vec<What> {
        for _ in 0..10 {
            yield_now().await;
        }
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.what).collect()
    }

    async fn turn(&self, span: Duration) {
        tokio::time::advance(span).await;
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Follows a session that is lost again and again to its end: the delay before each try, which is neither shorter nor longer
/// than was said.
async fn delays(rig: &mut Rig, stub: &Stub) -> Vec<Duration> {
    let mut delays = Vec::new();
    loop {
        match rig.event().await {
            What::Retry(retry, ..) => {
                let connections = stub.connections();
                assert_eq!((retry.attempt as usize, retry.of), (connections, Some(5)));
                rig.turn(retry.delay - Duration::from_millis(2)).await;
                assert!(rig.happened().await.is_empty());
                assert_eq!(stub.connections(), connections, "not before its time");
                // The clock of a timer has whole milliseconds, and rounds up.
                rig.turn(Duration::from_millis(3)).await;
                delays.push(retry.delay);
            }
            What::End(Ending::GaveUp { attempts, connected, .. }) => {
                assert_eq!((attempts, connected), (5, true));
                return delays;
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_with_1011_for_ever_sees_six_connections_on_schedule() {
    let stub = Stub::websocket(|mut socket, _| {
        let _ = socket.send(Message::text(metrics(1)));
        close(socket, 1011, "out of order");
    });
    let mut rig = Rig::start(&stub, Jitter::None);
    assert_eq!(delays(&mut rig, &stub).await, [1, 2, 4, 8, 16].map(Duration::from_secs));
    assert_eq!(stub.connections(), 6);
    assert!(rig.elapsed() < Duration::from_secs(32), "{:?}", rig.elapsed());

    let stub = Stub::websocket(|socket, _| close(socket, 1011, ""));
    let mut rig = Rig::start(&stub, Jitter::Equal);
    for (delay, whole) in delays(&mut rig, &stub).await.into_iter().zip([1, 2, 4, 8, 16].map(Duration::from_secs)) {
        assert!((whole / 2..=whole).contains(&delay), "{delay:?} of {whole:?}");
    }
    assert_eq!(stub.connections(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_server_is_stale_within_three_cadences_and_lost_after_95_seconds() {
    let stub = Stub::websocket(|mut socket, _| {
        let _ = socket.send(Message::text(metrics(1)));
        // From here on it reads nothing, answers nothing, and closes nothing.
        std::thread::sleep(REAL_DEADLINE);
    });
    let mut rig = Rig::start(&stub, Jitter::None);
    while !matches!(rig.event().await, What::Message(_)) {}
    let mut told = Vec::new();
    for second in 1..=95 {
        rig.turn(Duration::from_secs(1)).await;
        for what in rig.happened().await {
            told.push((
                second,
                match what {
                    What::Stale(silent) => format!("stale for {} s", silent.as_secs()),
                    What::Missed(missed) => format!("missed {missed}"),
                    What::Lost(Loss::Silent(missed), lived) => {
                        format!("lost after {missed} pings and {} s", lived.as_secs())
                    }
                    What::Retry(retry, ..) => format!("retry {}", retry.attempt),
                    other => format!("{other:?}"),
                },
            ));
        }
    }
    let wanted = [
        (6, "stale for 6 s"),
        (35, "missed 1"),
        (65, "missed 2"),
        (95, "missed 3"),
        (95, "lost after 3 pings and 95 s"),
        (95, "retry 1"),
    ];
    assert_eq!(told, wanted.map(|(second, what)| (second, what.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_is_given_as_much_and_not_more() {
    for (stub, seconds) in [
        (Stub::answering("HTTP/1.1 503 X\r\nRetry-After: 20\r\n\r\n"), 20),
        (Stub::websocket(|socket, _| close(socket, 1012, "retry_after_ms=7000")), 7),
        // Shorter than its turn comes anyway.
        (Stub::websocket(|socket, _| close(socket, 1012, "retry_after_ms=3")), 1),
        // Of a date nobody knows by which clock.
        (Stub::answering("HTTP/1.1 503 X\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n"), 1),
        (Stub::websocket(|socket, _| close(socket, 1013, "")), 1),
    ] {
        let mut rig = Rig::start(&stub, Jitter::None);
        let delay = loop {
            if let What::Retry(retry, ..) = rig.event().await {
                break retry.delay;
            }
        };
        assert_eq!(delay, Duration::from_secs(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_that_held_starts_the_count_anew() {
    let (go, going) = signals::channel::<()>();
    let going = Mutex::new(going);
    let stub = Stub::websocket(move |mut socket, number| {
        let _ = socket.send(Message::text(metrics(number as u64)));
        let _ = going.lock().expect("no holder panics").recv_timeout(REAL_DEADLINE);
        close(socket, 1012, "");
    });
    let mut rig = Rig::start(&stub, Jitter::None);
    // How long each connection lives, and which try in a row the next one is.
    for (lived, attempt) in [(0, 1), (1_900, 2), (0, 3), (2_100, 1), (0, 2)] {
        while !matches!(rig.event().await, What::Message(_)) {}
        rig.turn(Duration::from_millis(lived)).await;
        go.send(()).expect("the stub waits");
        let retry = loop {
            if let What::Retry(retry, ..) = rig.event().await {
                break retry;
            }
        };
        assert_eq!(retry.attempt, attempt, "after {lived} ms");
        rig.turn(retry.delay + Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_ends_its_answer_has_ten_seconds() {
    let dripping = Stub::start(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 101 X\r\n");
        while stream.write_all(b"X: x\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    for stub in [dripping, Stub::start(|stream, _| stay(stream))] {
        let mut rig = Rig::start(&stub, Jitter::None);
        while stub.connections() == 0 {
            assert!(rig.happened().await.is_empty());
        }
        rig.turn(Duration::from_millis(9_900)).await;
        assert!(rig.happened().await.is_empty());
        rig.turn(Duration::from_millis(200)).await;
        let What::Retry(_, loss, None) = rig.event().await else { panic!("it was never connected") };
        assert!(loss.to_string().contains("no answer within 10"), "{loss}");
    }
}
