//! The stalled: connections that shake hands and then read nothing, until they are told to look what became of them.
//!
//! Says `ready`; then, for a line it is told, how many of its connections the server has ended, and how many of those
//! with the close code for a slow reader.

use std::io::{Read, Write, stdin, stdout};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use socket2::{Domain, Socket, Type};

use crate::frames::{self, Form, Frame};

/// A receive buffer as small as the kernel gives: the sooner it is full, the sooner the server is put to the test.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024;

/// Silence after which a connection counts as still open.
const SILENCE: Duration = Duration::from_millis(20);

pub(crate) fn play(address: SocketAddr, path: &str, clients: usize) -> Result<()> {
    let request = frames::request(path, &address.to_string(), Form::Plain);
    let sockets = (0..clients).map(|_| open(address, &request)).collect::<Result<Vec<_>>>()?;
    writeln!(stdout(), "ready")?;
    stdin().read_line(&mut String::new())?;
    let (mut ended, mut slow) = (0, 0);
    for socket in &sockets {
        let (end, code) = look(socket)?;
        ended += usize::from(end);
        slow += usize::from(code == Some(4008));
    }
    writeln!(stdout(), "{ended} {slow}")?;
    Ok(())
}

fn open(address: SocketAddr, request: &str) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.connect(&address.into())?;
    let mut socket = TcpStream::from(socket);
    socket.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101 "), "the server answered: {}", String::from_utf8_lossy(&head));
    Ok(socket)
}

/// Reads what is left: whether the server has ended the connection, and the close code if one arrived.
fn look(mut socket: &TcpStream) -> Result<(bool, Option<u16>)> {
    socket.set_read_timeout(Some(SILENCE))?;
    let mut received = Vec::new();
    let ended = match socket.read_to_end(&mut received) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    let mut rest = &received[..];
    while let Some((frame, length)) = frames::next(rest)? {
        if let Frame::Close(code) = frame {
            return Ok((ended, Some(code)));
        }
        rest = &rest[length..];
    }
    Ok((ended, None))
}
