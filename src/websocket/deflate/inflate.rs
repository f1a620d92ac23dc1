//! Compressed messages, inflated.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::filter::Fault;
use super::terms::Context;
use super::{TAIL, WINDOW_BYTES, window};
use crate::limits::{DEFLATE_ENDS_MAX, INFLATE_STEP_BYTES};

thread_local! {
    /// Starts afresh with every message.
    static DECODER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// What has to be remembered of one direction of a connection.
#[derive(Debug)]
pub(super) struct Inflater {
    context: Context,
    /// The end of what was put out, as far as a reference can reach.
    history: Vec<u8>,
}

impl Inflater {
    pub(super) fn new(context: Context) -> Inflater {
        Inflater { context, history: Vec::new() }
    }

    /// Inflates the payload of a message to at most `limit` bytes. After an error nothing more can be inflated.
    pub(super) fn message(&mut self, compressed: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
        let message = DECODER.with_borrow_mut(|decoder| self.inflate(decoder, compressed, limit))?;
        if self.context == Context::Kept {
            let surplus = (self.history.len() + window(&message).len()).saturating_sub(WINDOW_BYTES);
            self.history.drain(..surplus);
            self.history.extend_from_slice(window(&message));
        }
        Ok(message)
    }

    fn inflate(&self, decoder: &mut Decompress, compressed: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let mut ends = 0;
        self.begin(decoder, &out)?;
        for mut input in [compressed, &TAIL] {
            loop {
                // One byte more than allowed tells too much from just enough.
                let room = (limit + 1 - out.len()).min(INFLATE_STEP_BYTES.max(out.len()));
                out.reserve_exact(room);
                let before = (decoder.total_in(), out.len());
                let status =
                    decoder.decompress_vec(input, &mut out, FlushDecompress::Sync).map_err(|_| Fault::Corrupt)?;
                let taken = decoder.total_in() - before.0;
                input = &input[usize::try_from(taken).expect("the length of a slice")..];
                if out.len() > limit {
                    return Err(Fault::TooBig(out.len()));
                }
                match status {
                    // A message may be made of several streams, each with an end of its own.
                    Status::StreamEnd if ends < DEFLATE_ENDS_MAX => {
                        ends += 1;
                        self.begin(decoder, &out)?;
                    }
                    Status::StreamEnd => return Err(Fault::Corrupt),
                    Status::Ok | Status::BufError
                        if out.len() < out.capacity() || (taken, out.len()) == (0, before.1) =>
                    {
                        break;
                    }
                    Status::Ok | Status::BufError => {}
                }
            }
        }
        Ok(out)
    }

    /// Starts a stream that may refer to what was put out before.
    fn begin(&self, decoder: &mut Decompress, out: &[u8]) -> Result<(), Fault> {
        decoder.reset(false);
        let near = window(out);
        let far = window(&self.history);
        let far = &far[far.len().saturating_sub(WINDOW_BYTES - near.len())..];
        for part in [far, near] {
            if !part.is_empty() {
                decoder.set_dictionary(part).map_err(|_| Fault::Corrupt)?;
            }
        }
        Ok(())
    }
}
