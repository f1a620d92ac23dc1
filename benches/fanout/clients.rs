//! The clients: thousands of connections in one thread that read everything, count it and notice what is missing.
//!
//! Says a line whenever every client has got one more message: messages, bytes, pings and gaps so far. The first such
//! line means that every client is connected and has its snapshot. A connection that ends, or anything that is not a
//! frame, ends the process.

use std::cell::RefCell;
use std::io::{ErrorKind, Write, stdout};
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::frames::{self, Form, Frame};

/// Handshakes under way at the same moment: a burst, but not past the queue of a listener.
const HANDSHAKES_AT_ONCE_MAX: usize = 100;

/// Bytes read at once. One buffer for all connections, so that an idle one holds none.
const READ_BYTES_MAX: usize = 128 * 1024;

/// What all connections have received together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) pings: u64,
    pub(crate) gaps: u64,
}

/// What is known about one connection.
#[derive(Default)]
struct Connection {
    /// The sequence number of its newest message.
    newest: Option<u64>,
    /// The part of a frame that has arrived so far: mostly nothing.
    rest: Vec<u8>,
    /// Pongs to send.
    answer: Vec<u8>,
}

pub(crate) fn play(address: SocketAddr, path: &str, clients: usize, form: Form) -> Result<()> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let buffer = Rc::new(RefCell::new(vec![0; READ_BYTES_MAX]));
    let handshakes = Rc::new(Semaphore::new(HANDSHAKES_AT_ONCE_MAX));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut connections = JoinSet::new();
        for _ in 0..clients {
            let (tally, buffer, handshakes) = (Rc::clone(&tally), Rc::clone(&buffer), Rc::clone(&handshakes));
            let request = frames::request(path, &address.to_string(), form);
            connections.spawn_local(async move {
                let permit = handshakes.acquire().await?;
                let (mut socket, first) = open(address, &request).await?;
                drop(permit);
                let mut connection = Connection::default();
                tally.borrow_mut().count(&first, &mut connection, clients)?;
                loop {
                    if !connection.answer.is_empty() {
                        socket.write_all(&std::mem::take(&mut connection.answer)).await?;
                    }
                    socket.readable().await?;
                    let received = socket.try_read(&mut buffer.borrow_mut());
                    match received {
                        Ok(0) => bail!("the server hung up"),
                        Ok(count) => tally.borrow_mut().count(&buffer.borrow()[..count], &mut connection, clients)?,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error).context("the connection broke"),
                    }
                }
            });
        }
        connections.join_next().await.context("no client asked for")??
    })
}

/// Shakes hands. What came after the answer is given back.
async fn open(address: SocketAddr, request: &str) -> Result<(TcpStream, Vec<u8>)> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut received = Vec::new();
    let end = loop {
        if let Some(end) = frames::head_end(&received) {
            break end;
        }
        ensure!(socket.read_buf(&mut received).await? > 0, "the server hung up in the handshake");
    };
    let head = String::from_utf8_lossy(&received[..end]);
    ensure!(head.starts_with("HTTP/1.1 101 "), "the server answered: {head}");
    let rest = received.split_off(end);
    Ok((socket, rest))
}

impl Tally {
    /// Counts the frames that are whole with `bytes`, and says so when every client has got one more message.
    fn count(&mut self, bytes: &[u8], connection: &mut Connection, clients: usize) -> Result<()> {
        let mut held = std::mem::take(&mut connection.rest);
        let mut bytes = if held.is_empty() {
            bytes
        } else {
            held.extend_from_slice(bytes);
            &held
        };
        while let Some((frame, length)) = frames::next(bytes)? {
            bytes = &bytes[length..];
            match frame {
                Frame::Message(_) | Frame::Compressed => {
                    if let Frame::Message(sequence) = frame {
                        self.gaps += u64::from(connection.newest.is_some_and(|newest| sequence != newest + 1));
                        connection.newest = Some(sequence);
                    }
                    self.bytes += length as u64;
                    self.messages += 1;
                    if self.messages.is_multiple_of(clients as u64) {
                        writeln!(stdout(), "{} {} {} {}", self.messages, self.bytes, self.pings, self.gaps)?;
                    }
                }
                Frame::Ping(payload) => {
                    self.pings += 1;
                    connection.answer.extend(frames::pong(&payload));
                }
                Frame::Close(code) => bail!("the server closed with {code}"),
            }
        }
        connection.rest = bytes.to_vec();
        Ok(())
    }

    /// Reads a line that [`play`] said.
    pub(crate) fn parse(line: &str) -> Result<Tally> {
        let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let &[messages, bytes, pings, gaps] = &numbers[..] else { bail!("`{line}` is no tally") };
        Ok(Tally { messages, bytes, pings, gaps })
    }
}
