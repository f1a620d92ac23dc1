//! The accept loop: hyper serves each connection, poem's endpoint answers, and nothing can hold a socket for ever.
//!
//! It is ours because poem's own server spins when descriptors run out and keeps silent or dripping requests open. A
//! connection needs a place before it is accepted; it keeps it after an upgrade until the socket is closed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, EndpointExt, Response};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::limits::{
    ACCEPT_BACKLOG, ACCEPT_PAUSE, ACCEPT_RECOVERED, DESCRIPTORS_RESERVED, REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_TIMEOUT,
    UNACKNOWLEDGED_TIMEOUT, UNSENT_BYTES_MAX,
};
use crate::shutdown::Shutdown;
use crate::usage::Requests;

/// What a request needs to take its connection over.
#[derive(Clone)]
pub struct Handover {
    /// Resolves to the socket once the answer has left.
    pub upgrade: OnUpgrade,
    /// The connection's place among all connections.
    pub place: Arc<OwnedSemaphorePermit>,
}

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

/// Accepts connections until the shutdown begins, and counts the requests they complete.
pub async fn accept(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    requests: Arc<Requests>,
    capacity: usize,
    shutdown: Shutdown,
) {
    let endpoint = Arc::new(endpoint.map_to_response());
    let places = Arc::new(Semaphore::new(capacity));
    let mut trouble: Option<Trouble> = None;
    loop {
        let accepted = tokio::select! {
            () = shutdown.begun() => return,
            accepted = next(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                if let Some(over) = trouble.take_if(|trouble| trouble.last.elapsed() >= ACCEPT_RECOVERED) {
                    tracing::info!(failures = over.failures, "accepting connections again");
                }
                let connection = Connection { peer, place: Arc::new(place), requests: Arc::clone(&requests) };
                shutdown.spawn(connection.serve(stream, Arc::clone(&endpoint), shutdown.clone()));
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

/// Failures to accept that have been told of.
struct Trouble {
    failures: u64,
    last: Instant,
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

struct Connection {
    peer: SocketAddr,
    place: Arc<OwnedSemaphorePermit>,
    requests: Arc<Requests>,
}

impl Connection {
    async fn serve<E>(self, stream: TcpStream, endpoint: Arc<E>, shutdown: Shutdown)
    where
        E: Endpoint<Output = Response> + 'static,
    {
        let Ok(local) = stream.local_addr() else { return };
        // None of these is needed for correctness; a system that refuses one is served all the same.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_TIMEOUT));
        let service = service_fn(|mut request: http::Request<Incoming>| {
            let upgrade = hyper::upgrade::on(&mut request);
            request.extensions_mut().insert(Handover { upgrade, place: Arc::clone(&self.place) });
            let addresses = (LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(self.peer)));
            let request = poem::Request::from((request, addresses.0, addresses.1, http::uri::Scheme::HTTP));
            let (endpoint, requests) = (Arc::clone(&endpoint), Arc::clone(&self.requests));
            async move {
                let response = endpoint.get_response(request).await;
                requests.complete();
                Ok::<_, Infallible>(http::Response::from(response))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_TIMEOUT)
            .max_buf_size(REQUEST_HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "connection ended");
        }
    }
}
