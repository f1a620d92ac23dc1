//! RFC 6455 without I/O: judging a handshake, writing frames, reading frames, also compressed ones.
//!
//! Bytes come in as slices and go out as buffers; nothing here knows a socket, a clock or a feed. The one protocol
//! engine is tungstenite's, so that both ends of the product agree about what a frame is.

pub mod deflate;
pub mod frame;
pub mod handshake;
mod position;
pub mod receiver;

pub use receiver::{Received, Receiver};
