//! The codec against tungstenite as the oracle: what we write its client reads, what its client writes we read, whatever the
//! lengths, masks, fragments and pieces.

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use veloflux::protocol::{CloseCode, INBOUND_MESSAGE_BYTES_MAX};
use veloflux::websocket::{Received, Receiver, frame};

/// A stream that was written by somebody else; what is written to it is kept.
struct Tape {
    written: Cursor<Vec<u8>>,
    answered: Vec<u8>,
}

impl Tape {
    fn of(bytes: &[u8]) -> Tape {
        Tape { written: Cursor::new(bytes.to_vec()), answered: Vec::new() }
    }
}

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.written.read(buffer)
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.answered.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything tungstenite's client reads up to the end.
fn read_by_client(bytes: &[u8]) -> Vec<Message> {
    let mut client = WebSocket::from_raw_socket(Tape::of(bytes), Role::Client, None);
    let mut messages = Vec::new();
    loop {
        match client.read() {
            Ok(message) => messages.push(message),
            Err(Error::Protocol(_) | Error::ConnectionClosed | Error::Io(_)) => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Everything we read of `bytes` in pieces of this size: texts, answers, and the code that ends it.
fn read_by_us(bytes: &[u8], piece: usize) -> (Vec<String>, Vec<u8>, Option<CloseCode>) {
    let (mut receiver, mut replies, mut texts) = (Receiver::new(None), Vec::new(), Vec::new());
    for mut input in bytes.chunks(piece.max(1)) {
        loop {
            match receiver.next(&mut input, &mut replies) {
                Ok(Some(Received::Text(text))) => texts.push(text.to_string()),
                Ok(Some(Received::Control)) => {}
                Ok(Some(Received::Closed)) => return (texts, replies, None),
                Ok(None) => break,
                Err(code) => return (texts, replies, Some(code)),
            }
        }
    }
    (texts, replies, None)
}

/// A frame as tungstenite formats it, with this mask.
fn masked(mut frame: Frame, mask: [u8; 4]) -> Vec<u8> {
    frame.header_mut().mask = Some(mask);
    let mut out = Vec::new();
    frame.format(&mut out).expect("a vector takes every byte");
    out
}

/// Lengths at the borders of the three forms of a header, and any between.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0_usize),
        Just(1),
        Just(124),
        Just(125),
        Just(126),
        Just(127),
        Just(65_535),
        Just(65_536),
        Just(65_537),
        0_usize..2_000,
    ]
}

/// A text of so many bytes, some of its letters longer than one.
fn text_of(length: usize, seed: usize) -> String {
    let letters = ['x', 'ü', '€', '𝄞', '"'];
    let mut text = String::with_capacity(length);
    for at in 0.. {
        let letter = letters[(seed + at * at) % letters.len()];
        if text.len() + letter.len_utf8() > length {
            break;
        }
        text.push(letter);
    }
    text.extend(std::iter::repeat_n('.', length - text.len()));
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_we_write_their_client_reads(
        lengths in proptest::collection::vec((length(), any::<usize>()), 0..6),
        pings in any::<bool>(),
        reason in ".{0,80}",
    ) {
        let texts: Vec<String> = lengths.iter().map(|(length, seed)| text_of(*length, seed % 1_000)).collect();
        let mut bytes = Vec::new();
        for text in &texts {
            let start = bytes.len();
            frame::text(text.as_bytes(), &mut bytes);
            // The header says what it is, in the shortest form.
            let mut cursor = Cursor::new(&bytes[start..]);
            let (header, length) = FrameHeader::parse(&mut cursor).expect("a header").expect("whole");
            prop_assert_eq!((header.is_final, header.mask, length), (true, None, text.len() as u64));
            prop_assert_eq!(header.opcode, OpCode::Data(Data::Text));
            prop_assert_eq!(cursor.position(), header.len(length) as u64);
            if pings {
                bytes.extend(frame::ping());
            }
        }
        bytes.extend(frame::close(CloseCode::TooSlow, &reason));
        let read = read_by_client(&bytes);
        let mut expected: Vec<Message> = Vec::new();
        for text in &texts {
            expected.push(Message::text(text.clone()));
            if pings {
                expected.push(Message::Ping(Bytes::new()));
            }
        }
        prop_assert_eq!(&read[..expected.len()], &expected[..]);
        let [Message::Close(Some(close))] = &read[expected.len()..] else { panic!("a close frame: {read:?}") };
        prop_assert_eq!(u16::from(close.code), 4008);
        prop_assert!(reason.starts_with(close.reason.as_str()) && close.reason.len() >= reason.len().min(120));
    }

    #[test]
    fn what_their_client_writes_we_read(
        parts in proptest::collection::vec((length(), any::<usize>(), 1_usize..5, any::<[u8; 4]>(), any::<bool>()), 0..5),
        piece in 1_usize..5_000,
    ) {
        let (mut bytes, mut texts, mut pongs) = (Vec::new(), Vec::new(), Vec::new());
        for (length, seed, fragments, mask, ping) in parts {
            let text = text_of(length.min(INBOUND_MESSAGE_BYTES_MAX), seed % 1_000);
            let size = text.len() / fragments + 1;
            // Fragments end anywhere, also inside a letter.
            let pieces: Vec<&[u8]> = if text.is_empty() { vec![&b""[..]] } else { text.as_bytes().chunks(size).collect() };
            for (index, piece) in pieces.iter().enumerate() {
                let opcode = if index == 0 { Data::Text } else { Data::Continue };
                let last = index + 1 == pieces.len();
                let frame = Frame::message(Bytes::copy_from_slice(piece), OpCode::Data(opcode), last);
                bytes.extend(masked(frame, mask));
                if ping && !last {
                    // A ping may stand between the fragments of a message.
                    bytes.extend(masked(Frame::ping(Bytes::copy_from_slice(&mask)), mask));
                    pongs.push(mask);
                }
            }
            texts.push(text);
        }
        let (read, replies, code) = read_by_us(&bytes, piece);
        prop_assert_eq!(code, None);
        prop_assert_eq!(read, texts);
        // Every ping is answered with its own bytes, in order, as their client reads it.
        let answers = read_by_client(&replies);
        let expected: Vec<Message> = pongs.iter().map(|payload| Message::Pong(Bytes::copy_from_slice(payload))).collect();
        prop_assert_eq!(answers, expected);
    }

    #[test]
    fn whatever_their_client_would_send_by_itself_we_read(
        texts in proptest::collection::vec(".{0,400}", 0..6),
        piece in 1_usize..300,
    ) {
        let mut client = WebSocket::from_raw_socket(Tape::of(b""), Role::Client, None);
        for text in &texts {
            client.send(Message::text(text.clone())).expect("a tape takes every byte");
        }
        client.close(None).expect("a tape takes every byte");
        let (read, replies, code) = read_by_us(&client.get_ref().answered, piece);
        prop_assert_eq!((read, code), (texts, None));
        prop_assert_eq!(replies, vec![0x88, 0]);
    }

    #[test]
    fn frames_that_break_the_rules_end_with_the_code_of_the_rfc(
        length in 0_usize..300,
        mask in any::<[u8; 4]>(),
        piece in 1_usize..300,
    ) {
        let payload = || Bytes::from(vec![b'x'; length]);
        let text = |last| Frame::message(payload(), OpCode::Data(Data::Text), last);
        let flagged = |flag: fn(&mut FrameHeader)| {
            let mut frame = text(true);
            flag(frame.header_mut());
            masked(frame, mask)
        };
        let broken_utf8 = Frame::message(vec![b'x', 0xc3, 0x28], OpCode::Data(Data::Text), true);
        let mut unmasked = Vec::new();
        text(true).format(&mut unmasked).expect("a vector takes every byte");
        let long_ping = Frame::from_payload(
            FrameHeader { opcode: OpCode::Control(Control::Ping), ..FrameHeader::default() },
            Bytes::from(vec![0; 126]),
        );
        for (bytes, wanted) in [
            (masked(Frame::message(payload(), OpCode::Data(Data::Binary), true), mask), CloseCode::Unsupported),
            (masked(broken_utf8, mask), CloseCode::InvalidPayload),
            (masked(Frame::message(payload(), OpCode::Data(Data::Continue), true), mask), CloseCode::ProtocolError),
            ([masked(text(false), mask), masked(text(true), mask)].concat(), CloseCode::ProtocolError),
            (flagged(|header| header.rsv2 = true), CloseCode::ProtocolError),
            (flagged(|header| header.rsv3 = true), CloseCode::ProtocolError),
            (unmasked, CloseCode::ProtocolError),
            (masked(long_ping, mask), CloseCode::ProtocolError),
        ] {
            prop_assert_eq!(read_by_us(&bytes, piece).2, Some(wanted), "{:x?}", bytes);
        }
    }
}
