//! What the two tasks of one connection share.

use std::sync::atomic::AtomicBool;

use crate::serve::socket::Socket;

/// A connection, shared by the task that reads and the shard that writes.
#[derive(Debug)]
pub struct Link {
    /// The socket. Only the shard writes and shuts down, only the reader reads.
    pub socket: Socket,
    /// Set by the reader whenever anything arrives; cleared by the shard when it asks for a sign of life.
    pub heard: AtomicBool,
    /// Set by the shard when it has given the connection up: whatever else the peer has sent is of no interest.
    pub over: AtomicBool,
}

impl Link {
    /// A connection that has just been upgraded.
    pub fn new(socket: Socket) -> Link {
        Link { socket, heard: AtomicBool::new(false), over: AtomicBool::new(false) }
    }
}
