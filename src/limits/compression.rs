//! permessage-deflate.

/// Shortest message that is compressed by itself, in bytes. Below it, 200 bytes become 170 at best.
pub const DEFLATE_BYTES_MIN: usize = 256;

/// How hard it is tried to make a message short, of 9. Each is compressed once for all connections; past 6 it takes longer
/// and gets no shorter.
pub const COMPRESSION_LEVEL: u32 = 6;

/// Largest compressed form of a message that may have `message` bytes: a peer that compresses what cannot be compressed
/// adds a little.
pub const fn deflated_bytes_max(message: usize) -> usize {
    message + message / 64 + 64
}

/// Bytes by which the room for a message grows at least while it is inflated.
pub const INFLATE_STEP_BYTES: usize = 1024;

/// Ends of a deflate stream in the middle of one message. One is allowed and hardly anybody sends it; each costs as much as
/// setting up a decoder does.
pub const DEFLATE_ENDS_MAX: usize = 8;
