//! The audit log.

use std::time::Duration;

/// Longest wait of an answer for the audit log. A disk that takes longer than this is broken, and control must not be.
pub const AUDIT_PATIENCE: Duration = Duration::from_secs(1);

/// How often lines of the audit log are tried again that the disk did not take.
pub const AUDIT_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Lines of the audit log that wait for the disk. Hours of busy operators; past it the oldest go, and are counted.
pub const AUDIT_WAITING_MAX: usize = 1024;

/// Longest file of the audit log, in bytes. Tens of thousands of acts, and still read in a moment.
pub const AUDIT_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Files of the audit log, the newest included. With [`AUDIT_FILE_BYTES_MAX`] this bounds what it takes of the disk: 40 MiB.
pub const AUDIT_FILES_MAX: usize = 5;

/// Longest text in a line of the audit log, in characters; the rest is cut off. A person reads it, and a peer may have written
/// it.
pub const AUDIT_TEXT_CHARS_MAX: usize = 1_000;

/// Longest line of the audit log, in bytes. Every text of a record fits, with each of its characters escaped.
pub const AUDIT_LINE_BYTES_MAX: u64 = 128 * 1024;
