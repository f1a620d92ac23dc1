//! A real program under a test: started in a folder of its own, killed when the test is over.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running program. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program whose output goes to a file in `folder`.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Program {
        let log = folder.join("log");
        let output = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let copy = output.try_clone().expect("one more descriptor");
        // It leads a group, so that its workers go with it.
        let started = command.stdin(Stdio::null()).stdout(output).stderr(copy).process_group(0).spawn();
        let child = started.unwrap_or_else(|error| panic!("{command:?} does not start ({error}); install it"));
        Program { child, log }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is there")
    }

    /// Tells it to finish what it has and stop, and waits until it has. Gives all it has said.
    pub(crate) fn stopped(mut self) -> String {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).expect("it is ours");
        self.child.wait().expect("it is ours");
        self.log()
    }

    fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(self.pid(), rustix::process::Signal::KILL);
    }

    /// Kills it, and whatever it has started, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.kill_group();
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed by now.
        self.kill_group();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} does not start ({error}); install it"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
