//! Peers that say too much, too little or nonsense, or never read: each is bounded and counted, and nobody else notices.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, SockFilter, SockRef, Socket as RawSocket, Type};
use veloflux::limits::{
    EVENT_STREAM_KEEP_ALIVE, INBOUND_MESSAGES_BURST, REQUEST_BODY_TIMEOUT, UNACKNOWLEDGED_TIMEOUT, WRITE_TIMEOUT,
};
use veloflux::protocol::{Feed, SERVER_PING_INTERVAL, SERVER_PING_TIMEOUT};

use crate::support::{Events, Frame, PATIENCE, Socket, TestServer, eventually};

/// A program for the kernel that lets nothing through to a socket (`BPF_RET`, of 0 bytes).
const TAKE_NOTHING: SockFilter = SockFilter::new(6, 0, 0, 0);

/// One figure of `/metrics`.
fn figure(server: &TestServer, name: &str) -> f64 {
    let text = server.get("/metrics").body;
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn an_answer_that_nobody_reads_ends_its_connection() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a TCP option");
    let request = b"GET /dashboard.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5_000);
    let began = Instant::now();
    // More answers than the kernel takes; whether all the questions fit does not matter.
    let _ = stream.write_all(&request);
    eventually(WRITE_TIMEOUT + PATIENCE, || match figure(&server, "veloflux_refused_total{why=\"unread_answer\"}") {
        1.0 => Ok(()),
        other => Err(format!("{other} were cut off")),
    });
    assert!(began.elapsed() >= WRITE_TIMEOUT, "it had its time: {:?}", began.elapsed());
    let resident = server.resident();
    assert!(resident < 200 << 20, "{resident} bytes");
}

#[test]
fn a_body_that_drips_is_given_up() {
    let server = TestServer::start();
    let mut socket = Socket::connect(server.address());
    let began = Instant::now();
    let head = format!(
        "POST /api/ws/control HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n",
        server.token()
    );
    socket.send(head.as_bytes());
    std::thread::scope(|scope| {
        let mut dripping = socket.another();
        scope.spawn(move || {
            while began.elapsed() < REQUEST_BODY_TIMEOUT + Duration::from_secs(2) {
                let _ = dripping.write_all(b" ");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let answer = socket.response();
        assert_eq!(answer.status, 408, "{answer:?}");
        assert!(began.elapsed() >= REQUEST_BODY_TIMEOUT, "{:?}", began.elapsed());
    });
    assert!(socket.is_over_within(PATIENCE));
}

#[test]
fn garbage_behind_a_request_is_refused_and_the_request_is_answered() {
    let server = TestServer::start();
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", &[0xff; 4096], b"GET / HTTP/1.1\r\nA B: c\r\n\r\n"] {
        let mut socket = Socket::connect(server.address());
        socket.send(&[b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", garbage].concat());
        assert_eq!(socket.response().status, 200);
        // 400, where there is still a request to answer, and the end.
        assert!(socket.is_over_within(PATIENCE), "{garbage:?}");
    }
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn ten_thousand_tiny_fragments_are_one_message() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Billing);
    socket.json();
    let question = format!("{{\"type\":\"ping\",\"timestamp\":\"{}\"}}", "x".repeat(9_970));
    let bytes = question.as_bytes();
    assert!(bytes.len() >= 10_000);
    let mut frames = Frame::text(&question[..1]).more().bytes();
    for byte in &bytes[1..bytes.len() - 1] {
        frames.extend(Frame::continuation([*byte]).more().bytes());
    }
    frames.extend(Frame::continuation([bytes[bytes.len() - 1]]).bytes());
    socket.send(&frames);
    let answer = socket.json_until(PATIENCE, |message| message["type"] == "pong");
    assert_eq!(answer["timestamp"].as_str().map(str::len), Some(9_970));
    socket.close();
}

#[test]
fn a_message_that_never_ends_costs_nobody_anything() {
    let server = TestServer::start();
    let mut reader = server.open(Feed::Metrics);
    reader.json();
    let before = server.resident();
    let mut flooding = server.open(Feed::Billing);
    flooding.json();
    let first = Frame::text("").more().bytes();
    let empty = Frame::continuation("").more().bytes().repeat(1_000);
    flooding.send(&first);
    let mut stream = flooding.another();
    stream.set_write_timeout(Some(Duration::from_millis(50))).expect("a TCP option");
    let (start, mut told) = (Instant::now(), 0);
    // A message is due every two seconds; a loaded machine may be late, but not for long.
    while told < 2 || start.elapsed() < Duration::from_secs(5) {
        assert!(start.elapsed() < 3 * PATIENCE, "{told} messages came in {:?}", start.elapsed());
        let _ = stream.write(&empty);
        while !reader.silent_for(Duration::from_millis(1)) {
            reader.json();
            told += 1;
        }
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for a message that never ended");
}

#[test]
fn endless_pings_end_with_4429_and_are_counted() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Billing);
    socket.json();
    let pings = Frame::ping("").bytes().repeat(INBOUND_MESSAGES_BURST as usize + 300);
    socket.send(&pings);
    assert_eq!(socket.close_frame_within(PATIENCE).close_code(), Some(4429));
    eventually(PATIENCE, || match figure(&server, "veloflux_connections_closed_total{code=\"4429\"}") {
        1.0 => Ok(()),
        other => Err(format!("{other} are counted")),
    });
}

#[test]
fn peers_that_vanish_without_a_word_leave_nothing_behind() {
    let server = TestServer::start();
    let sockets: Vec<Socket> = (0..200).map(|_| server.open(Feed::Metrics)).collect();
    eventually(PATIENCE, || match figure(&server, "veloflux_connections{}") {
        200.0 => Ok(()),
        open => Err(format!("{open} connections are open")),
    });
    for socket in sockets {
        // Thrown away instead of closed.
        SockRef::from(&socket.another()).set_linger(Some(Duration::ZERO)).expect("a TCP option");
    }
    eventually(PATIENCE, || match figure(&server, "veloflux_connections{}") {
        0.0 => Ok(()),
        open => Err(format!("{open} connections are still open")),
    });
    eventually(PATIENCE, || match figure(&server, "veloflux_connections_closed_total{code=\"none\"}") {
        200.0 => Ok(()),
        counted => Err(format!("{counted} are counted")),
    });
}

#[test]
fn whoever_is_let_go_before_a_handshake_is_counted() {
    let server = TestServer::start();
    let mut slow = Socket::connect(server.address());
    slow.send(b"GET /api/ws/metrics HTTP/1.1\r\nHost:");
    // One that was served and then says nothing is no slow one.
    let mut idle = Socket::connect(server.address());
    idle.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    assert!(slow.is_over_within(PATIENCE) && idle.is_over_within(PATIENCE));
    eventually(PATIENCE, || match figure(&server, "veloflux_refused_total{why=\"slow_request\"}") {
        1.0 => Ok(()),
        other => Err(format!("{other} were cut off")),
    });
}

#[test]
fn whoever_takes_a_long_list_drop_by_drop_is_cut_off() {
    // A list of 180 kB, which at this pace would take twenty seconds, and then comes the next.
    let server = TestServer::builder().listed(600).start();
    let dripping = |request: String| {
        let raw = RawSocket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        raw.set_recv_buffer_size(16_384).expect("a TCP option");
        raw.connect(&server.address().into()).expect("it listens");
        let mut stream = TcpStream::from(raw);
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream
    };
    let events = format!("GET /api/events/backends HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    let mut streams = [dripping(Socket::request(server.address(), "/api/ws/backends", "")), dripping(events)];
    let cut_off = || {
        let [socket, events] =
            ["veloflux_connections_closed_total{code=\"4008\"}", "veloflux_refused_total{why=\"unread_answer\"}"];
        (figure(&server, socket), figure(&server, events))
    };
    let began = Instant::now();
    while cut_off() != (1.0, 1.0) {
        assert!(began.elapsed() < 3 * WRITE_TIMEOUT, "{:?}", cut_off());
        for stream in &mut streams {
            let _ = stream.read(&mut [0; 2048]);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(began.elapsed() >= WRITE_TIMEOUT, "it had its time: {:?}", began.elapsed());
}

#[test]
fn peers_that_vanish_without_a_word_are_found_out() {
    let server = TestServer::start();
    server.control(r#"{"action":"pause","type":"billing"}"#);
    let mut present = server.open(Feed::Metrics);
    // One that is sent to all the time, one that is sent nothing but pings, and a reader of an event stream.
    let told = Socket::open(server.address(), &Feed::Metrics.path());
    let untold = Socket::open(server.address(), &Feed::Billing.path());
    let events = Events::open(&server, "/api/events/metrics", "");
    eventually(PATIENCE, || match figure(&server, "veloflux_connections{}") {
        4.0 => Ok(()),
        other => Err(format!("{other} are connected")),
    });
    // Their machine is off: its kernel acknowledges nothing, and answers nothing. They stay open at their end.
    for stream in [told.another(), untold.another(), events.another()] {
        SockRef::from(&stream).attach_filter(&[TAKE_NOTHING]).expect("a socket option");
    }
    let began = Instant::now();
    let bound = (SERVER_PING_INTERVAL + SERVER_PING_TIMEOUT).max(EVENT_STREAM_KEEP_ALIVE + UNACKNOWLEDGED_TIMEOUT);
    while figure(&server, "veloflux_connections{}") > 1.0 {
        assert!(began.elapsed() < bound + PATIENCE, "they are still held to be there");
        assert_eq!(present.json_within(PATIENCE)["type"], "metrics", "nobody else notices");
    }
    let ended = |code: &str| figure(&server, &format!("veloflux_connections_closed_total{{code=\"{code}\"}}"));
    assert_eq!(ended("none") + ended("4008"), 2.0, "the kernel gives up, or nobody answers a ping");
}
