//! A feed connection under TLS, without a task of its own: reader and shard share the cipher behind a lock that neither
//! holds for longer than a system call that does not wait.
//!
//! What is encrypted cannot be taken back, so no more than one record is encrypted beyond what the kernel takes. A slow
//! reader costs that record and not a queue.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustls::ServerConnection;
use tokio::net::TcpStream;

use crate::limits::TLS_RECORD_BYTES_MAX;

/// A TCP connection and the TLS over it.
pub struct Secured {
    stream: TcpStream,
    tls: Mutex<ServerConnection>,
}

impl Secured {
    /// Takes a connection over whose handshake is done.
    pub(super) fn new(stream: TcpStream, tls: ServerConnection) -> Secured {
        Secured { stream, tls: Mutex::new(tls) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Encrypts and writes as long as the kernel takes it. What is counted as written may wait for [`Secured::flush`].
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut tls = self.tls();
        let mut taken = 0;
        loop {
            match self.drain(&mut tls) {
                Ok(()) => {}
                Err(error) if taken > 0 && error.kind() == ErrorKind::WouldBlock => return Ok(taken),
                Err(error) => return Err(error),
            }
            let next = &bytes[taken..bytes.len().min(taken + TLS_RECORD_BYTES_MAX)];
            if next.is_empty() {
                return Ok(taken);
            }
            taken += tls.writer().write(next)?;
        }
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.drain(&mut self.tls())
    }

    pub(super) fn is_flushed(&self) -> bool {
        !self.tls().wants_write()
    }

    /// Reads and decrypts, once. Nothing of use in what came is `WouldBlock`, as if nothing had come: whoever waits then
    /// gives others their turn in between.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut tls = self.tls();
        match decrypted(&mut tls, buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        if tls.read_tls(&mut Direct(&self.stream))? == 0 {
            return Ok(0);
        }
        let judged = tls.process_new_packets();
        // An answer of TLS to TLS, or an alert. What does not leave now leaves before the next that is written.
        let _ = self.drain(&mut tls);
        judged.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        decrypted(&mut tls, buffer)
    }

    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was decrypted before does not show on the socket.
        match self.tls().process_new_packets() {
            Ok(state) if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => {
                self.stream.poll_read_ready(cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Says in TLS, too, that this is the end and nobody has cut it off.
    pub(super) fn say_goodbye(&self) {
        let mut tls = self.tls();
        tls.send_close_notify();
        // Best effort: a peer that takes nothing sees the end of the stream.
        let _ = self.drain(&mut tls);
    }

    fn drain(&self, tls: &mut ServerConnection) -> io::Result<()> {
        while tls.wants_write() {
            tls.write_tls(&mut Direct(&self.stream))?;
        }
        Ok(())
    }

    fn tls(&self) -> MutexGuard<'_, ServerConnection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// What has been decrypted. A peer that left without saying so in TLS has left all the same: a feed has no end that could
/// be missed.
fn decrypted(tls: &mut ServerConnection, buffer: &mut [u8]) -> io::Result<usize> {
    match tls.reader().read(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

/// The socket as rustls wants it. Nothing waits.
struct Direct<'s>(&'s TcpStream);

impl Read for Direct<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Direct<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
