//! Stopping: a token that tells every task to leave, and a tracker that knows whether they have.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// Handed to whatever starts tasks. Clones are the same shutdown.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    failed: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that [`Shutdown::ended`] waits for. It has to end soon after [`Shutdown::begun`].
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Starts work without which the rest would go on telling what is no longer so. It is dropped at an await when the
    /// shutdown begins. If it panics before, [`Shutdown::failed`] resolves.
    pub fn rely_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.clone();
        self.spawn(async move {
            // Nobody looks at what it has left behind.
            let work = AssertUnwindSafe(work).catch_unwind();
            tokio::select! {
                () = shutdown.begun() => {}
                Err(_) = work => shutdown.failed.cancel(),
            }
        });
    }

    /// Resolves once something that is relied on has panicked. Safe to drop and to await again.
    pub fn failed(&self) -> WaitForCancellationFuture<'_> {
        self.failed.cancelled()
    }

    /// Does some work in a task of its own, and gives what came of it. Whoever waits for that may be dropped: the work is
    /// done all the same.
    pub async fn finish<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self.spawn(work).await.map_err(JoinError::try_into_panic) {
            Ok(output) => output,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // Nobody aborts it; the runtime ends, and so does whoever waits.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    /// Tells every task to leave.
    pub fn begin(&self) {
        self.token.cancel();
        self.tasks.close();
    }

    /// Resolves once every task has been told to leave. Safe to drop and to await again.
    pub fn begun(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Whether every task has been told to leave.
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when every task has ended. Wrap it in a deadline.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_relied_on_is_missed_when_it_panics_and_ends_with_the_rest() {
        let shutdown = Shutdown::new();
        shutdown.rely_on(std::future::ready(()));
        shutdown.rely_on(std::future::pending());
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), shutdown.failed()).await.is_err());
        shutdown.rely_on(async { panic!("on purpose") });
        shutdown.failed().await;
        shutdown.begin();
        shutdown.ended().await;
    }
}
