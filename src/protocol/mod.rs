//! The wire contract: every word, shape and interval that a client of `veloflux` may rely on.
//!
//! Server and client speak to each other only through these types. Nothing here does I/O, knows a
//! socket or holds a setting; what we may choose freely stands in `limits`.

pub mod answer;
pub mod close;
pub mod control;
pub mod event_id;
pub mod feed;
pub mod health;
pub mod inbound;
pub mod message;
pub mod resume;
pub mod time;

pub use close::CloseCode;
pub use event_id::EventId;
pub use feed::Feed;
pub use health::{Admin, Health};
pub use message::{Envelope, Message};
pub use time::Timestamp;

/// The largest text message a server accepts from a client, in bytes. A longer one is answered with
/// close code 1009.
pub const INBOUND_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How often the server pings every connection.
pub const SERVER_PING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(25);

/// How long a client may stay silent after a server ping before the connection is given up.
pub const SERVER_PING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
