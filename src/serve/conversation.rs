//! A connection from its acceptance to its end or its upgrade: TLS, if that is spoken, then HTTP by hyper, answered by poem.
//! Nothing in it waits for the peer without a deadline.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::admission::{Admission, Place, Refusal, Why};
use super::proxies::Peer;
use super::wire::Wire;
use crate::limits::{
    CLOSE_TIMEOUT, FIRST_REQUEST_GRACE, REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_TIMEOUT, TLS_HANDSHAKE_TIMEOUT,
    UNACKNOWLEDGED_TIMEOUT, UNSENT_BYTES_MAX,
};
use crate::shutdown::Shutdown;
use crate::usage::Requests;

/// The first byte of a TLS handshake, which no HTTP request begins with.
const TLS_HANDSHAKE_RECORD: u8 = 0x16;

/// What is said to plain HTTP where TLS is spoken.
const SPEAK_TLS: &str = "this port speaks TLS; write https:// or wss:// in front of the address\n";

/// What a request needs to take its connection over.
#[derive(Clone)]
pub struct Handover {
    /// Resolves to the connection once the answer has left.
    pub upgrade: OnUpgrade,
    /// The connection's place among all connections.
    pub place: Arc<Place>,
}

/// What all connections have in common.
pub struct Host<E> {
    /// Answers requests.
    pub endpoint: E,
    /// Counts those that were answered.
    pub requests: Arc<Requests>,
    /// Counts those that were cut off.
    pub admission: Arc<Admission>,
    /// Ends connections that are not upgraded.
    pub shutdown: Shutdown,
}

/// What becomes of a connection.
pub enum Part {
    /// Its requests are answered.
    Guest(Arc<Place>),
    /// Its first request gets this answer, whatever it is.
    Refused { with: Refusal, _room: OwnedSemaphorePermit },
}

/// A connection that was accepted.
pub struct Conversation<E> {
    /// The connection.
    pub stream: TcpStream,
    /// Who is at its other end.
    pub peer: SocketAddr,
    /// What becomes of it.
    pub part: Part,
    /// How TLS is spoken, if it is.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whose guest it is.
    pub host: Arc<Host<E>>,
}

impl<E: Endpoint<Output = Response> + 'static> Conversation<E> {
    /// Speaks until it is over, or the connection has been taken over.
    pub async fn run(self) {
        let Conversation { stream, peer, part, tls, host } = self;
        let Ok(local) = stream.local_addr() else { return };
        // None of these is needed for correctness; a system that refuses one is served all the same.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_TIMEOUT));
        let secured = tls.is_some();
        let wire = match tls {
            None => Wire::from(stream),
            Some(tls) => match host.shake_hands(stream, peer, tls).await {
                Some(wire) => wire,
                None => return,
            },
        };
        let (spoken, busy) = (AtomicBool::new(false), AtomicBool::new(false));
        let service = service_fn(|mut request: http::Request<Incoming>| {
            spoken.store(true, Ordering::Relaxed);
            if let Part::Guest(place) = &part {
                let upgrade = hyper::upgrade::on(&mut request);
                request.extensions_mut().insert(Handover { upgrade, place: Arc::clone(place) });
            }
            request.extensions_mut().insert(Peer { address: peer.ip(), secured });
            let scheme = if secured { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP };
            let addresses = (LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(peer)));
            let request = poem::Request::from((request, addresses.0, addresses.1, scheme));
            let (host, part, busy) = (&host, &part, &busy);
            async move {
                let response = match part {
                    Part::Guest(_) => {
                        busy.store(true, Ordering::Relaxed);
                        let response = host.endpoint.get_response(request).await;
                        busy.store(false, Ordering::Relaxed);
                        host.requests.complete();
                        response
                    }
                    Part::Refused { with, .. } => with.response(),
                };
                Ok::<_, Infallible>(http::Response::from(response))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_TIMEOUT)
            .max_buf_size(REQUEST_HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = host.shutdown.begun() => {
                // Somebody who has just come in has a request on its way.
                let grace = if spoken.load(Ordering::Relaxed) { Duration::ZERO } else { FIRST_REQUEST_GRACE };
                match timeout(grace, connection.as_mut()).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        connection.as_mut().graceful_shutdown();
                        // What is asked is answered; who does not go on asking, or does not read, is not waited for.
                        loop {
                            match timeout(CLOSE_TIMEOUT, connection.as_mut()).await {
                                Ok(ended) => break ended,
                                Err(_) if busy.load(Ordering::Relaxed) => {}
                                Err(_) => return,
                            }
                        }
                    }
                }
            }
        };
        if let Err(error) = ended {
            if let Some(why) = cut_off(&error, spoken.load(Ordering::Relaxed)) {
                host.admission.count(why);
            }
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}

/// Which deadline of ours has ended a connection, if it was one. That nothing follows an answer is no fault.
fn cut_off(error: &hyper::Error, spoken: bool) -> Option<Why> {
    if error.is_timeout() {
        return (!spoken).then_some(Why::SlowRequest);
    }
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.filter(|cause| cause.kind() == ErrorKind::TimedOut).map(|_| Why::UnreadAnswer)
}

impl<E> Host<E> {
    /// Does the TLS handshake. None: there was none, and the connection is over.
    async fn shake_hands(&self, stream: TcpStream, peer: SocketAddr, tls: Arc<ServerConfig>) -> Option<Wire> {
        if !self.admission.begin_tls(peer.ip()) {
            return None;
        }
        let stopped = async {
            self.shutdown.begun().await;
            sleep(FIRST_REQUEST_GRACE).await;
        };
        let shaken = tokio::select! {
            shaken = timeout(TLS_HANDSHAKE_TIMEOUT, handshake(stream, tls)) => shaken,
            () = stopped => return None,
        };
        let why = match shaken {
            Ok(Ok(Some(wire))) => return Some(wire),
            Ok(Ok(None)) => Why::NotTls,
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no TLS handshake");
                Why::TlsFailed
            }
            Err(_) => Why::TlsTimeout,
        };
        self.admission.count(why);
        None
    }
}

/// None: the peer speaks something else, which it has been told.
async fn handshake(mut stream: TcpStream, tls: Arc<ServerConfig>) -> io::Result<Option<Wire>> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ if first == [TLS_HANDSHAKE_RECORD] => Ok(Some(TlsAcceptor::from(tls).accept(stream).await?.into())),
        _ => {
            let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n";
            let answer = format!("{head}Content-Length: {}\r\n\r\n{SPEAK_TLS}", SPEAK_TLS.len());
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            // What it has sent is read, so that the answer is not lost with a reset.
            let mut rest = [0; 1024];
            let _ =
                timeout(CLOSE_TIMEOUT, async { while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {} })
                    .await;
            Ok(None)
        }
    }
}
