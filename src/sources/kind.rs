//! What every kind of source can do.

use std::any::Any;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Reading, SourceOptions, Which, Wish};

/// A kind of source: a row of [`KINDS`](super::KINDS).
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What it is called in the settings.
    pub name: &'static str,
    /// The schemes its `url` may have; none: it has no `url`.
    pub schemes: &'static [&'static str],
    /// The other options it knows; `url` is not one of them.
    pub options: &'static [&'static str],
    /// Whether it can be told something: see [`Source::tell`].
    pub telling: Telling,
    /// Prepares to ask. Opens no connection; a bad option is refused in words.
    pub(super) new: fn(&SourceOptions) -> Result<Arc<dyn Source>, String>,
}

/// Whether a kind of source takes orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It can drain a backend, take it out and in, and weigh it.
    Possible,
    /// It can only be read.
    Impossible,
}

/// One source, ready to be asked again and again. It sets no deadline: the poller's covers the whole question, and drops
/// it when that has passed.
pub trait Source: Any + Send + Sync {
    /// Reads everything once. The error says what is wrong, without a secret in it.
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>>;

    /// Whether its readings have request counts.
    fn counts(&self) -> bool;

    /// Whether a counter that was not there at the reading before has begun since.
    fn counts_from_zero(&self) -> bool {
        true
    }

    /// Resolves when it is worth reading before the next turn: a file has changed, something was pushed. Safe to drop.
    fn news(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Takes over what another one of this kind and name was told that cannot be asked for again.
    fn succeed(&self, _before: &dyn Source) {}

    /// Tells the source what is wished of a backend, and returns when it has taken that.
    fn tell<'a>(&'a self, which: &'a Which, wish: Wish) -> BoxFuture<'a, Result<(), String>> {
        let refusal = format!("this source cannot be told to change `{}/{}`: {wish:?}", which.pool, which.name);
        Box::pin(async { Err(refusal) })
    }

    /// Takes a pushed document. Gives how many backends are in it. None: nothing is pushed to this kind of source.
    fn take(&self, _document: &[u8]) -> Option<Result<usize, String>> {
        None
    }
}
