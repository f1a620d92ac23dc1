//! The reading half of a feed connection: from the upgraded socket until the peer is gone.
//!
//! What the peer says is judged by `websocket` and answered through the connection's seat at the hub, which writes it in
//! order. The reader allocates nothing until the peer has said something, and its buffer is on the stack of a call that
//! does not await.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::time::Instant;

use super::auth::Denied;
use super::farewell::Farewell;
use super::hub::{Hub, Seat};
use super::pace::Pace;
use super::pass::Pass;
use super::shard::Link;
use super::socket::Socket;
use super::telemetry::Ending;
use super::track::Subscription;
use crate::limits::{
    CLOSE_TIMEOUT, INBOUND_BYTES_BURST, INBOUND_BYTES_PER_SECOND, INBOUND_MESSAGES_BURST, INBOUND_MESSAGES_PER_SECOND,
    INTRODUCTION_TIMEOUT, READ_BYTES,
};
use crate::protocol::control::ErrorBody;
use crate::protocol::inbound::{ErrorMessage, Inbound, Pong, Spoken};
use crate::protocol::{CloseCode, Timestamp};
use crate::websocket::deflate::Terms;
use crate::websocket::{Received, Receiver, frame};

/// Serves one upgraded connection until it is gone. `early` are bytes that came glued to the handshake. A connection of
/// somebody known has a `pass`, which ends. `deflate` is what was agreed on about compression.
pub async fn serve(
    socket: Socket,
    early: Vec<u8>,
    subscriptions: Vec<Subscription>,
    deflate: Option<Terms>,
    hub: &Hub,
    mut pass: Option<Box<Pass>>,
) {
    let link = Arc::new(Link::new(socket));
    let mut peer = None;
    if let Some(pass) = &mut pass
        && !pass.is_known()
    {
        let introduced = async {
            tokio::select! {
                introduced = introduce(&link.socket, &early, deflate, pass) => introduced,
                farewell = hub.announced() => Err((farewell.frame(rand::random()), Ending::Closed(farewell.code()))),
            }
        };
        // Boxed: it takes a moment, and the rest of a connection's life should not be as big.
        match Box::pin(introduced).await {
            Ok(speaker) => peer = Some(speaker),
            Err((goodbye, ending)) => {
                hub.ended(ending);
                return Box::pin(dismiss(&link.socket, &goodbye)).await;
            }
        }
    }
    let Some(seat) = hub.attach(&link, subscriptions, deflate).await else {
        // The server stopped between the handshake and now. Best effort: the socket is closed right after.
        let farewell = hub.farewell().unwrap_or(Farewell::Stop);
        hub.ended(Ending::Closed(farewell.code()));
        let _ = link.socket.try_write(&farewell.frame(rand::random()));
        link.socket.end_writing();
        return;
    };
    if peer.is_none() && !early.is_empty() {
        take(peer.get_or_insert_with(|| Speaker::new(deflate)), early, &seat, &mut pass).await;
    }
    loop {
        // Not `readable()`: this takes over the socket's one place for a reader, and so lets go of the waker that hyper's
        // task has left there. That task has ended, but a kilobyte of it would live as long as the connection.
        let ready = poll_fn(|cx| {
            if let Some(pass) = &mut pass
                && let Poll::Ready(over) = pass.poll_over(cx)
            {
                return Poll::Ready(Err(over));
            }
            link.socket.poll_read_ready(cx).map(Ok)
        });
        match ready.await {
            Ok(Ok(())) if !link.over.load(Ordering::Relaxed) => {}
            Ok(_) => break,
            Err(over) => {
                let code = CloseCode::Unauthenticated;
                pass = None;
                peer.get_or_insert_with(|| Speaker::new(deflate)).closing = true;
                seat.close(frame::close(code, over.words()), Ending::Closed(code)).await;
                continue;
            }
        }
        let mut heard = Vec::new();
        match read(&link.socket, &mut heard) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        link.heard.store(true, Ordering::Relaxed);
        take(peer.get_or_insert_with(|| Speaker::new(deflate)), heard, &seat, &mut pass).await;
    }
    seat.leave().await;
}

/// Waits for a peer to say who it is, which it has promised to do first. Else how the connection ends, and what is said last.
async fn introduce(
    socket: &Socket,
    early: &[u8],
    deflate: Option<Terms>,
    pass: &mut Pass,
) -> Result<Box<Speaker>, (Vec<u8>, Ending)> {
    let closing = |code, why: &str| (frame::close(code, why), Ending::Closed(code));
    let mut speaker = Speaker::new(deflate);
    let token = match tokio::time::timeout(INTRODUCTION_TIMEOUT, speaker.first_token(socket, early)).await {
        Ok(Ok(token)) => token,
        Ok(Err((mut replies, ending))) => {
            if let Ending::Closed(code) = ending {
                replies.extend(frame::close(code, code.meaning()));
            }
            return Err((replies, ending));
        }
        Err(_) => {
            pass.unsaid();
            return Err(closing(CloseCode::Unauthenticated, "no token came within 5 s"));
        }
    };
    match pass.introduce(&token).await {
        Ok(()) => Ok(speaker),
        Err(denied) => {
            let (code, why) = denied.close();
            Err(closing(code, why))
        }
    }
}

/// Says goodbye to a peer that has no seat yet, and lets it read that.
async fn dismiss(socket: &Socket, goodbye: &[u8]) {
    let _ = socket.try_write(goodbye);
    socket.end_writing();
    let left = async {
        let mut rest = Vec::new();
        while poll_fn(|cx| socket.poll_read_ready(cx)).await.is_ok() {
            rest.clear();
            match read(socket, &mut rest) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, left).await;
}

/// Reads once.
fn read(socket: &Socket, heard: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; READ_BYTES];
    let count = socket.try_read(&mut buffer)?;
    heard.extend_from_slice(&buffer[..count]);
    Ok(count)
}

/// A peer that has said something.
#[derive(Debug)]
struct Speaker {
    receiver: Receiver,
    messages: Pace,
    bytes: Pace,
    /// It is being closed, for something it said.
    closing: bool,
    /// The last token it said, until somebody has looked at it.
    token: Option<String>,
}

impl Speaker {
    fn new(deflate: Option<Terms>) -> Box<Speaker> {
        Box::new(Speaker {
            receiver: Receiver::new(deflate),
            messages: Pace::new(INBOUND_MESSAGES_PER_SECOND, INBOUND_MESSAGES_BURST),
            bytes: Pace::new(INBOUND_BYTES_PER_SECOND, INBOUND_BYTES_BURST),
            closing: false,
            token: None,
        })
    }
}

/// Answers what was heard, and waits where the peer says too much. What a closing connection still says has been read so
/// that the socket does not reset, and is dropped, at no greater speed.
async fn take(peer: &mut Box<Speaker>, heard: Vec<u8>, seat: &Seat, pass: &mut Option<Box<Pass>>) {
    if !peer.closing {
        let mut replies = Vec::new();
        let ending = peer.hear(&heard, &mut replies);
        if let Some(Ending::Closed(code)) = ending {
            replies.extend(frame::close(code, code.meaning()));
        }
        peer.closing = ending.is_some();
        // Boxed, as what is verified may have its keys fetched, and every idle connection would keep room for that.
        if let (Some(token), Some(pass)) = (peer.token.take(), pass)
            && let Err(denied) = Box::pin(pass.renew(&token)).await
        {
            // The token from before holds as long as it does.
            frame::text(&refusal(&denied), &mut replies);
        }
        match ending {
            Some(ending) => seat.close(replies, ending).await,
            None if replies.is_empty() => {}
            None => seat.reply(replies).await,
        }
    }
    if let Some(delay) = peer.bytes.take(heard.len() as u32, Instant::now()) {
        // Boxed: a timer in every reader would cost every idle connection a hundred bytes.
        Box::pin(tokio::time::sleep(delay)).await;
    }
}

impl Speaker {
    /// Reads until there is a token. Else how the connection ends, and the answers that are still to be said.
    async fn first_token(&mut self, socket: &Socket, early: &[u8]) -> Result<String, (Vec<u8>, Ending)> {
        let mut heard = early.to_vec();
        loop {
            let mut replies = Vec::new();
            if let Some(ending) = self.hear(&heard, &mut replies) {
                return Err((replies, ending));
            }
            // Pongs. Whoever does not read them has other troubles.
            let _ = socket.try_write(&replies);
            if let Some(token) = self.token.take() {
                return Ok(token);
            }
            heard.clear();
            loop {
                let vanished = |_| (Vec::new(), Ending::Vanished);
                poll_fn(|cx| socket.poll_read_ready(cx)).await.map_err(vanished)?;
                match read(socket, &mut heard) {
                    Ok(0) => return Err((Vec::new(), Ending::Vanished)),
                    Ok(_) => break,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Err((Vec::new(), Ending::Vanished)),
                }
            }
        }
    }

    /// Reads messages and collects the answers. Gives how the connection ends, if it does.
    fn hear(&mut self, mut heard: &[u8], replies: &mut Vec<u8>) -> Option<Ending> {
        loop {
            match self.receiver.next(&mut heard, replies) {
                Ok(None) => return None,
                Ok(Some(Received::Closed)) => return Some(Ending::ByPeer),
                Err(code) => return Some(Ending::Closed(code)),
                Ok(Some(Received::Control)) => {}
                Ok(Some(Received::Text(text))) => match Inbound::parse(&text) {
                    Inbound::Auth(Spoken(token)) => self.token = Some(token),
                    other => {
                        if let Some(answer) = answer(other) {
                            frame::text(&answer, replies);
                        }
                    }
                },
            }
            if self.messages.take(1, Instant::now()).is_some() {
                return Some(Ending::Closed(CloseCode::TooMany));
            }
        }
    }
}

/// The answer to a text message, if it has one.
fn answer(message: Inbound) -> Option<Vec<u8>> {
    let document = match message {
        Inbound::Other | Inbound::Auth(_) => return None,
        Inbound::Ping(timestamp) => serde_json::to_vec(&Pong { timestamp, server_time: Timestamp::now() }),
        Inbound::Bad(message) => return Some(complaint("bad_message", message)),
    };
    Some(document.expect("a message has string keys and no failing serialiser"))
}

/// What is said of a token that is not taken in place of the one before.
fn refusal(denied: &Denied) -> Vec<u8> {
    let (_, why) = denied.close();
    complaint("token_refused", why.to_owned())
}

fn complaint(code: &str, message: String) -> Vec<u8> {
    let error = ErrorMessage { data: ErrorBody { code: code.to_owned(), message } };
    serde_json::to_vec(&error).expect("a message has string keys and no failing serialiser")
}
