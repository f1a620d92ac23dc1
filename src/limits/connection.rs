//! One connection: what waits for it, and what it may send.

use std::time::Duration;

/// Longest time without progress while a frame waits to leave. A peer slower than this is cut off and counted: its buffer
/// is not ours to keep.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Least pace, in bytes a second, at which a peer takes what waits for it; [`WRITE_TIMEOUT`] is granted beside. Whoever takes a
/// few bytes now and then would else keep the whole of an old list in memory, and a thousand of them a thousand lists.
pub const READING_BYTES_PER_SECOND_MIN: u32 = 32 * 1024;

/// Longest time for so many bytes to leave.
pub fn time_to_leave(bytes: usize) -> Duration {
    WRITE_TIMEOUT + Duration::from_secs_f64(bytes as f64 / f64::from(READING_BYTES_PER_SECOND_MIN))
}

/// How long a connection may linger after our close frame, so that the peer can read it before the socket goes.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Pongs and answers that may wait for one peer that does not read, in bytes. A peer that goes on asking is cut off.
/// Room for a few answers to the largest question.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;

/// Unsent bytes the kernel may hold for one connection. Without it a sleeping reader has megabytes of old news queued.
pub const UNSENT_BYTES_MAX: u32 = 16 * 1024;

/// The buffer in which a frame is assembled, per connection that has ever said something. It grows for a long message.
pub const RECEIVE_BUFFER_BYTES: usize = 128;

/// Bytes read from a peer in one go. On the stack, so it costs nothing per connection.
pub const READ_BYTES: usize = 8 * 1024;

/// Messages a peer may send in a burst before [`INBOUND_MESSAGES_PER_SECOND`] holds.
pub const INBOUND_MESSAGES_BURST: u32 = 500;

/// Messages and control frames a peer may send, lasting. A client sends a ping every 30 s; past this it gets close code 4429.
pub const INBOUND_MESSAGES_PER_SECOND: u32 = 100;

/// Bytes a peer may send in a burst before [`INBOUND_BYTES_PER_SECOND`] holds: 64 of the largest messages.
pub const INBOUND_BYTES_BURST: u32 = 4 * 1024 * 1024;

/// Bytes a peer may send, lasting. Past this we read slower, and so the peer can only write slower.
pub const INBOUND_BYTES_PER_SECOND: u32 = 1024 * 1024;

/// How long the kernel waits for a peer to take or acknowledge what was sent before it gives the connection up. Ends what
/// our own deadlines do not see: an answer nobody reads, a machine that is gone. Well past [`WRITE_TIMEOUT`], which says why.
pub const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes that are encrypted at a time: a record of TLS holds no more. Also what a peer under TLS that does not read costs.
pub const TLS_RECORD_BYTES_MAX: usize = 16 * 1024;
