//! Text messages as compressed frames of a server.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{TAIL, window};
use crate::limits::{COMPRESSION_LEVEL, DEFLATE_BYTES_MIN};
use crate::websocket::frame;

thread_local! {
    /// 300 KB, most of the time it takes to compress a short message is to set them up, and each use starts afresh.
    static ENCODER: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(COMPRESSION_LEVEL), false));
}

/// Appends `payload` as one compressed text frame.
///
/// `before` is the message that the peer was last sent compressed, where it was agreed that a message may refer to those
/// before it. Whatever a peer was sent earlier, and whenever it joined, its window ends with that message; and the
/// frame refers to nothing else. So one frame does for all peers of whom this is true. Without `before`, it does for
/// every peer.
pub fn text(payload: &[u8], before: Option<&[u8]>, out: &mut Vec<u8>) {
    let compressed = compress(payload, before);
    let header = FrameHeader { rsv1: true, opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    header.format(compressed.len() as u64, out).expect("a vector takes every byte");
    out.extend_from_slice(&compressed);
}

/// Appends `payload` as one text frame that refers to nothing, compressed only where that makes it shorter.
pub fn standalone(payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if payload.len() >= DEFLATE_BYTES_MIN {
        text(payload, None, out);
        if out.len() - start <= payload.len() {
            return;
        }
        out.truncate(start);
    }
    frame::text(payload, out);
}

fn compress(payload: &[u8], before: Option<&[u8]>) -> Vec<u8> {
    ENCODER.with_borrow_mut(|encoder| {
        encoder.reset();
        if let Some(before) = before {
            encoder.set_dictionary(window(before)).expect("a new stream without a header takes a dictionary");
        }
        let mut compressed = Vec::with_capacity(payload.len() / 2 + 64);
        loop {
            let taken = usize::try_from(encoder.total_in()).expect("the length of a slice");
            let status = encoder.compress_vec(&payload[taken..], &mut compressed, FlushCompress::Sync);
            // With room to spare there is nothing left to come out. An error would be a call that makes no sense.
            let done = compressed.len() < compressed.capacity();
            match status.expect("a new stream can be compressed") {
                Status::Ok | Status::BufError if done => break,
                _ => compressed.reserve(compressed.len().max(64)),
            }
        }
        debug_assert!(compressed.ends_with(&TAIL));
        compressed.truncate(compressed.len() - TAIL.len());
        compressed
    })
}
