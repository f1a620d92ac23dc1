//! permessage-deflate (RFC 7692) without I/O: what is agreed on, messages compressed, messages inflated.
//!
//! tungstenite knows no extensions and refuses a frame with the first reserved bit. So compressed frames are written
//! ready-made, and what comes in passes a [`Filter`] in front of it that puts each compressed message in place as the
//! plain frame it stands for. Everything else goes through byte for byte: tungstenite goes on judging the protocol.
//!
//! No deflate state is kept for a connection. An encoder is given the message before as its dictionary, a decoder the end
//! of what it has put out, and both are otherwise new for every message.

mod encode;
mod extension;
mod filter;
mod inflate;
#[cfg(test)]
pub(crate) mod stranger;
mod terms;
#[cfg(test)]
mod tests;

pub use encode::{standalone, text};
pub use filter::{Fault, Filter, Tally};
pub use terms::{Context, OFFER, Terms, accept, agreed};

/// How far back a reference may go, in bytes.
const WINDOW_BYTES: usize = 32 * 1024;

/// The end of every compressed message, which does not travel: an empty block without compression.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The end of `bytes`, as far as a reference can reach.
fn window(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(WINDOW_BYTES)..]
}
