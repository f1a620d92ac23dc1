//! The `grpc` check against a server that speaks HTTP/2 and answers as the test says.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use veloflux::checks::ProbeOptions;

use super::{Manner, acceptor, certificate, failure, free_port, passes, peer};

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

/// What a server answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// This message, and code 0 behind it.
    Message(&'static [u8]),
    /// This code and these words, and no message.
    Code(&'static str, &'static str),
    /// This HTTP status.
    Status(u16),
}

/// What a server that is well answers.
const SERVING: Answer = Answer::Message(b"\0\0\0\0\x02\x08\x01");

/// What a client asked: who, the path, and the body.
type Asked = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

async fn serve<S>(stream: S, answer: Answer, asked: Asked) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(incoming) = connection.accept().await {
        let (request, mut respond) = incoming?;
        let (asked, path) = (asked.clone(), request.uri().path().to_owned());
        let who = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        tokio::spawn(async move {
            let (mut body, mut question) = (request.into_body(), Vec::new());
            while let Some(piece) = body.data().await {
                question.extend_from_slice(&piece?);
            }
            asked.lock().expect("no holder panics").push((who, path, question));
            let mut head = Response::new(());
            match answer {
                Answer::Message(message) => {
                    let mut stream = respond.send_response(head, false)?;
                    stream.send_data(Bytes::from_static(message), false)?;
                    stream.send_trailers(HeaderMap::from_iter([(
                        "grpc-status".parse().expect("a name"),
                        HeaderValue::from_static("0"),
                    )]))?;
                }
                Answer::Code(code, words) => {
                    head.headers_mut().insert("grpc-status", HeaderValue::from_static(code));
                    head.headers_mut().insert("grpc-message", HeaderValue::from_static(words));
                    respond.send_response(head, true)?;
                }
                Answer::Status(status) => {
                    *head.status_mut() = status.try_into().expect("a status");
                    respond.send_response(head, true)?;
                }
            }
            Ok::<(), h2::Error>(())
        });
    }
    Ok(())
}

async fn server(answer: Answer, tls: Option<TlsAcceptor>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let asked = Asked::default();
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (kept, tls) = (kept.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(tcp, answer, kept).await,
                    Some(tls) => match tls.accept(tcp).await {
                        Ok(stream) => serve(stream, answer, kept).await,
                        Err(_) => Ok(()),
                    },
                }
            });
        }
    });
    (address.to_string(), asked)
}

#[tokio::test]
async fn a_server_or_one_of_its_services_is_serving() {
    let (address, asked) = server(SERVING, None).await;
    passes(&format!("grpc://{address}"), &none()).await;
    passes(&format!("grpc://{address}/shop.v1.Cart"), &none()).await;
    let path = "/grpc.health.v1.Health/Check".to_owned();
    let expected = [
        (address.clone(), path.clone(), b"\0\0\0\0\0".to_vec()),
        (address, path, b"\0\0\0\0\x0e\x0a\x0cshop.v1.Cart".to_vec()),
    ];
    assert_eq!(*asked.lock().expect("no holder panics"), expected);
}

#[tokio::test]
async fn who_is_listed_by_address_is_checked_and_asked_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::named(folder.path(), "app.example.com");
    let (address, asked) = server(SERVING, Some(acceptor(&made, &["h2"]))).await;
    let url = format!("grpcs://{address}");
    let trusted = ProbeOptions { cacert: Some(made.certificate), ..none() };
    assert_eq!(failure(&url, &trusted).await, "TLS: the certificate is for another name: `app.example.com`");
    passes(&url, &ProbeOptions { server_name: Some("app.example.com".to_owned()), ..trusted }).await;
    let (who, ..) = asked.lock().expect("no holder panics").pop().expect("it was asked");
    assert_eq!(who, address.replace("127.0.0.1", "app.example.com"));
}

#[tokio::test]
async fn every_other_answer_is_told_in_plain_words() {
    for (answer, words) in [
        (Answer::Message(b"\0\0\0\0\x02\x08\x02"), "reports `NOT_SERVING`"),
        (Answer::Code("12", "unknown service"), "the server has no health service"),
        (Answer::Code("5", ""), "the server knows no service of that name"),
        (Answer::Code("14", "draining"), "answered `grpc-status 14 draining`"),
        (Answer::Status(502), "POST /grpc.health.v1.Health/Check answered 502, expected 200"),
        (Answer::Message(b"hello"), "no gRPC answer: what came is not a health report"),
        (Answer::Message(&[0; 2000]), "no gRPC answer: what came is not a health report"),
    ] {
        let (address, _) = server(answer, None).await;
        assert_eq!(failure(&format!("grpc://{address}"), &none()).await, words, "{answer:?}");
    }
}

#[tokio::test]
async fn a_peer_without_http2_fails() {
    let plain = failure(&format!("grpc://{}", peer(Manner::Saying(b"HTTP/1.1 400 Bad\r\n\r\n")).await), &none()).await;
    assert!(plain.starts_with("no gRPC answer: ") || plain.starts_with("connection "), "{plain}");
    assert_eq!(failure(&format!("grpc://{}", peer(Manner::Silent).await), &none()).await, "no answer within 1.5 s");
    assert_eq!(failure(&format!("grpc://127.0.0.1:{}", free_port()), &none()).await, "connection refused");
}
