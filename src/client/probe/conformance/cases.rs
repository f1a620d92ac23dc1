//! What is tried: one row a case.

use http::header::{self, HeaderMap, HeaderValue};

/// One thing to try.
pub(super) struct Case {
    /// What a good server does.
    pub(super) name: &'static str,
    pub(super) act: Act,
    pub(super) expect: Expect,
    pub(super) holds: Holds,
}

/// What is done.
pub(super) enum Act {
    /// A handshake with other headers.
    Handshake(fn(&mut HeaderMap)),
    /// These bytes after a good handshake.
    Send(fn() -> Vec<u8>),
}

/// What has to come of it.
pub(super) enum Expect {
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
pub(super) enum Holds {
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

/// Every case, in the order in which they are tried.
pub(super) const CASES: &[Case] = &[
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
