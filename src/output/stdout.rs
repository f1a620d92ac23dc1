//! Standard output: whole lines, each flushed, so that a reader in a pipe sees a message when it is there.

use std::io::{self, IsTerminal, Write};

use super::wrap::{columns, wrap};

/// Writes results.
#[derive(Debug)]
pub struct Stdout {
    terminal: bool,
}

/// A line that was not written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// The reader has left. It has what it wanted: no error.
    #[error("the reader closed standard output")]
    Closed,
    /// A full disk, or the like.
    #[error("cannot write to standard output: {0}")]
    Failed(String),
}

impl From<io::Error> for Unwritable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Unwritable::Closed,
            kind => Unwritable::Failed(kind.to_string()),
        }
    }
}

impl Stdout {
    /// The standard output of this process.
    pub fn new() -> Self {
        Stdout { terminal: io::stdout().is_terminal() }
    }

    /// Whether a person is looking at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes one line for people: where it does not fit the terminal it goes on at column `indent`.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub fn text(&self, line: &str, indent: usize) -> Result<(), Unwritable> {
        match columns(io::stdout()).filter(|_| self.terminal) {
            Some(columns) => self.line(&wrap(line, columns, indent)),
            None => self.line(line),
        }
    }

    /// Writes one line and flushes it.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub fn line(&self, line: &str) -> Result<(), Unwritable> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }
}

impl Default for Stdout {
    fn default() -> Self {
        Stdout::new()
    }
}
