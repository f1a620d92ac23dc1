//! The reading half of a feed connection: from the upgraded socket until the peer is gone.
//!
//! What the peer says is judged by `websocket` and answered through the connection's seat at the hub, which writes it in
//! order. The reader allocates nothing until the peer has said something, and its buffer is on the stack of a call that
//! does not await.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::hub::{Hub, Seat};
use super::pace::Pace;
use super::shard::Link;
use super::telemetry::Ending;
use crate::limits::{
    INBOUND_BYTES_BURST, INBOUND_BYTES_PER_SECOND, INBOUND_MESSAGES_BURST, INBOUND_MESSAGES_PER_SECOND, READ_BYTES,
};
use crate::protocol::control::ErrorBody;
use crate::protocol::message::{ErrorMessage, Inbound, Pong};
use crate::protocol::{CloseCode, Feed, Timestamp};
use crate::websocket::{Received, Receiver, frame};

/// Serves one upgraded connection until it is gone. `early` are bytes that came glued to the handshake.
pub async fn serve(socket: TcpStream, early: Vec<u8>, feed: Feed, hub: &Hub) {
    let link = Arc::new(Link::new(socket));
    let Some(seat) = hub.attach(&link, feed).await else {
        // The server stopped between the handshake and now. Best effort: the socket is closed right after.
        let _ = link.socket.try_write(&frame::close(CloseCode::GoingAway, CloseCode::GoingAway.meaning()));
        return;
    };
    let mut peer = None;
    if !early.is_empty() {
        take(peer.get_or_insert_default(), early, &seat).await;
    }
    // Not `readable()`: this takes over the socket's one place for a reader, and so lets go of the waker that hyper's task
    // has left there. That task has ended, but a kilobyte of it would live as long as the connection.
    while poll_fn(|cx| link.socket.poll_read_ready(cx)).await.is_ok() && !link.over.load(Ordering::Relaxed) {
        let mut heard = Vec::new();
        match read(&link.socket, &mut heard) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        link.heard.store(true, Ordering::Relaxed);
        take(peer.get_or_insert_default(), heard, &seat).await;
    }
    seat.leave().await;
}

/// Reads once.
fn read(socket: &TcpStream, heard: &mut Vec<u8>) -> io::Result<usize> {
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
}

impl Default for Box<Speaker> {
    fn default() -> Self {
        Box::new(Speaker {
            receiver: Receiver::default(),
            messages: Pace::new(INBOUND_MESSAGES_PER_SECOND, INBOUND_MESSAGES_BURST),
            bytes: Pace::new(INBOUND_BYTES_PER_SECOND, INBOUND_BYTES_BURST),
            closing: false,
        })
    }
}

/// Answers what was heard, and waits where the peer says too much. What a closing connection still says has been read so
/// that the socket does not reset, and is dropped, at no greater speed.
async fn take(peer: &mut Box<Speaker>, heard: Vec<u8>, seat: &Seat) {
    if !peer.closing {
        let mut replies = Vec::new();
        let ending = peer.hear(&heard, &mut replies);
        if let Some(Ending::Closed(code)) = ending {
            replies.extend(frame::close(code, code.meaning()));
        }
        peer.closing = ending.is_some();
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
    /// Reads messages and collects the answers. Gives how the connection ends, if it does.
    fn hear(&mut self, mut heard: &[u8], replies: &mut Vec<u8>) -> Option<Ending> {
        loop {
            match self.receiver.next(&mut heard, replies) {
                Ok(None) => return None,
                Ok(Some(Received::Closed)) => return Some(Ending::ByPeer),
                Err(code) => return Some(Ending::Closed(code)),
                Ok(Some(Received::Control)) => {}
                Ok(Some(Received::Text(text))) => {
                    if let Some(answer) = answer(&text) {
                        frame::text(&answer, replies);
                    }
                }
            }
            if self.messages.take(1, Instant::now()).is_some() {
                return Some(Ending::Closed(CloseCode::TooMany));
            }
        }
    }
}

/// The answer to a text message, if it has one.
fn answer(text: &str) -> Option<Vec<u8>> {
    let document = match Inbound::parse(text) {
        Inbound::Other => return None,
        Inbound::Ping(timestamp) => serde_json::to_vec(&Pong { timestamp, server_time: Timestamp::now() }),
        Inbound::Bad(message) => {
            serde_json::to_vec(&ErrorMessage { data: ErrorBody { code: "bad_message".to_owned(), message } })
        }
    };
    Some(document.expect("a message has string keys and no failing serialiser"))
}
