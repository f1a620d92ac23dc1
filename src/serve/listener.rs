//! The accept loop: whoever there is room for gets in, by TLS where that is spoken, and nothing can hold a socket for ever.
//!
//! It is ours because poem's own server spins when descriptors run out and keeps silent or dripping requests open. What is
//! said on a connection is the business of `conversation`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Response};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::admission::{Admission, Room, Verdict};
use super::conversation::{Conversation, Host, Part};
use crate::feeds::World;
use crate::limits::{ACCEPT_BACKLOG, ACCEPT_PAUSE, ACCEPT_RECOVERED, DESCRIPTORS_RESERVED};
use crate::shutdown::Shutdown;

/// Listens on an address.
///
/// # Errors
/// Where the system does not let us, most often because the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted server has to be back before its clients give up, whatever connections of the old one linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_BACKLOG)
}

/// Connections there is room for: the descriptor limit, raised as far as it goes, less what the rest of the server needs.
pub fn capacity() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let descriptors = current.map_or(Semaphore::MAX_PERMITS, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    descriptors.saturating_sub(DESCRIPTORS_RESERVED).clamp(descriptors / 2, Semaphore::MAX_PERMITS)
}

/// Accepts connections until the shutdown begins. `endpoint` answers their requests.
pub async fn accept(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    world: Arc<World>,
    admission: Arc<Admission>,
    shutdown: Shutdown,
) {
    let requests = Arc::clone(&world.requests);
    let host = Arc::new(Host { endpoint: endpoint.map_to_response(), requests, admission, shutdown: shutdown.clone() });
    // Whether TLS is spoken is settled at the start; with which certificate, at each handshake.
    let mut tls = world.settings().tls.as_ref().map(|tls| Arc::clone(tls.config()));
    let mut trouble: Option<Trouble> = None;
    loop {
        let accepted = tokio::select! {
            () = shutdown.begun() => return,
            accepted = next(&listener, &host.admission) => accepted,
        };
        match accepted {
            Ok((stream, peer, room)) => {
                if let Some(over) = trouble.take_if(|trouble| trouble.last.elapsed() >= ACCEPT_RECOVERED) {
                    tracing::info!(failures = over.failures, "accepting connections again");
                }
                let part = match host.admission.judge(room, peer.ip()) {
                    Verdict::In(place) => Part::Guest(place),
                    Verdict::Told(with, room) => Part::Refused { with, _room: room },
                    Verdict::Untold => continue,
                };
                renew(&mut tls, &world);
                let conversation = Conversation { stream, peer, part, tls: tls.clone(), host: Arc::clone(&host) };
                shutdown.spawn(conversation.run());
            }
            Err(error) => {
                // Said once: it may last for hours, with a connection getting through now and then.
                let trouble = trouble.get_or_insert_with(|| {
                    tracing::warn!(%error, "cannot accept connections; trying again until it works");
                    Trouble { failures: 0, last: Instant::now() }
                });
                *trouble = Trouble { failures: trouble.failures + 1, last: Instant::now() };
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes the certificate of now, if TLS is spoken. Connections that stand keep theirs.
fn renew(tls: &mut Option<Arc<ServerConfig>>, world: &World) {
    if let (Some(tls), Some(now)) = (tls, &world.settings().tls) {
        *tls = Arc::clone(now.config());
    }
}

/// Failures to accept that have been told of.
struct Trouble {
    failures: u64,
    last: Instant,
}

async fn next(listener: &TcpListener, admission: &Admission) -> io::Result<(TcpStream, SocketAddr, Room)> {
    let room = admission.room().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, room))
}
