//! A connection on which compression was agreed on, read by a decoder of its own.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::Value;

use crate::support::{Frame, Opcode, PATIENCE, Socket, TestServer};

/// A connection, and what its decoder remembers.
pub(super) struct Wire {
    pub(super) socket: Socket,
    decoder: Decompress,
}

/// A message, and how it came.
pub(super) struct Came {
    pub(super) text: String,
    /// Bytes on the wire, with the header.
    pub(super) bytes: usize,
    pub(super) compressed: bool,
}

impl Wire {
    /// Opens a feed with this offer, which has to be accepted.
    pub(super) fn open(server: &TestServer, path: &str, offer: &str) -> Wire {
        let mut socket = Socket::connect(server.address());
        let offer = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        socket.send(Socket::request(server.address(), path, &offer).as_bytes());
        let response = socket.response();
        assert_eq!(response.status, 101, "{response:?}");
        let agreed = response.header("sec-websocket-extensions").unwrap_or_default();
        assert!(agreed.starts_with("permessage-deflate"), "{response:?}");
        Wire { socket, decoder: Decompress::new(false) }
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Came {
        loop {
            let frame = self.socket.frame_within(PATIENCE).expect("a message before the end of the connection");
            match frame.opcode {
                Opcode::PING => self.socket.send_frame(&Frame::pong(&frame.payload)),
                Opcode::TEXT => {
                    let header = if frame.payload.len() < 126 {
                        2
                    } else if frame.payload.len() < 65_536 {
                        4
                    } else {
                        10
                    };
                    let bytes = header + frame.payload.len();
                    let text = match frame.rsv {
                        0 => frame.payload,
                        4 => self.inflated(&frame.payload),
                        other => panic!("reserved bits {other}"),
                    };
                    let text = String::from_utf8(text).expect("a server sends UTF-8");
                    return Came { text, bytes, compressed: frame.rsv == 4 };
                }
                other => panic!("a message was due, not {other:?}: {:?}", String::from_utf8_lossy(&frame.payload)),
            }
        }
    }

    fn inflated(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(256 * 1024);
        for input in [payload, &[0, 0, 0xff, 0xff]] {
            self.decoder
                .decompress_vec(input, &mut text, FlushDecompress::Sync)
                .expect("it inflates with what came before");
        }
        text
    }

    /// Forgets what came, as who has agreed to `server_no_context_takeover` may.
    pub(super) fn forget(&mut self) {
        self.decoder.reset(false);
    }
}

impl Came {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// A compressed, masked frame.
pub(super) fn frame(text: &[u8]) -> Frame {
    let mut payload = Vec::with_capacity(text.len() + 1024);
    let mut encoder = Compress::new(Compression::best(), false);
    encoder.compress_vec(text, &mut payload, FlushCompress::Sync).expect("it compresses");
    payload.truncate(payload.len() - 4);
    Frame::text(payload).rsv(4)
}
