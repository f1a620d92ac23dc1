//! Ports for programs that have to be told one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::TcpSocket;

/// Below the ports the system gives out by itself, so that no connection and no server on port 0 takes one in between.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// A port that nobody listens on and that no other test of this run is given.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 1_000) as u16 * 12;
    for _ in FIRST..LAST {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % (LAST - FIRST);
        // Bound and never listening: a child process that is forked meanwhile holds a copy until it executes, and a
        // copy that listens would let somebody connect.
        let socket = TcpSocket::new_v4().expect("a socket");
        if socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
            return port;
        }
    }
    panic!("every port from {FIRST} to {LAST} is taken");
}
