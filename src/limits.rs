//! Every bound that is ours to choose: the unit in the name or the type, the reason in the doc.
//!
//! What the contract fixes stands in `protocol`; what the user may change is a setting with a default.

use std::time::Duration;

// ---- net and checks -------------------------------------------------------------------------------------------------

/// Checks that run at the same moment. Enough for a thousand backends every five seconds even when a fifth of them run
/// into their two-second timeout; few enough that a burst takes no more than this many descriptors.
pub const CHECKS_AT_ONCE_MAX: usize = 256;

/// Bytes of a response body that a check reads while it looks for its substring. What it says past that is not a health report.
pub const CHECK_BODY_BYTES_MAX: usize = 64 * 1024;

// ---- serve ----------------------------------------------------------------------------------------------------------

/// Longest wait for a frame to leave. A peer slower than this is cut off and counted: its buffer is not ours to keep.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

// ---- client ---------------------------------------------------------------------------------------------------------

/// Addresses of one name that are tried. Past it a name has more addresses than a person would wait for.
pub const ADDRESSES_MAX: usize = 8;

/// Head start of one address over the next, the value RFC 8305 recommends.
pub const ADDRESS_STAGGER: Duration = Duration::from_millis(250);

/// The largest message a client takes, in bytes. A snapshot of fifty thousand backends fits; a peer that announces more is
/// cut off before it is buffered.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes a client reads at once. Tungstenite clears this much at every read, so its default of 128 KiB costs more than a feed.
pub const CLIENT_READ_BUFFER_BYTES: usize = 8 * 1024;

/// The longest wait a server may ask of a client. A `Retry-After` of a day is a mistake, or looks like one.
pub const RETRY_HINT_MAX: Duration = Duration::from_secs(300);

/// How long an end waits for the other's half of the closing handshake.
pub const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Events of one command that wait to be written. A reader that falls behind slows the reading down, and the server skips.
pub const EVENTS_WAITING_MAX: usize = 256;

/// Cadences without a message after which a feed is stale: one may be late, two may be jitter, three are missing.
pub const STALE_AFTER_CADENCES: u32 = 3;

/// Bytes of an answer of the control API that are read.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the first line of an HTTP answer that a probe reads.
pub const STATUS_LINE_BYTES_MAX: usize = 1024;

/// Targets that one probe tries at the same moment.
pub const PROBES_AT_ONCE_MAX: usize = 5;

/// The newest measured values that a summary of a watch is made of. A watch runs for months.
pub const SAMPLES_MAX: usize = 4096;
