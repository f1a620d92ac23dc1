//! The only way an address enters the program, and the only way out to one: targets, TLS, HTTP, and what went wrong in words.

pub mod dial;
pub mod fault;
pub mod http;
pub mod target;
pub mod tls;

use std::net::SocketAddr;

pub use fault::Fault;
pub use target::{BadTarget, Target};

/// The addresses behind a name, at least one, in the order the system prefers them.
///
/// # Errors
/// [`Fault::Name`] when there is none.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => Vec::new(),
    };
    if addresses.is_empty() { Err(Fault::Name(host.to_owned())) } else { Ok(addresses) }
}
