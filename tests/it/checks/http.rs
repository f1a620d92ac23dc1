//! The `http` check against a server that answers as the test says, plain and over TLS.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use veloflux::checks::ProbeOptions;

use super::{Manner, acceptor, certificate, degraded, failure, free_port, passes, peer};

/// A server that answers each connection with the next of its pieces, pausing between them.
struct Stub {
    address: String,
    /// The heads of the requests, one a connection.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    async fn start(pieces: Vec<Vec<u8>>) -> Stub {
        Stub::serve(pieces, None).await
    }

    async fn serve(pieces: Vec<Vec<u8>>, tls: Option<TlsAcceptor>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (kept, pieces) = (heads.clone(), Arc::new(pieces));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (kept, pieces, tls) = (kept.clone(), pieces.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(tcp, &kept, &pieces).await,
                        Some(tls) => answer(tls.accept(tcp).await?, &kept, &pieces).await,
                    }
                });
            }
        });
        Stub { address, heads }
    }

    /// A server that answers with this status line and an empty body.
    async fn status(status: &str) -> Stub {
        let location = "Location: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n";
        Stub::start(vec![format!("HTTP/1.1 {status}\r\n{location}").into_bytes()]).await
    }

    /// A server that answers with this body, in these pieces, and then keeps the connection open.
    async fn body(pieces: &[&[u8]]) -> Stub {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        Stub::start(std::iter::once(head).chain(pieces.iter().map(|piece| piece.to_vec())).collect()).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no holder panics").clone()
    }
}

async fn answer<S>(mut stream: S, heads: &Mutex<Vec<String>>, pieces: &[Vec<u8>]) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    heads.lock().expect("no holder panics").push(String::from_utf8_lossy(&head).into_owned());
    for piece in pieces {
        stream.write_all(piece).await?;
        stream.flush().await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Until the other side has had enough.
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

fn body(wanted: &str) -> ProbeOptions {
    ProbeOptions { body: Some(wanted.to_owned()), ..none() }
}

#[tokio::test]
async fn the_status_decides_and_a_redirect_is_an_answer() {
    let default: &[RangeInclusive<u16>] = &[];
    for (status, expected, error) in [
        ("200 OK", default, None),
        ("204 No Content", default, None),
        ("302 Found", default, None),
        ("399 X", default, None),
        ("400 Bad", default, Some("GET /healthz answered 400, expected 200-399")),
        ("404 Not Found", &[200..=299, 404..=404], None),
        ("503 Busy", default, Some("GET /healthz answered 503, expected 200-399")),
        ("302 Found", &[200..=200], Some("GET /healthz answered 302, expected 200")),
        ("500 Oops", &[200..=299, 404..=404], Some("GET /healthz answered 500, expected 200-299, 404")),
    ] {
        let stub = Stub::status(status).await;
        let options = ProbeOptions { status: expected.to_vec(), ..none() };
        match error {
            None => passes(&stub.url("/healthz"), &options).await,
            Some(words) => assert_eq!(failure(&stub.url("/healthz?key=hunter2"), &options).await, words),
        }
        assert_eq!(stub.heads().len(), 1);
    }
}

#[tokio::test]
async fn the_request_is_what_the_options_say() {
    let stub = Stub::status("200 OK").await;
    passes(&stub.url("/a?b=c"), &none()).await;
    let options = ProbeOptions {
        method: Some("HEAD".to_owned()),
        path: Some("/ready?deep=1".to_owned()),
        host: Some("shop.example".to_owned()),
        ..none()
    };
    passes(&stub.url("/a?b=c"), &options).await;
    let heads = stub.heads();
    assert_eq!(heads.len(), 2, "a connection each");
    assert!(heads[0].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("host: {}\r\n", stub.address)), "{}", heads[0]);
    assert!(heads[1].starts_with("HEAD /ready?deep=1 HTTP/1.1\r\n"), "{}", heads[1]);
    assert!(heads[1].contains("host: shop.example\r\n"), "{}", heads[1]);
    for head in heads {
        assert!(head.contains("connection: close\r\n") && head.contains("user-agent: veloflux/"), "{head}");
    }
}

#[tokio::test]
async fn a_piece_of_the_body_is_looked_for_as_far_as_a_health_report_goes() {
    passes(&Stub::body(&[b"status: ok\n"]).await.url("/"), &body("ok")).await;
    passes(&Stub::body(&[b"statu", b"s: o", b"k"]).await.url("/"), &body("status: ok")).await;
    let missing = failure(&Stub::body(&[b"status: down\n"]).await.url("/x"), &body("ok")).await;
    assert_eq!(missing, "GET /x answered 200 without `ok` in its body");
    let (most, one_more) = (vec![b'.'; 64 * 1024 - 2], vec![b'.'; 64 * 1024 - 1]);
    passes(&Stub::body(&[&most, b"ok"]).await.url("/"), &body("ok")).await;
    let late = failure(&Stub::body(&[&one_more, b"ok"]).await.url("/"), &body("ok")).await;
    assert_eq!(late, "GET / answered 200 without `ok` in its body");
}

#[tokio::test]
async fn a_body_matches_or_has_the_value() {
    let url = Stub::body(&[br#"{"status":"up","#, br#""depth":3}"#]).await.url("/x");
    let matching = |pattern: &str| ProbeOptions { body_matches: Some(pattern.to_owned()), ..none() };
    passes(&url, &matching(r#""depth":\s*[0-4]\b"#)).await;
    let words = failure(&url, &matching("down")).await;
    assert_eq!(words, "GET /x answered 200 with a body that does not match `down`");
    let json = |value: &str| ProbeOptions {
        json_pointer: Some("/status".to_owned()),
        json_value: Some(value.to_owned()),
        ..none()
    };
    passes(&url, &json("up")).await;
    assert_eq!(failure(&url, &json("ok")).await, "GET /x answered 200 with `up` at `/status`, expected `ok`");
    // All that is asked for has to be there.
    let all = ProbeOptions { body: Some("depth".to_owned()), body_matches: Some("^.{10}".to_owned()), ..json("up") };
    passes(&url, &all).await;
    let one_missing = ProbeOptions { body: Some("width".to_owned()), ..all };
    assert_eq!(failure(&url, &one_missing).await, "GET /x answered 200 without `width` in its body");
}

#[tokio::test]
async fn a_document_that_is_too_long_to_be_read_is_degraded() {
    let limit = 64 * 1024;
    let document = |length: usize| {
        let (begun, ended) = (br#"{"status":"pass","notes":""#, br#""}"#);
        [&begun[..], &vec![b'.'; length - begun.len() - ended.len()], ended].concat()
    };
    let report = async |length| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/health+json\r\nContent-Length: {length}\r\n\r\n");
        Stub::start(vec![head.into_bytes(), document(length)]).await
    };
    let json = ProbeOptions { json_pointer: Some("/status".to_owned()), ..none() };
    passes(&report(limit).await.url("/"), &none()).await;
    assert_eq!(degraded(&report(limit + 1).await.url("/"), &none()).await, "its report is longer than 64 KiB");
    passes(&Stub::body(&[&document(limit)]).await.url("/"), &json).await;
    let long = Stub::body(&[&document(limit + 1)]).await.url("/");
    assert_eq!(degraded(&long, &json).await, "its body is longer than 64 KiB");
    passes(&long, &body("status")).await;
    let missing = failure(&long, &ProbeOptions { body: Some("depth".to_owned()), ..json }).await;
    assert_eq!(missing, "GET / answered 200 without `depth` in its body");
}

#[tokio::test]
async fn a_health_report_that_warns_is_degraded() {
    let report = async |body: &str| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/health+json; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Stub::start(vec![format!("{head}{body}").into_bytes()]).await.url("/health")
    };
    passes(&report(r#"{"status":"pass"}"#).await, &none()).await;
    let warning = report(r#"{"status":"warn","output":"disk 91 % full"}"#).await;
    assert_eq!(degraded(&warning, &none()).await, "reports `warn`: disk 91 % full");
    assert_eq!(failure(&report(r#"{"status":"fail"}"#).await, &none()).await, "reports `fail`");
    let plain = Stub::body(&[br#"{"status":"warn"}"#]).await.url("/");
    passes(&plain, &none()).await;
}

#[tokio::test]
async fn a_body_is_read_no_further_than_it_has_to() {
    let endless = Manner::Babbling(b"HTTP/1.1 200 OK\r\n\r\n status: ok, and so on, and so on");
    let url = format!("http://{}/", peer(endless).await);
    passes(&url, &none()).await;
    passes(&url, &body("ok")).await;
    assert_eq!(failure(&url, &body("hunter2")).await, "GET / answered 200 without `hunter2` in its body");
    // Found, though the rest never comes.
    let stuck = Stub::start(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok".to_vec()]).await;
    passes(&stuck.url("/"), &body("ok")).await;
    assert_eq!(failure(&stuck.url("/"), &body("no")).await, "no answer within 1.5 s");
}

#[tokio::test]
async fn a_peer_that_does_not_answer_fails_in_plain_words() {
    let refused = format!("http://127.0.0.1:{}/", free_port());
    assert_eq!(failure(&refused, &none()).await, "connection refused");
    let nowhere = failure("http://no-such-name.invalid/", &none()).await;
    assert_eq!(nowhere, "name `no-such-name.invalid` does not resolve");
    for (manner, words) in [
        (Manner::Silent, "no answer within 1.5 s"),
        (Manner::Saying(b"HTTP/1.1 200 OK\r\nContent-"), "no HTTP answer: connection closed before message completed"),
        (Manner::Saying(b"SSH-2.0-OpenSSH_9.9\r\n"), "no HTTP answer: invalid HTTP version parsed"),
        (Manner::Saying(b"\x15\x03\x01\x00\x02\x02\x16"), "no HTTP answer: invalid HTTP version parsed"),
        (Manner::Babbling(b"HTTP/1.1 200 OK\r\nX: y"), "no HTTP answer: message head is too large"),
    ] {
        assert_eq!(failure(&format!("http://{}/", peer(manner).await), &none()).await, words, "{manner:?}");
    }
    let closing = failure(&format!("http://{}/", peer(Manner::Closing).await), &none()).await;
    let reset_or_closed =
        ["no HTTP answer: connection closed before message completed", "connection reset by peer", "broken pipe"];
    assert!(reset_or_closed.contains(&closing.as_str()), "{closing}");
}

#[tokio::test]
async fn dripping_headers_do_not_outlast_the_deadline() {
    let drops =
        std::iter::once(b"HTTP/1.1 200 OK\r\n".to_vec()).chain((0..500).map(|n| format!("X-{n}: y\r\n").into()));
    let stub = Stub::start(drops.collect()).await;
    assert_eq!(failure(&stub.url("/"), &none()).await, "no answer within 1.5 s");
}

#[tokio::test]
async fn the_certificate_is_checked_unless_told_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::make(folder.path());
    let pieces = vec![b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()];
    let stub = Stub::serve(pieces, Some(acceptor(&made, &[]))).await;
    let port = stub.address.rsplit_once(':').expect("host:port").1;

    let trusted = ProbeOptions { cacert: Some(made.certificate), ..body("ok") };
    let insecure = ProbeOptions { insecure: true, ..body("ok") };
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/");
        passes(&url, &trusted).await;
        passes(&url, &insecure).await;
        let unknown = failure(&url, &none()).await;
        assert_eq!(unknown, "TLS: the certificate is from an unknown issuer; name its authority with `cacert`");
    }
    let other_name = failure(&format!("https://127.0.0.2:{port}/"), &trusted).await;
    let refused = other_name == "connection refused";
    assert!(refused || other_name.starts_with("TLS: the certificate is for another name"), "{other_name}");
    let plain = Stub::status("200 OK").await;
    let no_tls = failure(&plain.url("/").replace("http:", "https:"), &insecure).await;
    assert!(no_tls.starts_with("no TLS within") || no_tls.starts_with("TLS: "), "{no_tls}");
}

#[tokio::test]
async fn who_is_listed_by_address_is_checked_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::named(folder.path(), "app.example.com");
    let pieces = vec![b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()];
    let stub = Stub::serve(pieces, Some(acceptor(&made, &[]))).await;
    let trusted = ProbeOptions { cacert: Some(made.certificate), ..body("ok") };
    let other = "TLS: the certificate is for another name: `app.example.com`";
    let url = format!("https://{}/", stub.address);
    assert_eq!(failure(&url, &trusted).await, other);
    let called = |server_name: Option<&str>, host: Option<&str>| {
        let [server_name, host] = [server_name, host].map(|name| name.map(str::to_owned));
        ProbeOptions { server_name, host, ..trusted.clone() }
    };
    for (server_name, host, header) in [
        (Some("app.example.com"), None, &*stub.address),
        (None, Some("app.example.com"), "app.example.com"),
        (None, Some("app.example.com:80"), "app.example.com:80"),
        (Some("app.example.com"), Some("other.example.com"), "other.example.com"),
    ] {
        passes(&url, &called(server_name, host)).await;
        let head = stub.heads().pop().expect("it was asked").to_ascii_lowercase();
        assert!(head.contains(&format!("\r\nhost: {header}\r\n")), "{head}");
    }
    assert_eq!(failure(&url, &called(Some("other.example.com"), None)).await, other);
    assert_eq!(failure(&url, &called(None, Some("other.example.com"))).await, other);
    let elsewhere = failure("https://no-such-name.invalid/", &called(Some("localhost"), None)).await;
    assert_eq!(elsewhere, "name `no-such-name.invalid` does not resolve", "the name is not where it is");
}
