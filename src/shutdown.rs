//! Stopping: a token that tells every task to leave, and a tracker that knows whether they have.

use std::future::Future;

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// Handed to whatever starts tasks. Clones are the same shutdown.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
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
