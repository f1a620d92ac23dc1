//! Frames as a server writes them: unmasked, unfragmented, ready to be shared by every connection.

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::protocol::CloseCode;

/// Longest payload of a control frame, by RFC 6455.
const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Appends `payload` as one text frame.
pub fn text(payload: &[u8], out: &mut Vec<u8>) {
    push(OpCode::Data(Data::Text), payload, out);
}

/// An empty ping.
pub fn ping() -> Vec<u8> {
    let mut out = Vec::new();
    push(OpCode::Control(Control::Ping), &[], &mut out);
    out
}

/// A close frame. A reason that is too long for a control frame is cut at a character.
pub fn close(code: CloseCode, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(CONTROL_PAYLOAD_BYTES_MAX - 2);
    let mut payload = code.code().to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    let mut out = Vec::new();
    push(OpCode::Control(Control::Close), &payload, &mut out);
    out
}

fn push(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(payload.len() as u64, out).expect("a vector takes every byte");
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_its_shortest_header() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            text(&vec![b'x'; length], &mut out);
            assert_eq!(out[..header.len()], header, "{length}");
            assert_eq!(out.len(), header.len() + length);
        }
    }

    #[test]
    fn a_close_reason_fits_a_control_frame_and_stays_utf8() {
        let frame = close(CloseCode::TooSlow, &"ü".repeat(100));
        assert_eq!(frame[0], 0x88);
        assert_eq!(usize::from(frame[1]), frame.len() - 2);
        assert_eq!(frame[2..4], 4008_u16.to_be_bytes());
        assert!(frame.len() <= 127 && std::str::from_utf8(&frame[4..]).is_ok());
        assert_eq!(ping(), [0x89, 0]);
    }
}
