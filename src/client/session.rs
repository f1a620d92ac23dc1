//! A session: one stream, followed across connections until it has enough, is stopped, or gives up.
//!
//! Connect, listen, notice the loss, wait, connect again. Every wait has an end: connecting has a deadline, listening has
//! the heartbeat (a connection on which nothing is heard for `max_missed` pings is lost, however open it looks), writing
//! and closing have theirs. It stops for: the number of messages asked for, the shutdown, a server that is done, a loss
//! that trying again cannot heal, the tries used up, or nobody listening to its events.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::backoff::{Backoff, Schedule, held};
use super::connect::{Access, Connection, connect};
use super::endpoint::Endpoint;
use super::event::{Ending, Event, Invalid, Opened, Received, Resumption, What};
use super::gap::Sequence;
use super::heartbeat::{Beat, Heartbeat, Pulse};
use super::loss::{Loss, Verdict};
use super::stale::{Patience, Staleness, WhenStale};
use crate::limits;
use crate::net::Fault;
use crate::protocol::resume::RESUMED;
use crate::protocol::{CloseCode, Timestamp};
use crate::shutdown::Shutdown;
use crate::websocket::deflate;

/// How a session behaves.
#[derive(Debug, Clone)]
pub struct Habits {
    /// When to connect again. None: never.
    pub schedule: Option<Schedule>,
    /// How the life of a connection is watched.
    pub pulse: Pulse,
    /// What a ping looks like.
    pub ping: Ping,
    /// How long a silence of the feed may be.
    pub patience: Patience,
    /// What to do when it is longer.
    pub when_stale: WhenStale,
    /// Messages after which it is enough. None: never.
    pub count: Option<u64>,
}

/// What a ping looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// A ping frame.
    Frame,
    /// `{"type":"ping","timestamp":…}`, for a proxy that answers ping frames itself.
    Message,
}

/// One stream to follow.
#[derive(Debug)]
pub struct Session {
    /// The number that its events carry.
    pub stream: usize,
    /// What to follow.
    pub endpoint: Endpoint,
    /// How to reach it.
    pub access: Arc<Access>,
    /// How to behave.
    pub habits: Habits,
}

/// Why listening ended.
enum Heard {
    Enough,
    Stopped,
    Lost(Loss),
}

/// Nobody listens to the events any more.
struct Deaf;

/// Where the events of one session go.
struct Voice {
    stream: usize,
    events: mpsc::Sender<Event>,
}

impl Voice {
    async fn tell(&self, what: What) -> Result<(), Deaf> {
        let event = Event { stream: self.stream, at: Timestamp::now(), instant: Instant::now(), what };
        self.events.send(event).await.map_err(|_| Deaf)
    }
}

/// What outlives a connection.
#[derive(Default)]
struct Memory {
    received: u64,
    sequence: Sequence,
}

impl Session {
    /// Follows the stream to its end. The last event is [`What::End`], unless nobody listens any more.
    pub async fn run(self, events: mpsc::Sender<Event>, shutdown: Shutdown) {
        let voice = Voice { stream: self.stream, events };
        if let Ok(ending) = self.follow(&voice, &shutdown).await {
            // Nobody left to tell is no reason to do anything else.
            let _ = voice.tell(What::End(ending)).await;
        }
    }

    async fn follow(&self, voice: &Voice, shutdown: &Shutdown) -> Result<Ending, Deaf> {
        let mut backoff = self.habits.schedule.clone().map(Backoff::new);
        let mut memory = Memory::default();
        let (mut connected, mut attempts) = (false, 0);
        loop {
            let endpoint = self.endpoint.resuming(memory.sequence.last());
            let made = tokio::select! {
                made = connect(&endpoint, &self.access) => made,
                () = shutdown.begun() => return Ok(Ending::Stopped),
            };
            let (loss, lived) = match made {
                Err(error) => (Loss::NotMade(error), None),
                Ok(connection) => {
                    connected = true;
                    let (opened, before) = (Instant::now(), memory.received);
                    let loss = match self.listen(connection, &mut memory, voice, shutdown).await? {
                        Heard::Enough => return Ok(Ending::Enough),
                        Heard::Stopped => return Ok(Ending::Stopped),
                        Heard::Lost(loss) => loss,
                    };
                    let lived = opened.elapsed();
                    if held(memory.received - before, lived, self.endpoint.feed.map(|feed| feed.cadence()))
                        && let Some(backoff) = &mut backoff
                    {
                        backoff.reset();
                    }
                    (loss, Some(lived))
                }
            };
            if let Some(lived) = lived {
                voice.tell(What::Lost(loss.clone(), lived)).await?;
            }
            let retry = match loss.verdict() {
                Verdict::Done => return Ok(Ending::Done),
                Verdict::Retry(hint) => backoff.as_mut().and_then(|backoff| backoff.next(rand::random(), hint)),
                Verdict::Denied | Verdict::Hopeless => None,
            };
            let Some(retry) = retry else {
                return Ok(Ending::GaveUp { loss, lived, attempts, connected });
            };
            attempts = retry.attempt;
            voice.tell(What::Retry(retry, loss, lived)).await?;
            tokio::select! {
                () = sleep(retry.delay) => {}
                () = shutdown.begun() => return Ok(Ending::Stopped),
            }
        }
    }

    /// Listens to one connection until it ends.
    async fn listen(
        &self,
        connection: Connection,
        memory: &mut Memory,
        voice: &Voice,
        shutdown: &Shutdown,
    ) -> Result<Heard, Deaf> {
        let Connection { mut socket, peer, phases, upgrade } = connection;
        voice.tell(What::Open(Opened { peer, phases, upgrade })).await?;
        let mut heart = Heartbeat::new(self.habits.pulse, Instant::now());
        let cadence = self.endpoint.feed.map(|feed| feed.cadence());
        let mut stale = Staleness::new(self.habits.patience.span(cadence), Instant::now());
        loop {
            let frame = tokio::select! {
                // In this order: what has arrived is a sign of life even if its ping has just been given up. Each branch may
                // be dropped: a half-read frame stays in the socket.
                biased;
                () = shutdown.begun() => {
                    close(&mut socket, CloseCode::Done, "").await;
                    return Ok(Heard::Stopped);
                }
                frame = socket.next() => frame,
                () = sleep_until(heart.due_at()) => {
                    match heart.beat(Instant::now()) {
                        Beat::Rest => {}
                        Beat::Missed(missed) => voice.tell(What::Missed(missed)).await?,
                        Beat::Dead(missed) => {
                            voice.tell(What::Missed(missed)).await?;
                            return Ok(Heard::Lost(Loss::Silent(missed)));
                        }
                        Beat::Ping(number) => {
                            if let Err(loss) = send(&mut socket, self.habits.ping.frame(number)).await {
                                return Ok(Heard::Lost(loss));
                            }
                        }
                    }
                    continue;
                }
                () = sleep_until(stale.due_at()) => {
                    if let Some(heard) = self.silent(&mut stale, &mut socket, voice).await? {
                        return Ok(heard);
                    }
                    continue;
                }
            };
            heart.heard();
            match frame {
                Some(Ok(Frame::Text(text))) => {
                    if let Some(rtt) =
                        self.habits.ping.answer(text.as_str()).and_then(|number| heart.answered(number, Instant::now()))
                    {
                        voice.tell(What::Pong(rtt)).await?;
                        continue;
                    }
                    stale.heard(Instant::now());
                    if self.deliver(text.as_str().to_owned(), memory, voice).await?
                        && self.habits.count.is_some_and(|count| memory.received >= count)
                    {
                        close(&mut socket, CloseCode::Done, "").await;
                        return Ok(Heard::Enough);
                    }
                }
                Some(Ok(Frame::Binary(bytes))) => {
                    let problem = format!("a binary message of {} bytes; the feeds are text", bytes.len());
                    voice.tell(What::Invalid(Invalid { text: None, problem })).await?;
                }
                Some(Ok(Frame::Pong(payload))) => {
                    let number = payload.as_ref().try_into().map(u64::from_be_bytes);
                    if let Some(rtt) = number.ok().and_then(|number| heart.answered(number, Instant::now())) {
                        voice.tell(What::Pong(rtt)).await?;
                    }
                }
                Some(Ok(Frame::Close(frame))) => {
                    // Reading on sends our half of the closing handshake.
                    drain(&mut socket).await;
                    let (code, reason) = frame.map_or((1005, String::new()), |CloseFrame { code, reason }| {
                        (code.into(), reason.as_str().to_owned())
                    });
                    return Ok(Heard::Lost(Loss::Closed { code, reason }));
                }
                Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => {}
                Some(Err(error)) => {
                    let loss = loss(error);
                    match &loss {
                        Loss::TooBig(_) => close(&mut socket, CloseCode::TooBig, "").await,
                        Loss::Violation(_) => close(&mut socket, CloseCode::ProtocolError, "").await,
                        _ => {}
                    }
                    return Ok(Heard::Lost(loss));
                }
                None => return Ok(Heard::Lost(Loss::Broken(Fault::Closed))),
            }
            // A peer that floods us with control frames leaves no room for the timers above, and says nothing all the same.
            if stale.due_at() <= Instant::now()
                && let Some(heard) = self.silent(&mut stale, &mut socket, voice).await?
            {
                return Ok(heard);
            }
        }
    }

    /// Tells that nothing has been said for too long. How listening ends, where that is a reason to end it.
    async fn silent(&self, stale: &mut Staleness, socket: &mut Socket, voice: &Voice) -> Result<Option<Heard>, Deaf> {
        let silent = stale.tell(Instant::now());
        voice.tell(What::Stale(silent)).await?;
        if self.habits.when_stale != WhenStale::Reconnect {
            return Ok(None);
        }
        close(socket, CloseCode::Done, "").await;
        Ok(Some(Heard::Lost(Loss::Stale(silent))))
    }

    /// Tells a text message, and the gap before it. Whether it was one.
    async fn deliver(&self, text: String, memory: &mut Memory, voice: &Voice) -> Result<bool, Deaf> {
        let received = match self.endpoint.feed {
            None => Received::foreign(text),
            Some(_) => match Received::parse(text) {
                Ok(received) => received,
                Err(invalid) => return voice.tell(What::Invalid(invalid)).await.map(|()| false),
            },
        };
        if received.kind.as_deref() == Some(RESUMED) {
            // What was not recovered shows as a gap in the numbers, too. It is no message of the feed and is not counted.
            return voice.tell(What::Resumed(Resumption::parse(&received.text))).await.map(|()| false);
        }
        if let Some(gap) = received.id.and_then(|id| memory.sequence.follow(id)) {
            voice.tell(What::Gap(gap)).await?;
        }
        memory.received += 1;
        voice.tell(What::Message(Box::new(received))).await.map(|()| true)
    }
}

impl Ping {
    /// Ping number so-and-so.
    pub fn frame(self, number: u64) -> Frame {
        match self {
            Ping::Frame => Frame::Ping(number.to_be_bytes().to_vec().into()),
            Ping::Message => Frame::text(format!("{{\"type\":\"ping\",\"timestamp\":{number}}}")),
        }
    }

    /// The number of the ping that a text message answers.
    fn answer(self, text: &str) -> Option<u64> {
        #[derive(serde::Deserialize)]
        struct Pong {
            #[serde(rename = "type")]
            kind: String,
            timestamp: u64,
        }
        if self == Ping::Frame || !text.contains("\"pong\"") {
            return None;
        }
        serde_json::from_str::<Pong>(text).ok().filter(|pong| pong.kind == "pong").map(|pong| pong.timestamp)
    }
}

pub(super) type Socket = tokio_tungstenite::WebSocketStream<super::inflated::Inflated>;

/// Sends one frame, at most [`limits::WRITE_TIMEOUT`].
pub(super) async fn send(socket: &mut Socket, frame: Frame) -> Result<(), Loss> {
    match timeout(limits::WRITE_TIMEOUT, socket.send(frame)).await {
        Ok(sent) => sent.map_err(loss),
        Err(_) => Err(Loss::Broken(Fault::Network("nothing can be written to it".to_owned()))),
    }
}

/// Closes with this code and waits for the other half, at most [`limits::CLOSE_GRACE`]. The connection ends in any case.
pub(super) async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code: code.code().into(), reason: reason.into() };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Whether it took part in the goodbye is not ours to judge: we leave.
    let _ = timeout(limits::CLOSE_GRACE, goodbye).await;
}

/// Reads to the end, at most [`limits::CLOSE_GRACE`].
async fn drain(socket: &mut Socket) {
    let _ = timeout(limits::CLOSE_GRACE, async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

/// What an error of the WebSocket says about the connection.
pub(super) fn loss(error: tungstenite::Error) -> Loss {
    match error {
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Loss::Broken(Fault::Closed),
        tungstenite::Error::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<deflate::Fault>()) {
                Some(deflate::Fault::TooBig(bytes)) => Loss::TooBig(*bytes),
                Some(fault) => Loss::Violation(fault.to_string()),
                None => Loss::Broken(Fault::from(error)),
            }
        }
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Loss::TooBig(size),
        tungstenite::Error::Protocol(error) => Loss::Violation(error.to_string().to_lowercase()),
        other => Loss::Violation(other.to_string()),
    }
}
