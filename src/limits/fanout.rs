//! From the feeds to the connections: queues, the ring, event streams.

use std::time::Duration;

use super::UNSENT_BYTES_MAX;

/// How often a shard looks for pings that are due and deadlines that have passed. Once a second over ten thousand
/// connections costs less than a tenth of a millisecond.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Connections a shard writes to before it lets other tasks run.
pub const WRITES_PER_YIELD: usize = 256;

/// Orders that may wait for a shard. Readers wait when it is full, and so their peers do. An order holds at most one read's
/// worth of answers, so this also bounds the memory of a flood.
pub const SHARD_QUEUE_LENGTH: usize = 128;

/// Updates that may wait between the feeds and the hub. Five feeds, so it only fills when the hub is busy writing.
pub const UPDATE_QUEUE_LENGTH: usize = 16;

/// Messages of one feed that are kept for clients that come back. At the most that the `backends` feed says, fifty updates a
/// tick, these are some seven minutes; of the other feeds, hours.
pub const REPLAY_MESSAGES_MAX: u64 = 4096;

/// Bytes of one feed that are kept for clients that come back. A thousand backends, all of them listed at every tick, still
/// make a minute, in which a client tries five times.
pub const REPLAY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of what was missed that are put together for one write. As much as the kernel keeps unsent, so that a slow reader
/// holds no more than this of its own.
pub const REPLAY_PIECE_BYTES: usize = UNSENT_BYTES_MAX as usize;

/// How long an event stream says nothing before it says that it has nothing to say. Half of what proxies wait, mostly.
pub const EVENT_STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a reader of an event stream is told to wait, at the most, before it connects again; half of it at the least. The
/// first wait of the clients we ship is as long.
pub const EVENT_STREAM_RETRY: Duration = Duration::from_secs(2);

/// Bytes of a message up to which an event stream copies it. A longer one is shared: a list of backends is megabytes, and a
/// slow reader would hold one of its own.
pub const EVENT_COPIED_BYTES_MAX: usize = 4 * 1024;

/// Force-updates that may wait for one feed. They are answered together by one measurement, so few ever wait.
pub const FORCE_QUEUE_LENGTH: usize = 64;

/// Longest wait for a forced update to be measured and handed out. All checks run at most their timeout, in a few waves.
pub const FORCE_TIMEOUT: Duration = Duration::from_secs(30);
