//! Stopping, and coming back.

use std::time::Duration;

/// Shortest time after which a client may come back to a server that restarts: what it takes to be there again.
pub const RESTART_DELAY: Duration = Duration::from_millis(500);

/// Clients a second that a server that has restarted is to get back. A fifth of what it can take, so that the rest of it is
/// not slow.
pub const RESTART_CLIENTS_PER_SECOND: u64 = 1_000;

/// Shortest time over which clients come back after a restart.
pub const RESTART_SPREAD_MIN: Duration = Duration::from_secs(1);

/// Longest time over which clients come back after a restart. Nobody should look at an old value for longer.
pub const RESTART_SPREAD_MAX: Duration = Duration::from_secs(10);

/// Longest wait for the service manager to take a message. It has its own queue, and nothing depends on it.
pub const MANAGER_TIMEOUT: Duration = Duration::from_secs(1);
