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

/// Bytes of its words that are kept when a peer explains an error. Enough for a sentence, too few for a page.
pub const PEER_WORDS_BYTES_MAX: usize = 200;

/// Names that are looked up at the same moment. Each blocks a thread, for ten seconds and more when the name server is
/// dead; a live one answers this many in a few milliseconds.
pub const LOOKUPS_AT_ONCE_MAX: usize = 32;

// ---- serve ----------------------------------------------------------------------------------------------------------

/// Longest wait for a frame to leave. A peer slower than this is cut off and counted: its buffer is not ours to keep.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

// ---- client ---------------------------------------------------------------------------------------------------------

/// Addresses of one name that are tried. Past it a name has more addresses than a person would wait for.
pub const ADDRESSES_MAX: usize = 8;

/// Head start of one address over the next, the value RFC 8305 recommends.
pub const ADDRESS_STAGGER: Duration = Duration::from_millis(250);
