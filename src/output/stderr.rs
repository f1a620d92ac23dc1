//! Standard error: everything that is said beside the results. Nobody hears that it cannot be written: there is no place
//! left to say it.

use std::io::{self, IsTerminal, Write};

use super::wrap::{columns, wrap};
use super::{Paint, clean};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Errors only.
    Quiet,
    /// What a person wants to know.
    Normal,
    /// What happens on the way, too.
    Verbose,
}

/// Says things.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// How much.
    pub volume: Volume,
    /// In which colours.
    pub paint: Paint,
    /// The column at which a line goes on that does not fit the terminal.
    pub indent: usize,
}

impl Talk {
    /// Says what is worth knowing.
    pub fn say(&self, line: &str) {
        if self.volume >= Volume::Normal {
            self.write(line);
        }
    }

    /// Says what is worth knowing to somebody who looks closely.
    pub fn detail(&self, line: &str) {
        if self.volume >= Volume::Verbose {
            self.write(line);
        }
    }

    /// Begins a new line where a terminal has just shown `^C`.
    pub fn after_interrupt(&self) {
        if self.volume >= Volume::Normal && io::stderr().is_terminal() {
            self.write("");
        }
    }

    /// Says why the command fails, whatever the volume. Control characters in it are shown, not obeyed.
    pub fn error(&self, message: &str) {
        self.write(&format!("{} {}", self.paint.bad("error:"), clean(message)));
    }

    fn write(&self, line: &str) {
        let mut stderr = io::stderr().lock();
        let line = columns(&stderr).map_or_else(|| line.into(), |columns| wrap(line, columns, self.indent));
        let _ = stderr.write_all(format!("{line}\n").as_bytes());
    }
}
