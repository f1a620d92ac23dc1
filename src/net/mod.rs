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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use socket2::{Domain, Socket, Type};

    /// An address at which nobody listens, and nobody else can while the socket is held.
    pub(super) fn deserted() -> (Socket, SocketAddr) {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        held.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let address = held.local_addr().expect("bound").as_socket().expect("an address of IP");
        (held, address)
    }
}
