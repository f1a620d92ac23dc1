//! The server's side of the opening handshake: is this request an upgrade we can accept, and if not, why not.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Method, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Why a request is not a handshake. Each says what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only GET opens a WebSocket.
    #[error("a WebSocket is opened with GET")]
    Method,
    /// An upgrade needs HTTP/1.1.
    #[error(
        "this feed is a WebSocket and the request came over HTTP/1.0; a proxy in front has to speak HTTP/1.1 (nginx: `proxy_http_version 1.1`)"
    )]
    HttpVersion,
    /// No `Upgrade: websocket`.
    #[error(
        "this feed is a WebSocket and the request has no `Upgrade: websocket` header; open it with a WebSocket client, and let a proxy in front pass the header on"
    )]
    NoUpgrade,
    /// No `Connection: Upgrade`.
    #[error(
        "this feed is a WebSocket and the request has no `Connection: Upgrade` header; let a proxy in front pass the header on"
    )]
    NoConnection,
    /// Not version 13.
    #[error("`Sec-WebSocket-Version` has to be 13")]
    WebSocketVersion,
    /// No key, or several, or one that is not 16 bytes in base64.
    #[error("`Sec-WebSocket-Key` has to be 16 bytes in base64, once")]
    Key,
}

/// Judges a request. Gives the value of `Sec-WebSocket-Accept`.
///
/// # Errors
/// The first [`Refusal`] that applies, in the order of its variants.
pub fn accept(method: &Method, version: Version, headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    if version < Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refusal::NoUpgrade);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::NoConnection);
    }
    if sole(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|value| value != "13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = sole(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes())).ok_or(Refusal::Key)?;
    Ok(HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 can stand in a header"))
}

/// Whether a comma-separated header holds a token, in any case, in any of its lines.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that stands there exactly once.
fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// 16 bytes in base64 are 22 characters and `==`; the last character carries two bits.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_sample_of_the_rfc_is_accepted() {
        let answer = accept(&Method::GET, Version::HTTP_11, &headers(&GOOD));
        assert_eq!(answer.expect("a handshake"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn each_missing_piece_is_named() {
        let with = |name: &str, value: &'static str| {
            let mut headers = headers(&GOOD);
            headers.insert(HeaderName::try_from(name).expect("a name"), HeaderValue::from_static(value));
            accept(&Method::GET, Version::HTTP_11, &headers)
        };
        assert_eq!(accept(&Method::POST, Version::HTTP_11, &headers(&GOOD)), Err(Refusal::Method));
        assert_eq!(accept(&Method::GET, Version::HTTP_10, &headers(&GOOD)), Err(Refusal::HttpVersion));
        assert_eq!(accept(&Method::GET, Version::HTTP_11, &headers(&GOOD[1..])), Err(Refusal::NoUpgrade));
        assert_eq!(with("upgrade", "h2c"), Err(Refusal::NoUpgrade));
        assert_eq!(with("connection", "keep-alive"), Err(Refusal::NoConnection));
        assert_eq!(with("sec-websocket-version", "8"), Err(Refusal::WebSocketVersion));
        for key in ["", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j*Q=="] {
            assert_eq!(with("sec-websocket-key", key), Err(Refusal::Key), "{key}");
        }
        let mut twice = headers(&GOOD);
        twice.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept(&Method::GET, Version::HTTP_11, &twice), Err(Refusal::Key));
    }
}
