//! The server under measurement: the real binary, with a state directory of its own, driven over its own control API.

use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::child::Talker;

const TOKEN: &str = "for-one-run-of-a-benchmark";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A running `veloflux serve`.
pub(crate) struct Server {
    talker: Talker,
    pub(crate) address: SocketAddr,
    _home: TempDir,
}

/// Becomes the server, in this process: whoever ends the benchmark ends the server.
pub(crate) fn play(arguments: &[&str]) -> Error {
    // As little of the caller's environment as possible: it may hold settings.
    let wanted = ["VELOFLUX_TOKEN", "XDG_RUNTIME_DIR", "VELOFLUX_LOG"];
    Command::new(env!("CARGO_BIN_EXE_veloflux"))
        .args(arguments)
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| wanted.contains(&name.as_str())))
        .exec()
}

impl Server {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(more: &[String]) -> Result<Server> {
        let home = tempfile::tempdir()?;
        let path = home.path().to_str().context("the temporary directory has a name that is not UTF-8")?;
        let mut words = vec!["server", "serve", "--listen", "127.0.0.1:0", "--state-dir", path];
        words.extend(more.iter().map(String::as_str));
        let environment = [("VELOFLUX_TOKEN", TOKEN), ("XDG_RUNTIME_DIR", path), ("VELOFLUX_LOG", "error")];
        let talker = Talker::start(&words, &environment)?;
        let line = talker.hear()?;
        let address = line.strip_prefix("listening on http://").with_context(|| format!("it said `{line}`"))?;
        Ok(Server { address: address.parse()?, talker, _home: home })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.talker.pid()
    }

    /// Stops the regular messages of a feed, or of `all`, so that only what is asked for is sent.
    pub(crate) fn pause(&self, feed: &str) -> Result<()> {
        self.post("/api/ws/control", &format!("{{\"action\":\"pause\",\"type\":\"{feed}\"}}"))
    }

    /// Makes one feed measure and send.
    pub(crate) fn force_update(&self, feed: &str) -> Result<()> {
        self.post("/api/ws/force-update", &format!("{{\"type\":\"{feed}\"}}"))
    }

    fn post(&self, path: &str, body: &str) -> Result<()> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).with_context(|| format!("no answer to {path}"))?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{path} was answered with {answer}");
        Ok(())
    }
}

/// A listener that accepts and hangs up: healthy, as far as a tcp check can see. Lives as long as this process.
pub(crate) fn dependency() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || listener.incoming().for_each(drop));
    Ok(address)
}
