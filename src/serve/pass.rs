//! A pass: what lets a connection read, until when, and how that is prolonged.
//!
//! The end stands in the token as a wall-clock time, so the clock is looked at again at least every [`PASS_LOOK_INTERVAL`]:
//! a machine that slept, or whose clock was set, keeps nobody longer than that.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::time::{Instant, Sleep, sleep};

use super::App;
use super::auth::Denied;
use crate::access::Rights;
use crate::limits::PASS_LOOK_INTERVAL;
use crate::protocol::Feed;

/// What lets a connection read.
pub struct Pass {
    app: Arc<App>,
    feeds: Vec<Feed>,
    /// None: its holder has not said yet who it is.
    rights: Option<Rights>,
    look: Pin<Box<Sleep>>,
}

impl Pass {
    /// A pass for these feeds.
    pub fn new(app: Arc<App>, feeds: Vec<Feed>, rights: Option<Rights>) -> Pass {
        Pass { app, feeds, rights, look: Box::pin(sleep(PASS_LOOK_INTERVAL)) }.looked_at()
    }

    /// Whether its holder is known.
    pub fn is_known(&self) -> bool {
        self.rights.is_some()
    }

    /// Takes the token of a holder that was not known.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn introduce(&mut self, token: &str) -> Result<(), Denied> {
        self.renew(token).await
    }

    /// Takes a token in place of the one before.
    ///
    /// # Errors
    /// Why it is not taken; the one before still holds.
    pub async fn renew(&mut self, token: &str) -> Result<(), Denied> {
        self.rights = Some(self.app.guard.say(token, &self.feeds).await?);
        self.look_again();
        Ok(())
    }

    /// Ready once the rights have ended.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(until) = self.rights.as_ref().and_then(|rights| rights.until) else { return Poll::Pending };
            if SystemTime::now() >= until {
                return Poll::Ready(());
            }
            std::task::ready!(self.look.as_mut().poll(cx));
            self.look_again();
        }
    }

    fn looked_at(mut self) -> Pass {
        self.look_again();
        self
    }

    /// Sets the next look at the clock: at the end, or before.
    fn look_again(&mut self) {
        let until = self.rights.as_ref().and_then(|rights| rights.until);
        let left = until.and_then(|until| until.duration_since(SystemTime::now()).ok()).unwrap_or_default();
        self.look.as_mut().reset(Instant::now() + left.min(PASS_LOOK_INTERVAL));
    }
}
