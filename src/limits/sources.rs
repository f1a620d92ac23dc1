//! Sources of backends and counts, and what operators order of backends.

use std::time::Duration;

/// Time between two readings of a source, where the settings say nothing, and the longest one may take: the cadence of the
/// metrics, so that each message has fresh counts.
pub const SOURCE_INTERVAL: Duration = Duration::from_secs(2);

/// Intervals without a reading after which what a source last said says nothing any more.
pub const SOURCE_MISSES_MAX: u32 = 3;

/// Time between two attempts to tell a source what an operator wants of a backend.
pub const INTENT_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Longest wait of an order for the file that keeps it. A disk that takes longer is broken, and orders must not be.
pub const INTENT_SAVE_PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether what operators want is still so.
pub const INTENT_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Letters of the reason an operator gives. A sentence fits, and stays one in every list that shows it.
pub const REASON_CHARS_MAX: usize = 200;

/// How often it is looked whether a file that lists backends has changed.
pub const SOURCE_FILE_LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long something that was pushed holds, where the settings do not say.
pub const PUSH_TTL: Duration = Duration::from_secs(30);

/// Longest document that may be pushed, in bytes: ten thousand backends.
pub const PUSH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Files of one nginx configuration that may include each other. A file that includes itself ends here.
pub const NGINX_DEPTH_MAX: usize = 16;

/// Files of one nginx configuration in all.
pub const NGINX_FILES_MAX: usize = 1_000;

/// Longest answer of a source, in bytes. The statistics of ten thousand HAProxy servers take 3 MB.
pub const SOURCE_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
