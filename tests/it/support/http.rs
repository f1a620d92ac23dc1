//! A small blocking HTTP/1.1 client that sends what it is given, also what is wrong.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::documents;
use super::wait::PATIENCE;

/// A response, read in full.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {self:?}"))
    }

    /// The code and the message of an error body, which must have both.
    pub(crate) fn error(&self) -> (String, String) {
        let body = self.json();
        let text =
            |key: &str| body["error"][key].as_str().unwrap_or_else(|| panic!("no `error.{key}`: {self:?}")).to_owned();
        (text("code"), text("message"))
    }
}

/// Sends `text` as it is on a new connection and reads one response.
pub(crate) fn exchange(address: SocketAddr, text: &[u8]) -> Response {
    try_exchange(address, text, PATIENCE).unwrap_or_else(|error| panic!("no response from {address}: {error}"))
}

/// As [`exchange`], for a server that may not answer.
pub(crate) fn try_exchange(address: SocketAddr, text: &[u8], deadline: Duration) -> std::io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, deadline)?;
    // A server may answer and close before it has read everything: the answer is what counts.
    let _ = stream.write_all(text);
    let response = read(&mut stream, &mut Vec::new(), deadline)?;
    documents::hold_exchange(text, &response);
    Ok(response)
}

/// The page of a program that is not ours.
pub(crate) fn foreign(port: u16, path: &str) -> std::io::Result<Response> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes())?;
    read(&mut stream, &mut Vec::new(), PATIENCE)
}

/// A request with a body, on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    exchange(address, format!("{text}\r\n{body}").as_bytes())
}

/// A request without a body, whatever its method; the body of the answer is not read.
pub(crate) fn exchange_without_body(address: SocketAddr, method: &str, path: &str) -> Response {
    let text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
    stream.write_all(text.as_bytes()).expect("the server reads");
    let mut head = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).expect("an answer"), 1, "{method} {path}: closed without an answer");
        head.push(byte[0]);
    }
    parse_head(&String::from_utf8_lossy(&head)).expect("an HTTP answer")
}

/// Reads one response from `stream`; bytes past its end stay in `buffer`.
pub(crate) fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, deadline: Duration) -> std::io::Result<Response> {
    let end = Instant::now() + deadline;
    let mut fill = |buffer: &mut Vec<u8>| -> std::io::Result<usize> {
        let left = end.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut chunk = [0; 4096];
        let size = stream.read(&mut chunk)?;
        buffer.extend(&chunk[..size]);
        Ok(size)
    };
    let head_length = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if fill(buffer)? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "closed without a response"));
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_length]).into_owned();
    buffer.drain(..head_length);
    let mut response = parse_head(&head)?;
    let mut take = |buffer: &mut Vec<u8>, length: usize| -> std::io::Result<Vec<u8>> {
        while buffer.len() < length {
            if fill(buffer)? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "closed inside the body"));
            }
        }
        Ok(buffer.drain(..length).collect())
    };
    let body = if matches!(response.status, 101 | 204) {
        Vec::new()
    } else if let Some(length) = response.header("content-length") {
        let length = length.parse().map_err(|_| Error::new(ErrorKind::InvalidData, "content-length"))?;
        take(buffer, length)?
    } else if response.header("transfer-encoding").is_some() {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                    break at;
                }
                let next = buffer.len() + 1;
                let all = take(buffer, next)?;
                *buffer = all;
            };
            let line = take(buffer, line_end + 2)?;
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16)
                .map_err(|_| Error::new(ErrorKind::InvalidData, "chunk size"))?;
            let chunk = take(buffer, size + 2)?;
            if size == 0 {
                break body;
            }
            body.extend(&chunk[..size]);
        }
    } else {
        while fill(buffer)? > 0 {}
        std::mem::take(buffer)
    };
    response.body = String::from_utf8_lossy(&body).into_owned();
    Ok(response)
}

/// The status line and the headers.
pub(crate) fn parse_head(head: &str) -> std::io::Result<Response> {
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("status line `{status_line}`")))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Ok(Response { status, headers, body: String::new() })
}
