//! Tokens, keys and tickets.

use std::time::Duration;

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
