//! The `grpc` check against a server that speaks HTTP/2 and answers as the test says.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tokio::net::TcpListener;
use veloflux::checks::ProbeOptions;

use super::{Manner, failure, free_port, passes, peer};

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

/// What a client asked: the path, and the body.
type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

async fn serve(tcp: tokio::net::TcpStream, answer: Answer, asked: Asked) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(tcp).await?;
    while let Some(incoming) = connection.accept().await {
        let (request, mut respond) = incoming?;
        let (asked, path) = (asked.clone(), request.uri().path().to_owned());
        tokio::spawn(async move {
            let (mut body, mut question) = (request.into_body(), Vec::new());
            while let Some(piece) = body.data().await {
                question.extend_from_slice(&piece?);
            }
            asked.lock().expect("no holder panics").push((path, question));
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

async fn server(answer: Answer) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let asked = Asked::default();
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp, answer, kept.clone()));
        }
    });
    (format!("grpc://{address}"), asked)
}

#[tokio::test]
async fn a_server_or_one_of_its_services_is_serving() {
    let (url, asked) = server(Answer::Message(b"\0\0\0\0\x02\x08\x01")).await;
    passes(&url, &none()).await;
    passes(&format!("{url}/shop.v1.Cart"), &none()).await;
    let path = "/grpc.health.v1.Health/Check".to_owned();
    let expected = [(path.clone(), b"\0\0\0\0\0".to_vec()), (path, b"\0\0\0\0\x0e\x0a\x0cshop.v1.Cart".to_vec())];
    assert_eq!(*asked.lock().expect("no holder panics"), expected);
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
        let (url, _) = server(answer).await;
        assert_eq!(failure(&url, &none()).await, words, "{answer:?}");
    }
}

#[tokio::test]
async fn a_peer_without_http2_fails() {
    let plain = failure(&format!("grpc://{}", peer(Manner::Saying(b"HTTP/1.1 400 Bad\r\n\r\n")).await), &none()).await;
    assert!(plain.starts_with("no gRPC answer: ") || plain.starts_with("connection "), "{plain}");
    assert_eq!(failure(&format!("grpc://{}", peer(Manner::Silent).await), &none()).await, "no answer within 1.5 s");
    assert_eq!(failure(&format!("grpc://127.0.0.1:{}", free_port()), &none()).await, "connection refused");
}
