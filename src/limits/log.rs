//! Lines for stderr.

use std::time::Duration;

/// Log lines that wait for stderr, in bytes. Room for a burst of some thousands; past it they are lost and counted, because
/// a server must not stand still while nobody reads its log.
pub const LOG_BYTES_WAITING_MAX: usize = 1024 * 1024;

/// Longest wait at the end for the last log lines to leave. A reader that is alive takes them in a millisecond.
pub const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(250);
