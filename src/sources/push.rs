//! A source that is told instead of asked: whoever knows the backends posts them to `/api/sources/<name>`.
//!
//! What was pushed holds for `ttl` (default [`PUSH_TTL`]); then the source counts as one that does not answer, and its
//! backends go stale like those of any other.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::listing::Listing;
use super::{Kind, Reading, Source, SourceOptions, Telling};
use crate::limits::PUSH_TTL;
use crate::net::fault::in_words;

/// The row of this kind.
pub(super) const KIND: Kind =
    Kind { name: "push", schemes: &[], options: &["ttl", "pool"], telling: Telling::Impossible, new };

struct Push {
    ttl: Duration,
    pool: Option<String>,
    last: Mutex<Option<(Instant, Reading)>>,
    pushed: Notify,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let ttl = options.ttl.unwrap_or(PUSH_TTL);
    if ttl.is_zero() {
        return Err("`ttl` is no time at all; write for example `30s`".to_owned());
    }
    Ok(Arc::new(Push { ttl, pool: options.pool.clone(), last: Mutex::default(), pushed: Notify::new() }))
}

/// What a document says.
pub(super) fn understand(document: &[u8]) -> Result<Reading, String> {
    listed(document, Some("x"))
}

fn listed(document: &[u8], pool: Option<&str>) -> Result<Reading, String> {
    let listing = serde_json::from_slice::<Listing>(document).map_err(|error| error.to_string())?;
    listing.reading(pool)
}

impl Source for Push {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reading = match last {
            None => Err("nothing was pushed yet".to_owned()),
            Some((at, reading)) if at.elapsed() <= self.ttl => Ok(reading),
            Some(_) => Err(format!("nothing was pushed for more than {}", in_words(self.ttl))),
        };
        Box::pin(std::future::ready(reading))
    }

    fn counts(&self) -> bool {
        true
    }

    /// Whoever pushes may have left it out before.
    fn counts_from_zero(&self) -> bool {
        false
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pushed.notified())
    }

    fn succeed(&self, before: &dyn Source) {
        if let Some(before) = (before as &dyn Any).downcast_ref::<Push>() {
            let last = before.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
    }

    fn take(&self, document: &[u8]) -> Option<Result<usize, String>> {
        Some(listed(document, self.pool.as_deref()).map(|reading| {
            let count = reading.backends.len();
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reading));
            self.pushed.notify_one();
            count
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_pushed_holds_for_its_time() {
        let source =
            new(&SourceOptions { pool: Some("web".to_owned()), ..SourceOptions::default() }).expect("a source");
        assert_eq!(source.read().await, Err("nothing was pushed yet".to_owned()));
        let document = br#"{"backends":[{"address":"a:1","status":"degraded","latency_ms":1.5}],"requests":{"in":7}}"#;
        assert_eq!(source.take(document), Some(Ok(1)));
        source.news().await;
        let reading = source.read().await.expect("fresh");
        assert_eq!((reading.backends.len(), reading.requests[0].value), (1, 7));
        tokio::time::advance(PUSH_TTL).await;
        assert!(source.read().await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(source.read().await, Err("nothing was pushed for more than 30 s".to_owned()));
        let longer =
            SourceOptions { ttl: Some(2 * PUSH_TTL), pool: Some("web".to_owned()), ..SourceOptions::default() };
        let next = new(&longer).expect("a source");
        next.succeed(&*source);
        assert!(next.read().await.is_ok(), "what was pushed outlives other settings");
        for bad in [&b"{}"[..], b"[]", b"{\"backends\":[{}]}", b"{\"backends\":[],\"x\":1}", b"\xff"] {
            assert!(matches!(source.take(bad), Some(Err(_))), "{bad:?}");
        }
    }
}
