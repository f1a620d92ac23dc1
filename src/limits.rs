//! Every bound that is ours to choose: the unit in the name or the type, the reason in the doc.
//!
//! What the contract fixes stands in `protocol`; what the user may change is a setting with a default.

use std::time::Duration;

// ---- net and checks -------------------------------------------------------------------------------------------------

/// Checks that run at the same moment. Enough for a thousand backends every five seconds even when a fifth of them run
/// into their two-second timeout; few enough that a burst takes no more than this many descriptors.
pub const CHECKS_AT_ONCE_MAX: usize = 256;

/// Bytes of a response body that a check reads while it looks for its substring. What it says past that is not a health report.
pub const CHECK_BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the first message of a feed that a check takes. It is often a snapshot, and longer than what follows.
pub const CHECK_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that a check reads in one go. What it waits for mostly stands in the first few.
pub const CHECK_READ_BYTES: usize = 1024;

/// Time in which nothing more may come from a peer that has said all there is to say. The rest of a greeting comes with its
/// beginning.
pub const CHECK_SILENCE_TIME: Duration = Duration::from_millis(100);

/// Time after which a question to a DNS server is sent again: datagrams get lost. Four times within the usual deadline.
pub const DNS_RESEND_INTERVAL: Duration = Duration::from_millis(500);

/// Time that the previous run of a program is given to be gone, once it was killed. A process that can be killed takes a
/// thousandth of it.
pub const COMMAND_DYING_TIME_MAX: Duration = Duration::from_millis(250);

/// How often it is looked whether a program has ended, where the system does not tell. A run seems longer by at most that.
pub const COMMAND_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Memory that a regular expression over a body may be compiled into, in bytes. One a person wrote takes a tenth of it.
pub const CHECK_REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Flips between passing and failing past which a target is flapping, if they come within [`FLAP_WINDOW`]. Five are two
/// outages and a half: a deploy that went wrong and was rolled back does not reach that.
pub const FLIPS_MAX: usize = 5;

/// How long a flip counts. A target that fails every minute is flapping; one that fails twice an hour is told as it is.
pub const FLAP_WINDOW: Duration = Duration::from_secs(300);

/// Time without a flip after which a flapping target is told as it is again: twelve checks with the default interval.
/// Longer, and one that is down for good would be held too long.
pub const FLAP_QUIET: Duration = Duration::from_secs(60);

/// Targets that there have to be before it is asked whether all of them or this server is to blame. Of fewer, all of them
/// fail together too easily.
pub const DOUBT_TARGETS_MIN: usize = 5;

/// Share of the targets past which it is doubted that it is they who turned bad, in percent.
pub const DOUBT_SHARE_PERCENT: usize = 80;

/// One in so many targets that turns bad has all the others asked at once. A single one of a small fleet does; of a large
/// one it takes a rack, so that everyday failures cost nothing.
pub const DOUBT_ASK_SHARE: usize = 20;

/// Longest doubt. Time for a route to be found or a link to come back; past it a fleet that is down is told to be, so that
/// the worst of all failures is on the wire within 50 s with the default intervals.
pub const DOUBT_TIME_MAX: Duration = Duration::from_secs(30);

/// Time without a check that could not be asked after which it is told that all can be again: two usual intervals, so that
/// every target has had its turn.
pub const LACK_QUIET: Duration = Duration::from_secs(10);

/// How long the worst lag of the checks is remembered, and at most twice as long. Whoever asks every 10 s, the usual
/// interval of a scrape being that or longer, misses little.
pub const LAG_WINDOW: Duration = Duration::from_secs(10);

/// Bytes of its words that are kept when a peer explains an error. Enough for a sentence, too few for a page.
pub const PEER_WORDS_BYTES_MAX: usize = 200;

/// Names that are looked up at the same moment. Each blocks a thread, for ten seconds and more when the name server is
/// dead; a live one answers this many in a few milliseconds. Who wants a name that is being looked up shares that lookup.
pub const LOOKUPS_AT_ONCE_MAX: usize = 32;

/// Bytes of a proxy's answer to `CONNECT` that are read. A status line and a few headers.
pub const TUNNEL_HEAD_BYTES_MAX: usize = 8 * 1024;

// ---- sources --------------------------------------------------------------------------------------------------------

/// Time between two readings of a source, where the settings say nothing, and the longest one may take: the cadence of the
/// metrics, so that each message has fresh counts.
pub const SOURCE_INTERVAL: Duration = Duration::from_secs(2);

/// Intervals without a reading after which what a source last said says nothing any more.
pub const SOURCE_MISSES_MAX: u32 = 3;

/// How long a counter of a source is remembered that is not there any more, or whose marks an earlier run has left. One that
/// comes back later counts as a new one.
pub const COUNTER_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// Counters of one source that are remembered, beside those that are there.
pub const COUNTERS_REMEMBERED_MAX: usize = 100_000;

/// Requests that may have been counted between two readings. No fleet has a trillion of them in a few seconds; a program that
/// says so shows something else, and is not billed.
pub const REQUESTS_PER_READING_MAX: u64 = 1_000_000_000_000;

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

// ---- access ---------------------------------------------------------------------------------------------------------

/// How far the clocks of an issuer and this machine may be apart.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(30);

/// Longest token that is looked at, in bytes: what fits into a request head with room for the rest.
pub const JWT_BYTES_MAX: usize = 8 * 1024;

/// Keys that are tried for a token that does not name its own. An issuer that rotates has two or three.
pub const JWT_KEYS_TRIED_MAX: usize = 8;

/// Shortest secret of HS256, in bytes: as long as the hash (RFC 7518).
pub const JWT_SECRET_BYTES_MIN: usize = 32;

/// Longest key file or key set, in bytes. A set of a hundred RSA keys has 50 kB.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// Age at which a fetched key set is fetched again. A key that was withdrawn is refused after this.
pub const JWKS_FRESH: Duration = Duration::from_secs(600);

/// Age up to which a fetched key set holds while it cannot be fetched again. An issuer may be away for a night.
pub const JWKS_KEEP: Duration = Duration::from_secs(24 * 3600);

/// Least time between two fetches, so that made-up key names cost the issuer nothing.
pub const JWKS_PAUSE: Duration = Duration::from_secs(5);

/// Longest fetch of a key set. Somebody waits for it with an open connection.
pub const JWKS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a ticket opens a connection.
pub const TICKET_TIME: Duration = Duration::from_secs(30);

/// Tickets that may be out. More than can be asked for by people within [`TICKET_TIME`].
pub const TICKETS_MAX: usize = 10_000;

// ---- usage ----------------------------------------------------------------------------------------------------------

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

// ---- config ---------------------------------------------------------------------------------------------------------

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

// ---- serve ----------------------------------------------------------------------------------------------------------

/// Longest time without progress while a frame waits to leave. A peer slower than this is cut off and counted: its buffer
/// is not ours to keep.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Least pace, in bytes a second, at which a peer takes what waits for it; [`WRITE_TIMEOUT`] is granted beside. Whoever takes a
/// few bytes now and then would else keep the whole of an old list in memory, and a thousand of them a thousand lists.
pub const READING_BYTES_PER_SECOND_MIN: u32 = 32 * 1024;

/// Longest time for so many bytes to leave.
pub fn time_to_leave(bytes: usize) -> Duration {
    WRITE_TIMEOUT + Duration::from_secs_f64(bytes as f64 / f64::from(READING_BYTES_PER_SECOND_MIN))
}

/// How long a connection may linger after our close frame, so that the peer can read it before the socket goes.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Pongs and answers that may wait for one peer that does not read, in bytes. A peer that goes on asking is cut off.
/// Room for a few answers to the largest question.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;

/// Unsent bytes the kernel may hold for one connection. Without it a sleeping reader has megabytes of old news queued.
pub const UNSENT_BYTES_MAX: u32 = 16 * 1024;

/// The buffer in which a frame is assembled, per connection that has ever said something. It grows for a long message.
pub const RECEIVE_BUFFER_BYTES: usize = 128;

/// Bytes read from a peer in one go. On the stack, so it costs nothing per connection.
pub const READ_BYTES: usize = 8 * 1024;

/// Messages a peer may send in a burst before [`INBOUND_MESSAGES_PER_SECOND`] holds.
pub const INBOUND_MESSAGES_BURST: u32 = 500;

/// Messages and control frames a peer may send, lasting. A client sends a ping every 30 s; past this it gets close code 4429.
pub const INBOUND_MESSAGES_PER_SECOND: u32 = 100;

/// Bytes a peer may send in a burst before [`INBOUND_BYTES_PER_SECOND`] holds: 64 of the largest messages.
pub const INBOUND_BYTES_BURST: u32 = 4 * 1024 * 1024;

/// Bytes a peer may send, lasting. Past this we read slower, and so the peer can only write slower.
pub const INBOUND_BYTES_PER_SECOND: u32 = 1024 * 1024;

/// How long the kernel waits for a peer to take or acknowledge what was sent before it gives the connection up. Ends what
/// our own deadlines do not see: an answer nobody reads, a machine that is gone. Well past [`WRITE_TIMEOUT`], which says why.
pub const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);

/// Shortest message that is compressed by itself, in bytes. Below it, 200 bytes become 170 at best.
pub const DEFLATE_BYTES_MIN: usize = 256;

/// How hard it is tried to make a message short, of 9. Each is compressed once for all connections; past 6 it takes longer
/// and gets no shorter.
pub const COMPRESSION_LEVEL: u32 = 6;

/// Largest compressed form of a message that may have `message` bytes: a peer that compresses what cannot be compressed
/// adds a little.
pub const fn deflated_bytes_max(message: usize) -> usize {
    message + message / 64 + 64
}

/// Bytes by which the room for a message grows at least while it is inflated.
pub const INFLATE_STEP_BYTES: usize = 1024;

/// Ends of a deflate stream in the middle of one message. One is allowed and hardly anybody sends it; each costs as much as
/// setting up a decoder does.
pub const DEFLATE_ENDS_MAX: usize = 8;

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

/// Bytes that are encrypted at a time: a record of TLS holds no more. Also what a peer under TLS that does not read costs.
pub const TLS_RECORD_BYTES_MAX: usize = 16 * 1024;

/// Time for the first request of a connection that was accepted just before the server was told to stop. It has been on its
/// way, and is still answered.
pub const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

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

/// Log lines that wait for stderr, in bytes. Room for a burst of some thousands; past it they are lost and counted, because
/// a server must not stand still while nobody reads its log.
pub const LOG_BYTES_WAITING_MAX: usize = 1024 * 1024;

/// Longest wait at the end for the last log lines to leave. A reader that is alive takes them in a millisecond.
pub const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(250);

/// Connections the kernel may hold for us until we accept them. A crowd that comes back after a restart is thousands at once.
pub const ACCEPT_BACKLOG: u32 = 4096;

/// Pause after `accept` failed, most often because descriptors ran out. Without it the loop would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time without a failure to accept after which that is said to be over.
pub const ACCEPT_RECOVERED: Duration = Duration::from_secs(1);

/// Descriptors that stay free for checks, the ledger and files when connections take the rest.
pub const DESCRIPTORS_RESERVED: usize = 512;

/// Longest wait for a forced update to be measured and handed out. All checks run at most their timeout, in a few waves.
pub const FORCE_TIMEOUT: Duration = Duration::from_secs(30);

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

// ---- feeds ----------------------------------------------------------------------------------------------------------

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

// ---- client ---------------------------------------------------------------------------------------------------------

/// Addresses of one name that are tried. Past it a name has more addresses than a person would wait for.
pub const ADDRESSES_MAX: usize = 8;

/// Head start of one address over the next, the value RFC 8305 recommends.
pub const ADDRESS_STAGGER: Duration = Duration::from_millis(250);

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

// ---- board ----------------------------------------------------------------------------------------------------------

/// Samples behind a sparkline: the columns of the widest screen, about a quarter of an hour of `metrics`.
pub const HISTORY_SAMPLES_MAX: usize = 512;

/// Shortest time between two frames. Nobody reads faster, and a slow line to the terminal is not flooded.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// How long an outcome stands in the last line of the board.
pub const NOTICE_TIME: Duration = Duration::from_secs(6);

/// Characters of a filter on the board.
pub const FILTER_CHARS_MAX: usize = 64;
