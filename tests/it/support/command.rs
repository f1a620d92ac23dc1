//! The command line under test, cut off from the settings of whoever runs the tests.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
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
        Veloflux::program(command)
    }

    /// Another program, run in the same way.
    pub(crate) fn program(mut command: Command) -> Veloflux {
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

    /// Its stdout is a pipe whose reader has left.
    pub(crate) fn unread(mut self) -> Veloflux {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.command.stdout(writer);
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

    /// Starts it, to be looked at while it runs.
    pub(crate) fn start(self) -> Running {
        let deadline = self.deadline;
        let mut child = self.spawn();
        let (stdout, stderr) = (Said::default(), Said::default());
        let mut readers = vec![follow(child.stderr.take().expect("a pipe"), Arc::clone(&stderr))];
        // None where it was given another one.
        readers.extend(child.stdout.take().map(|pipe| follow(pipe, Arc::clone(&stdout))));
        Running { child, stdout, stderr, readers, deadline, started: Instant::now() }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Finished {
        self.start().finish()
    }
}

type Said = Arc<Mutex<Vec<u8>>>;

/// A command under way.
pub(crate) struct Running {
    child: Child,
    stdout: Said,
    stderr: Said,
    readers: Vec<JoinHandle<()>>,
    deadline: Duration,
    started: Instant,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything on stdout so far.
    pub(crate) fn printed(&self) -> String {
        text(&self.stdout)
    }

    /// Whether it has come to its end.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_some()
    }

    /// Ends it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break status;
            }
            if self.started.elapsed() > self.deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let (said, printed) = (text(&self.stderr), text(&self.stdout));
                panic!("still running after {:?}; it said: {said}\nand printed: {printed}", self.deadline);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.started.elapsed();
        for reader in self.readers {
            reader.join().expect("a reader does not panic");
        }
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Finished { code, stdout: text(&self.stdout), stderr: text(&self.stderr), took }
    }
}

fn text(said: &Said) -> String {
    String::from_utf8_lossy(&said.lock().expect("no holder panics")).into_owned()
}

/// Keeps what comes out of a pipe.
pub(crate) fn follow(mut pipe: impl Read + Send + 'static, said: Said) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(size @ 1..) = pipe.read(&mut chunk) {
            said.lock().expect("no holder panics").extend(&chunk[..size]);
        }
    })
}
