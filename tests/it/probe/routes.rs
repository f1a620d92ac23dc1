//! Ways to a server that are not straight: pinned addresses, proxies, and what proxies make of the handshake.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::mpsc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::probe;
use crate::stub::{Stub, metrics, read_head, server_config};
use crate::support::certificate::{self, Certificate};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, Veloflux, free_port};

fn command(arguments: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    Veloflux::new(home.path(), arguments)
}

/// A proxy that brings everybody to `upstream`, wherever they want to go, and tells what they asked for.
fn proxy(upstream: u16) -> (Stub, mpsc::Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let stub = Stub::start(move |mut near, _| {
        let _ = sender.send(read_head(&mut near));
        near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("it listens");
        relay(near, upstream);
    });
    (stub, heads)
}

/// The same by SOCKS 5, for everybody or for `bob`, whose password is `hunter2`. Tells the host that was asked for.
fn socks(upstream: u16, guarded: bool) -> (Stub, mpsc::Receiver<String>) {
    let (sender, hosts) = mpsc::channel();
    let stub = Stub::start(move |mut near, _| {
        let mut talk = || -> std::io::Result<String> {
            near.read_exact(&mut [0; 3])?;
            near.write_all(if guarded { b"\x05\x02" } else { b"\x05\x00" })?;
            if guarded {
                let mut login = vec![0; 13];
                near.read_exact(&mut login)?;
                assert_eq!(login, b"\x01\x03bob\x07hunter2");
                near.write_all(b"\x01\x00")?;
            }
            let mut head = [0; 4];
            near.read_exact(&mut head)?;
            let mut length = [4];
            if head[3] == 3 {
                near.read_exact(&mut length)?;
            }
            let mut host = vec![0; usize::from(length[0]) + 2];
            near.read_exact(&mut host)?;
            near.write_all(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")?;
            host.truncate(usize::from(length[0]));
            Ok(String::from_utf8_lossy(&host).into_owned())
        };
        let host = talk().expect("the client speaks SOCKS");
        let _ = sender.send(host);
        relay(near, upstream);
    });
    (stub, hosts)
}

/// Carries both ways until both sides have left.
fn relay(mut near: TcpStream, upstream: u16) {
    let mut far = TcpStream::connect(("127.0.0.1", upstream)).expect("it listens");
    let (mut from, mut to) = (near.try_clone().expect("a descriptor"), far.try_clone().expect("a descriptor"));
    std::thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = copy(&mut far, &mut near);
    let _ = near.shutdown(Shutdown::Write);
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
fn a_proxy_may_speak_socks() {
    let server = Stub::sending(&[&metrics(1)]);
    let control = Stub::answering("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"control\":\"ok\"}");
    for (login, guarded) in [("", false), ("bob:hunter2@", true)] {
        let (proxy, hosts) = socks(server.port, guarded);
        let address = format!("socks5h://{login}127.0.0.1:{}", proxy.port);
        let probed = command(&["probe", "metrics", "--json", "--server", "http://fleet.example.test"]);
        let done = probed.env("all_proxy", &address).run();
        assert_eq!(done.code, 0, "{}", done.stdout);
        assert!(done.stdout.contains("\"proxy\":") && !done.stdout.contains("hunter2"), "{}", done.stdout);
        assert_eq!(hosts.recv().as_deref(), Ok("fleet.example.test"), "the proxy looks the name up");
        // A command goes the same way.
        let (proxy, hosts) = socks(control.port, guarded);
        let address = format!("socks5h://{login}127.0.0.1:{}", proxy.port);
        let ordered = command(&["control", "check", "--server", "http://fleet.example.test"]);
        let done = ordered.env("all_proxy", &address).run();
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(hosts.recv().as_deref(), Ok("fleet.example.test"));
    }
    // Without the `h` we look it up, and this one nobody knows.
    let (proxy, _hosts) = socks(server.port, false);
    let asked = command(&["probe", "metrics", "--server", "http://fleet.example.test"]);
    let done = asked.env("all_proxy", format!("socks5://127.0.0.1:{}", proxy.port)).run();
    assert_eq!(done.code, 3, "{}", done.stdout);
    assert!(done.stdout.contains("name `fleet.example.test` does not resolve"), "{}", done.stdout);
}

#[test]
fn a_real_socks_proxy_lets_through_who_knows_its_password() {
    let server = Stub::sending(&[&metrics(1)]);
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let mut microsocks = Command::new("microsocks");
    microsocks.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "bob", "-P", "hunter2"]);
    let _microsocks = Program::start(&mut microsocks, folder.path());
    eventually(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string()));
    // It is this machine, and not called so: what is called so is never asked through a proxy.
    let url = format!("http://0.0.0.0:{}", server.port);
    for (login, code, words) in [("bob:hunter2", 0, "1 passed"), ("bob:hunter3", 3, "credentials not accepted")] {
        for scheme in ["socks5", "socks5h"] {
            let probed = command(&["probe", "metrics", "--server", &url]);
            let done = probed.env("all_proxy", format!("{scheme}://{login}@127.0.0.1:{port}")).run();
            assert_eq!(done.code, code, "{}", done.stdout);
            assert!(done.stdout.contains(words) && !done.stdout.contains("hunter"), "{}", done.stdout);
        }
    }
}

/// A proxy that speaks TLS and brings everybody who says `CONNECT` to `upstream`. Gives its port.
fn secure_proxy(made: &Certificate, upstream: u16) -> u16 {
    async fn carry(acceptor: TlsAcceptor, near: tokio::net::TcpStream, upstream: u16) -> std::io::Result<()> {
        let (mut near, mut head) = (acceptor.accept(near).await?, Vec::new());
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await?);
        }
        // What is plain HTTP all the way it is asked to fetch, and not to carry.
        if head.starts_with(b"POST http://fleet.example.test/api/ws/control HTTP/1.1\r\n") {
            near.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"control\":\"ok\"}").await?;
            return near.shutdown().await;
        }
        assert!(head.starts_with(b"CONNECT fleet.example.test:"), "{head:?}");
        near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        let mut far = tokio::net::TcpStream::connect(("127.0.0.1", upstream)).await?;
        tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
    }
    let acceptor = TlsAcceptor::from(server_config(made));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    listener.set_nonblocking(true).expect("a socket option");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is set not to block");
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(acceptor.clone(), near, upstream));
            }
        });
    });
    port
}

#[test]
fn a_proxy_may_speak_tls_and_has_to_be_who_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::make(folder.path());
    let trusted = made.certificate.display().to_string();
    let (plain, secure) = (Stub::sending(&[&metrics(1)]), Stub::secure(&made));
    for (scheme, upstream) in [("http", &plain), ("https", &secure)] {
        let address = format!("https://localhost:{}", secure_proxy(&made, upstream.port));
        let probed = |flags: &[&str]| {
            let server = format!("{scheme}://fleet.example.test");
            let arguments = [&["probe", "metrics", "--json", "--server", &server], flags].concat();
            command(&arguments).env("all_proxy", &address).run()
        };
        let done = probed(&["--cacert", &trusted]);
        assert_eq!(done.code, 0, "{scheme}: {}", done.stdout);
        assert!(done.stdout.contains("\"proxy\":"), "{}", done.stdout);
        let done = probed(&[]);
        assert_eq!(done.code, 3, "{scheme}: {}", done.stdout);
        assert!(
            done.stdout.contains("\"phase\":\"proxy\"") && done.stdout.contains("unknown issuer"),
            "{}",
            done.stdout
        );
    }
    let address = format!("https://localhost:{}", secure_proxy(&made, plain.port));
    let flags = ["control", "check", "--server", "http://fleet.example.test", "--cacert", &trusted];
    let done = command(&flags).env("all_proxy", &address).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
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
        ("socks4://127.0.0.1:1", "is of no kind we speak"),
        ("socks5h://127.0.0.1:1", "tcp: 127.0.0.1:1: connection refused"),
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
