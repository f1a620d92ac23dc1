//! Finding and reaching an address.

use std::time::Duration;

/// Bytes of its words that are kept when a peer explains an error. Enough for a sentence, too few for a page.
pub const PEER_WORDS_BYTES_MAX: usize = 200;

/// Names that are looked up at the same moment. Each blocks a thread, for ten seconds and more when the name server is
/// dead; a live one answers this many in a few milliseconds. Who wants a name that is being looked up shares that lookup.
pub const LOOKUPS_AT_ONCE_MAX: usize = 32;

/// Bytes of a proxy's answer to `CONNECT` that are read. A status line and a few headers.
pub const TUNNEL_HEAD_BYTES_MAX: usize = 8 * 1024;

/// Addresses of one name that are tried. Past it a name has more addresses than a person would wait for.
pub const ADDRESSES_MAX: usize = 8;

/// Head start of one address over the next, the value RFC 8305 recommends.
pub const ADDRESS_STAGGER: Duration = Duration::from_millis(250);
