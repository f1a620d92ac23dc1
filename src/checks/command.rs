//! The `command` check: a program of the user's own, in the manner of monitoring plugins.
//!
//! Exit code 0 is healthy, 1 degraded, 2 unhealthy, 3 unknown; any other end is a failure. The first line it writes is the
//! reason. It has no scheme and so no row in the table of kinds: only the settings file can name a program, never a URL
//! that somebody passes on.
//!
//! The program leads a process group of its own. When it ends, and when the check is dropped at its deadline, whatever is
//! left of the group is killed. The leader is waited for without being collected first, so that its number cannot have
//! become that of somebody else.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::unix::pipe::Receiver;

use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Prepared, peer_words};
use crate::limits::CHECK_READ_BYTES;
use crate::net::fault::{io_words, is_ours};

/// What this kind is called.
pub(super) const NAME: &str = "command";

/// Secrets of ours in the environment, which are no business of a plugin.
const SECRETS: [&str; 1] = ["VELOFLUX_TOKEN"];

struct Program {
    argv: Vec<String>,
}

/// Prepares a program and its arguments, which no shell ever sees.
pub(super) fn new(argv: &[String]) -> Prepared {
    match argv {
        [] => {
            Err("`command` is empty; write the program and its arguments, for example `[\"/usr/bin/true\"]`".to_owned())
        }
        [program, ..] if program.is_empty() => Err("`command` names no program".to_owned()),
        argv if argv.iter().any(|word| word.contains('\0')) => Err("`command` cannot hold a zero byte".to_owned()),
        argv => Ok(Arc::new(Program { argv: argv.to_vec() })),
    }
}

impl Ask for Program {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let failed = |error: std::io::Error| format!("cannot run `{}`: {}", self.argv[0], io_words(&error));
            let pipe = std::io::pipe().and_then(|(reader, writer)| Ok((reader, writer.try_clone()?, writer)));
            let (reader, errors, writer) = match pipe {
                Ok(pipe) => pipe,
                Err(error) => return missed(error.into()),
            };
            let mut command = Command::new(&self.argv[0]);
            command.args(&self.argv[1..]).stdin(Stdio::null()).stdout(writer).stderr(errors).process_group(0);
            for secret in SECRETS {
                command.env_remove(secret);
            }
            let child = match command.spawn() {
                Err(error) if is_ours(&error) => return missed(error.into()),
                started => started.map_err(failed)?,
            };
            // It holds our ends of the pipe that the program writes into.
            drop(command);
            let group = Group::led_by(child);
            let output = Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
            let mut said = Said::default();
            let status = {
                let ended = group.ended();
                tokio::pin!(ended);
                loop {
                    tokio::select! {
                        status = &mut ended => break status.map_err(failed)?,
                        readable = output.readable(), if !said.over => {
                            readable.map_err(failed)?;
                            said.take(|piece| output.try_read(piece));
                        }
                    }
                }
            };
            // Whoever wrote is gone; what is in the pipe is all there will be. The runtime may not have heard of it yet.
            while !said.over && said.take(|piece| Ok(rustix::io::read(&output, piece)?)) {}
            judge(status, &said.first_line())
        })
    }
}

/// What a program has written, of which only the beginning matters.
#[derive(Default)]
struct Said {
    beginning: Vec<u8>,
    /// Nobody can write any more.
    over: bool,
}

impl Said {
    /// Takes what `read` has, without waiting for more. Gives whether there was something.
    fn take(&mut self, read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> bool {
        let mut piece = [0; CHECK_READ_BYTES];
        match read(&mut piece) {
            Ok(0) => self.over = true,
            Ok(length) => {
                let room = CHECK_READ_BYTES - self.beginning.len();
                self.beginning.extend_from_slice(&piece[..length.min(room)]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.over = true,
        }
        false
    }

    /// The first line that says something, without the figures that plugins put behind a bar.
    fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.beginning);
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        peer_words(line.split('|').next().unwrap_or_default())
    }
}

fn judge(status: ExitStatus, line: &str) -> Found {
    let why = |otherwise: &str| if line.is_empty() { otherwise.to_owned() } else { line.to_owned() };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Outcome::Good),
        (Some(1), _) => Ok(Outcome::Degraded(why("ended with exit code 1"))),
        (Some(2), _) => Err(why("ended with exit code 2")),
        (Some(3), _) => Ok(Outcome::Unknown(why("ended with exit code 3"))),
        (Some(code), _) if line.is_empty() => Err(format!("ended with exit code {code}")),
        (Some(code), _) => Err(format!("ended with exit code {code}: {line}")),
        (None, signal) => Err(format!("killed by signal {}", signal.unwrap_or_default())),
    }
}

/// A process group and its leader. Dropping it kills what is left of it.
struct Group {
    leader: Pid,
    /// None once it has been collected, from when on its number may be anyone's.
    child: Arc<Mutex<Option<Child>>>,
}

impl Group {
    fn led_by(child: Child) -> Group {
        Group { leader: Pid::from_child(&child), child: Arc::new(Mutex::new(Some(child))) }
    }

    /// Waits for the leader, kills those it left behind, and collects it. Goes on by itself when it is dropped, until the
    /// leader has been collected, which is soon: dropping the group kills it.
    async fn ended(&self) -> std::io::Result<ExitStatus> {
        let (leader, child) = (self.leader, self.child.clone());
        let waiting = tokio::task::spawn_blocking(move || {
            waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            // It may be that nobody is left.
            let _ = kill_process_group(leader, Signal::KILL);
            child.take().map_or_else(|| Err(ErrorKind::NotFound.into()), |mut child| child.wait())
        });
        waiting.await.unwrap_or_else(|_| Err(ErrorKind::Interrupted.into()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.is_some() {
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_decides_and_the_first_line_says_why() {
        let ended = |code: i32, line: &str| judge(ExitStatus::from_raw(code << 8), line);
        assert_eq!(ended(0, "OK"), Ok(Outcome::Good));
        assert_eq!(ended(1, "91 % full"), Ok(Outcome::Degraded("91 % full".to_owned())));
        assert_eq!(ended(1, ""), Ok(Outcome::Degraded("ended with exit code 1".to_owned())));
        assert_eq!(ended(2, "full"), Err("full".to_owned()));
        assert_eq!(ended(3, "no such disk"), Ok(Outcome::Unknown("no such disk".to_owned())));
        assert_eq!(ended(4, "what"), Err("ended with exit code 4: what".to_owned()));
        assert_eq!(judge(ExitStatus::from_raw(9), "x"), Err("killed by signal 9".to_owned()));
    }

    #[test]
    fn the_reason_is_one_line_without_figures() {
        let line = |text: &[u8]| Said { beginning: text.to_vec(), over: true }.first_line();
        assert_eq!(line(b"\n  \nDISK OK - free: 3 GB | /=9;1;2\nmore"), "DISK OK - free: 3 GB");
        assert_eq!(line(b"\x1b[31mred\xff"), "?[31mred\u{fffd}");
        assert_eq!(line(b""), "");
    }

    #[test]
    fn a_program_needs_a_name() {
        assert!(new(&[]).is_err() && new(&[String::new()]).is_err() && new(&["a\0".to_owned()]).is_err());
    }
}
