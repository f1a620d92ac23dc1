//! A child process that is spoken to line by line and is gone when its owner is.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result};

/// Longest wait for a line. A round of ten thousand deliveries takes well under a second.
const LINE_TIMEOUT: Duration = Duration::from_secs(30);

/// A running child.
pub(crate) struct Talker {
    what: String,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Talker {
    /// Starts this binary once more, in the role and with the arguments given.
    pub(crate) fn start(words: &[&str], environment: &[(&str, &str)]) -> Result<Talker> {
        let what = words[0].to_owned();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--role")
            .args(words)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the {what}"))?;
        let input = child.stdin.take().context("stdin was asked to be a pipe")?;
        let output = child.stdout.take().context("stdout was asked to be a pipe")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Talker { what, child, input, lines })
    }

    /// The next line it says.
    pub(crate) fn hear(&self) -> Result<String> {
        let line = self.lines.recv_timeout(LINE_TIMEOUT);
        line.with_context(|| format!("the {} said nothing for {LINE_TIMEOUT:?}, or ended", self.what))
    }

    /// Says a line to it.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").with_context(|| format!("the {} ended", self.what))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
