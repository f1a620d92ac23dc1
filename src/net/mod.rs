//! The only way an address enters the program, and the only way out to one: targets, names, TCP, TLS, HTTP, and what went
//! wrong in words.

pub mod certificate;
pub mod dial;
pub mod dns;
pub mod fault;
pub mod http;
pub mod progress;
pub mod resolve;
pub mod route;
mod socks;
pub mod target;
pub mod tls;
mod tunnel;

pub use fault::Fault;
pub use resolve::resolve;
pub use route::Route;
pub use target::{BadTarget, Target};
