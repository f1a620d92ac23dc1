//! The limit: one thread that does nothing but write the same bytes to every connection, one `write(2)` each.
//!
//! It says its address, accepts its clients, and then writes one round for every line it is told: the size of the
//! frame in bytes. No server that gives every client its own copy over its own socket can cost less without batching
//! the system calls themselves.

use std::io::{BufRead, Read, Write, stdin, stdout};
use std::net::{TcpListener, TcpStream};

use anyhow::{Result, ensure};

use crate::frames;

/// The size of the frame a client gets at once, like the snapshot of a feed.
const SNAPSHOT_BYTES: usize = 120;

pub(crate) fn play(clients: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // std listens with a queue of 128; clients come in faster than one thread shakes hands.
    rustix::net::listen(&listener, 4096)?;
    writeln!(stdout(), "{}", listener.local_addr()?)?;
    let mut sequence = 1;
    let snapshot = frames::padded(SNAPSHOT_BYTES, sequence)?;
    let sockets: Vec<TcpStream> = (0..clients).map(|_| welcome(&listener, &snapshot)).collect::<Result<_>>()?;
    for line in stdin().lock().lines() {
        sequence += 1;
        let frame = frames::padded(line?.parse()?, sequence)?;
        for socket in &sockets {
            // Rounds are awaited, so a socket has room for a whole frame.
            ensure!(rustix::io::write(socket, &frame)? == frame.len(), "a socket took less than a frame");
        }
        writeln!(stdout(), "written")?;
    }
    Ok(())
}

fn welcome(listener: &TcpListener, snapshot: &[u8]) -> Result<TcpStream> {
    let mut socket = listener.accept()?.0;
    socket.set_nodelay(true)?;
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while frames::head_end(&head).is_none() {
        let count = socket.read(&mut buffer)?;
        ensure!(count > 0 && head.len() < 8 * 1024, "a client did not ask for a feed");
        head.extend_from_slice(&buffer[..count]);
    }
    socket.write_all(frames::SWITCHING)?;
    socket.write_all(snapshot)?;
    Ok(socket)
}
