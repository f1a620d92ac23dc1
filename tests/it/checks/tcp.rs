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
async fn a_peer_whose_backlog_is_full_gives_no_answer_in_time() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    socket.listen(0).expect("it is bound");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    // Whoever comes after these is neither let in nor sent away.
    let swarm: Vec<_> = (0..8).map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(50))).collect();
    assert!(swarm.last().is_some_and(Result::is_err), "the backlog is full");
    for scheme in ["tcp", "http", "redis", "postgres"] {
        let words = failure(&format!("{scheme}://{address}"), &ProbeOptions::default()).await;
        assert_eq!(words, "no answer within 1.5 s", "{scheme}");
    }
}
