//! Who gets in: connections, handshakes, requests.

use std::time::Duration;

/// Connections of one address, where the settings say nothing: a whole office behind one router fits, and a single host cannot
/// take all places.
pub const CONNECTIONS_PER_ADDRESS: u32 = 1_000;

/// WebSocket handshakes a second in all, lasting, where the settings say nothing. Ten thousand clients that come back after a
/// restart are let in at once, by the burst; the rest of a processor is for those who are in already.
pub const HANDSHAKES_PER_SECOND: u32 = 5_000;

/// WebSocket handshakes a second of one address, lasting, where the settings say nothing. A page that opens and closes thirty
/// sockets a second stays far below.
pub const HANDSHAKES_PER_SECOND_PER_ADDRESS: u32 = 100;

/// How many seconds' worth of handshakes may come at once.
pub const HANDSHAKES_BURST_SECONDS: u32 = 2;

/// TLS handshakes for each WebSocket handshake that is let in. Past the pace somebody is told so, which takes a TLS handshake;
/// past twice the pace not any more.
pub const TLS_HANDSHAKES_FACTOR: u32 = 2;

/// Addresses that are counted one by one: some ten megabytes. Past it, new ones are counted together.
pub const ADDRESSES_COUNTED_MAX: usize = 65_536;

/// Connections beside all places that are told at the same moment why they have none. Past it, nobody is accepted who has to
/// be told, or he is let go without a word.
pub const REFUSALS_AT_ONCE_MAX: usize = 64;

/// Time after which somebody for whom there was no room may ask again. A place becomes free when somebody leaves, which
/// nobody can foresee.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Time for a TLS handshake. A slow phone takes two seconds; whoever sends half of one is closed after this.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for the first request of a connection that was accepted just before the server was told to stop. It has been on its
/// way, and is still answered.
pub const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// Time for a request head to arrive. A client that drips its header is closed after this.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a client that has promised to say who it is to do so.
pub const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the clock is looked at to see whether a token has expired. A clock that was set is noticed after this.
pub const PASS_LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Time for a request body to arrive.
pub const REQUEST_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest request head, in bytes. Browsers with many cookies stay below 16 KiB.
pub const REQUEST_HEAD_BYTES_MAX: usize = 32 * 1024;

/// Largest request body, in bytes. A command is a few dozen.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024;

/// Connections the kernel may hold for us until we accept them. A crowd that comes back after a restart is thousands at once.
pub const ACCEPT_BACKLOG: u32 = 4096;

/// Pause after `accept` failed, most often because descriptors ran out. Without it the loop would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time without a failure to accept after which that is said to be over.
pub const ACCEPT_RECOVERED: Duration = Duration::from_secs(1);

/// Descriptors that stay free for checks, the ledger and files when connections take the rest.
pub const DESCRIPTORS_RESERVED: usize = 512;
