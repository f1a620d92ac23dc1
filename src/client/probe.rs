//! A probe: one endpoint tried once from the name to the goodbye, every phase timed, every wait with an end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::connect::{Access, Connection, connect, headers_of};
use super::endpoint::Endpoint;
use super::event::Received;
use super::loss::{Loss, Verdict};
use super::session::{Ping, Socket, loss, send};
use crate::limits;
use crate::net::Fault;
use crate::net::dial::{self, Peer, Phases, Stream, dial};
use crate::protocol::{CloseCode, Feed};

/// Longest wait for the answer to one ping: the contract's.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// What was seen, as far as it went.
#[derive(Debug, Default)]
pub struct Trial {
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// How long dialling took.
    pub phases: Phases,
    /// The WebSocket handshake.
    pub upgrade: Option<Duration>,
    /// From the handshake to the first message.
    pub first_message: Option<Duration>,
    /// From the request to the head of the answer, over plain HTTP.
    pub response: Option<Duration>,
    /// Pings sent.
    pub pings: u32,
    /// The answers to them.
    pub rtts: Vec<Duration>,
    /// The closing handshake.
    pub close: Option<Duration>,
    /// The HTTP status; 101 of a WebSocket.
    pub status: Option<u16>,
    /// Where and why it ended early.
    pub failure: Option<Failure>,
}

/// Where and why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The phase.
    pub phase: &'static str,
    /// Why, in words.
    pub reason: String,
    /// What that means.
    pub kind: Kind,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It could not be reached.
    Unreachable,
    /// It let us in and did not do as it should.
    Wrong,
    /// It did not let us in.
    Denied,
    /// It went away.
    Lost,
}

fn wrong(phase: &'static str, reason: String) -> Failure {
    Failure { phase, reason, kind: Kind::Wrong }
}

fn lost(phase: &'static str, loss: &Loss) -> Failure {
    let kind = if loss.verdict() == Verdict::Denied { Kind::Denied } else { Kind::Lost };
    Failure { phase, reason: loss.to_string(), kind }
}

/// Tries a WebSocket endpoint: connects, waits for the first message of a feed, pings, says goodbye.
pub async fn websocket(endpoint: &Endpoint, access: &Access, pings: u32) -> Trial {
    let mut trial = Trial::default();
    let connection = match connect(endpoint, access).await {
        Ok(connection) => connection,
        Err(error) => {
            trial.phases = error.phases();
            trial.status = error.status();
            let loss = Loss::NotMade(error.clone());
            let kind = if loss.verdict() == Verdict::Denied { Kind::Denied } else { Kind::Unreachable };
            trial.failure = Some(Failure { phase: error.phase(), reason: error.to_string(), kind });
            return trial;
        }
    };
    let Connection { mut socket, peer, phases, upgrade } = connection;
    (trial.peer, trial.phases, trial.upgrade, trial.status) = (Some(peer), phases, Some(upgrade), Some(101));
    trial.failure = converse(&mut socket, endpoint.feed, access.timeout, pings, &mut trial).await.err();
    trial
}

async fn converse(
    socket: &mut Socket,
    feed: Option<Feed>,
    patience: Duration,
    pings: u32,
    trial: &mut Trial,
) -> Result<(), Failure> {
    if let Some(feed) = feed {
        let started = Instant::now();
        let text = wait(socket, "first_message", started + patience, |frame| match frame {
            Frame::Text(text) => Some(text.as_str().to_owned()),
            _ => None,
        });
        let text = text.await?.ok_or_else(|| {
            wrong("first_message", format!("nothing within {}", crate::net::fault::in_words(patience)))
        })?;
        trial.first_message = Some(started.elapsed());
        judge(feed, text).map_err(|reason| wrong("first_message", reason))?;
    }
    for number in 1..=u64::from(pings) {
        let started = Instant::now();
        trial.pings += 1;
        send(socket, Ping::Frame.frame(number)).await.map_err(|loss| lost("ping", &loss))?;
        let answer = wait(socket, "ping", started + PING_TIMEOUT, |frame| match frame {
            Frame::Pong(payload) if payload.as_ref() == number.to_be_bytes() => Some(()),
            _ => None,
        });
        if answer.await?.is_some() {
            trial.rtts.push(started.elapsed());
        }
    }
    if trial.rtts.len() < pings as usize {
        return Err(wrong("ping", format!("{} of {pings} pings were answered", trial.rtts.len())));
    }
    let started = Instant::now();
    goodbye(socket, started + patience).await.map_err(|reason| wrong("close", reason))?;
    trial.close = Some(started.elapsed());
    Ok(())
}

/// Reads until a frame is the one waited for. None: it did not come in time.
async fn wait<T>(
    socket: &mut Socket,
    phase: &'static str,
    deadline: Instant,
    wanted: impl Fn(&Frame) -> Option<T>,
) -> Result<Option<T>, Failure> {
    loop {
        let ended = match timeout_at(deadline, socket.next()).await {
            Err(_) => return Ok(None),
            Ok(Some(Ok(Frame::Close(frame)))) => {
                let (code, reason) = frame.map_or((1005, String::new()), |CloseFrame { code, reason }| {
                    (code.into(), reason.as_str().to_owned())
                });
                Loss::Closed { code, reason }
            }
            Ok(Some(Ok(frame))) => match wanted(&frame) {
                Some(found) => return Ok(Some(found)),
                None => continue,
            },
            Ok(Some(Err(error))) => loss(error),
            Ok(None) => Loss::Broken(Fault::Closed),
        };
        return Err(lost(phase, &ended));
    }
}

/// Whether a text is a message of this feed.
fn judge(feed: Feed, text: String) -> Result<(), String> {
    let received = Received::parse(text).map_err(|invalid| invalid.problem)?;
    let kind = received.kind.unwrap_or_default();
    if kind == feed.name() { Ok(()) } else { Err(format!("a message of type `{kind}`, not `{feed}`")) }
}

/// Closes with 1000 and waits for the other half.
async fn goodbye(socket: &mut Socket, deadline: Instant) -> Result<(), String> {
    let frame = CloseFrame { code: CloseCode::Done.code().into(), reason: "".into() };
    let farewell = async {
        socket.close(Some(frame)).await.map_err(|error| loss(error).to_string())?;
        loop {
            match socket.next().await {
                Some(Ok(Frame::Close(_))) => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(loss(error).to_string()),
                None => return Err("the connection ended without the server's close frame".to_owned()),
            }
        }
    };
    timeout_at(deadline, farewell).await.unwrap_or_else(|_| Err("no close frame in return".to_owned()))
}

/// Tries an http URL: one GET on a connection of its own; a status from 200 to 399 passes. Redirects are not followed.
pub async fn http(endpoint: &Endpoint, access: &Access) -> Trial {
    let mut trial = Trial::default();
    let deadline = Instant::now() + access.timeout;
    let (host, tls) = (endpoint.host(), endpoint.secure().then_some(&access.tls));
    let dialed = match dial(Peer { host: &host, port: endpoint.port(), tls }, deadline).await {
        Ok(dialed) => dialed,
        Err(error) => {
            trial.phases = error.phases;
            let phase = match error.phase {
                dial::Phase::Dns => "dns",
                dial::Phase::Tcp => "tcp",
                dial::Phase::Tls => "tls",
            };
            trial.failure = Some(Failure { phase, reason: error.to_string(), kind: Kind::Unreachable });
            return trial;
        }
    };
    (trial.peer, trial.phases) = (Some(dialed.peer), dialed.phases);
    let started = Instant::now();
    let asked = timeout_at(deadline, ask(dialed.stream, endpoint, access)).await;
    trial.response = Some(started.elapsed());
    match asked.unwrap_or(Err(Fault::Deadline(started.elapsed()))) {
        Ok(status) => {
            trial.status = Some(status);
            let kind = if matches!(status, 401 | 403) { Kind::Denied } else { Kind::Wrong };
            if !(200..400).contains(&status) {
                let reason = format!("the server answered {status}, expected 200-399");
                trial.failure = Some(Failure { phase: "response", reason, kind });
            }
        }
        Err(fault) => trial.failure = Some(Failure { phase: "response", reason: fault.to_string(), kind: Kind::Lost }),
    }
    trial
}

/// Sends a GET and reads the status of the answer.
async fn ask(mut stream: Stream, endpoint: &Endpoint, access: &Access) -> Result<u16, Fault> {
    let headers = headers_of(endpoint, access).map_err(|why| Fault::Protocol("HTTP", why))?;
    let mut request = format!("GET {} HTTP/1.1\r\n", endpoint.path()).into_bytes();
    for (name, value) in &headers {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"Connection: close\r\n\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        if line.len() >= limits::STATUS_LINE_BYTES_MAX {
            return Err(Fault::Protocol("HTTP", "its first line does not end".to_owned()));
        }
        line.push(stream.read_u8().await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Closed,
            _ => Fault::from(error),
        })?);
    }
    status(&line).ok_or_else(|| Fault::Protocol("HTTP", "its first line is no status line".to_owned()))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok().filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_and_nothing_else_is_one() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 500\r\n"), Some(500));
        for line in [&b"SSH-2.0-OpenSSH\r\n"[..], b"HTTP/1.1\n", b"HTTP/1.1 9999 x\n", b"HTTP/2 200\n", b"\xff\n"] {
            assert_eq!(status(line), None);
        }
    }

    #[test]
    fn the_first_message_has_to_be_of_the_feed() {
        assert_eq!(judge(Feed::Status, "{\"type\":\"status\"}".to_owned()), Ok(()));
        for text in ["{\"type\":\"metrics\"}", "{}", "hello"] {
            assert!(judge(Feed::Status, text.to_owned()).is_err(), "{text}");
        }
    }
}
