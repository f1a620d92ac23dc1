//! The client's side of the opening handshake: the request, and whether the answer is a WebSocket.
//!
//! Not tungstenite's, which takes `Connection: keep-alive, Upgrade` (what proxies make of our header) for a refusal, and
//! keeps what was agreed on to itself. What comes after the handshake is its business.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::connect::{Access, Compression, Refusal, headers_of, message, retry_after};
use super::endpoint::Endpoint;
use crate::limits;
use crate::net::Fault;
use crate::websocket::deflate;

/// Headers of an answer that are read. Tungstenite's number, and more than any server sends.
const HEADERS_MAX: usize = 124;

/// The headers of the handshake, in the case in which servers that do not know better look for them.
const OWN_HEADERS: [(HeaderName, &str); 6] = [
    (header::HOST, "Host"),
    (header::CONNECTION, "Connection"),
    (header::UPGRADE, "Upgrade"),
    (header::SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version"),
    (header::SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key"),
    (header::SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions"),
];

/// The request of a handshake.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    path: String,
    key: String,
    pub(super) headers: HeaderMap,
}

/// The head of an HTTP answer, and what came right behind it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) rest: Vec<u8>,
}

/// What client and server agreed on beside the WebSocket itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The extensions in use.
    pub extensions: Option<String>,
    /// What they say about compression, where it is one of them.
    pub deflate: Option<deflate::Terms>,
    /// The subprotocol the server chose of those asked for.
    pub subprotocol: Option<String>,
}

impl Opening {
    /// The request for `endpoint`. Nobody can override the headers of the handshake itself.
    pub(super) fn new(endpoint: &Endpoint, access: &Access) -> Result<Opening, String> {
        let key = generate_key();
        let mut headers = headers_of(endpoint, access)?;
        for (name, value) in [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
            (header::SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).map_err(|error| error.to_string())?),
        ] {
            headers.insert(name, value);
        }
        headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
        if access.compression == Compression::Offered {
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(deflate::OFFER));
        }
        Ok(Opening { path: endpoint.path().to_owned(), key, headers })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("GET {} HTTP/1.1\r\n", self.path).into_bytes();
        let own = |name: &HeaderName| OWN_HEADERS.iter().find(|(own, _)| own == name).map(|(_, shown)| *shown);
        for (name, value) in &self.headers {
            let shown = own(name).unwrap_or_else(|| name.as_str());
            bytes.extend([shown.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    /// Sends the request and reads the head of the answer. The caller sets the deadline.
    pub(super) async fn ask<S>(&self, stream: &mut S) -> Result<Answer, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.bytes()).await?;
        stream.flush().await?;
        let mut bytes = Vec::new();
        loop {
            if let Some(answer) = Answer::parse(&bytes)? {
                return Ok(answer);
            }
            if bytes.len() >= limits::UPGRADE_HEAD_BYTES_MAX {
                return Err(Fault::Protocol("HTTP", "its head does not end".to_owned()));
            }
            let room = limits::UPGRADE_HEAD_BYTES_MAX - bytes.len();
            if (&mut *stream).take(room as u64).read_buf(&mut bytes).await? == 0 {
                return Err(Fault::Closed);
            }
        }
    }

    /// Whether the answer makes the connection a WebSocket, and on which terms.
    pub(super) fn judge(&self, answer: &Answer) -> Result<Terms, String> {
        let headers = &answer.headers;
        if !has_token(headers, &header::UPGRADE, "websocket") {
            return Err("a 101 without `Upgrade: websocket`".to_owned());
        }
        if !has_token(headers, &header::CONNECTION, "upgrade") {
            return Err("a 101 without `Connection: Upgrade`".to_owned());
        }
        let accept = derive_accept_key(self.key.as_bytes());
        if headers.get(header::SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != accept.as_bytes()) {
            return Err("a 101 whose `Sec-WebSocket-Accept` does not answer our key".to_owned());
        }
        let words = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut terms = Terms {
            extensions: words(header::SEC_WEBSOCKET_EXTENSIONS),
            deflate: None,
            subprotocol: words(header::SEC_WEBSOCKET_PROTOCOL),
        };
        if let Some(extensions) = &terms.extensions
            && !self.headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
        {
            return Err(format!("a 101 with extensions nobody asked for: {extensions}"));
        }
        terms.deflate = deflate::agreed(headers)?;
        match &terms.subprotocol {
            Some(chosen) if !has_token(&self.headers, &header::SEC_WEBSOCKET_PROTOCOL, chosen) => {
                Err(format!("a 101 with a subprotocol nobody asked for: {chosen}"))
            }
            _ => Ok(terms),
        }
    }
}

impl Answer {
    /// None: not all of the head is there.
    fn parse(bytes: &[u8]) -> Result<Option<Answer>, Fault> {
        let not_http = |why: &dyn ToString| Fault::Protocol("HTTP", why.to_string());
        let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut lines);
        let length = match answer.parse(bytes).map_err(|error| not_http(&error))? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete(length) => length,
        };
        let mut headers = HeaderMap::new();
        for line in answer.headers.iter() {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|error| not_http(&error))?;
            headers.append(name, HeaderValue::from_bytes(line.value).map_err(|error| not_http(&error))?);
        }
        let status = answer.code.expect("a parsed status line has a number");
        Ok(Some(Answer { status, headers, rest: bytes[length..].to_vec() }))
    }

    /// What an answer that is no 101 means, with the sentence in its body.
    pub(super) async fn refusal<S: AsyncRead + Unpin>(mut self, stream: &mut S) -> Refusal {
        let length = self.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let missing = length.unwrap_or(0).min(limits::UPGRADE_HEAD_BYTES_MAX).saturating_sub(self.rest.len());
        // The status is what counts: a body that does not come changes nothing.
        let _ = timeout(limits::CLOSE_GRACE, stream.take(missing as u64).read_to_end(&mut self.rest)).await;
        let retry_after: Option<Duration> = retry_after(&self.headers);
        Refusal::Status { status: self.status, retry_after, message: message(&self.rest) }
    }
}

/// Whether a comma-separated header holds a token, in any case, in any of its lines.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening { path: "/".to_owned(), key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(), headers: HeaderMap::new() }
    }

    fn judged(opening: &Opening, lines: &str) -> Result<Terms, String> {
        let head = format!("HTTP/1.1 101 X\r\n{lines}\r\n\r\n\x01");
        let answer = Answer::parse(head.as_bytes()).expect("HTTP").expect("whole");
        assert_eq!((answer.status, &answer.rest[..]), (101, &b"\x01"[..]));
        opening.judge(&answer)
    }

    const GOOD: &str =
        "Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn what_a_proxy_makes_of_the_answer_is_understood_and_what_nobody_asked_for_is_not_taken() {
        assert_eq!(judged(&opening(), GOOD), Ok(Terms::default()));
        for proxied in ["keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade", "UPGRADE,close"] {
            assert!(judged(&opening(), &GOOD.replace(": Upgrade", &format!(": {proxied}"))).is_ok(), "{proxied}");
        }
        for (lines, words) in [
            (GOOD.replace("WebSocket\r", "h2c\r"), "without `Upgrade: websocket`"),
            (GOOD.replace(": Upgrade", ": keep-alive"), "without `Connection: Upgrade`"),
            (GOOD.replace("s3p", "S3p"), "does not answer our key"),
            (format!("{GOOD}\r\nSec-WebSocket-Extensions: permessage-deflate"), "extensions nobody asked for"),
            (format!("{GOOD}\r\nSec-WebSocket-Protocol: chat"), "subprotocol nobody asked for: chat"),
        ] {
            let refused = judged(&opening(), &lines).expect_err(&lines);
            assert!(refused.contains(words), "{refused}");
        }
        let mut asking = opening();
        asking.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt, chat"));
        let terms = judged(&asking, &format!("{GOOD}\r\nSec-WebSocket-Protocol: chat")).expect("it was asked for");
        assert_eq!(terms.subprotocol.as_deref(), Some("chat"));
    }

    #[test]
    fn an_answer_is_whole_or_not_yet_or_no_http() {
        assert!(Answer::parse(b"HTTP/1.1 101 X\r\nA: b\r\n").expect("so far").is_none());
        assert!(Answer::parse(b"220 mail ready\r\n\r\n").is_err());
    }
}
