//! Log lines on their way to stderr.
//!
//! Whoever logs never waits: the lines go into a bounded buffer, and one thread of its own writes them. A reader of stderr
//! that stalls, a full disk or a closed pipe costs lines, which are counted, and never a moment of the server.

use std::io::Write;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits::LOG_BYTES_WAITING_MAX;

/// The lines that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// The writer has taken lines that have not left yet.
    writing: bool,
    /// Lines without room since the last time this was told.
    lost: u64,
}

impl Queue {
    /// Adds a line, or counts it as lost where there is no room.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > LOG_BYTES_WAITING_MAX {
            state.lost += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        self.changed.notify_all();
    }

    /// Writes the lines that wait, or waits for the first and writes that. Gives how many lines were lost before it had
    /// written them: a reader that is back has to hear of it.
    pub(super) fn write(&self, out: &mut impl Write) -> u64 {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let lines = mem::take(&mut state.waiting);
        state.writing = true;
        drop(state);
        // There is no place left to say that it cannot be written.
        let _ = out.write_all(&lines).and_then(|()| out.flush());
        let mut state = self.lock();
        state.writing = false;
        let lost = mem::take(&mut state.lost);
        drop(state);
        self.changed.notify_all();
        lost
    }

    /// Waits until everything has been written, at most this long.
    pub(super) fn flush(&self, longest: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        let _ = self.changed.wait_timeout_while(self.lock(), longest, busy);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the formatter takes for a file: it writes one whole line at a time.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_written_and_the_rest_is_counted() {
        let queue = Queue::default();
        let line = [b'x'; 1024];
        let fit = LOG_BYTES_WAITING_MAX / line.len();
        (0..fit + 3).for_each(|_| queue.push(&line));
        let mut out = Vec::new();
        assert_eq!(queue.write(&mut out), 3);
        assert_eq!(out.len(), fit * line.len());
        queue.push(b"again\n");
        assert_eq!(queue.write(&mut out), 0, "told once");
        assert!(out.ends_with(b"xagain\n"));
    }

    #[test]
    fn the_end_waits_for_what_is_under_way_and_not_for_ever() {
        let queue = Queue::default();
        queue.flush(Duration::MAX);
        queue.push(b"line\n");
        queue.flush(Duration::ZERO);
        std::thread::scope(|scope| {
            scope.spawn(|| queue.write(&mut Vec::new()));
            queue.flush(Duration::from_secs(60));
        });
        assert!(queue.lock().waiting.is_empty());
    }
}
