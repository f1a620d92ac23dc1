//! Waiting for an event with a deadline, in place of sleeping for luck.

use std::time::{Duration, Instant};

/// How long a test waits for what should come at once. Generous: a loaded machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Asks again and again until `attempt` gives something.
///
/// # Panics
/// When `deadline` passes, with the last thing `attempt` complained about.
pub(crate) fn eventually<T>(deadline: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + deadline;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(last) if Instant::now() >= end => panic!("not within {deadline:?}: {last}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
