//! A witness: somebody who listens to a feed while a command is given, to see whether and when it answers.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::connect::{Access, connect};
use super::endpoint::Endpoint;
use super::event::Received;
use super::session::{Socket, close, loss};
use crate::protocol::{CloseCode, Feed};

/// A feed that is being listened to, and has already told its state.
#[derive(Debug)]
pub struct Witness {
    /// The feed.
    pub feed: Feed,
    socket: Socket,
}

impl Witness {
    /// Subscribes to a feed and waits for its state, which it sends to everybody who comes.
    ///
    /// # Errors
    /// Why nothing can be seen there, in words.
    pub async fn attend(feed: Feed, endpoint: &Endpoint, access: &Access) -> Result<Witness, String> {
        let connection = connect(endpoint, access).await.map_err(|error| error.to_string())?;
        let mut witness = Witness { feed, socket: connection.socket };
        let first = timeout(access.timeout, witness.message()).await;
        first.unwrap_or_else(|_| Err("it does not tell its state".to_owned()))?;
        Ok(witness)
    }

    /// Forgets what has come so far, so that it is not taken for an answer to what comes now.
    pub fn ready(&mut self) -> Result<(), String> {
        while let Some(message) = self.message().now_or_never() {
            message?;
        }
        Ok(())
    }

    /// Waits for the next message: how long after `since` it came. None: it did not, by the time `given_up` is over.
    pub async fn answer(&mut self, since: Instant, given_up: impl Future<Output = ()>) -> Option<Duration> {
        tokio::select! {
            // The end first: a feed that never stops talking would never let it have its turn.
            biased;
            () = given_up => None,
            message = self.message() => message.ok().map(|()| since.elapsed()),
        }
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        close(&mut self.socket, CloseCode::Done, "").await;
    }

    /// The next message of the feed. May be dropped at any time.
    async fn message(&mut self) -> Result<(), String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Text(text))) => {
                    let received = Received::parse(text.as_str().to_owned()).map_err(|invalid| invalid.problem)?;
                    if received.message.is_some() {
                        return Ok(());
                    }
                }
                Some(Ok(Frame::Close(_))) | None => return Err("it was closed".to_owned()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(loss(error).to_string()),
            }
        }
    }
}
