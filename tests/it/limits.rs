//! How many may come, and how fast: at each limit, just past it, and what is told to whoever is refused.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket as RawSocket, Type};
use veloflux::limits::HANDSHAKES_PER_SECOND_PER_ADDRESS;
use veloflux::protocol::Feed;

use crate::support::http::Response;
use crate::support::{PATIENCE, Socket, TestServer, eventually, http};

/// Asks for a feed and gives the answer, whatever it is. The connection is kept.
fn ask(server: &TestServer, more: &str) -> (Socket, Response) {
    let mut socket = Socket::connect(server.address());
    socket.send(Socket::request(server.address(), &Feed::Metrics.path(), more).as_bytes());
    let answer = socket.response();
    (socket, answer)
}

/// The status of the handshake of somebody on whose behalf a proxy asks.
fn forwarded(server: &TestServer, client: &str) -> (Socket, u16) {
    let (socket, answer) = ask(server, &format!("X-Forwarded-For: {client}\r\n"));
    (socket, answer.status)
}

/// The status of a plain request from another address of this machine.
fn from(server: &TestServer, address: [u8; 4]) -> Result<(std::net::TcpStream, u16), std::io::Error> {
    let raw = RawSocket::new(Domain::IPV4, Type::STREAM, None)?;
    raw.bind(&SocketAddr::from((address, 0)).into())?;
    raw.connect(&server.address().into())?;
    let mut stream = std::net::TcpStream::from(raw);
    std::io::Write::write_all(&mut stream, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let answer = http::read(&mut stream, &mut Vec::new(), PATIENCE)?;
    Ok((stream, answer.status))
}

fn refused(server: &TestServer, why: &str) -> Result<u64, String> {
    let text = server.get("/metrics").body;
    let line = format!("veloflux_refused_total{{why=\"{why}\"}} ");
    let found = || text.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok());
    found().ok_or_else(|| format!("no {line} in {text}"))
}

fn retry_after(answer: &Response) -> u64 {
    let header = answer.header("retry-after").and_then(|value| value.parse().ok());
    header.unwrap_or_else(|| panic!("no Retry-After: {answer:?}"))
}

#[test]
fn past_all_places_whoever_comes_is_told_to_come_back_later() {
    let server = TestServer::builder().config("[limits]\nconnections = 5").start();
    let mut seated: Vec<Socket> = (0..5).map(|_| server.open(Feed::Metrics)).collect();
    let (mut socket, answer) = ask(&server, "");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.error().0, "over_capacity");
    assert_eq!(retry_after(&answer), 5);
    assert!(socket.is_over_within(PATIENCE), "and let go");
    for socket in &mut seated {
        socket.json();
    }
    seated.pop();
    eventually(PATIENCE, || match ask(&server, "").1 {
        answer if answer.status == 101 => Ok(()),
        answer => Err(format!("{answer:?}")),
    });
    drop(seated);
    eventually(PATIENCE, || match refused(&server, "connections")? {
        0 => Err("not counted".to_owned()),
        _ => Ok(()),
    });
}

#[test]
fn the_silent_who_are_refused_hold_nobody_up_who_has_a_place() {
    let server = TestServer::builder().config("[limits]\nconnections = 3").start();
    let mut seated: Vec<Socket> = (0..2).map(|_| server.open(Feed::Metrics)).collect();
    // The third place, room for refusals, and a queue behind it.
    let mut silent: Vec<Socket> = (0..200).map(|_| Socket::connect(server.address())).collect();
    for socket in &mut seated {
        socket.json();
        socket.send_text(r#"{"type":"ping","timestamp":1}"#);
        socket.json_until(PATIENCE, |message| message["type"] == "pong");
    }
    drop(silent.split_off(1));
    assert!(silent[0].is_over_within(PATIENCE));
    eventually(PATIENCE, || match ask(&server, "").1 {
        answer if answer.status == 101 => Ok(()),
        answer => Err(format!("{answer:?}")),
    });
}

#[test]
fn an_address_has_its_connections_and_takes_none_of_another() {
    let server = TestServer::builder().config("[limits]\nconnections_per_address = 3").start();
    let mut held: Vec<_> = (0..3).map(|_| from(&server, [127, 0, 0, 2]).expect("an answer")).collect();
    assert!(held.iter().all(|(_, status)| *status == 200), "{held:?}");
    assert_eq!(from(&server, [127, 0, 0, 2]).expect("an answer").1, 429);
    assert_eq!(from(&server, [127, 0, 0, 3]).expect("an answer").1, 200);
    held.pop();
    eventually(PATIENCE, || match from(&server, [127, 0, 0, 2]) {
        Ok((_, 200)) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(refused(&server, "address_connections").is_ok_and(|count| count >= 1));
}

#[test]
fn an_address_that_shakes_hands_too_fast_is_told_when_to_come_back() {
    let server = TestServer::builder().config("[limits]\nhandshakes_per_second_per_address = 1").start();
    // Two seconds' worth at once, and more where this machine takes its time.
    let sockets: Vec<Socket> = (0..2).map(|_| server.open(Feed::Metrics)).collect();
    let answer = (0..100).map(|_| ask(&server, "").1).find(|answer| answer.status != 101).expect("one too many");
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.error().0, "too_many_handshakes");
    let wait = retry_after(&answer);
    assert_eq!(wait, 1);
    drop(sockets);
    assert_eq!(server.get("/livez").status, 200, "only handshakes count");
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(ask(&server, "").1.status, 101);
    assert!(refused(&server, "address_handshakes").is_ok_and(|count| count >= 1));
}

#[test]
fn handshakes_have_a_pace_in_all() {
    let server = TestServer::builder()
        .config("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nhandshakes_per_second = 3")
        .start();
    let start = Instant::now();
    let answers: Vec<u16> = (1..=60).map(|n| forwarded(&server, &format!("203.0.113.{n}")).1).collect();
    let most = 6.0 + 3.0 * start.elapsed().as_secs_f64() + 1.0;
    let admitted = answers.iter().filter(|status| **status == 101).count();
    assert!((6..=most as usize).contains(&admitted), "{admitted} of at most {most}: {answers:?}");
    assert!(answers[..6].iter().all(|status| *status == 101), "two seconds' worth at once: {answers:?}");
    let others = answers.iter().filter(|status| **status == 503).count();
    assert_eq!(admitted + others, answers.len(), "{answers:?}");
    assert_eq!(refused(&server, "handshakes"), Ok(others as u64));
}

#[test]
fn whom_a_trusted_proxy_speaks_for_is_counted_and_nobody_else_is_believed() {
    let limits = "[limits]\nconnections_per_address = 2\nhandshakes_per_second_per_address = 1000";
    let trusting = TestServer::builder().config("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]").config(limits).start();
    let (_one, first) = forwarded(&trusting, "203.0.113.1");
    // What the client has written stands to the left.
    let (_two, second) = forwarded(&trusting, "198.51.100.9, 203.0.113.1");
    let (_three, third) = forwarded(&trusting, "203.0.113.1");
    assert_eq!([first, second, third], [101, 101, 429]);
    let (_four, fourth) = forwarded(&trusting, "203.0.113.2");
    let (_five, fifth) = forwarded(&trusting, "2001:db8::1");
    let (_six, sixth) = forwarded(&trusting, "2001:db8::2");
    let (_seven, seventh) = forwarded(&trusting, "2001:db8::3:3:3:3");
    let (_eight, eighth) = forwarded(&trusting, "2001:db8:0:1::1");
    assert_eq!([fourth, fifth, sixth, seventh, eighth], [101, 101, 101, 429, 101], "a /64 is one address");
    // The proxy may use a connection for somebody else when a handshake was refused.
    let mut reused = Socket::connect(trusting.address());
    let mut shake = |client: &str, version: &str| {
        let text = Socket::request(trusting.address(), "/api/ws/metrics", &format!("X-Forwarded-For: {client}\r\n"));
        reused.send(text.replace("Version: 13", &format!("Version: {version}")).as_bytes());
        reused.response().status
    };
    assert_eq!([shake("203.0.113.50", "12"), shake("203.0.113.51", "13")], [426, 101]);
    let of_first: Vec<_> = (0..3).map(|_| forwarded(&trusting, "203.0.113.50")).collect();
    assert_eq!(of_first.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [101, 101, 429]);
    let of_second: Vec<_> = (0..2).map(|_| forwarded(&trusting, "203.0.113.51")).collect();
    assert_eq!(of_second.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [101, 429]);
    let both = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=127.0.0.1\r\n";
    assert_eq!(ask(&trusting, both).1.status, 400);

    let wary = TestServer::builder().config(limits).start();
    let (_one, first) = forwarded(&wary, "203.0.113.1");
    let (_two, second) = forwarded(&wary, "203.0.113.2");
    let (_three, third) = forwarded(&wary, "203.0.113.3");
    assert_eq!([first, second, third], [101, 101, 429], "all of them are the proxy");
}

#[test]
fn a_page_that_opens_and_closes_sockets_all_the_time_is_not_locked_out() {
    let server = TestServer::start();
    // Ten times what such a page does in a second, and more than any other address may do at once.
    let count = 3 * HANDSHAKES_PER_SECOND_PER_ADDRESS;
    for round in 0..count {
        let (socket, answer) = ask(&server, "Origin: http://localhost:3000\r\n");
        assert_eq!(answer.status, 101, "round {round}: {answer:?}");
        drop(socket);
    }
}

#[test]
fn settings_that_make_no_limit_are_told() {
    let home = crate::support::server::home();
    for (config, words) in [
        ("[limits]\nconnections = 0", "whole number from 1"),
        ("[limits]\nconections = 9", "did you mean `connections`?"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "write for example `10.0.0.0/8`"),
        ("[server]\ntrusted_proxies = [\"proxy.example\"]", "is not a network"),
        ("[server]\nhosts = [\"https://fleet.example.com\"]", "without scheme and port"),
    ] {
        let file = home.path().join("veloflux.toml");
        std::fs::write(&file, config).expect("a file of ours");
        let path = file.display().to_string();
        let refused = crate::support::Veloflux::new(home.path(), ["serve", "--check-config", "--config", &path]).run();
        assert!(refused.code == 2 && refused.stderr.contains(words), "{config}: {refused:?}");
    }
    let address: IpAddr = "127.0.0.2".parse().expect("an address");
    assert!(address.is_loopback(), "the tests above stay on this machine");
}
