//! What is counted elsewhere, and the ledger.

use std::time::Duration;

/// How long a counter of a source is remembered that is not there any more, or whose marks an earlier run has left. One that
/// comes back later counts as a new one.
pub const COUNTER_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// Counters of one source that are remembered, those that are there included. Where there are more, those that are there are
/// kept, what comes for a day is not known to be new and counts from where it stands, and the period is `partial`.
pub const COUNTERS_REMEMBERED_MAX: usize = 100_000;

/// Requests that may have been counted between two readings. No fleet has a trillion of them in a few seconds; a program that
/// says so shows something else, and is not billed.
pub const REQUESTS_PER_READING_MAX: u64 = 1_000_000_000_000;

/// Time between two bookings, and so the most usage of our own that `kill -9` can lose; what sources count is counted again.
/// One transaction a second is no load.
pub const BOOKING_INTERVAL: Duration = Duration::from_secs(1);

/// Marks of counters that are booked a second, lasting: some 100 kB. Ten thousand that all change are booked every 20 s.
pub const MARKS_PER_SECOND: u32 = 500;

/// How old the marks of a source may become in the ledger while it counts nothing. After [`COUNTER_MEMORY`] they are no
/// longer gone by, and a disk need not be kept awake meanwhile.
pub const MARKS_REFRESH: Duration = Duration::from_secs(3600);

/// Longest wait for a ledger that another program has locked. Shorter than the wait for the next booking, which tries
/// again anyway, and short enough that a start is not held up.
pub const LEDGER_LOCK_TIMEOUT: Duration = Duration::from_millis(250);
