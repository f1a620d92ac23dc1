//! The `dns` check: through the resolver of this machine, and against a server that answers as the test says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use veloflux::checks::ProbeOptions;

use super::{failure, free_port, passes};

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

/// A server that leaves the first `deaf` questions unanswered, and answers the others with these flags and, after the
/// question, these bytes.
async fn server(deaf: usize, flags: [u8; 2], answers: u8, records: &'static [u8]) -> u16 {
    // Not one that the system gives out by itself: it may be asked over TCP as well, and somebody has that one there.
    let port = free_port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).await.expect("a free port");
    tokio::spawn(async move {
        let (mut message, mut asked) = ([0; 512], 0);
        while let Ok((length, from)) = socket.recv_from(&mut message).await {
            asked += 1;
            if asked <= deaf {
                continue;
            }
            let mut answer = message[..length].to_vec();
            answer[2..4].copy_from_slice(&flags);
            answer[7] = answers;
            answer.extend_from_slice(records);
            // An answer to a question of somebody else comes first.
            let mut other = answer.clone();
            other[0] ^= 0xff;
            other[3] = 0x85;
            for answer in [other, answer] {
                socket.send_to(&answer, from).await.expect("sent");
            }
        }
    });
    port
}

/// An `A` record of the name that was asked for.
const ADDRESS: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01";

#[tokio::test]
async fn the_resolver_of_this_machine_knows_a_name_or_not() {
    passes("dns://localhost", &none()).await;
    let unknown = failure("dns://no-such-name.invalid", &none()).await;
    assert_eq!(unknown, "name `no-such-name.invalid` does not resolve");
}

#[tokio::test]
async fn a_server_has_a_record_or_not() {
    let good = server(0, [0x81, 0x80], 1, ADDRESS).await;
    passes(&format!("dns://127.0.0.1:{good}/www.example"), &none()).await;
    passes(&format!("dns://localhost:{good}/www.example?type=a"), &none()).await;
    let other_type = failure(&format!("dns://127.0.0.1:{good}/www.example?type=MX"), &none()).await;
    assert_eq!(other_type, "the server has no `MX` record for that name");
    let unknown = server(0, [0x81, 0x83], 0, b"").await;
    let words = failure(&format!("dns://127.0.0.1:{unknown}/www.example"), &none()).await;
    assert_eq!(words, "the server knows no such name");
    let failing = server(0, [0x81, 0x82], 0, b"").await;
    assert_eq!(failure(&format!("dns://127.0.0.1:{failing}/www.example"), &none()).await, "the server failed at it");
}

/// The same server over TCP, with these answers.
async fn stream_server(port: u16, answers: u8, records: &'static [u8]) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port of the other");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.expect("a question");
            let mut answer = vec![0; length.into()];
            stream.read_exact(&mut answer).await.expect("a question");
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = answers;
            answer.extend_from_slice(records);
            stream.write_u16(answer.len().try_into().expect("short")).await.expect("it listens");
            stream.write_all(&answer).await.expect("it listens");
        }
    });
}

#[tokio::test]
async fn an_answer_without_room_for_a_record_is_asked_for_over_tcp() {
    let url = |port: u16| format!("dns://127.0.0.1:{port}/www.example");
    let cut_off = [0x83, 0x80];
    let with_room = server(0, cut_off, 1, ADDRESS).await;
    passes(&url(with_room), &none()).await;
    let some = server(0, cut_off, 0, b"").await;
    stream_server(some, 1, ADDRESS).await;
    passes(&url(some), &none()).await;
    let empty = server(0, cut_off, 0, b"").await;
    stream_server(empty, 0, b"").await;
    assert_eq!(failure(&url(empty), &none()).await, "the server has no `A` record for that name");
    let deaf = server(0, cut_off, 0, b"").await;
    let words = "its answer does not fit into a datagram, and over TCP: connection refused";
    assert_eq!(failure(&url(deaf), &none()).await, words);
}

#[tokio::test]
async fn a_lost_question_is_asked_again_and_a_dead_server_is_not_waited_for() {
    let once_deaf = server(1, [0x81, 0x80], 1, ADDRESS).await;
    passes(&format!("dns://127.0.0.1:{once_deaf}/www.example"), &none()).await;
    let deaf = server(usize::MAX, [0; 2], 0, b"").await;
    assert_eq!(failure(&format!("dns://127.0.0.1:{deaf}/x"), &none()).await, "no answer within 1.5 s");
    assert_eq!(failure(&format!("dns://127.0.0.1:{}/x", free_port()), &none()).await, "connection refused");
}
