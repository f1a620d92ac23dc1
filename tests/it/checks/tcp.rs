//! The `tcp` check against peers that listen, that do not, and that are swamped.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use veloflux::checks::ProbeOptions;

use super::{Manner, failure, free_port, passes, peer};

#[tokio::test]
async fn somebody_listens_or_nobody_does() {
    let options = ProbeOptions::default();
    for manner in [Manner::Silent, Manner::Closing] {
        passes(&format!("tcp://{}", peer(manner).await), &options).await;
    }
    assert_eq!(failure(&format!("tcp://127.0.0.1:{}", free_port()), &options).await, "connection refused");
    let nowhere = failure("tcp://no-such-name.invalid:80", &options).await;
    assert_eq!(nowhere, "name `no-such-name.invalid` does not resolve");
}

#[tokio::test]
async fn what_the_peer_says_is_what_is_expected_or_not() {
    let talk = |send: Option<&str>, expect: Option<&str>| ProbeOptions {
        send: send.map(str::to_owned),
        expect: expect.map(str::to_owned),
        ..ProbeOptions::default()
    };
    let url = format!("tcp://{}", peer(Manner::Saying(b"220 mail ready\r\n")).await);
    passes(&url, &talk(Some("HELO\r\n"), Some("ready"))).await;
    passes(&url, &talk(Some("HELO\r\n"), None)).await;
    let other = failure(&url, &talk(Some("HELO\r\n"), Some("250"))).await;
    assert_eq!(other, "said `220 mail ready`, expected `250`");
    let unasked = failure(&url, &talk(None, Some("220"))).await;
    assert_eq!(unasked, "no answer within 1.5 s", "it wants to be spoken to first");
    let silent = format!("tcp://{}", peer(Manner::Silent).await);
    assert_eq!(failure(&silent, &talk(Some("x"), Some("y"))).await, "no answer within 1.5 s");
    let busy = format!("tcp://{}", peer(Manner::Stopping(b"421 too busy\x07\r\n")).await);
    let words = failure(&busy, &talk(Some("x"), Some("220"))).await;
    assert_eq!(words, "within 1.5 s it said only `421 too busy?`");
    // Found where two reads meet, and not looked for without end.
    let endless = format!("tcp://{}", peer(Manner::Babbling(b"tick tock ")).await);
    passes(&endless, &talk(Some("x"), Some("tock tick tock"))).await;
    let never = failure(&endless, &talk(Some("x"), Some("gong"))).await;
    assert!(never.starts_with("said `tick tock "), "{never}");
}

#[tokio::test]
async fn a_peer_whose_backlog_is_full_gives_no_connection_in_time() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    socket.listen(0).expect("it is bound");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    // Whoever comes after these is neither let in nor sent away.
    let swarm: Vec<_> = (0..8).map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(50))).collect();
    assert!(swarm.last().is_some_and(Result::is_err), "the backlog is full");
    for scheme in ["tcp", "http", "tls", "ws", "redis", "postgres", "mysql"] {
        let words = failure(&format!("{scheme}://{address}"), &ProbeOptions::default()).await;
        assert_eq!(words, "no connection within 1.5 s", "{scheme}");
    }
}
