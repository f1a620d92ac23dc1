//! A pass: what lets a connection read, until when, and how that is prolonged.
//!
//! It is over when its token expires, or is taken off the roll. The first stands in the token as a wall-clock time, so the
//! clock is looked at again at least every [`PASS_LOOK_INTERVAL`]: a machine that slept, or whose clock was set, keeps nobody
//! longer than that. The second is told to whoever stands on that token. A pass that has no end waits for nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::App;
use super::auth::{Denied, Door, Reason};
use crate::access::{End, Rights};
use crate::limits::PASS_LOOK_INTERVAL;
use crate::protocol::Feed;

/// What lets a connection read.
pub struct Pass {
    app: Arc<App>,
    feeds: Vec<Feed>,
    /// None: its holder has not said yet who it is.
    term: Option<Term>,
}

/// What a pass waits for.
enum Term {
    Endless,
    Clock(SystemTime, Pin<Box<Sleep>>),
    Lease(Pin<Box<WaitForCancellationFutureOwned>>),
}

/// Why a pass is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The token has expired.
    Expired,
    /// The token was taken off the roll.
    Revoked,
}

impl Over {
    /// The reason in a close frame.
    pub fn words(self) -> &'static str {
        match self {
            Over::Expired => "the token has expired",
            Over::Revoked => "the token was revoked",
        }
    }

    fn reason(self) -> Reason {
        match self {
            Over::Expired => Reason::Expired,
            Over::Revoked => Reason::Revoked,
        }
    }
}

impl Pass {
    /// A pass for these feeds.
    pub fn new(app: Arc<App>, feeds: Vec<Feed>, rights: Option<Rights>) -> Pass {
        Pass { app, feeds, term: rights.map(Term::of) }
    }

    /// Whether its holder is known.
    pub fn is_known(&self) -> bool {
        self.term.is_some()
    }

    /// Takes the token of a holder that was not known.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn introduce(&mut self, token: &str) -> Result<(), Denied> {
        self.renew(token).await
    }

    /// Its holder has not said in time who it is.
    pub fn unsaid(&self) {
        self.app.guard.tally().count(Door::Message, Reason::Missing);
    }

    /// Takes a token in place of the one before.
    ///
    /// # Errors
    /// Why it is not taken; the one before still holds.
    pub async fn renew(&mut self, token: &str) -> Result<(), Denied> {
        self.term = Some(Term::of(self.app.guard.say(token, &self.feeds).await?));
        Ok(())
    }

    /// Ready once, when it is over, which is counted then.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        let Some(term) = &mut self.term else { return Poll::Pending };
        let over = ready!(term.poll_over(cx));
        self.term = Some(Term::Endless);
        self.app.guard.tally().count(Door::Open, over.reason());
        Poll::Ready(over)
    }
}

impl Term {
    fn of(rights: Rights) -> Term {
        match rights.end {
            End::Never => Term::Endless,
            End::At(time) => Term::Clock(time, Box::pin(sleep(next_look(time)))),
            End::With(lease) => Term::Lease(Box::pin(lease.ended())),
        }
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        match self {
            Term::Endless => Poll::Pending,
            Term::Clock(until, look) => {
                while SystemTime::now() < *until {
                    ready!(look.as_mut().poll(cx));
                    look.as_mut().reset(Instant::now() + next_look(*until));
                }
                Poll::Ready(Over::Expired)
            }
            Term::Lease(ended) => ended.as_mut().poll(cx).map(|()| Over::Revoked),
        }
    }
}

/// How long until the clock is looked at again: at the end, or before.
fn next_look(until: SystemTime) -> Duration {
    until.duration_since(SystemTime::now()).unwrap_or_default().min(PASS_LOOK_INTERVAL)
}
