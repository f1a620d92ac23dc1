//! The socket of a feed connection: what its reader and its shard do with it, and nothing else.
//!
//! Both use it at the same time, one to read, the other to write, so everything here works on a shared reference and
//! nothing blocks.

use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll};

use rustix::net::{SendFlags, send};
use socket2::SockRef;
use tokio::net::TcpStream;

/// An upgraded connection.
#[derive(Debug)]
pub struct Socket(TcpStream);

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket(stream)
    }
}

impl Socket {
    /// Writes as much as there is room for.
    ///
    /// The system call is made directly, without a look at what the runtime knows of the socket: that lies in memory of its
    /// own, which would have to be fetched for every connection and says nearly always that there is room. Where there is
    /// none, [`Socket::try_write`] tells the runtime.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, anything else when nobody is there to write to.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
    }

    /// Writes as much as there is room for. Where there is none, [`Socket::poll_write_ready`] waits for it.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, anything else when nobody is there to write to.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    /// Ready when there may be room to write.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    /// Reads what is there. 0: the peer says nothing more.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, anything else when nothing will be.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }

    /// Ready when there may be something to read. There is one place for a reader: whoever asks last is woken.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    /// Lets the kernel hold any number of bytes that have not left. A system that refuses goes on as before.
    pub fn lift_unsent_bound(&self) {
        let _ = SockRef::from(&self.0).set_tcp_notsent_lowat(u32::MAX);
    }

    /// Says that nothing more will be written. An error means that the peer is gone.
    pub fn end_writing(&self) {
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Write);
    }

    /// Ends it in both directions, so that whoever reads sees the end. An error means that the peer has ended it already.
    pub fn end(&self) {
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}
