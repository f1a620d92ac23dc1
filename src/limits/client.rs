//! `watch`, `probe` and `control`.

use std::time::Duration;

/// The largest message a client takes, in bytes. A snapshot of fifty thousand backends fits; a peer that announces more is
/// cut off before it is buffered.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes a client reads at once. Tungstenite clears this much at every read, so its default of 128 KiB costs more than a feed.
pub const CLIENT_READ_BUFFER_BYTES: usize = 8 * 1024;

/// The longest wait a server may ask of a client. A `Retry-After` of a day is a mistake, or looks like one.
pub const RETRY_HINT_MAX: Duration = Duration::from_secs(300);

/// How long an end waits for the other's half of the closing handshake.
pub const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Keys that a watch keeps of one backend. The contract has about twenty; a server that sends ever new ones in its updates
/// is not given ever more memory: keys past it are left out.
pub const BACKEND_KEYS_MAX: usize = 64;

/// Events of one command that wait to be written. A reader that falls behind slows the reading down, and the server skips.
pub const EVENTS_WAITING_MAX: usize = 256;

/// Bytes of an answer of the control API that are read.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the first line of an HTTP answer that a probe reads.
pub const STATUS_LINE_BYTES_MAX: usize = 1024;

/// Time for one run of a probe, beside what the messages it waits for take. Three pings that are lost fit.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long after the answer to a command its effect is waited for. The answer comes after the messages are handed out, so
/// this is the way of one message.
pub const VERIFY_PATIENCE: Duration = Duration::from_secs(2);

/// Cadences after which a probe no longer waits for the next message of a feed: one may be late, a second is missing.
pub const PROBE_CADENCES_MAX: u32 = 2;

/// The part of a cadence by which a message may be late before a probe calls it that: half. A loaded machine is no fault.
pub const PROBE_LATE_DIVISOR: u32 = 2;

/// How long a server may take over each thing a conformance probe tries. It is answered at once or not at all.
pub const CONFORMANCE_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the answer to a WebSocket handshake that are read: what a large cookie needs, and a short error body.
pub const UPGRADE_HEAD_BYTES_MAX: usize = 16 * 1024;

/// The newest measured values that a summary of a watch is made of. A watch runs for months.
pub const SAMPLES_MAX: usize = 4096;

/// Bytes of one expression on the command line. Longer than any a person would write, short enough to be read at once.
pub const EXPRESSION_BYTES_MAX: usize = 4096;

/// Brackets, functions and `not` inside each other in one expression. Each takes a few frames of the stack.
pub const EXPRESSION_DEPTH_MAX: usize = 64;

/// Longest line of a recording, in bytes. The largest message fits even when every byte of it has to be escaped.
pub const RECORDING_LINE_BYTES_MAX: u64 = 6 * CLIENT_MESSAGE_BYTES_MAX as u64 + 64 * 1024;

/// Longest time one alert may take. A page or a mail is out long before; a command that hangs must not hold the next alert.
pub const ALERT_TIMEOUT: Duration = Duration::from_secs(30);

/// Alerts that wait for their turn. A whole fleet that goes at once fits, feed by feed; past it, losses stay longest.
pub const ALERTS_WAITING_MAX: usize = 64;

/// Bytes of something invalid that an alert repeats. Enough to recognise it.
pub const ALERT_EXCERPT_BYTES_MAX: usize = 4096;

/// The newest outages of a stream that a summary tells. A watch runs for months, and a server may flap all the time.
pub const OUTAGES_MAX: usize = 100;

/// Samples behind a sparkline: the columns of the widest screen, about a quarter of an hour of `metrics`.
pub const HISTORY_SAMPLES_MAX: usize = 512;

/// Shortest time between two frames. Nobody reads faster, and a slow line to the terminal is not flooded.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// How long an outcome stands in the last line of the board.
pub const NOTICE_TIME: Duration = Duration::from_secs(6);

/// Characters of a filter on the board.
pub const FILTER_CHARS_MAX: usize = 64;
