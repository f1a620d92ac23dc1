//! Connecting to a feed: dial, then the WebSocket handshake, all under one deadline, every phase timed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::endpoint::Endpoint;
use super::inflated::Inflated;
use super::upgrade::{Opening, Terms};
use crate::limits;
use crate::net::dial::{self, DialError, Dialed, Peer, Phases, Stream};
use crate::net::{Fault, Route};
use crate::protocol::control::ErrorAnswer;

/// How servers are reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// How to speak TLS, with `http/1.1` offered by ALPN.
    pub tls: Arc<ClientConfig>,
    /// Headers to send beside our own.
    pub headers: HeaderMap,
    /// Longest time to connect: all phases together.
    pub timeout: Duration,
    /// Pinned addresses and proxies.
    pub route: Arc<Route>,
    /// Whether messages may come compressed.
    pub compression: Compression,
}

/// Whether messages may come compressed. What we send is short and never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Where the server can do it.
    Offered,
    /// Not at all.
    Unwanted,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: WebSocketStream<Inflated>,
    /// The address that answered.
    pub peer: SocketAddr,
    /// How long dialling took.
    pub phases: Phases,
    /// How long the handshake took.
    pub upgrade: Duration,
}

/// Why there is no WebSocket.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// There was no connection to speak over.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// There was one, but it did not become a WebSocket.
    #[error("{refusal}")]
    Upgrade {
        /// How long dialling took.
        phases: Phases,
        /// How long the handshake took until it failed.
        took: Duration,
        /// What came instead.
        refusal: Refusal,
    },
}

/// What came instead of a WebSocket.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// An HTTP answer.
    #[error("the server answered {status}{}", said(.message))]
    Status {
        /// Its status.
        status: u16,
        /// How long it asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
        /// What it says about it.
        message: Option<String>,
    },
    /// Nothing whole, or nothing HTTP.
    #[error("no upgrade to WebSocket: {0}")]
    Fault(Fault),
}

fn said(message: &Option<String>) -> String {
    message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
}

impl ConnectError {
    /// How long dialling took, as far as it came.
    pub fn phases(&self) -> Phases {
        match self {
            ConnectError::Dial(error) => error.phases,
            ConnectError::Upgrade { phases, .. } => *phases,
        }
    }

    /// The phase that failed: `dns`, `tcp`, `proxy`, `tls` or `upgrade`.
    pub fn phase(&self) -> &'static str {
        match self {
            ConnectError::Dial(error) => error.phase.name(),
            ConnectError::Upgrade { .. } => "upgrade",
        }
    }

    /// The HTTP status that came instead of a WebSocket.
    pub fn status(&self) -> Option<u16> {
        match self {
            ConnectError::Upgrade { refusal: Refusal::Status { status, .. }, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Connects to a WebSocket endpoint.
///
/// # Errors
/// [`ConnectError`] with the phase that failed. Nothing is left open.
pub async fn connect(endpoint: &Endpoint, access: &Access) -> Result<Connection, ConnectError> {
    open(endpoint, access).await.map(|(connection, _)| connection)
}

/// The same, with what was agreed on in the handshake.
pub(super) async fn open(endpoint: &Endpoint, access: &Access) -> Result<(Connection, Terms), ConnectError> {
    let deadline = Instant::now() + access.timeout;
    let Dialed { stream, peer, phases } = dial(endpoint, access, deadline).await?;
    let started = Instant::now();
    let shaken = timeout_at(deadline, upgrade(endpoint, access, stream)).await;
    let took = started.elapsed();
    match shaken.unwrap_or(Err(Refusal::Fault(Fault::Deadline(access.timeout)))) {
        Ok((socket, terms)) => Ok((Connection { socket, peer, phases, upgrade: took }, terms)),
        Err(refusal) => Err(ConnectError::Upgrade { phases, took, refusal }),
    }
}

/// Dials the server of an endpoint.
pub(super) async fn dial(endpoint: &Endpoint, access: &Access, deadline: Instant) -> Result<Dialed, DialError> {
    let host = endpoint.host();
    let tls = endpoint.secure().then_some(&access.tls);
    dial::dial(Peer { host: &host, port: endpoint.port(), tls, route: &access.route }, deadline).await
}

async fn upgrade(
    endpoint: &Endpoint,
    access: &Access,
    mut stream: Stream,
) -> Result<(WebSocketStream<Inflated>, Terms), Refusal> {
    let config = WebSocketConfig::default()
        .read_buffer_size(limits::CLIENT_READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(limits::CLIENT_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(limits::CLIENT_MESSAGE_BYTES_MAX));
    let not_http = |why| Refusal::Fault(Fault::Protocol("HTTP", why));
    let opening = Opening::new(endpoint, access).map_err(not_http)?;
    let answer = opening.ask(&mut stream).await.map_err(Refusal::Fault)?;
    if answer.status != 101 {
        return Err(answer.refusal(&mut stream).await);
    }
    let terms = opening.judge(&answer).map_err(|why| Refusal::Fault(Fault::Protocol("WebSocket", why)))?;
    let stream = Inflated::new(stream, answer.rest, terms.deflate);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    Ok((socket, terms))
}

/// The headers of every request to `endpoint`: host, who we are, the token, and what the user added.
pub fn headers_of(endpoint: &Endpoint, access: &Access) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let host = HeaderValue::from_str(&endpoint.authority()).map_err(|error| error.to_string())?;
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("veloflux/", env!("CARGO_PKG_VERSION"))));
    if let Some(token) = &endpoint.token {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    headers.extend(access.headers.clone());
    Ok(headers)
}

/// `Retry-After` in seconds; the form with a date is not read: clocks differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(limits::RETRY_HINT_MAX))
}

/// The sentence in an error body of ours. A page of somebody else's is not repeated.
pub(super) fn message(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<ErrorAnswer>(body).ok().map(|answer| answer.error.message)
}
