//! The filter in front of tungstenite: bytes as they came in, bytes as they would have come uncompressed out.
//!
//! It walks the frames. A message that begins with the first reserved bit is gathered to its end, inflated, and put in
//! place as one plain frame; control frames between its fragments go ahead of it, as tungstenite would hand them out.
//! Every other byte goes through as it is, also what breaks the protocol: tungstenite says so. Only what it could not see
//! any more, because the frames are gone by then, is judged here.
//!
//! Bounded: by the largest message in both its forms. No more than one message is inflated before it is asked for.

use std::io::Cursor;
use std::mem;

use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::inflate::Inflater;
use super::terms::Terms;
use crate::limits::deflated_bytes_max;
use crate::protocol::CloseCode;

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Frames in an order or a form that RFC 6455 does not allow.
    #[error("the frames of a compressed message are not those of one message")]
    Protocol,
    /// Not what deflate makes.
    #[error("a compressed message cannot be inflated")]
    Corrupt,
    /// A message of at least this many bytes, which is too many.
    #[error("a compressed message of at least {0} bytes")]
    TooBig(usize),
}

impl Fault {
    /// The code to close the connection with.
    pub fn code(self) -> CloseCode {
        match self {
            Fault::Protocol => CloseCode::ProtocolError,
            Fault::Corrupt => CloseCode::InvalidPayload,
            Fault::TooBig(_) => CloseCode::TooBig,
        }
    }
}

/// Bytes of data frames, their headers included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// As they came.
    pub wire: u64,
    /// As they would have come uncompressed.
    pub plain: u64,
}

/// One direction of a connection on which compression was agreed on.
#[derive(Debug)]
pub struct Filter {
    inflater: Inflater,
    /// Whether frames come masked: those of a client.
    masked: bool,
    /// The largest message, inflated.
    limit: usize,
    place: Place,
    /// The bytes of a header that is not whole yet.
    head: Vec<u8>,
    /// A compressed message that is not whole yet.
    gathered: Option<Gathered>,
    /// What has not been asked for yet, from here on.
    ready: Vec<u8>,
    read: usize,
    fault: Option<Fault>,
    tally: Tally,
}

#[derive(Debug)]
struct Gathered {
    opcode: OpCode,
    payload: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Place {
    Header,
    /// A payload that goes through, with so many bytes left.
    Through(u64),
    /// A payload that is gathered.
    Gather {
        left: usize,
        mask: [u8; 4],
        last: bool,
    },
}

impl Filter {
    /// The filter of an end that has this role. `limit` is the size of the largest message.
    pub fn new(terms: Terms, role: Role, limit: usize) -> Filter {
        let (context, masked) = match role {
            Role::Server => (terms.client, true),
            Role::Client => (terms.server, false),
        };
        Filter {
            inflater: Inflater::new(context),
            masked,
            limit,
            place: Place::Header,
            head: Vec::new(),
            gathered: None,
            ready: Vec::new(),
            read: 0,
            fault: None,
            tally: Tally::default(),
        }
    }

    /// Fills `buffer` with plain bytes from the front of `input`. 0: all of it is used up and there is no more to give.
    ///
    /// # Errors
    /// [`Fault`], after everything that came before it was given.
    pub fn read(&mut self, input: &mut &[u8], buffer: &mut [u8]) -> Result<usize, Fault> {
        loop {
            let ready = &self.ready[self.read..];
            if !ready.is_empty() {
                let count = ready.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ready[..count]);
                self.read += count;
                return Ok(count);
            }
            (self.read, self.ready) = (0, Vec::new());
            if let Some(fault) = self.fault {
                return Err(fault);
            }
            if input.is_empty() {
                return Ok(0);
            }
            self.fault = self.advance(input).err();
        }
    }

    /// What has come so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes bytes up to the end of a compressed message, or all of them.
    fn advance(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        while !input.is_empty() {
            match &mut self.place {
                Place::Header => {
                    let missing = header_length(&self.head) - self.head.len();
                    self.head.extend_from_slice(take(input, missing));
                    if self.head.len() == header_length(&self.head) && self.frame()? {
                        return Ok(());
                    }
                }
                Place::Through(left) => {
                    let taken = take(input, usize::try_from(*left).unwrap_or(usize::MAX));
                    self.ready.extend_from_slice(taken);
                    *left -= taken.len() as u64;
                    if *left == 0 {
                        self.place = Place::Header;
                    }
                }
                Place::Gather { left, mask, last } => {
                    let taken = take(input, *left);
                    let gathered = self.gathered.as_mut().expect("one is gathered in this place");
                    gathered.payload.extend(taken.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
                    mask.rotate_left(taken.len() % 4);
                    *left -= taken.len();
                    let (whole, last) = (*left == 0, *last);
                    if whole && self.end_of_fragment(last)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Decides what becomes of the frame whose header has come. Whether a compressed message ended with it, as one does whose
    /// last fragment is empty.
    fn frame(&mut self) -> Result<bool, Fault> {
        let bytes = mem::take(&mut self.head);
        let Ok(Some((header, length))) = FrameHeader::parse(&mut Cursor::new(&bytes)) else {
            // An opcode that does not exist. Nothing behind it matters.
            self.ready.extend_from_slice(&bytes);
            self.place = Place::Through(u64::MAX);
            return Ok(false);
        };
        let begins = header.rsv1 && matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        let data = matches!(header.opcode, OpCode::Data(_));
        let size = length.saturating_add(bytes.len() as u64);
        if data {
            self.tally.wire = self.tally.wire.saturating_add(size);
        }
        if !(begins || data && self.gathered.is_some()) {
            if data {
                self.tally.plain = self.tally.plain.saturating_add(size);
            }
            self.ready.extend_from_slice(&bytes);
            self.place = if length == 0 { Place::Header } else { Place::Through(length) };
            return Ok(false);
        }
        let continues = header.opcode == OpCode::Data(Data::Continue) && !header.rsv1;
        let fits = if self.gathered.is_some() { continues } else { begins };
        if !fits || header.rsv2 || header.rsv3 || header.mask.is_some() != self.masked {
            return Err(Fault::Protocol);
        }
        let gathered = self.gathered.get_or_insert_with(|| Gathered { opcode: header.opcode, payload: Vec::new() });
        let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(gathered.payload.len());
        if whole > deflated_bytes_max(self.limit) {
            return Err(Fault::TooBig(whole));
        }
        let (left, mask) = (whole - gathered.payload.len(), header.mask.unwrap_or_default());
        self.place = Place::Gather { left, mask, last: header.is_final };
        if left == 0 { self.end_of_fragment(header.is_final) } else { Ok(false) }
    }

    /// A fragment is whole; with the last of them, so is the message. Whether it was that.
    fn end_of_fragment(&mut self, last: bool) -> Result<bool, Fault> {
        self.place = Place::Header;
        let Some(Gathered { opcode, payload }) = self.gathered.take_if(|_| last) else { return Ok(false) };
        let message = self.inflater.message(&payload, self.limit)?;
        // A mask of zeros changes nothing, and a client's frame has to have one.
        let header = FrameHeader { opcode, mask: self.masked.then_some([0; 4]), ..FrameHeader::default() };
        let before = self.ready.len();
        header.format(message.len() as u64, &mut self.ready).expect("a vector takes every byte");
        self.ready.extend_from_slice(&message);
        self.tally.plain += (self.ready.len() - before) as u64;
        Ok(true)
    }
}

/// How long a header is that begins with these bytes, as far as that can be told: at least one more than there are, until
/// it is whole.
fn header_length(head: &[u8]) -> usize {
    let Some(second) = head.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// Takes so many bytes, or all there are.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}
