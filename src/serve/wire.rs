//! A connection while HTTP is spoken on it: plain or under TLS, and never held up by a peer that does not read.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::socket::Socket;
use crate::limits::{WRITE_TIMEOUT, time_to_leave};

/// The bytes of a connection, with a deadline: a write fails after [`WRITE_TIMEOUT`] without progress, or when the peer takes
/// what waits for it more slowly than [`time_to_leave`] allows.
pub struct Wire {
    stream: Stream,
    /// From when the kernel takes no more until everything has left.
    waiting: Option<Box<Waiting>>,
}

/// What is known of a peer that does not read as fast as we write.
struct Waiting {
    since: Instant,
    /// Bytes that have left meanwhile.
    taken: usize,
    /// When the kernel has to have taken something more.
    patience: Pin<Box<Sleep>>,
}

enum Stream {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Wire {
        Wire { stream: Stream::Plain(stream), waiting: None }
    }
}

impl From<TlsStream<TcpStream>> for Wire {
    fn from(stream: TlsStream<TcpStream>) -> Wire {
        Wire { stream: Stream::Secured(Box::new(stream)), waiting: None }
    }
}

impl From<Wire> for Socket {
    fn from(wire: Wire) -> Socket {
        match wire.stream {
            Stream::Plain(stream) => stream.into(),
            Stream::Secured(stream) => stream.into_inner().into(),
        }
    }
}

impl Wire {
    /// Does something that writes, under the deadline. `taken`: how many bytes have left by it; none, where all have.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut dyn AsyncWrite>, &mut Context<'_>) -> Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> Option<usize>,
    ) -> Poll<io::Result<T>> {
        let done = match &mut self.stream {
            Stream::Plain(stream) => write(std::pin::pin!(stream), cx),
            Stream::Secured(stream) => write(std::pin::pin!(stream), cx),
        };
        let slow = || Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer does not read")));
        let Poll::Ready(Ok(value)) = &done else {
            if done.is_pending() {
                let since = Instant::now();
                let new = || Box::new(Waiting { since, taken: 0, patience: Box::pin(sleep(WRITE_TIMEOUT)) });
                let waiting = self.waiting.get_or_insert_with(new);
                ready!(waiting.patience.as_mut().poll(cx));
                return slow();
            }
            return done;
        };
        match (taken(value), &mut self.waiting) {
            (None, waiting) => *waiting = None,
            (Some(_), None) => {}
            (Some(count), Some(waiting)) => {
                waiting.taken += count;
                if waiting.since.elapsed() > time_to_leave(waiting.taken) {
                    return slow();
                }
                waiting.patience.as_mut().reset(Instant::now() + WRITE_TIMEOUT);
            }
        }
        done
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Secured(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, bytes), |count| Some(*count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, pieces), |count| Some(*count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has nothing left.
        self.write(cx, |stream, cx| stream.poll_flush(cx), |()| None)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |stream, cx| stream.poll_shutdown(cx), |()| None)
    }
}
