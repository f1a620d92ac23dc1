//! Just enough of RFC 6455 to count what a server sends. Client and limit share it; `veloflux` has its own.

use anyhow::{Context, Result, bail, ensure};

/// One frame, as far as counting goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message, by the sequence number in its id.
    Message(u64),
    /// A message that is compressed, and so counted by its length alone.
    Compressed,
    /// A ping, with what has to be answered.
    Ping(Vec<u8>),
    /// The end, with its code.
    Close(u16),
}

/// Takes the first frame off `bytes`, once it is there in full: the frame and its length.
pub(crate) fn next(bytes: &[u8]) -> Result<Option<(Frame, usize)>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let (header, length) = match (second, rest) {
        (126, &[a, b, ..]) => (4, usize::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (10, usize::try_from(u64::from_be_bytes([a, b, c, d, e, f, g, h]))?),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, usize::from(short)),
    };
    let Some(payload) = bytes.get(header..header + length) else { return Ok(None) };
    let frame = match first {
        0x81 => Frame::Message(sequence(payload)?),
        0xc1 => Frame::Compressed,
        0x89 => Frame::Ping(payload.to_vec()),
        0x88 => Frame::Close(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))),
        other => bail!("a frame that starts with {other:#04x}: neither a whole text message, nor a ping, nor a close"),
    };
    Ok(Some((frame, header + length)))
}

/// The sequence number of a message that ends with `"id":"<epoch>-<seq>"}`.
fn sequence(payload: &[u8]) -> Result<u64> {
    let tail = payload.rsplit(|&byte| byte == b'-').next().and_then(|tail| tail.strip_suffix(b"\"}"));
    let digits = std::str::from_utf8(tail.context("a message does not end with its id")?)?;
    digits.parse().with_context(|| format!("`{digits}` is no sequence number"))
}

/// A text frame of exactly `size` bytes, header included, with this sequence number.
pub(crate) fn padded(size: usize, sequence: u64) -> Result<Vec<u8>> {
    let length =
        if size <= 127 { size.checked_sub(2) } else { size.checked_sub(4) }.context("too small for a frame")?;
    let (head, foot) = ("{\"type\":\"limit\",\"data\":\"", format!("\",\"id\":\"00000000-{sequence}\"}}"));
    ensure!(length >= head.len() + foot.len() && length <= 0xffff, "no frame of {size} bytes");
    let mut frame = vec![0x81];
    match u8::try_from(length) {
        Ok(short @ ..=125) => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length)?.to_be_bytes());
        }
    }
    frame.extend_from_slice(head.as_bytes());
    frame.resize(frame.len() + length - head.len() - foot.len(), b'.');
    frame.extend_from_slice(foot.as_bytes());
    Ok(frame)
}

/// The answer to a ping. A mask of zeros is a mask: it leaves the payload as it is.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).map_or(125, |length| length.min(125));
    let mut frame = vec![0x8a, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&payload[..usize::from(length)]);
    frame
}

/// How messages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Deflate,
}

/// The request that opens a feed.
pub(crate) fn request(path: &str, host: &str, form: Form) -> String {
    let offer = match form {
        Form::Plain => "",
        Form::Deflate => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    )
}

/// The answer of the limit to [`request`], right for that one key.
pub(crate) const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Where a head of HTTP ends, if it does.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|position| position + 4)
}
