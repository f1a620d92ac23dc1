//! Name lookup through the system's resolver, bounded: it blocks a thread for as long as it pleases.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use tokio::sync::Semaphore;

use super::Fault;
use super::fault::is_ours;
use crate::limits::LOOKUPS_AT_ONCE_MAX;

/// Held by a lookup until the resolver lets go of its thread, which may be long after the caller has stopped waiting.
/// Without it a dead name server would fill the runtime's blocking threads, and then its queue, with abandoned lookups.
static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_AT_ONCE_MAX);

/// The addresses behind a name, at least one, in the order the system prefers them. May be dropped at any time.
///
/// # Errors
/// [`Fault::Name`] when there is none.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let permit = LOOKUPS.acquire().await.expect("nobody closes it");
    let name = host.to_owned();
    let lookup = tokio::task::spawn_blocking(move || {
        let found = (name, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        drop(permit);
        found
    });
    match lookup.await {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(Err(error)) if is_ours(&error) => Err(error.into()),
        // The rest is a resolver that found nothing, or a runtime that is going down.
        _ => Err(Fault::Name(host.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses_have_addresses() {
        for host in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(host.parse().expect("an address"), 7);
            assert_eq!(resolve(host, 7).await, Ok(vec![address]));
        }
        let local = resolve("localhost", 7).await.expect("every machine has it");
        assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 7), "{local:?}");
        let fault = resolve("no-such-name.invalid", 7).await.expect_err("reserved for this");
        assert_eq!(fault.to_string(), "name `no-such-name.invalid` does not resolve");
    }

    #[tokio::test]
    async fn lookups_wait_for_one_another_and_addresses_do_not() {
        let all = LOOKUPS.acquire_many(u32::try_from(LOOKUPS_AT_ONCE_MAX).expect("small")).await.expect("open");
        let mut lookup = std::pin::pin!(resolve("localhost", 7));
        assert!(futures_util::poll!(lookup.as_mut()).is_pending());
        assert!(resolve("127.0.0.1", 7).await.is_ok());
        drop(all);
        assert!(lookup.await.is_ok());
    }
}
