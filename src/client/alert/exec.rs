//! A command of the user's that is given an alert: run by the shell in a process group of its own, and killed with all of
//! it when it hangs or nobody waits for it any more.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal as Kill, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A command that runs. Dropped before its end, it is killed with its process group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Tells that some child has changed, so that a wait for this one can have a deadline.
    changes: Signal,
}

impl Running {
    /// Starts `command`. What it prints goes to our standard error: standard output belongs to the results.
    ///
    /// # Errors
    /// When the system cannot start one more process.
    pub(super) fn start(command: &str) -> io::Result<Running> {
        // Before the child: no change of it goes unheard.
        let changes = signal(SignalKind::child())?;
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).stdin(Stdio::piped()).stdout(stderr).process_group(0);
        Ok(Running { child: shell.spawn()?, changes })
    }

    /// Gives it `input` and waits for its end. It may leave without having read.
    ///
    /// # Errors
    /// When the system loses sight of it.
    pub(super) async fn feed(mut self, input: &[u8]) -> io::Result<ExitStatus> {
        let stdin = self.child.stdin.take().map(|stdin| pipe::Sender::from_owned_fd(OwnedFd::from(stdin)));
        let mut stdin = stdin.transpose()?;
        let speak = async {
            if let Some(stdin) = &mut stdin {
                // A command that does not want to know is its own affair: its exit status counts.
                let _ = stdin.write_all(input).await;
            }
            drop(stdin);
            std::future::pending().await
        };
        tokio::select! {
            status = ended(&mut self.child, &mut self.changes) => status,
            never = speak => never,
        }
    }
}

async fn ended(child: &mut Child, changes: &mut Signal) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        changes.recv().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Both fail only when it has ended in the meantime.
            let _ = kill_process_group(Pid::from_child(&self.child), Kill::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_command_reads_the_alert_and_its_exit_status_comes_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("alert");
        let running = Running::start(&format!("cat > '{}'; exit 7", file.display())).expect("a shell");
        let long = vec![b'x'; 300_000];
        let status = running.feed(&long).await.expect("our child");
        assert_eq!(status.code(), Some(7));
        assert_eq!(std::fs::read(&file).expect("written").len(), long.len());
    }

    #[tokio::test]
    async fn a_command_that_does_not_read_is_waited_for_only() {
        let running = Running::start("exit 0").expect("a shell");
        assert!(running.feed(&vec![b'x'; 300_000]).await.expect("our child").success());
    }

    #[tokio::test]
    async fn a_hanging_command_is_killed_with_its_whole_group() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let running = Running::start(&format!("sleep 600 & echo $! > '{}'; wait", file.display())).expect("a shell");
        let mut fed = Box::pin(running.feed(b"{}"));
        let pid = loop {
            let patience = timeout(Duration::from_millis(20), &mut fed).await;
            assert!(patience.is_err(), "it waits for its child");
            if let Some(pid) = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i32>().ok()) {
                break pid;
            }
        };
        let alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        assert!(alive());
        // As a deadline does.
        drop(fed);
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while alive() {
            assert!(std::time::Instant::now() < deadline, "process {pid} still runs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
