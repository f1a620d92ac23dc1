//! Checks and what is concluded from them.

use std::time::Duration;

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
