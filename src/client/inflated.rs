//! A stream whose compressed messages come out as plain frames, for tungstenite to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::limits::{CLIENT_MESSAGE_BYTES_MAX, CLIENT_READ_BUFFER_BYTES};
use crate::net::dial::Stream;
use crate::websocket::deflate::{Filter, Tally, Terms};

/// The stream of an open WebSocket.
#[derive(Debug)]
pub struct Inflated {
    stream: Stream,
    /// Where compression was agreed on.
    filter: Option<Filter>,
    /// What was read and not yet taken, from `taken` on: at first what came right behind the handshake.
    raw: Vec<u8>,
    taken: usize,
}

impl Inflated {
    /// Over a connection whose handshake is over, with what was agreed on about compression; `rest` came right behind it.
    pub(super) fn new(stream: Stream, rest: Vec<u8>, deflate: Option<Terms>) -> Inflated {
        let filter = deflate.map(|terms| Filter::new(terms, Role::Client, CLIENT_MESSAGE_BYTES_MAX));
        Inflated { stream, filter, raw: rest, taken: 0 }
    }

    /// The stream below.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What compression has saved, where it was agreed on.
    pub fn tally(&self) -> Option<Tally> {
        self.filter.as_ref().map(Filter::tally)
    }
}

impl AsyncRead for Inflated {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let mut left = &this.raw[this.taken..];
            let count = match &mut this.filter {
                None => {
                    let count = left.len().min(buf.remaining());
                    buf.put_slice(&left[..count]);
                    this.taken += count;
                    count
                }
                Some(filter) => {
                    // What the filter has found is told as an error of the stream, which `loss` understands.
                    let read = filter.read(&mut left, buf.initialize_unfilled());
                    let count = read.map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
                    this.taken = this.raw.len() - left.len();
                    buf.advance(count);
                    count
                }
            };
            if count > 0 || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if this.filter.is_none() {
                return Pin::new(&mut this.stream).poll_read(cx, buf);
            }
            this.raw.resize(CLIENT_READ_BUFFER_BYTES, 0);
            this.taken = this.raw.len();
            let mut read = ReadBuf::new(&mut this.raw);
            let outcome = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read));
            let count = read.filled().len();
            this.raw.truncate(count);
            this.taken = 0;
            if count == 0 {
                return Poll::Ready(outcome);
            }
        }
    }
}

impl AsyncWrite for Inflated {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
