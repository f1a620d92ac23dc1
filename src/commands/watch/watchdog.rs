//! The watchdog: a reader of standard output that has stopped reading holds a watch in the middle of a line, where no
//! deadline is looked at. It ends the process a little after the deadline, whatever the line.

use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::exit::Exit;
use crate::limits;

/// Ends the process past a deadline, unless it is dropped before.
pub(super) struct Watchdog {
    known: Arc<OnceLock<Exit>>,
    task: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Waits for `deadline`, where there is one. `exit` is how it ends when nothing more is known.
    pub(super) fn new(deadline: Option<Instant>, exit: Exit) -> Watchdog {
        let known = Arc::new(OnceLock::new());
        let task = deadline.map(|deadline| {
            let known = Arc::clone(&known);
            tokio::spawn(async move {
                // The goodbye, and time to write what is left to somebody who reads.
                sleep_until(deadline + limits::CLOSE_GRACE * 3).await;
                std::process::exit(i32::from(*known.get_or_init(|| exit) as u8));
            })
        });
        Watchdog { known, task }
    }

    /// What the watch comes to is settled, though not yet written. The first word counts.
    pub(super) fn know(&self, exit: Exit) {
        self.known.get_or_init(|| exit);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
