//! Settings, and what they may ask for.

use std::time::Duration;

/// How often it is looked whether the settings file has changed. Taken at the second look that shows the same.
pub const SETTINGS_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Longest settings file. Ten thousand backends fit; past that it is some other file.
pub const SETTINGS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Longest file that holds one secret. A signed token fits, and more would not fit into an HTTP header.
pub const SECRET_BYTES_MAX: u64 = 8 * 1024;

/// Longest name of a node, a pool, a check or a unit, so that every line that shows one stays readable.
pub const NAME_CHARS_MAX: usize = 64;

/// Shortest time between two checks of one target. More often than this is load, not observation.
pub const CHECK_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Most answers in a row that `rise` and `fall` may ask for. More would hide a change for many minutes.
pub const CHECK_COUNT_MAX: u32 = 100;

/// Most days before the end of a certificate that a check may warn. Certificates do not live longer than that.
pub const CERTIFICATE_DAYS_MAX: u32 = 825;

/// Days before its end at which our own certificate is warned of. Whoever renews by a machine does it earlier.
pub const CERTIFICATE_WARN_DAYS: u32 = 14;

/// Largest number that a limit in `[limits]` may be set to. More connections than this no machine holds.
pub const LIMIT_MAX: u32 = 1_000_000;

/// Longest time a server may take to leave. Service managers give up waiting long before.
pub const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(600);
