//! A WebSocket client that does exactly what it is told, over a plain TCP stream. Every read has a deadline.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::documents;
use super::frame::{Frame, Length, Opcode};
use super::http::{self, Response};
use super::wait::PATIENCE;

/// The key of the example in RFC 6455, section 1.3, and the answer the RFC computes for it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The peer sent its last byte (FIN).
    Finished,
    /// The peer threw the connection away (RST).
    Reset,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    /// Where it leads, where the handshake was made by [`Socket::open_with`].
    path: Option<String>,
    /// Read from the stream, not yet asked for.
    buffer: Vec<u8>,
    /// The peer threw the connection away. The kernel tells only once.
    reset: bool,
}

impl Socket {
    /// A TCP connection on which nothing has been said.
    pub(crate) fn connect(address: SocketAddr) -> Socket {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
        stream.set_nodelay(true).expect("a TCP option");
        Socket { stream, path: None, buffer: Vec::new(), reset: false }
    }

    /// As [`Socket::connect`], where nobody may be listening.
    pub(crate) fn try_connect(address: SocketAddr) -> Option<Socket> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Socket { stream, path: None, buffer: Vec::new(), reset: false })
    }

    /// The text of a right handshake, with more header lines (each ending in CRLF).
    pub(crate) fn request(address: SocketAddr, path: &str, more: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
        )
    }

    /// Connects and shakes hands.
    pub(crate) fn open(address: SocketAddr, path: &str) -> Socket {
        Socket::open_with(address, path, "", &[])
    }

    /// Connects and shakes hands with more header lines, and `glued` bytes in the same write.
    pub(crate) fn open_with(address: SocketAddr, path: &str, more: &str, glued: &[u8]) -> Socket {
        let mut socket = Socket::connect(address);
        socket.send(&[Socket::request(address, path, more).as_bytes(), glued].concat());
        let response = socket.response();
        assert_eq!(response.status, 101, "{path}: {response:?}");
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT), "{response:?}");
        assert_eq!(response.header("upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
        socket.path = Some(path.to_owned());
        socket
    }

    /// Writes bytes. A peer that no longer takes them is no failure here: what it said last is still to be read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.set_write_timeout(Some(PATIENCE)).expect("a TCP option");
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn send_frame(&mut self, frame: &Frame) {
        self.send(&frame.bytes());
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.send_frame(&Frame::text(text));
    }

    /// The same connection once more.
    pub(crate) fn another(&self) -> TcpStream {
        self.stream.try_clone().expect("one more descriptor")
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one HTTP response.
    pub(crate) fn response(&mut self) -> Response {
        http::read(&mut self.stream, &mut self.buffer, PATIENCE).unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// As [`Socket::response`], where none may come.
    pub(crate) fn try_response(&mut self, deadline: Duration) -> Option<Response> {
        http::read(&mut self.stream, &mut self.buffer, deadline).ok()
    }

    /// The next frame, where none may come in time.
    pub(crate) fn try_frame(&mut self, deadline: Duration) -> Option<Frame> {
        let end = Instant::now() + deadline;
        while parse(&self.buffer).is_none() {
            if self.fill(end).is_ok_and(|size| size > 0) {
                continue;
            }
            return None;
        }
        let (frame, length) = parse(&self.buffer)?;
        self.buffer.drain(..length);
        Some(frame)
    }

    /// The next frame, of whatever kind; `None` when the connection ended before it.
    pub(crate) fn frame_within(&mut self, deadline: Duration) -> Option<Frame> {
        let end = Instant::now() + deadline;
        loop {
            if let Some((frame, length)) = parse(&self.buffer) {
                self.buffer.drain(..length);
                return Some(frame);
            }
            match self.fill(end) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return None;
                }
                Err(error) => {
                    panic!("no frame within {deadline:?}: {error}; {} bytes of one are there", self.buffer.len())
                }
            }
        }
    }

    /// The next frame, of whatever kind.
    pub(crate) fn frame(&mut self) -> Frame {
        self.frame_within(PATIENCE).expect("a frame before the end of the connection")
    }

    /// The next text message, which has to be one that is described; a server's ping is answered on the way.
    pub(crate) fn text_within(&mut self, deadline: Duration) -> String {
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let frame = self.frame_within(left).expect("a message before the end of the connection");
            match frame.opcode {
                Opcode::TEXT => {
                    let text = String::from_utf8(frame.payload).expect("a server sends UTF-8");
                    let message = serde_json::from_str(&text);
                    let message = message.unwrap_or_else(|error| panic!("not one JSON document: {error}: {text}"));
                    documents::hold_message(self.path.as_deref(), &message);
                    return text;
                }
                Opcode::PING => self.send_frame(&Frame::pong(&frame.payload)),
                other => panic!("a message was due, not {other:?}: {:?}", String::from_utf8_lossy(&frame.payload)),
            }
        }
    }

    /// The next text message as JSON.
    pub(crate) fn json_within(&mut self, deadline: Duration) -> Value {
        let text = self.text_within(deadline);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not one JSON document: {error}: {text}"))
    }

    pub(crate) fn json(&mut self) -> Value {
        self.json_within(PATIENCE)
    }

    /// Reads messages until one pleases `wanted`; the others are dropped.
    pub(crate) fn json_until(&mut self, deadline: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + deadline;
        loop {
            let message = self.json_within(end.saturating_duration_since(Instant::now()));
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Whether no message at all comes for as long as this.
    pub(crate) fn silent_for(&mut self, span: Duration) -> bool {
        let end = Instant::now() + span;
        while parse(&self.buffer).is_none() {
            match self.fill(end) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
        false
    }

    /// Reads until a close frame, dropping other frames.
    ///
    /// # Panics
    /// When the connection ends without a close frame.
    pub(crate) fn close_frame_within(&mut self, deadline: Duration) -> Frame {
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let frame = self.frame_within(left).expect("a close frame before the end of the connection");
            if frame.opcode == Opcode::CLOSE {
                return frame;
            }
        }
    }

    /// Reads to the end of the connection, dropping what comes.
    pub(crate) fn ending_within(&mut self, deadline: Duration) -> Ending {
        let end = Instant::now() + deadline;
        loop {
            self.buffer.clear();
            match self.fill(end) {
                Ok(0) if self.reset => return Ending::Reset,
                Ok(0) => return Ending::Finished,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ending::Reset,
                Err(error) => panic!("the connection is still open after {deadline:?}: {error}"),
            }
        }
    }

    /// Whether the connection ends, in whatever way, within this time.
    pub(crate) fn is_over_within(&mut self, span: Duration) -> bool {
        let end = Instant::now() + span;
        loop {
            match self.fill(end) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }

    /// Says good-bye as the RFC wants it and waits for the end.
    pub(crate) fn close(mut self) {
        self.send_frame(&Frame::close(1000, ""));
        assert_eq!(self.close_frame_within(PATIENCE).close_code(), Some(1000));
        assert_eq!(self.ending_within(PATIENCE), Ending::Finished);
    }

    fn fill(&mut self, end: Instant) -> std::io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // A zero timeout would mean "for ever".
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.stream.read(&mut chunk) {
                Ok(size) => {
                    self.buffer.extend(&chunk[..size]);
                    return Ok(size);
                }
                // The machine was stopped for a moment.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reset |= error.kind() == ErrorKind::ConnectionReset;
                    return Err(error);
                }
            }
        }
    }
}

/// The first frame of `bytes` and how many bytes it took, once it is there in full.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        at += 4;
        Some(bytes.get(at - 4..at)?.try_into().ok()?)
    };
    let end = at + usize::try_from(length).ok()?;
    let payload = bytes.get(at..end)?.to_vec();
    let frame = Frame {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: Opcode(first & 15),
        mask,
        length: Length::Minimal,
        payload,
    };
    Some((frame, end))
}
