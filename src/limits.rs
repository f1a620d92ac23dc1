//! Every bound that is ours to choose: the unit in the name or the type, the reason in the doc. One file a subject, all of them
//! named from here.
//!
//! What the contract fixes stands in `protocol`; what the user may change is a setting with a default.

mod access;
mod admission;
mod audit;
mod checks;
mod client;
mod compression;
mod config;
mod connection;
mod fanout;
mod feeds;
mod log;
mod net;
mod restart;
mod sources;
mod usage;

pub use access::*;
pub use admission::*;
pub use audit::*;
pub use checks::*;
pub use client::*;
pub use compression::*;
pub use config::*;
pub use connection::*;
pub use fanout::*;
pub use feeds::*;
pub use log::*;
pub use net::*;
pub use restart::*;
pub use sources::*;
pub use usage::*;
