//! A connection on which a case is tried, read frame by frame without judging what comes.

use std::io::Cursor;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::cases::Expect;
use crate::limits;
use crate::net::Fault;
use crate::net::dial::Stream;
use crate::net::fault::in_words;

/// A connection, frame by frame.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    deadline: Instant,
}

impl Wire {
    /// Over a connection whose handshake is over; `rest` came right behind it.
    pub(super) fn new(stream: Stream, rest: Vec<u8>) -> Wire {
        Wire { stream, buffer: rest, deadline: Instant::now() + limits::CONFORMANCE_PATIENCE }
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads until what is expected is there, or can no longer come.
    pub(super) async fn see(&mut self, expect: &Expect) -> Result<Option<String>, String> {
        // Asked by hand as well: a peer that never stops talking never lets the timer have its turn.
        while Instant::now() < self.deadline {
            let (opcode, payload) = match timeout_at(self.deadline, self.next()).await {
                Err(_) => break,
                Ok(Err(fault)) => return Err(fault.to_string()),
                Ok(Ok(None)) => return Err("the connection ended without a close frame".to_owned()),
                Ok(Ok(Some(frame))) => frame,
            };
            match (opcode, expect) {
                (OpCode::Control(Control::Pong), Expect::Pong(wanted)) if payload == *wanted => return Ok(None),
                (OpCode::Data(Data::Text), Expect::Text(wanted))
                    if String::from_utf8_lossy(&payload).contains(wanted) =>
                {
                    return Ok(None);
                }
                (OpCode::Control(Control::Close), _) => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return match expect {
                        Expect::Close(wanted) if code == *wanted => Ok(None),
                        Expect::CloseAndEnd(wanted) if code == *wanted => self.end().await,
                        Expect::Close(wanted) | Expect::CloseAndEnd(wanted) => {
                            Err(format!("closed with {code}, not {wanted}"))
                        }
                        _ => Err(format!("closed with {code}")),
                    };
                }
                // A feed goes on with its messages meanwhile.
                _ => {}
            }
        }
        Err(format!("nothing of the kind within {}", in_words(limits::CONFORMANCE_PATIENCE)))
    }

    /// Waits for the end of the connection.
    async fn end(&mut self) -> Result<Option<String>, String> {
        match timeout_at(self.deadline, self.next()).await {
            Err(_) => Err("the connection stays open after the closing handshake".to_owned()),
            Ok(Ok(Some(_))) => Err("a frame came after the close frame".to_owned()),
            // Reset or finished: it is over.
            Ok(Ok(None) | Err(_)) => Ok(None),
        }
    }

    /// The next frame. None: the connection has ended.
    async fn next(&mut self) -> Result<Option<(OpCode, Vec<u8>)>, Fault> {
        loop {
            let mut cursor = Cursor::new(&self.buffer);
            let parsed = FrameHeader::parse(&mut cursor);
            let head = parsed.map_err(|error| Fault::Protocol("WebSocket", error.to_string().to_lowercase()))?;
            if let Some((header, length)) = head {
                let start = usize::try_from(cursor.position()).expect("a place in memory");
                let length = usize::try_from(length).ok().filter(|length| *length <= limits::CLIENT_MESSAGE_BYTES_MAX);
                let length =
                    length.ok_or_else(|| Fault::Protocol("WebSocket", "a frame too big to read".to_owned()))?;
                if self.buffer.len() >= start + length {
                    let payload = self.buffer[start..start + length].to_vec();
                    self.buffer.drain(..start + length);
                    return Ok(Some((header.opcode, payload)));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
