//! A tunnel through a proxy: HTTP `CONNECT`, then the connection is as good as a direct one.

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Fault;
use crate::limits::TUNNEL_HEAD_BYTES_MAX;

/// Asks the proxy at the other end of `stream` to connect it to `authority`, as in `example.com:443`.
///
/// # Errors
/// What the proxy answered instead of 200.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), Fault> {
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend([b"Proxy-Authorization: ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to the peer behind the proxy.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= TUNNEL_HEAD_BYTES_MAX {
            return Err(Fault::Protocol("proxy", "its answer does not end".to_owned()));
        }
        head.push(stream.read_u8().await?);
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(Fault::Protocol("proxy", "407, it wants a user and password in its URL".to_owned())),
        Some(status) => Err(Fault::Protocol("proxy", format!("it answered {status} to CONNECT {authority}"))),
        None => Err(Fault::Protocol("proxy", "what it says is not HTTP".to_owned())),
    }
}

/// The status of an answer whose head is whole.
fn status(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut headers);
    answer.parse(head).ok().filter(httparse::Status::is_complete)?;
    answer.code
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn what_follows_the_answer_is_left_for_the_peer_and_a_refusal_is_told() {
        for (answer, fault) in [
            (&b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello"[..], None),
            (b"HTTP/1.1 407 X\r\n\r\n", Some("wants a user and password")),
            (b"HTTP/1.1 502 X\r\n\r\n", Some("502 to CONNECT h:1")),
            (b"nonsense\r\n\r\n", Some("is not HTTP")),
            (b"HTTP/1.1 200", Some("closed")),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let proxy = tokio::spawn(async move {
                let (mut tcp, _) = listener.accept().await.expect("somebody comes");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(tcp.read_u8().await.expect("a whole request"));
                }
                tcp.write_all(answer).await.expect("it listens");
                String::from_utf8(request).expect("ASCII")
            });
            let mut tcp = TcpStream::connect(address).await.expect("it listens");
            let authorization = HeaderValue::from_static("Basic x");
            let opened = open(&mut tcp, "h:1", Some(&authorization)).await;
            let request = proxy.await.expect("no panic");
            assert_eq!(request, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic x\r\n\r\n");
            match fault {
                None => {
                    let mut rest = String::new();
                    tcp.read_to_string(&mut rest).await.expect("the rest");
                    assert_eq!((opened, rest.as_str()), (Ok(()), "hello"));
                }
                Some(words) => {
                    let text = opened.expect_err("refused").to_string();
                    assert!(text.contains(words), "{text}");
                }
            }
        }
    }
}
