//! A tunnel through a SOCKS proxy (RFC 1928), with a name and password where the proxy wants one (RFC 1929).
//!
//! The proxy says nothing before it was asked and the peers behind it neither, so that nothing of theirs can get lost in
//! the handshake's buffer.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::Fault;

/// Who we are to the proxy.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// Asks the proxy at the other end of `tcp` to connect it to `authority`, as in `example.com:443`.
///
/// # Errors
/// What the proxy answered instead.
pub(super) async fn open(tcp: TcpStream, authority: &str, login: Option<&Login>) -> Result<TcpStream, Fault> {
    let refused = |why: String| Fault::Protocol("proxy", why);
    let to = Uri::builder().scheme("tcp").authority(authority).path_and_query("/").build();
    let to = to.map_err(|error| refused(error.to_string()))?;
    let mut socks = SocksV5::new(Uri::from_static("socks5h://proxy"), Connected(Some(TokioIo::new(tcp))));
    if let Some(Login { user, password }) = login {
        socks = socks.with_auth(user.clone(), password.clone());
    }
    socks.call(to).await.map(TokioIo::into_inner).map_err(|error| {
        // Its type has no name to match on.
        let words = error.to_string();
        let words = words.strip_prefix("SOCKS error: ").unwrap_or(&words);
        match words {
            "io error during SOCKS handshake" => Fault::Closed,
            "failed parsing server response" => refused("what it says is not SOCKS".to_owned()),
            words => refused(format!("{} ({authority})", words.to_lowercase())),
        }
    })
}

/// The connection to the proxy, which stands: in the place of what would make it.
struct Connected(Option<TokioIo<TcpStream>>);

impl Service<Uri> for Connected {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| std::io::ErrorKind::NotConnected.into()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a proxy has to hear, and what it says then.
    type Said = (&'static [u8], &'static [u8]);

    /// Opens a tunnel through a proxy that hears and says this.
    async fn talk(exchange: Vec<Said>, login: Option<&Login>) -> Result<TcpStream, Fault> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let proxy = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.expect("somebody comes");
            for (asked, answer) in exchange {
                let mut heard = vec![0; asked.len()];
                tcp.read_exact(&mut heard).await.expect("a whole request");
                assert_eq!(heard, asked);
                tcp.write_all(answer).await.expect("it listens");
            }
        });
        let tcp = TcpStream::connect(address).await.expect("it listens");
        let opened = open(tcp, "h.example:443", login).await;
        proxy.await.expect("it was asked as it should be");
        opened
    }

    const HELLO: &[u8] = b"\x05\x01\x00";
    const CONNECT: &[u8] = b"\x05\x01\x00\x03\x09h.example\x01\xbb";

    #[tokio::test]
    async fn the_name_is_left_to_the_proxy_and_a_refusal_is_told() {
        let granted = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38";
        let mut tcp = talk(vec![(HELLO, b"\x05\x00"), (CONNECT, granted)], None).await.expect("it is granted");
        assert_eq!(tcp.read(&mut [0]).await.expect("the proxy has left"), 0);
        let login = Login { user: "bob".to_owned(), password: "hunter2".to_owned() };
        let guarded = b"\x05\x01\x02";
        let cases: [(Vec<Said>, Option<&Login>, &str); 5] = [
            (vec![(HELLO, b"\x05\x00"), (CONNECT, b"\x05\x05\x00\x01\0\0\0\0\0\0")], None, "connection refused"),
            (vec![(HELLO, b"\x05\xff")], None, "authentication"),
            (vec![(guarded, b"\x05\x02"), (b"\x01\x03bob\x07hunter2", b"\x01\x01")], Some(&login), "credentials"),
            (vec![(HELLO, b"HTTP/1.1 400 Bad Request\r\n\r\n")], None, "is not SOCKS"),
            (vec![(HELLO, b"")], None, "closed"),
        ];
        for (exchange, login, words) in cases {
            let fault = talk(exchange, login).await.expect_err(words).to_string();
            assert!(fault.contains(words) && !fault.contains("hunter2"), "{fault}, not {words}");
        }
    }
}
