//! Peers that never read: the others get everything, the sleepers are cut off, and memory stays flat.

use std::time::{Duration, Instant};

use serde_json::Value;
use veloflux::limits::WRITE_TIMEOUT;
use veloflux::protocol::Feed;

use crate::support::{Opcode, PATIENCE, Socket, TestServer};

/// A list of this many is some 100 kB.
const BACKENDS: usize = 400;

const SLEEPERS: usize = 20;

/// More bytes than a kernel keeps for a sleeper.
const ROUNDS: usize = 60;

#[test]
fn those_who_read_get_everything_and_the_sleepers_are_cut_off() {
    // Nobody listens there, which a check finds out at once. More than fifty changes: the whole list goes out.
    let addresses: Vec<String> =
        (0..BACKENDS).map(|n| format!("\"127.0.{}.{}:1\"", 1 + n / 200, 1 + n % 200)).collect();
    let config = format!("[[pool]]\nname = \"web\"\nbackends = [{}]", addresses.join(", "));
    let server = TestServer::builder().config(&config).start();

    let mut sleepers: Vec<Socket> = (0..SLEEPERS).map(|_| server.open(Feed::Backends)).collect();
    let mut readers: Vec<Socket> = (0..3).map(|_| server.open(Feed::Backends)).collect();
    let mut last: Vec<u64> = readers.iter_mut().map(|reader| sequence(&reader.json())).collect();

    let mut resident = Vec::new();
    let mut waking = None;
    let start = Instant::now();
    let mut round = 0;
    while round < ROUNDS || waking.is_none() {
        server.force_update(r#"{"type":"backends"}"#);
        for (reader, last) in readers.iter_mut().zip(&mut last) {
            // Until the forced one is there; the tick may have added one of its own.
            loop {
                let message = reader.json_within(PATIENCE);
                let next = sequence(&message);
                assert_eq!(next, *last + 1, "round {round}: a reader missed something");
                *last = next;
                if reader.silent_for(Duration::from_millis(1)) {
                    break;
                }
            }
        }
        if round >= ROUNDS / 3 {
            resident.push(server.resident());
        }
        // Not at the end of the rounds: after half a minute the kernel gives up on those who read nothing.
        if waking.is_none() && cut_off(&server) == Some(SLEEPERS as f64) {
            let sleepers = std::mem::take(&mut sleepers);
            waking = Some(std::thread::spawn(|| sleepers.into_iter().for_each(wake_up)));
        }
        let time_is_up = start.elapsed() > 3 * WRITE_TIMEOUT + PATIENCE;
        assert!(waking.is_some() || !time_is_up, "{:?} were cut off", cut_off(&server));
        round += 1;
    }
    let (first, most) = (resident[0], resident.iter().copied().max().unwrap_or_default());
    assert!(most < first + (8 << 20), "memory grew from {first} to {most} bytes while {SLEEPERS} slept");

    waking.expect("started").join().expect("every sleeper learns why");
    assert_eq!(cut_off(&server), Some(SLEEPERS as f64), "each is counted once");
    assert!(last.iter().all(|seq| *seq >= ROUNDS as u64));
}

/// How many were closed for being too slow, as the server counts.
fn cut_off(server: &TestServer) -> Option<f64> {
    let metrics = server.get("/metrics").body;
    let closed = |line: &&str| line.starts_with("veloflux_connections_closed_total") && line.contains("4008");
    metrics.lines().find(closed).and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

/// Reads what was under way, the reason, then the end.
fn wake_up(mut sleeper: Socket) {
    let mut codes = Vec::new();
    while let Some(frame) = sleeper.frame_within(PATIENCE) {
        if frame.opcode == Opcode::CLOSE {
            codes.push(frame.close_code());
        }
    }
    assert_eq!(codes, [Some(4008)], "a peer that wakes up learns why it was left");
}

fn sequence(message: &Value) -> u64 {
    let id = message["id"].as_str().and_then(|id| id.rsplit('-').next());
    id.and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("no id: {message}"))
}
