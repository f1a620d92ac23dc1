//! Trying an http URL: one GET on a connection of its own; a status from 200 to 399 passes. Redirects are not followed.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::{Failure, Kind, Trial};
use crate::client::connect::{Access, dial, headers_of};
use crate::client::endpoint::Endpoint;
use crate::limits;
use crate::net::Fault;
use crate::net::dial::Stream;

/// Tries an http URL.
pub(super) async fn run(endpoint: &Endpoint, access: &Access, trial: &mut Trial) -> Result<(), Failure> {
    let deadline = Instant::now() + access.timeout;
    let dialed = dial(endpoint, access, deadline).await.map_err(|error| {
        trial.phases = error.phases;
        Failure { phase: error.phase.name(), reason: error.to_string(), kind: Kind::Unreachable }
    })?;
    trial.met(dialed.peer, dialed.phases, &dialed.stream);
    let started = Instant::now();
    let asked = timeout_at(deadline, ask(dialed.stream, endpoint, access)).await;
    trial.response = Some(started.elapsed());
    let status = asked.unwrap_or(Err(Fault::Deadline(started.elapsed()))).map_err(|fault| Failure {
        phase: "response",
        reason: fault.to_string(),
        kind: Kind::Lost,
    })?;
    trial.status = Some(status);
    if (200..400).contains(&status) {
        return Ok(());
    }
    let kind = if matches!(status, 401 | 403) { Kind::Denied } else { Kind::Wrong };
    Err(Failure { phase: "response", reason: format!("the server answered {status}, expected 200-399"), kind })
}

/// Sends a GET and reads the status of the answer.
async fn ask(mut stream: Stream, endpoint: &Endpoint, access: &Access) -> Result<u16, Fault> {
    let headers = headers_of(endpoint, access).map_err(|why| Fault::Protocol("HTTP", why))?;
    let mut request = format!("GET {} HTTP/1.1\r\n", endpoint.path()).into_bytes();
    for (name, value) in &headers {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"Connection: close\r\n\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        if line.len() >= limits::STATUS_LINE_BYTES_MAX {
            return Err(Fault::Protocol("HTTP", "its first line does not end".to_owned()));
        }
        line.push(stream.read_u8().await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Closed,
            _ => Fault::from(error),
        })?);
    }
    status(&line).ok_or_else(|| Fault::Protocol("HTTP", "its first line is no status line".to_owned()))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok().filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_and_nothing_else_is_one() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 500\r\n"), Some(500));
        for line in [&b"SSH-2.0-OpenSSH\r\n"[..], b"HTTP/1.1\n", b"HTTP/1.1 9999 x\n", b"HTTP/2 200\n", b"\xff\n"] {
            assert_eq!(status(line), None);
        }
    }
}
