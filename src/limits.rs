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

// ---- usage ----------------------------------------------------------------------------------------------------------

/// Time between two bookings, and so the most usage that `kill -9` can lose. One transaction a second is no load.
pub const BOOKING_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for a ledger that another program has locked. Shorter than the wait for the next booking, which tries
/// again anyway, and short enough that a start is not held up.
pub const LEDGER_LOCK_TIMEOUT: Duration = Duration::from_millis(250);

// ---- serve ----------------------------------------------------------------------------------------------------------

/// Longest wait for a frame to leave. A peer slower than this is cut off and counted: its buffer is not ours to keep.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

// ---- client ---------------------------------------------------------------------------------------------------------
