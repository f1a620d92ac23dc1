//! The client: one session that connects, listens, notices when it is alone and connects again. Prints nothing; what
//! happened comes out as events, and whoever runs it decides what they are worth.

pub mod alert;
pub mod backoff;
pub mod connect;
pub mod control;
pub mod credentials;
pub mod diff;
pub mod endpoint;
pub mod event;
pub mod fold;
pub mod gap;
pub mod heartbeat;
pub mod inflated;
pub mod journal;
pub mod loss;
pub mod origin;
pub mod probe;
pub mod recording;
pub mod session;
pub mod stale;
pub mod upgrade;
pub mod witness;
