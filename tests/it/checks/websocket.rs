//! The `websocket` check against our own server, and against peers that say something else.

use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use veloflux::checks::ProbeOptions;

use super::{Manner, acceptor, certificate, failure, free_port, passes, peer};
use crate::support::TestServer;

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

fn first(message_type: &str) -> ProbeOptions {
    ProbeOptions { message_type: Some(message_type.to_owned()), ..none() }
}

/// A server that upgrades, says this, and closes.
async fn saying(messages: &[Message], tls: Option<TlsAcceptor>) -> u16 {
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, messages: Vec<Message>) {
        if let Ok(mut socket) = accept_async(stream).await {
            for message in messages {
                let _ = socket.send(message).await;
            }
            let _ = socket.close(None).await;
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let messages = messages.to_vec();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            match &tls {
                None => talk(tcp, messages.clone()).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        talk(stream, messages.clone()).await;
                    }
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn our_own_server_upgrades_and_its_first_message_has_a_type() {
    let server = TestServer::start();
    let feed = format!("ws://{}/api/ws/status", server.address());
    passes(&feed, &none()).await;
    passes(&feed, &first("status")).await;
    let by_path = ProbeOptions { path: Some("/api/ws/metrics".to_owned()), ..first("metrics") };
    passes(&feed, &by_path).await;
    assert_eq!(failure(&feed, &first("metrics")).await, "its first message is `status`, expected `metrics`");
    let elsewhere = failure(&format!("ws://{}/", server.address()), &none()).await;
    assert_eq!(elsewhere, "GET / answered 200, expected 101");
    let foreign = failure(&format!("ws://{}/api/ws/nope?key=hunter2", server.address()), &none()).await;
    assert_eq!(foreign, "GET /api/ws/nope answered 404, expected 101");
}

#[tokio::test]
async fn the_first_message_decides_and_pings_are_none() {
    let text = |text: &str| Message::text(text);
    for (messages, error) in [
        (vec![Message::Ping("x".into()), text(r#"{"type":"a"}"#)], None),
        (vec![text(r#"{"type":"b"}"#), text(r#"{"type":"a"}"#)], Some("its first message is `b`, expected `a`")),
        (vec![text("hello")], Some("its first message has no `type`, expected `a`")),
        (vec![Message::binary(vec![1])], Some("its first message is binary, expected `a`")),
        (vec![], Some("closed before its first message")),
    ] {
        let url = format!("ws://127.0.0.1:{}/", saying(&messages, None).await);
        passes(&url, &none()).await;
        match error {
            None => passes(&url, &first("a")).await,
            Some(words) => assert_eq!(failure(&url, &first("a")).await, words),
        }
    }
}

#[tokio::test]
async fn a_first_message_may_be_long_and_one_that_is_too_long_is_told() {
    let limit = 1024 * 1024;
    let message = |length: usize| {
        let (begun, ended) = (r#"{"type":"a","data":""#, r#""}"#);
        Message::text(format!("{begun}{}{ended}", "x".repeat(length - begun.len() - ended.len())))
    };
    let longest = saying(&[message(limit)], None).await;
    passes(&format!("ws://127.0.0.1:{longest}/"), &first("a")).await;
    let longer = saying(&[message(limit + 1)], None).await;
    let words = failure(&format!("ws://127.0.0.1:{longer}/"), &first("a")).await;
    assert_eq!(words, "its first message is longer than 1 MiB");
}

#[tokio::test]
async fn wss_checks_the_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::make(folder.path());
    let port = saying(&[Message::text(r#"{"type":"a"}"#)], Some(acceptor(&made, &[]))).await;
    let url = format!("wss://127.0.0.1:{port}/");
    passes(&url, &ProbeOptions { cacert: Some(made.certificate), ..first("a") }).await;
    let unknown = failure(&url, &none()).await;
    assert_eq!(unknown, "TLS: the certificate is from an unknown issuer; name its authority with `cacert`");
}

#[tokio::test]
async fn wss_to_an_address_checks_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::named(folder.path(), "app.example.com");
    let url = format!("wss://127.0.0.1:{}/", saying(&[], Some(acceptor(&made, &[]))).await);
    let trusted = ProbeOptions { cacert: Some(made.certificate), ..none() };
    assert_eq!(failure(&url, &trusted).await, "TLS: the certificate is for another name: `app.example.com`");
    passes(&url, &ProbeOptions { host: Some("app.example.com".to_owned()), ..trusted.clone() }).await;
    passes(&url, &ProbeOptions { server_name: Some("app.example.com".to_owned()), ..trusted }).await;
}

#[tokio::test]
async fn a_peer_that_does_not_upgrade_fails_in_plain_words() {
    for (manner, words) in [
        (Manner::Silent, "no answer within 1.5 s"),
        (Manner::Saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "GET /x answered 503, expected 101"),
        (Manner::Saying(b"HTTP/1.1 101 Yes\r\n"), "connection closed without an answer"),
    ] {
        let url = format!("ws://{}/x", peer(manner).await);
        assert_eq!(failure(&url, &none()).await, words, "{manner:?}");
    }
    let refused = failure(&format!("ws://127.0.0.1:{}", free_port()), &none()).await;
    assert_eq!(refused, "connection refused");
}
