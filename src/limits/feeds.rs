//! What the feeds measure and say.

use std::time::Duration;

/// How often requests and event-loop lag are sampled. A forced `metrics` message is exact to this.
pub const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// Shortest time a CPU share is measured over. The kernel counts in hundredths of a second, so less would be noise.
pub const CPU_INTERVAL_MIN: Duration = Duration::from_millis(250);

/// How long changes are gathered before they are told, so that a rack that goes down is one message and not forty. Too
/// short for anybody to see.
pub const GATHER_TIME: Duration = Duration::from_millis(10);

/// Updates in one tick past which the whole list is sent instead, by the contract.
pub const UPDATES_PER_TICK_MAX: usize = 50;

/// Sentences in `reasons`, by the contract.
pub const REASONS_MAX: usize = 10;

/// Event-loop lag past which the server calls itself degraded: a tick late by this much is visible.
pub const LAG_DEGRADED: Duration = Duration::from_millis(250);

/// Event-loop lag past which the server calls itself unhealthy: the fastest cadence is half missed.
pub const LAG_UNHEALTHY: Duration = Duration::from_secs(1);

/// Longest wait for a file system to say how much room it has. A local one answers within microseconds; one that takes
/// longer hangs, and is called unhealthy.
pub const DISK_TIMEOUT: Duration = Duration::from_secs(2);

/// Free disk space below which the state directory is degraded, in bytes. The ledger needs a few hundred kilobytes.
pub const DISK_FREE_DEGRADED_BYTES: u64 = 256 * 1024 * 1024;

/// Free disk space below which the state directory is unhealthy, in bytes.
pub const DISK_FREE_UNHEALTHY_BYTES: u64 = 16 * 1024 * 1024;

/// Share of the descriptor limit in use past which the server is degraded, in percent.
pub const DESCRIPTORS_DEGRADED_PERCENT: u64 = 80;

/// Share of the descriptor limit in use past which the server is unhealthy, in percent.
pub const DESCRIPTORS_UNHEALTHY_PERCENT: u64 = 95;
