//! The command line under test, cut off from the settings of whoever runs the tests.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A `veloflux` command being put together.
pub(crate) struct Veloflux {
    command: Command,
    stdin: Vec<u8>,
    deadline: Duration,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; 128 + signal when it died by one.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Veloflux {
    /// `veloflux ARGS…` with an environment in which nothing is set that it would read, and `home` as the only place
    /// it may leave something.
    pub(crate) fn new<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(home: &Path, args: I) -> Veloflux {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veloflux"));
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("XDG_STATE_HOME", home.join("state"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Veloflux { command, stdin: Vec::new(), deadline: Duration::from_secs(30) }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Veloflux {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arg(mut self, value: impl AsRef<OsStr>) -> Veloflux {
        self.command.arg(value);
        self
    }

    /// What it reads; without this, end of file at once.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Veloflux {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// How long it may take. Default 30 s.
    pub(crate) fn within(mut self, deadline: Duration) -> Veloflux {
        self.deadline = deadline;
        self
    }

    /// Starts it and leaves it to the caller, who has to end it.
    pub(crate) fn spawn(mut self) -> Child {
        let mut child = self.command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that leaves before it has read everything is no failure of the test.
        let _ = stdin.write_all(&self.stdin);
        child
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Finished {
        let (deadline, start) = (self.deadline, Instant::now());
        let mut child = self.spawn();
        let stdout = collect(child.stdout.take().expect("a pipe"));
        let stderr = collect(child.stderr.take().expect("a pipe"));
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            if start.elapsed() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                let said = stderr.join().unwrap_or_default();
                panic!("still running after {deadline:?}; it said: {said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Finished {
            code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or(0)),
            stdout: stdout.join().expect("a reader does not panic"),
            stderr: stderr.join().expect("a reader does not panic"),
            took: start.elapsed(),
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
