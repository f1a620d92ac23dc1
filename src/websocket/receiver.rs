//! The server's reading half of a connection: bytes in, messages out, and the control frames that answer them.
//!
//! tungstenite's context runs here over slices instead of a socket. It judges the protocol and writes the pongs and the
//! answer to a close frame; whoever owns the socket has to send those replies, in order, before anything newer.

use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::deflate::{Fault, Filter, Terms};
use super::position::Position;
use crate::limits::RECEIVE_BUFFER_BYTES;
use crate::protocol::{CloseCode, INBOUND_MESSAGE_BYTES_MAX};

/// What a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole text message.
    Text(Utf8Bytes),
    /// A ping or pong. A ping's answer stands in the replies.
    Control,
    /// The peer ended the conversation; the answer stands in the replies. Nothing comes after this.
    Closed,
}

/// The state of one peer's byte stream.
#[derive(Debug)]
pub struct Receiver {
    context: WebSocketContext,
    position: Position,
    /// A message has come that made the context's buffer grow.
    grown: bool,
    /// Where compression was agreed on.
    filter: Option<Box<Filter>>,
}

/// An engine with a small buffer. The buffer grows for a long message and does not shrink again.
fn context() -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(RECEIVE_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(INBOUND_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(INBOUND_MESSAGE_BYTES_MAX));
    WebSocketContext::new(Role::Server, Some(config))
}

impl Receiver {
    /// The state of a stream on which nothing has come. `deflate`: what was agreed on about compression, if anything.
    pub fn new(deflate: Option<Terms>) -> Receiver {
        let filter = deflate.map(|terms| Box::new(Filter::new(terms, Role::Server, INBOUND_MESSAGE_BYTES_MAX)));
        Receiver { context: context(), position: Position::default(), grown: false, filter }
    }

    /// Takes bytes from the front of `input` up to the end of one message. `None`: all of it is used up and no message
    /// is complete. Frames to be sent back are appended to `replies`.
    ///
    /// # Errors
    /// The code to close the connection with. The receiver must not be used again after that.
    pub fn next(&mut self, input: &mut &[u8], replies: &mut Vec<u8>) -> Result<Option<Received>, CloseCode> {
        let (filter, mut fault) = (self.filter.as_deref_mut(), None);
        let position = &mut self.position;
        let read = self.context.read(&mut Slices { input, replies, position, filter, fault: &mut fault });
        if let Some(fault) = fault {
            return Err(fault.code());
        }
        match read {
            Ok(Message::Text(text)) => {
                self.grown |= text.len() > RECEIVE_BUFFER_BYTES;
                Ok(Some(Received::Text(text)))
            }
            Ok(Message::Binary(_)) => Err(CloseCode::Unsupported),
            Ok(_) => Ok(Some(Received::Control)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.grown && self.position.is_between_messages() {
                    // Nothing stands in its buffer: start afresh with a small one, or a peer that once said much would
                    // cost as much for as long as it stays.
                    (self.context, self.grown) = (context(), false);
                }
                Ok(None)
            }
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(Some(Received::Closed)),
            Err(Error::Utf8(_)) => Err(CloseCode::InvalidPayload),
            Err(Error::Capacity(_)) => Err(CloseCode::TooBig),
            Err(_) => Err(CloseCode::ProtocolError),
        }
    }
}

/// What tungstenite takes for a socket: reads end with `WouldBlock`, never with the end of the stream.
struct Slices<'a, 'b> {
    input: &'a mut &'b [u8],
    replies: &'a mut Vec<u8>,
    position: &'a mut Position,
    filter: Option<&'a mut Filter>,
    /// What the filter has found, when it has been asked for more than came before that.
    fault: &'a mut Option<Fault>,
}

impl Read for Slices<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.filter {
            None => self.input.read(buffer)?,
            Some(filter) => filter.read(self.input, buffer).unwrap_or_else(|fault| {
                *self.fault = Some(fault);
                0
            }),
        };
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.position.advance(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Slices<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            0..=125 => frame.push(0x80 | payload.len() as u8),
            126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Everything that comes out of `bytes` when they arrive in pieces that end at `cuts`.
    fn run(bytes: &[u8], cuts: &[usize]) -> (Vec<Received>, Vec<u8>, Option<CloseCode>) {
        let (mut receiver, mut replies, mut events) = (Receiver::new(None), Vec::new(), Vec::new());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let mut input = &bytes[pair[0]..pair[1]];
            loop {
                match receiver.next(&mut input, &mut replies) {
                    Ok(Some(Received::Closed)) => {
                        events.push(Received::Closed);
                        return (events, replies, None);
                    }
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(code) => return (events, replies, Some(code)),
                }
            }
        }
        (events, replies, None)
    }

    #[test]
    fn a_ping_is_answered_and_a_close_is_echoed_in_order() {
        let mut bytes = masked(0x89, b"hi");
        bytes.extend(masked(0x81, b"{}"));
        bytes.extend(masked(0x88, &1000_u16.to_be_bytes()));
        bytes.extend(masked(0x81, b"late"));
        let (events, replies, code) = run(&bytes, &[]);
        assert_eq!(events[1], Received::Text("{}".into()));
        assert_eq!(events.last(), Some(&Received::Closed));
        assert_eq!(replies, [0x8a, 2, b'h', b'i', 0x88, 2, 0x03, 0xe8]);
        assert_eq!(code, None);
    }

    #[test]
    fn the_size_limit_holds_for_one_frame_and_for_many() {
        let full = vec![b'x'; INBOUND_MESSAGE_BYTES_MAX];
        assert_eq!(run(&masked(0x81, &full), &[]).2, None);
        assert_eq!(run(&masked(0x81, &[&full[..], b"x"].concat()), &[]).2, Some(CloseCode::TooBig));
        let mut pieces = masked(0x01, &full);
        pieces.extend(masked(0x80, b"x"));
        assert_eq!(run(&pieces, &[]).2, Some(CloseCode::TooBig));
    }

    #[test]
    fn a_long_message_leaves_no_long_buffer() {
        let mut receiver = Receiver::new(None);
        let mut replies = Vec::new();
        let message = masked(0x81, &[b'x'; 10_000]);
        let mut input = &message[..];
        assert!(matches!(receiver.next(&mut input, &mut replies), Ok(Some(Received::Text(_)))));
        assert!(receiver.grown);
        assert_eq!(receiver.next(&mut input, &mut replies), Ok(None));
        assert!(!receiver.grown);
        // In the middle of the next one it has to stay.
        let mut input = &[&message[..], &message[..20]].concat()[..];
        assert!(matches!(receiver.next(&mut input, &mut replies), Ok(Some(Received::Text(_)))));
        assert_eq!(receiver.next(&mut input, &mut replies), Ok(None));
        assert!(receiver.grown);
        let mut input = &message[20..];
        assert!(matches!(receiver.next(&mut input, &mut replies), Ok(Some(Received::Text(_)))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_cutting_them_changes_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            prop_assert_eq!(run(&bytes, &[]), run(&bytes, &cuts));
        }

        #[test]
        fn texts_come_out_as_they_went_in(
            texts in proptest::collection::vec(".{0,300}", 0..5),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let bytes: Vec<u8> = texts.iter().flat_map(|text| masked(0x81, text.as_bytes())).collect();
            let events = run(&bytes, &cuts).0;
            let expected: Vec<Received> = texts.iter().map(|text| Received::Text(text.as_str().into())).collect();
            prop_assert_eq!(events, expected);
        }
    }
}
