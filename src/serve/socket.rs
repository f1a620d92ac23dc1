//! The socket of a feed connection: what its reader and its shard do with it, and nothing else.
//!
//! Both use it at the same time, one to read, the other to write, so everything here works on a shared reference and
//! nothing blocks.

mod secured;

use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll};

use rustix::net::{SendFlags, send};
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::net::TcpStream;

use secured::Secured;

/// An upgraded connection.
#[derive(Debug)]
pub enum Socket {
    /// As it is.
    Plain(TcpStream),
    /// Under TLS.
    Secured(Box<Secured>),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Plain(stream)
    }
}

impl From<(TcpStream, ServerConnection)> for Socket {
    fn from((stream, tls): (TcpStream, ServerConnection)) -> Socket {
        Socket::Secured(Box::new(Secured::new(stream, tls)))
    }
}

impl Socket {
    /// Writes as much as there is room for.
    ///
    /// On a plain socket the system call is made directly, without a look at what the runtime knows of it: that lies in
    /// memory of its own, which would have to be fetched for every connection and says nearly always that there is room.
    /// Where there is none, [`Socket::try_write`] tells the runtime.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, anything else when nobody is there to write to.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => Ok(send(stream, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?),
            Socket::Secured(secured) => secured.write(bytes),
        }
    }

    /// Writes as much as there is room for. Where there is none, [`Socket::poll_write_ready`] waits for it.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, anything else when nobody is there to write to.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.try_write(bytes),
            Socket::Secured(secured) => secured.write(bytes),
        }
    }

    /// Writes what was taken and encrypted, and has not left. There is never any on a plain socket.
    ///
    /// # Errors
    /// As [`Socket::try_write`].
    pub fn flush(&self) -> io::Result<()> {
        match self {
            Socket::Plain(_) => Ok(()),
            Socket::Secured(secured) => secured.flush(),
        }
    }

    /// Whether all that was taken has left.
    pub fn is_flushed(&self) -> bool {
        match self {
            Socket::Plain(_) => true,
            Socket::Secured(secured) => secured.is_flushed(),
        }
    }

    /// Ready when there may be room to write.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_write_ready(cx)
    }

    /// Reads what is there. 0: the peer says nothing more.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, anything else when nothing will be.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.try_read(buffer),
            Socket::Secured(secured) => secured.read(buffer),
        }
    }

    /// Ready when there may be something to read. There is one place for a reader: whoever asks last is woken.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Plain(stream) => stream.poll_read_ready(cx),
            Socket::Secured(secured) => secured.poll_read_ready(cx),
        }
    }

    /// Lets the kernel hold any number of bytes that have not left. A system that refuses goes on as before.
    pub fn lift_unsent_bound(&self) {
        let _ = SockRef::from(self.stream()).set_tcp_notsent_lowat(u32::MAX);
    }

    /// Says that nothing more will be written. An error means that the peer is gone.
    pub fn end_writing(&self) {
        if let Socket::Secured(secured) = self {
            secured.say_goodbye();
        }
        let _ = SockRef::from(self.stream()).shutdown(Shutdown::Write);
    }

    /// Ends it in both directions, so that whoever reads sees the end. An error means that the peer has ended it already.
    pub fn end(&self) {
        let _ = SockRef::from(self.stream()).shutdown(Shutdown::Both);
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Socket::Plain(stream) => stream,
            Socket::Secured(secured) => secured.stream(),
        }
    }
}
