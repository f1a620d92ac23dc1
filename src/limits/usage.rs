//! The ledger.

use std::time::Duration;

/// Time between two bookings, and so the most usage that `kill -9` can lose. One transaction a second is no load.
pub const BOOKING_INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for a ledger that another program has locked. Shorter than the wait for the next booking, which tries
/// again anyway, and short enough that a start is not held up.
pub const LEDGER_LOCK_TIMEOUT: Duration = Duration::from_millis(250);
