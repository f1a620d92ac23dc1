//! How far a question has come, for whoever has to say at its deadline what was missing.
//!
//! Lookup, dialling and checks note the stage they have reached; who set the deadline reads the last one. It goes by the task
//! and not by an argument: between the two stand libraries that pass nothing on. Outside of [`within`] nothing is noted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::Fault;
use super::fault::in_words;

tokio::task_local! {
    static REACHED: Arc<Mutex<Stage>>;
}

/// What a question waits for.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The addresses of a name; whether the resolver has begun to look for them.
    Name(Arc<AtomicBool>),
    /// Somebody who accepts the connection.
    Connection,
    /// TLS.
    Tls,
    /// Whatever else the peer has to say.
    Answer,
    /// More than the peer has said yet, in words that may stand in a log.
    Said(String),
}

/// Notes what is waited for from now on.
pub fn reached(stage: Stage) {
    // Most callers have set a deadline of their own and want to know nothing more.
    let _ = REACHED.try_with(|reached| *reached.lock().unwrap_or_else(PoisonError::into_inner) = stage);
}

/// Waits for the answer to a question, no longer than `limit`. It is dropped then.
///
/// # Errors
/// The [`Fault`] that says what it was still waiting for.
pub async fn within<T>(limit: Duration, question: impl Future<Output = T>) -> Result<T, Fault> {
    let reached = Arc::new(Mutex::new(Stage::Answer));
    let answer = timeout(limit, REACHED.scope(Arc::clone(&reached), question)).await;
    answer.map_err(|_| reached.lock().unwrap_or_else(PoisonError::into_inner).missed(limit))
}

impl Stage {
    fn missed(&self, limit: Duration) -> Fault {
        match self {
            Stage::Name(begun) if begun.load(Ordering::Acquire) => Fault::Missing("address", limit),
            Stage::Name(_) => Fault::Ours(format!(
                "other names were still being looked up after {}; their name servers may be dead",
                in_words(limit)
            )),
            Stage::Connection => Fault::Missing("connection", limit),
            Stage::Tls => Fault::Missing("TLS", limit),
            Stage::Answer => Fault::Deadline(limit),
            Stage::Said(words) => Fault::Said(limit, words.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_it_is_said_what_was_missing() {
        let limit = Duration::from_secs(2);
        let name = |begun| Stage::Name(Arc::new(AtomicBool::new(begun)));
        for (stages, words) in [
            (vec![], "no answer within 2 s"),
            (vec![name(true)], "no address within 2 s"),
            (vec![name(false)], "other names were still being looked up after 2 s; their name servers may be dead"),
            (vec![name(true), Stage::Connection], "no connection within 2 s"),
            (vec![Stage::Connection, Stage::Tls], "no TLS within 2 s"),
            (vec![Stage::Tls, Stage::Answer], "no answer within 2 s"),
            (vec![Stage::Answer, Stage::Said("421 too busy".to_owned())], "within 2 s it said only `421 too busy`"),
        ] {
            let question = async {
                stages.into_iter().for_each(reached);
                pending::<()>().await;
            };
            let fault = within(limit, question).await.expect_err("it never ends");
            assert_eq!(fault.to_string(), words);
        }
        assert_eq!(within(limit, async { 1 }).await, Ok(1));
        reached(Stage::Answer);
    }
}
