//! A backend to be checked: a small HTTP server that can be told what to answer, killed, and brought back on the same port.

use super::wait::{PATIENCE, eventually};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running or killed backend.
pub(crate) struct StubBackend {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    status: AtomicU16,
    delay: Mutex<Duration>,
    answered: AtomicU64,
}

impl StubBackend {
    /// A backend that answers 200 to everything.
    pub(crate) fn start() -> StubBackend {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared::default());
        shared.status.store(200, Ordering::Relaxed);
        let thread = Some(serve(listener, &shared));
        StubBackend { address, shared, thread }
    }

    /// `host:port`, as it stands on the wire.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What to answer from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// How long to wait before answering from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        *self.shared.delay.lock().expect("no holder panics") = delay;
    }

    /// How many requests have been answered.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Stops listening: the next connection is refused.
    pub(crate) fn kill(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accept; the thread then drops the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the backend does not panic");
        }
    }

    /// Listens again, on the same port.
    pub(crate) fn revive(&mut self) {
        self.shared.stop.store(false, Ordering::Relaxed);
        // std sets SO_REUSEADDR, so connections in TIME_WAIT do not stand in the way.
        // The system may have lent the port to a connection of somebody else meanwhile.
        let listener = eventually(PATIENCE, || TcpListener::bind(self.address).map_err(|error| error.to_string()));
        self.thread = Some(serve(listener, &self.shared));
    }
}

impl Drop for StubBackend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(listener: TcpListener, shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
            std::thread::spawn(move || answer(stream, &shared));
        }
    })
}

/// One request, one answer, close.
fn answer(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut request: Vec<u8> = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(size) => request.extend(&chunk[..size]),
        }
    }
    let delay = *shared.delay.lock().expect("no holder panics");
    std::thread::sleep(delay);
    let status = shared.status.load(Ordering::Relaxed);
    // Counted before it is sent, so that whoever has the answer finds it counted.
    shared.answered.fetch_add(1, Ordering::Relaxed);
    let _ = write!(stream, "HTTP/1.1 {status} Stub\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}
