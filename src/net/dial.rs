//! Dialling: name lookup, TCP and TLS under one deadline, each timed.
//!
//! Addresses of both families are raced (RFC 8305): they are tried in turns, a new one every 250 ms or as soon as the one
//! before has failed, and the first that answers wins. Where a proxy stands in the way, it is what is dialled, and the
//! tunnel through it is a phase of its own. Nothing here knows WebSocket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::progress::{Stage, reached};
use super::route::{Manner, Names, Proxy};
use super::{Fault, Route, socks, tunnel};
use crate::limits::{ADDRESS_STAGGER, ADDRESSES_MAX};

/// Where to dial.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// A name or an address, IPv6 without brackets.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// How to speak TLS; none: not at all.
    pub tls: Option<&'a Arc<rustls::ClientConfig>>,
    /// Pinned addresses and proxies.
    pub route: &'a Route,
}

/// For whoever is held to a deadline by its caller, which comes long before this.
pub const NEVER: Duration = Duration::from_secs(24 * 3600);

/// How long each phase took. A phase that was not needed is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Looking the name up; none for an address.
    pub dns: Option<Duration>,
    /// Until the first address answered.
    pub tcp: Option<Duration>,
    /// Opening the tunnel through a proxy, with the proxy's own TLS; none without one.
    pub proxy: Option<Duration>,
    /// The TLS handshake; none without TLS.
    pub tls: Option<Duration>,
}

/// A connection that is ready for the first byte.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: Stream,
    /// The address that won the race: that of the proxy, where there is one.
    pub peer: SocketAddr,
    /// How long it took.
    pub phases: Phases,
}

/// A part of dialling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name lookup.
    Dns,
    /// TCP.
    Tcp,
    /// The tunnel through a proxy.
    Proxy,
    /// TLS.
    Tls,
}

impl Phase {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Dns => "dns",
            Phase::Tcp => "tcp",
            Phase::Proxy => "proxy",
            Phase::Tls => "tls",
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{to}: {fault}")]
pub struct DialError {
    /// Where it ended.
    pub phase: Phase,
    /// How long the phases took, up to and with that one.
    pub phases: Phases,
    /// The host, and the address it came to where that is another.
    pub to: String,
    /// What happened.
    pub fault: Fault,
}

/// Dials `peer`; all phases together end by `deadline`.
///
/// # Errors
/// [`DialError`] with the phase that failed. Nothing is left open.
pub async fn dial(peer: Peer<'_>, deadline: Instant) -> Result<Dialed, DialError> {
    let mut phases = Phases::default();
    let named = authority(peer.host, peer.port);
    let proxy = peer.route.proxy(peer.host, peer.port, peer.tls.is_some());
    let proxy = proxy.map_err(|fault| DialError { phase: Phase::Proxy, phases, to: named.clone(), fault })?;
    let (host, port) = proxy.as_ref().map_or((peer.host, peer.port), |proxy| (&proxy.host, proxy.port));

    let addresses = match peer.route.pinned(host, port) {
        Some(address) => vec![address],
        None => match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                let found = timed(&mut phases.dns, deadline, super::resolve(host, port)).await;
                let to = authority(host, port);
                found.map(in_turns).map_err(|fault| DialError { phase: Phase::Dns, phases, to, fault })?
            }
        },
    };
    reached(Stage::Connection);
    let raced = timed(&mut phases.tcp, deadline, race(&addresses)).await;
    let (tcp, address) = raced.map_err(|fault| {
        let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        DialError { phase: Phase::Tcp, phases, to: all.join(", "), fault }
    })?;
    let stream = match &proxy {
        None => Stream::Plain(tcp),
        Some(proxy) => {
            let opened = timed(&mut phases.proxy, deadline, through(proxy, tcp, peer));
            let to = format!("{named} through the proxy {proxy}");
            opened.await.map_err(|fault| DialError { phase: Phase::Proxy, phases, to, fault })?
        }
    };

    let Some(config) = peer.tls else {
        reached(Stage::Answer);
        return Ok(Dialed { stream, peer: address, phases });
    };
    match timed(&mut phases.tls, deadline, shake(config, peer.host, stream)).await {
        Ok(stream) => Ok(Dialed { stream, peer: address, phases }),
        Err(fault) => Err(DialError { phase: Phase::Tls, phases, to: named, fault }),
    }
}

/// Has the proxy at the other end of `tcp` connect us to `peer`.
async fn through(proxy: &Proxy, mut tcp: TcpStream, peer: Peer<'_>) -> Result<Stream, Fault> {
    let named = authority(peer.host, peer.port);
    match &proxy.manner {
        Manner::Http { authorization } => {
            tunnel::open(&mut tcp, &named, authorization.as_ref()).await?;
            Ok(Stream::Plain(tcp))
        }
        Manner::Https { authorization, tls } => {
            let mut stream = shake(tls, &proxy.host, Stream::Plain(tcp)).await?;
            tunnel::open(&mut stream, &named, authorization.as_ref()).await?;
            Ok(stream)
        }
        Manner::Socks { login, names } => {
            let to = match names {
                Names::Theirs => named,
                Names::Ours => {
                    let found = super::resolve(peer.host, peer.port).await?;
                    found.first().map_or(named, ToString::to_string)
                }
            };
            Ok(Stream::Plain(socks::open(tcp, &to, login.as_ref()).await?))
        }
    }
}

/// Speaks TLS to whoever is at the other end, who has to prove to be `host`. It sets no deadline.
///
/// # Errors
/// A [`Fault`] of TLS or of the network. The connection is then closed.
pub async fn shake(config: &Arc<rustls::ClientConfig>, host: &str, stream: Stream) -> Result<Stream, Fault> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| Fault::Tls(format!("no certificate can be for `{host}`")))?;
    reached(Stage::Tls);
    let tls = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    reached(Stage::Answer);
    Ok(Stream::Tls(Box::new(tls)))
}

/// `host:port`, an IPv6 address in brackets.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Runs one phase until `deadline` and notes how long it took, however it ended.
async fn timed<T>(
    took: &mut Option<Duration>,
    deadline: Instant,
    phase: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let started = Instant::now();
    let ended = timeout_at(deadline, phase).await;
    let elapsed = started.elapsed();
    *took = Some(elapsed);
    ended.unwrap_or(Err(Fault::Deadline(elapsed)))
}

/// The addresses in turns of family, the resolver's first choice first, at most [`ADDRESSES_MAX`].
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return addresses };
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for address in &addresses {
        let family = if address.is_ipv6() == first.is_ipv6() { &mut same } else { &mut other };
        family.push(*address);
    }
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let turns = std::iter::from_fn(|| match (same.next(), other.next()) {
        (None, None) => None,
        pair => Some([pair.0, pair.1]),
    });
    turns.flatten().flatten().take(ADDRESSES_MAX).collect()
}

/// The first address that answers. The error is that of the first address, which is the one the resolver meant.
async fn race(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), Fault> {
    let mut waiting = addresses.iter().copied();
    let mut running = FuturesUnordered::new();
    let mut first_error = None;
    loop {
        if let Some(address) = waiting.next() {
            running.push(async move { (address, TcpStream::connect(address).await) });
        }
        let stagger = async {
            if waiting.len() == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(ADDRESS_STAGGER).await;
        };
        tokio::select! {
            // Dropping the loser of this select drops no connection: they live in `running`.
            finished = running.next() => match finished {
                Some((address, Ok(tcp))) => {
                    // A feed is small messages whose age matters.
                    tcp.set_nodelay(true)?;
                    return Ok((tcp, address));
                }
                Some((_, Err(error))) => {
                    first_error.get_or_insert(error);
                    if running.is_empty() && waiting.len() == 0 {
                        return Err(Fault::from(first_error.expect("it was put there just above")));
                    }
                }
                None => return Err(Fault::Network("no address to try".to_owned())),
            },
            () = stagger => {}
        }
    }
}

/// A connection, plain or TLS.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS, over TCP or inside the TLS of a proxy.
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    /// The certificate the peer has shown, in DER; none without TLS.
    pub fn certificate(&self) -> Option<&[u8]> {
        match self {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    static DIRECT: std::sync::LazyLock<Route> = std::sync::LazyLock::new(Route::default);

    fn peer(host: &str, port: u16) -> Peer<'_> {
        Peer { host, port, tls: None, route: &DIRECT }
    }

    #[test]
    fn families_take_turns_and_the_list_is_bounded() {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let mixed: Vec<_> = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"].map(parse).into();
        let expected: Vec<_> = ["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"].map(parse).into();
        assert_eq!(in_turns(mixed), expected);
        assert_eq!(in_turns(vec![parse("10.0.0.1:1"); 100]).len(), ADDRESSES_MAX);
        assert!(in_turns(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn an_address_needs_no_name_and_the_phases_are_timed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let dialed = dial(peer("127.0.0.1", port), soon()).await.expect("it listens");
        assert_eq!((dialed.phases.dns, dialed.phases.tls), (None, None));
        assert!(dialed.phases.tcp.is_some());
        let dialed = dial(peer("localhost", port), soon()).await.expect("one family listens");
        assert!(dialed.phases.dns.is_some());
    }

    /// An address that takes no connection and refuses none, as one whose packets are dropped, for as long as this is kept.
    async fn deaf() -> (SocketAddr, Vec<TcpStream>, socket2::Socket) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        socket.listen(0).expect("it is bound");
        let address = socket.local_addr().expect("bound").as_socket().expect("an address");
        let mut swarm = Vec::new();
        while let Ok(stream) = timeout_at(Instant::now() + ADDRESS_STAGGER, TcpStream::connect(address)).await {
            swarm.push(stream.expect("nobody refuses"));
        }
        (address, swarm, socket)
    }

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let (deaf, _swarm, _socket) = deaf().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let live = listener.local_addr().expect("bound");
        let (_, won) = race(&[deaf, live]).await.expect("the second listens");
        assert_eq!(won, live);
    }

    #[tokio::test]
    async fn a_failure_names_its_phase() {
        let (_held, address) = crate::net::tests::deserted();
        let port = address.port();
        let error = dial(peer("127.0.0.1", port), soon()).await.expect_err("nobody listens");
        assert_eq!(error.phase, Phase::Tcp);
        assert_eq!(error.to_string(), format!("127.0.0.1:{port}: connection refused"));
        let error = dial(peer("no-such-name.invalid", 1), soon()).await.expect_err("reserved for this");
        assert_eq!(error.phase, Phase::Dns);
        assert!(error.to_string().contains("`no-such-name.invalid`"), "{error}");
    }
}
