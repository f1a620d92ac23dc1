//! Ways to a server that are not straight: pinned addresses, proxies, and what proxies make of the handshake.

use std::io::{Write, copy};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::probe;
use crate::stub::{Stub, metrics, read_head};
use crate::support::Veloflux;

fn command(arguments: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    Veloflux::new(home.path(), arguments)
}

/// A proxy that brings everybody to `upstream`, wherever they want to go, and tells what they asked for.
fn proxy(upstream: u16) -> (Stub, mpsc::Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let stub = Stub::start(move |mut near, _| {
        let _ = sender.send(read_head(&mut near));
        let mut far = TcpStream::connect(("127.0.0.1", upstream)).expect("it listens");
        near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("it listens");
        let (mut from, mut to) = (near.try_clone().expect("a descriptor"), far.try_clone().expect("a descriptor"));
        std::thread::spawn(move || {
            let _ = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = copy(&mut far, &mut near);
        let _ = near.shutdown(Shutdown::Write);
    });
    (stub, heads)
}

#[test]
fn a_websocket_goes_through_the_proxy_of_the_environment() {
    let server = Stub::sending(&[&metrics(1)]);
    let (proxy, heads) = proxy(server.port);
    let address = format!("http://bob:hunter2@127.0.0.1:{}", proxy.port);
    for variable in ["http_proxy", "all_proxy", "HTTP_PROXY"] {
        let done = command(&["probe", "metrics", "--json", "--server", "http://fleet.example.test"])
            .env(variable, &address)
            .run();
        assert_eq!(done.code, 0, "{variable}: {}", done.stdout);
        assert!(done.stdout.contains("\"proxy\":") && !done.stdout.contains("hunter2"), "{}", done.stdout);
        let head = heads.recv().expect("a request");
        assert!(head.starts_with("CONNECT fleet.example.test:80 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic Ym9iOmh1bnRlcjI=\r\n"), "{head}");
    }
    let done = command(&["probe", "metrics", "--server", "http://fleet.example.test"])
        .env("http_proxy", &address)
        .env("no_proxy", "example.test")
        .run();
    assert_eq!(done.code, 3, "{}", done.stdout);
    assert!(done.stdout.contains("dns: "), "{}", done.stdout);
}

#[test]
fn what_is_on_this_machine_is_not_asked_through_a_proxy() {
    let server = Stub::sending(&[&metrics(1)]);
    let done = probe(&server, &["metrics"]).env("http_proxy", "http://127.0.0.1:1").run();
    assert_eq!(done.code, 0, "{}", done.stdout);
    let silent = Stub::answering("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"control\":\"ok\"}");
    let done = command(&["control", "check", "--server", &silent.url()]).env("http_proxy", "http://127.0.0.1:1").run();
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn a_proxy_that_refuses_or_is_none_of_ours_is_named() {
    let stub = Stub::answering("HTTP/1.1 407 X\r\n\r\n");
    let refusing = format!("http://127.0.0.1:{}", stub.port);
    for (proxy, words) in [
        (refusing.as_str(), "proxy: fleet.example.test:80 through the proxy 127.0.0.1"),
        ("socks5://127.0.0.1:1", "is not an http:// proxy"),
    ] {
        let done =
            command(&["probe", "metrics", "--server", "http://fleet.example.test"]).env("all_proxy", proxy).run();
        assert_eq!(done.code, 3, "{}", done.stdout);
        assert!(done.stdout.contains(words), "{}", done.stdout);
    }
}

#[test]
fn a_name_can_be_pinned_to_an_address() {
    let server = Stub::sending(&[&metrics(1)]);
    let url = format!("http://fleet.example.test:{}", server.port);
    let pin = format!("fleet.example.test:{}:127.0.0.1", server.port);
    let done = command(&["probe", "metrics", "--json", "--server", &url, "--resolve", &pin])
        .env("http_proxy", "http://127.0.0.1:1")
        .run();
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.contains(&format!("\"peer\":\"127.0.0.1:{}\"", server.port)), "{}", done.stdout);

    let answering = Stub::answering("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"control\":\"ok\"}");
    let url = format!("http://fleet.example.test:{}", answering.port);
    let pin = format!("fleet.example.test:{}:127.0.0.1", answering.port);
    let done = command(&["control", "check", "--server", &url, "--resolve", &pin]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(command(&["probe", "--resolve", "fleet:127.0.0.1"]).run().code, 2);
}

#[test]
fn what_proxies_make_of_the_upgrade_is_understood() {
    for (connection, code, words) in [
        ("Connection: keep-alive, Upgrade", 0, "1 passed"),
        ("Connection: keep-alive\r\nConnection: upgrade", 0, "1 passed"),
        ("Connection: keep-alive", 3, "a 101 without `Connection: Upgrade`"),
    ] {
        let stub = Stub::start(move |mut stream, _| {
            let head = read_head(&mut stream);
            let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
            let accept = derive_accept_key(key.trim().as_bytes());
            let head = format!(
                "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n{connection}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            // The first message in the same segment.
            let message = metrics(1);
            let length = u16::try_from(message.len()).expect("short").to_be_bytes();
            let _ = stream.write_all(&[head.as_bytes(), &[0x81, 126], &length, message.as_bytes()].concat());
            let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
            while socket.read().is_ok() {}
        });
        let done = probe(&stub, &["metrics"]).run();
        assert_eq!(done.code, code, "{}", done.stdout);
        assert!(done.stdout.contains(words), "{}", done.stdout);
    }
}
