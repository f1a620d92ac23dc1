//! Conformance: a dozen and a half things RFC 6455 asks of a server, each tried on a connection of its own with frames
//! that are wrong on purpose. Only for a server whose owner has asked for it.

use std::io::Cursor;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{Finding, Verdict};
use crate::client::connect::{Access, dial};
use crate::client::endpoint::Endpoint;
use crate::client::upgrade::{Answer, Opening, has_token};
use crate::limits;
use crate::net::Fault;
use crate::net::dial::Stream;
use crate::net::fault::in_words;

/// One thing to try.
struct Case {
    /// What a good server does.
    name: &'static str,
    act: Act,
    expect: Expect,
    holds: Holds,
}

/// What is done.
enum Act {
    /// A handshake with other headers.
    Handshake(fn(&mut HeaderMap)),
    /// These bytes after a good handshake.
    Send(fn() -> Vec<u8>),
}

/// What has to come of it.
enum Expect {
    /// This HTTP status.
    Status(u16),
    /// A refusal that says which version to use. 426 is the RFC's example, not its rule.
    Version13,
    /// Whatever is no WebSocket.
    NoWebSocket,
    /// A close frame with this code.
    Close(u16),
    /// A close frame with this code, and then the end of the connection.
    CloseAndEnd(u16),
    /// A pong with this payload.
    Pong(&'static [u8]),
    /// A text message that contains this.
    Text(&'static str),
    /// Nothing in particular: what is agreed on is told.
    Told,
}

/// Of whom it may be expected.
#[derive(PartialEq, Eq)]
enum Holds {
    /// Of every server.
    Rfc,
    /// Of one whose feeds keep to the contract.
    Contract,
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const FINAL: u8 = 0x80;

const CASES: &[Case] = &[
    Case {
        name: "version 12 is refused with the version to use",
        act: Act::Handshake(version_12),
        expect: Expect::Version13,
        holds: Holds::Rfc,
    },
    Case {
        name: "version 12 is refused with 426",
        act: Act::Handshake(version_12),
        expect: Expect::Status(426),
        holds: Holds::Contract,
    },
    Case {
        name: "a handshake without a key is refused with 400",
        act: Act::Handshake(|headers| {
            headers.remove(header::SEC_WEBSOCKET_KEY);
        }),
        expect: Expect::Status(400),
        holds: Holds::Rfc,
    },
    Case {
        name: "a request without `Upgrade` gets no WebSocket",
        act: Act::Handshake(|headers| {
            headers.remove(header::UPGRADE);
        }),
        expect: Expect::NoWebSocket,
        holds: Holds::Rfc,
    },
    Case {
        name: "permessage-deflate",
        act: Act::Handshake(|headers| {
            let offer = HeaderValue::from_static("permessage-deflate; client_max_window_bits");
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, offer);
        }),
        expect: Expect::Told,
        holds: Holds::Rfc,
    },
    Case {
        name: "a ping is answered with its payload",
        act: Act::Send(|| frame(PING, &[b'p'; 125])),
        expect: Expect::Pong(&[b'p'; 125]),
        holds: Holds::Rfc,
    },
    Case {
        name: "a pong nobody asked for is ignored",
        act: Act::Send(|| [frame(PONG, b"hello"), frame(PING, b"after")].concat()),
        expect: Expect::Pong(b"after"),
        holds: Holds::Rfc,
    },
    Case {
        name: "a ping between fragments is answered",
        act: Act::Send(|| {
            [frame(1, b"{\"type\":\"pi"), frame(PING, b"between"), frame(FINAL, b"ng\",\"timestamp\":7}")].concat()
        }),
        expect: Expect::Pong(b"between"),
        holds: Holds::Rfc,
    },
    Case {
        name: "a message in fragments is put together",
        act: Act::Send(|| {
            [frame(1, b"{\"type\":\"pi"), frame(0, b""), frame(FINAL, b"ng\",\"timestamp\":7}")].concat()
        }),
        expect: Expect::Text("\"pong\""),
        holds: Holds::Contract,
    },
    Case {
        name: "a close is answered with its code, and the server ends the connection",
        act: Act::Send(|| frame(CLOSE, &1000_u16.to_be_bytes())),
        expect: Expect::CloseAndEnd(1000),
        holds: Holds::Rfc,
    },
    Case {
        name: "an unmasked frame ends in 1002",
        act: Act::Send(|| vec![TEXT, 2, b'{', b'}']),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a reserved bit ends in 1002",
        act: Act::Send(|| frame(TEXT | 0x20, b"{}")),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a compressed frame nobody agreed on ends in 1002",
        act: Act::Send(|| frame(TEXT | 0x40, b"{}")),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a reserved opcode ends in 1002",
        act: Act::Send(|| frame(0x83, b"{}")),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a ping in fragments ends in 1002",
        act: Act::Send(|| frame(0x09, b"")),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a ping of 126 bytes ends in 1002",
        act: Act::Send(|| frame(PING, &[b'p'; 126])),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a continuation of nothing ends in 1002",
        act: Act::Send(|| frame(FINAL, b"{}")),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a new message inside another ends in 1002",
        act: Act::Send(|| [frame(1, b"{"), frame(TEXT, b"{}")].concat()),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "a close code that may not be sent ends in 1002",
        act: Act::Send(|| frame(CLOSE, &1005_u16.to_be_bytes())),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "half a close code ends in 1002",
        act: Act::Send(|| frame(CLOSE, &[3])),
        expect: Expect::Close(1002),
        holds: Holds::Rfc,
    },
    Case {
        name: "text that is not UTF-8 ends in 1007",
        act: Act::Send(|| frame(TEXT, b"\xff\xfe")),
        expect: Expect::Close(1007),
        holds: Holds::Rfc,
    },
    Case {
        name: "a binary message ends in 1003",
        act: Act::Send(|| frame(BINARY, b"{}")),
        expect: Expect::Close(1003),
        holds: Holds::Contract,
    },
];

fn version_12(headers: &mut HeaderMap) {
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("12"));
}

/// A masked frame: its first byte, its payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short @ 0..=125) => bytes.push(0x80 | short),
        Ok(long) => bytes.extend([0x80 | 126, 0, long]),
        Err(_) => unreachable!("no case sends more than 255 bytes"),
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The longest time all cases take together, the handshakes of a server that is there left out.
pub fn longest() -> Duration {
    limits::CONFORMANCE_PATIENCE * CASES.len() as u32
}

/// Tries every case, one after the other, and adds a finding for each.
pub(super) async fn run(endpoint: &Endpoint, access: &Access, findings: &mut Vec<Finding>) {
    for case in CASES {
        let name = format!("rfc6455 {}", case.name);
        if case.holds == Holds::Contract && endpoint.feed.is_none() {
            findings.push(Finding::new(name, Verdict::Skip, Some("this is no feed".to_owned())));
            continue;
        }
        let finding = match attempt(case, endpoint, access).await {
            Ok(detail) => Finding::new(name, Verdict::Pass, detail),
            Err(problem) => Finding::new(name, Verdict::Fail, Some(problem)),
        };
        findings.push(finding);
    }
}

/// Tries one case. What is told where it is as it should be, or what is wrong.
async fn attempt(case: &Case, endpoint: &Endpoint, access: &Access) -> Result<Option<String>, String> {
    let deadline = Instant::now() + access.timeout + limits::CONFORMANCE_PATIENCE;
    let dialed = dial(endpoint, access, Instant::now() + access.timeout).await.map_err(|error| error.to_string())?;
    let (mut stream, mut opening) = (dialed.stream, Opening::new(endpoint, access)?);
    if let Act::Handshake(change) = case.act {
        change(&mut opening.headers);
    }
    let asked = timeout_at(deadline, opening.ask(&mut stream)).await;
    let answer = asked.map_err(|_| "no answer to the handshake".to_owned())?.map_err(|fault| fault.to_string())?;
    let Act::Send(bytes) = case.act else { return greeted(&case.expect, &opening, &answer) };
    if answer.status != 101 {
        return Err(format!("the handshake was answered with {}", answer.status));
    }
    opening.judge(&answer)?;
    let mut wire = Wire { stream, buffer: answer.rest, deadline: Instant::now() + limits::CONFORMANCE_PATIENCE };
    wire.send(&bytes()).await.map_err(|fault| fault.to_string())?;
    wire.see(&case.expect).await
}

/// Judges the answer to a handshake.
fn greeted(expect: &Expect, opening: &Opening, answer: &Answer) -> Result<Option<String>, String> {
    match expect {
        Expect::Status(status) if answer.status == *status => Ok(None),
        Expect::Status(status) => Err(format!("answered {}, not {status}", answer.status)),
        Expect::Version13 if !(400..500).contains(&answer.status) => Err(format!("answered {}", answer.status)),
        Expect::Version13 if has_token(&answer.headers, &header::SEC_WEBSOCKET_VERSION, "13") => Ok(None),
        Expect::Version13 => Err(format!("{} without `Sec-WebSocket-Version: 13`", answer.status)),
        Expect::NoWebSocket if answer.status == 101 => Err("answered 101".to_owned()),
        Expect::NoWebSocket => Ok(None),
        _ => {
            if answer.status != 101 {
                return Err(format!("the handshake was answered with {}", answer.status));
            }
            let terms = opening.judge(answer)?;
            Ok(Some(terms.extensions.map_or_else(|| "declined".to_owned(), |agreed| format!("accepted: {agreed}"))))
        }
    }
}

/// A connection, frame by frame.
struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    deadline: Instant,
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads until what is expected is there, or can no longer come.
    async fn see(&mut self, expect: &Expect) -> Result<Option<String>, String> {
        loop {
            let (opcode, payload) = match timeout_at(self.deadline, self.next()).await {
                Err(_) => return Err(format!("nothing of the kind within {}", in_words(limits::CONFORMANCE_PATIENCE))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_frames_a_peer_can_read() {
        for (at, case) in CASES.iter().enumerate() {
            assert!(CASES[..at].iter().all(|other| other.name != case.name), "{}", case.name);
        }
        assert_eq!(frame(TEXT, b"Hi"), [0x81, 0x82, 0x37, 0xfa, 0x21, 0x3d, b'H' ^ 0x37, b'i' ^ 0xfa]);
        assert_eq!(frame(PING, &[0; 126])[..4], [0x89, 0xfe, 0, 126]);
    }
}
