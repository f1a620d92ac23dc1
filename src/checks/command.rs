//! The `command` check: a program of the user's own, in the manner of monitoring plugins.
//!
//! Exit code 0 is healthy, 1 degraded, 2 unhealthy, 3 unknown; any other end is a failure. The first line it writes is the
//! reason. It has no scheme and so no row in the table of kinds: only the settings file can name a program, never a URL
//! that somebody passes on.
//!
//! The program leads a process group of its own. When it ends, and when the check is dropped at its deadline, whatever is
//! left of the group is killed, and the leader also if it has left the group. The leader is waited for without being
//! collected first, so that its number cannot have become that of somebody else. There may be one that cannot be killed: it
//! became another user, or hangs in the system. Until it has been collected there is no other run.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open, waitid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Prepared, peer_words};
use crate::limits::{CHECK_READ_BYTES, COMMAND_DYING_TIME_MAX, COMMAND_LOOK_INTERVAL};
use crate::net::fault::{io_words, is_ours};

/// What this kind is called.
pub(super) const NAME: &str = "command";

/// Secrets of ours in the environment, which are no business of a plugin.
const SECRETS: [&str; 1] = ["VELOFLUX_TOKEN"];

struct Program {
    argv: Vec<String>,
    /// Held by a run until its leader has been collected.
    turn: Arc<Semaphore>,
}

/// Prepares a program and its arguments, which no shell ever sees.
pub(super) fn new(argv: &[String]) -> Prepared {
    match argv {
        [] => {
            Err("`command` is empty; write the program and its arguments, for example `[\"/usr/bin/true\"]`".to_owned())
        }
        [program, ..] if program.is_empty() => Err("`command` names no program".to_owned()),
        argv if argv.iter().any(|word| word.contains('\0')) => Err("`command` cannot hold a zero byte".to_owned()),
        argv => Ok(Arc::new(Program { argv: argv.to_vec(), turn: Arc::new(Semaphore::new(1)) })),
    }
}

impl Ask for Program {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let failed = |error: std::io::Error| format!("cannot run `{}`: {}", self.argv[0], io_words(&error));
            let Ok(turn) = timeout(COMMAND_DYING_TIME_MAX, Arc::clone(&self.turn).acquire_owned()).await else {
                return Ok(Outcome::Unknown("the previous run cannot be killed".to_owned()));
            };
            let (argv, turn) = (self.argv.clone(), turn.expect("nobody closes it"));
            // A program is read from a disk before it begins, and that may be one of another machine.
            let begun = tokio::task::spawn_blocking(move || Run::begin(&argv, turn)).await;
            let (mut run, output) = match begun.unwrap_or_else(|_| Err(ErrorKind::Interrupted.into())) {
                Err(error) if is_ours(&error) => return missed(error.into()),
                begun => begun.map_err(failed)?,
            };
            let mut said = Said::default();
            let status = {
                let ended = run.ended();
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
            // What is in the pipe may not have been heard of yet. One that has left the group may write on and on: the
            // beginning is all that is waited for.
            while !said.is_enough() && said.take(|piece| Ok(rustix::io::read(&output, piece)?)) {}
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

    /// Whether nothing matters that may come.
    fn is_enough(&self) -> bool {
        self.over || self.beginning.len() == CHECK_READ_BYTES
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

/// A program that runs, with all it has started. Dropping it kills what is left of it.
struct Run {
    /// None once it has been collected, from when on its number may be anyone's.
    leader: Option<Leader>,
}

/// The leader of a process group, not collected yet.
struct Leader {
    child: Child,
    number: Pid,
    /// Readable once it has ended. None: the system does not tell (Linux before 5.3, some sandboxes), and is asked.
    ended: Option<AsyncFd<OwnedFd>>,
    _turn: OwnedSemaphorePermit,
}

impl Run {
    /// Begins a run, and gives what it says. Waits for the disk.
    fn begin(argv: &[String], turn: OwnedSemaphorePermit) -> std::io::Result<(Run, Receiver)> {
        let (reader, writer) = std::io::pipe()?;
        let output = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null()).stderr(writer.try_clone()?).stdout(writer).process_group(0);
        for secret in SECRETS {
            command.env_remove(secret);
        }
        let child = command.spawn()?;
        let number = Pid::from_child(&child);
        let leader = Leader { child, number, ended: watched(number).ok(), _turn: turn };
        Ok((Run { leader: Some(leader) }, output))
    }

    /// Waits for the leader, kills those it left behind, and collects it.
    async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let Some(leader) = &mut self.leader else { return Err(ErrorKind::NotFound.into()) };
        let status = leader.collect().await?;
        self.leader = None;
        Ok(status)
    }
}

impl Leader {
    /// May be dropped while it waits.
    async fn collect(&mut self) -> std::io::Result<ExitStatus> {
        match &self.ended {
            Some(ended) => drop(ended.readable().await?),
            None => {
                let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
                while waitid(WaitId::Pid(self.number), how)?.is_none() {
                    sleep(COMMAND_LOOK_INTERVAL).await;
                }
            }
        }
        // It may be that nobody is left.
        let _ = kill_process_group(self.number, Signal::KILL);
        // It has ended: this waits for nothing.
        self.child.wait()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let Some(mut leader) = self.leader.take() else { return };
        kill(leader.number);
        // It ends by itself with the leader, which is mostly soon. Without a runtime the whole program is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { leader.collect().await });
        }
    }
}

/// Becomes readable once the process has ended.
#[expect(deprecated, reason = "an `OwnedFd` stays the same descriptor, and what is to be used instead is `unsafe`")]
fn watched(process: Pid) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(pidfd_open(process, PidfdFlags::empty())?, Interest::READABLE)
}

/// Kills a leader that has not been collected, and its group, in which it may no longer be.
fn kill(leader: Pid) {
    let _ = kill_process_group(leader, Signal::KILL);
    let _ = kill_process(leader, Signal::KILL);
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

    #[tokio::test(start_paused = true)]
    async fn there_is_no_run_beside_one_that_cannot_be_killed() {
        let turn = Arc::new(Semaphore::new(1));
        let program = Program { argv: vec!["/bin/true".to_owned()], turn: turn.clone() };
        let uncollected = turn.acquire().await;
        let unknown = Ok(Outcome::Unknown("the previous run cannot be killed".to_owned()));
        assert_eq!(program.ask().await, unknown);
        drop(uncollected);
        assert_eq!(program.ask().await, Ok(Outcome::Good));
        assert_eq!(program.ask().await, Ok(Outcome::Good), "the run before was collected");
    }

    #[tokio::test]
    async fn the_end_is_seen_also_where_the_system_does_not_tell_of_it() {
        let argv = ["/bin/sh", "-c", "sleep 0.05; exit 3"].map(str::to_owned);
        let turn = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("open");
        let (mut run, _output) = Run::begin(&argv, turn).expect("a shell");
        run.leader.as_mut().expect("it was just begun").ended = None;
        assert_eq!(run.ended().await.expect("it ends").code(), Some(3));
        assert!(run.leader.is_none());
    }

    #[test]
    fn what_is_said_past_the_beginning_is_not_waited_for() {
        let (mut said, mut read) = (Said::default(), 0);
        let babbling = |piece: &mut [u8]| {
            read += 1;
            Ok(piece.len().min(100))
        };
        let mut babbling = babbling;
        while !said.is_enough() && said.take(&mut babbling) {}
        assert_eq!((said.beginning.len(), read), (CHECK_READ_BYTES, 11));
    }

    #[test]
    fn a_program_needs_a_name() {
        assert!(new(&[]).is_err() && new(&[String::new()]).is_err() && new(&["a\0".to_owned()]).is_err());
    }
}
