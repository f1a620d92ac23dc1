//! The server under TLS: what was true without it still is, certificates come and go while it runs, and a peer that does not
//! shake hands costs nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;
use socket2::SockRef;
use veloflux::limits::TLS_HANDSHAKE_TIMEOUT;
use veloflux::net::tls::{Identity, Sessions, TlsOptions, Trust, client_config};
use veloflux::protocol::Feed;

use crate::support::certificate::{self, Authority, Certificate};
use crate::support::program::Program;
use crate::support::programs::chromium;
use crate::support::server::{Builder, home};
use crate::support::{Ending, Frame, Opcode, PATIENCE, Socket, TestServer, Veloflux, eventually};

fn settings(shown: &Certificate) -> String {
    format!("[tls]\ncert = \"{}\"\nkey = \"{}\"\n", shown.certificate.display(), shown.key.display())
}

fn secured(shown: &Certificate) -> Builder {
    TestServer::builder_in(home()).config(&settings(shown))
}

fn https(server: &TestServer) -> String {
    format!("https://{}", server.address())
}

/// `veloflux watch metrics -n 1`, as somebody who trusts this certificate, with more arguments.
fn watch(server: &TestServer, trusted: &Path, more: &[&str]) -> crate::support::command::Finished {
    let (home, url, trusted) = (server.home(), https(server), trusted.display().to_string());
    let args = ["watch", "metrics", "-n", "1", "--no-reconnect", "--server", &url, "--cacert", &trusted];
    Veloflux::new(home.path(), [&args, more].concat()).run()
}

/// A WebSocket under TLS that does what it is told.
struct Secured {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Secured {
    fn connect(address: SocketAddr, identity: Option<Identity>) -> Secured {
        let options = TlsOptions { trust: Trust::Anyone, identity };
        let config = client_config(&options, Sessions::Fresh, &["http/1.1"]).expect("it needs no file");
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(config, name).expect("settings that fit");
        Secured { stream: StreamOwned::new(tls, stream), buffer: Vec::new() }
    }

    /// Shakes hands, twice.
    fn open(address: SocketAddr, feed: Feed) -> Secured {
        Secured::offer(address, feed, "").0
    }

    /// The same with more header lines. Gives the head of the answer, too.
    fn offer(address: SocketAddr, feed: Feed, more: &str) -> (Secured, String) {
        let mut socket = Secured::connect(address, None);
        socket.stream.write_all(Socket::request(address, &feed.path(), more).as_bytes()).expect("it reads");
        let head = socket.line_end(b"\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        (socket, head)
    }

    fn line_end(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let head: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            assert!(self.fill().expect("it answers") > 0, "closed without an answer");
        }
    }

    fn fill(&mut self) -> std::io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    /// The next frame. None: the end, which was said in TLS, too.
    fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = crate::support::socket::parse(&self.buffer) {
                self.buffer.drain(..length);
                return Some(frame);
            }
            match self.fill() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("neither a frame nor an end: {error}"),
            }
        }
    }

    /// Whether something is there, or comes within this time.
    fn has_more_within(&mut self, span: Duration) -> bool {
        self.stream.sock.set_read_timeout(Some(span)).expect("a TCP option");
        let more = !self.buffer.is_empty() || self.fill().is_ok_and(|count| count > 0);
        self.stream.sock.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
        more
    }

    fn json(&mut self) -> Value {
        let mut frame = self.frame().expect("a message");
        while frame.opcode == Opcode::PING {
            self.stream.write_all(&Frame::pong(&frame.payload).bytes()).expect("it reads");
            frame = self.frame().expect("a message");
        }
        assert_eq!(frame.opcode, Opcode::TEXT, "{:?} {}", frame.close_code(), String::from_utf8_lossy(&frame.payload));
        serde_json::from_slice(&frame.payload).expect("JSON")
    }

    /// The certificate it was shown.
    fn shown(&self) -> Vec<u8> {
        let chain = self.stream.conn.peer_certificates().expect("the handshake is done");
        chain[0].as_ref().to_vec()
    }
}

#[test]
fn its_feeds_are_watched_and_probed_by_who_trusts_its_certificate() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).start();
    let trusted = shown.certificate.display().to_string();

    let watched = watch(&server, &shown.certificate, &["--json"]);
    assert_eq!(watched.code, 0, "{watched:?}");
    assert!(watched.stdout.contains("\"cpu\""), "{watched:?}");

    let home = server.home();
    let url = https(&server);
    let args = ["probe", "--server", &url, "--cacert", &trusted, "--budget", "cert_days=1", "--json"];
    let probed = Veloflux::new(home.path(), args).run();
    assert_eq!(probed.code, 0, "{probed:?}");
    assert!(probed.stdout.contains("\"tls\""), "{probed:?}");
    let args = ["probe", "metrics", "--server", &url, "--cacert", &trusted, "--budget", "cert_days=7"];
    assert_eq!(Veloflux::new(home.path(), args).run().code, 1, "it is good for two days");

    let updated = ["control", "force-update", "--server", &url, "--cacert", &trusted];
    let updated = Veloflux::new(home.path(), updated).run();
    assert_eq!(updated.code, 0, "{updated:?}");

    let refused = Veloflux::new(home.path(), ["watch", "metrics", "-n", "1", "--no-reconnect", "--server", &url]).run();
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("unknown issuer"), "{refused:?}");
    let beacon = home.path().join(format!("veloflux/{}.json", server.address().port()));
    let beacon: Value = serde_json::from_slice(&std::fs::read(beacon).expect("it is there")).expect("JSON");
    assert_eq!(beacon["url"], url);
}

#[test]
fn long_messages_arrive_whole_and_the_end_is_said_in_tls_too() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let addresses: Vec<String> = (0..1000).map(|n| format!("\"127.0.{}.{}:1\"", 1 + n / 200, 1 + n % 200)).collect();
    let pool = format!("[[pool]]\nname = \"web\"\nbackends = [{}]", addresses.join(", "));
    let mut server = secured(&shown).config(&pool).start();
    for _ in 0..3 {
        let mut socket = Secured::open(server.address(), Feed::Backends);
        let list = socket.json();
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1000));
        // A question in pieces of single bytes.
        let question = Frame::text(r#"{"type":"ping","timestamp":7}"#).bytes();
        for byte in question {
            socket.stream.write_all(&[byte]).expect("it reads");
        }
        let answer = std::iter::from_fn(|| Some(socket.json())).find(|message| message["type"] == "pong");
        assert_eq!(answer.expect("an answer")["timestamp"], 7);
    }
    let mut sockets: Vec<Secured> = (0..5).map(|_| Secured::open(server.address(), Feed::Billing)).collect();
    server.signal(Signal::TERM);
    for socket in &mut sockets {
        let close = std::iter::from_fn(|| socket.frame()).find(|frame| frame.opcode == Opcode::CLOSE);
        assert_eq!(close.expect("a close frame").close_code(), Some(1001));
        socket.stream.write_all(&Frame::close(1001, "").bytes()).expect("it reads");
        assert!(socket.frame().is_none());
    }
    assert_eq!(server.exit_within(PATIENCE).code(), Some(0), "{}", server.stderr());
}

#[test]
fn what_is_compressed_arrives_under_tls_as_it_does_without() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).start();
    // It comes first, so it has every message that the other has.
    let mut plain = Secured::open(server.address(), Feed::Metrics);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (mut socket, head) = Secured::offer(server.address(), Feed::Metrics, offer);
    assert!(head.to_ascii_lowercase().contains("\r\nsec-websocket-extensions: permessage-deflate"), "{head}");
    let mut decoder = flate2::Decompress::new(false);
    for _ in 0..4 {
        let frame = socket.frame().expect("a message");
        assert_eq!((frame.opcode, frame.rsv), (Opcode::TEXT, 4));
        let mut text = Vec::with_capacity(4096);
        for input in [&frame.payload[..], &[0, 0, 0xff, 0xff]] {
            decoder.decompress_vec(input, &mut text, flate2::FlushDecompress::Sync).expect("it inflates");
        }
        let message: Value = serde_json::from_slice(&text).expect("JSON");
        let same = std::iter::from_fn(|| Some(plain.json())).find(|other| other["id"] == message["id"]);
        assert_eq!(same.as_ref(), Some(&message));
    }
}

#[test]
fn who_does_not_read_is_cut_off_and_told_and_the_others_miss_nothing() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let addresses: Vec<String> = (0..200).map(|n| format!("\"127.0.1.{}:1\"", 1 + n)).collect();
    let pool = format!("[[pool]]\nname = \"web\"\nbackends = [{}]", addresses.join(", "));
    let server = secured(&shown).config(&pool).token("t").start();
    let mut sleeper = Secured::open(server.address(), Feed::Backends);
    SockRef::from(&sleeper.stream.sock).set_recv_buffer_size(4096).expect("a TCP option");
    let mut reader = Secured::open(server.address(), Feed::Backends);
    let sequence = |message: &Value| -> u64 {
        let id = message["id"].as_str().and_then(|id| id.rsplit('-').next());
        id.and_then(|seq| seq.parse().ok()).expect("an id")
    };
    let mut last = sequence(&reader.json());
    let mut rounds = 0;
    // Until two kernels hold no more, and then as long as a peer may sleep.
    while metrics(&server).contains("veloflux_connections_closed_total{code=\"4008\"} 0") {
        rounds += 1;
        let mut force = Secured::connect(server.address(), None);
        let request = "POST /api/ws/force-update HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n\
                       Content-Length: 19\r\nConnection: close\r\n\r\n{\"type\":\"backends\"}";
        force.stream.write_all(request.as_bytes()).expect("it reads");
        assert!(force.line_end(b"\r\n").contains(" 200 "));
        // The forced one, and what came by itself.
        let mut wanted = true;
        while wanted || reader.has_more_within(Duration::from_millis(1)) {
            let message = reader.json();
            assert_eq!(sequence(&message), last + 1, "round {rounds}: the reader missed something");
            (last, wanted) = (last + 1, false);
        }
    }
    let mut codes = Vec::new();
    while let Some(frame) = sleeper.frame() {
        if frame.opcode == Opcode::CLOSE {
            codes.push(frame.close_code());
        }
    }
    assert_eq!(codes, [Some(4008)], "a peer that wakes up learns why it was left");
}

#[test]
fn clients_are_asked_who_they_are_where_the_settings_say_so() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let ours = Authority::make(folder.path(), "ours");
    let theirs = Authority::make(folder.path(), "theirs");
    let (known, stranger) = (ours.sign("known"), theirs.sign("stranger"));
    let cert = |made: &Certificate| made.certificate.display().to_string();
    let key = |made: &Certificate| made.key.display().to_string();
    for (demand, without) in [("required", 3), ("optional", 0)] {
        let more = format!("client_ca = \"{}\"\nclient_certificates = \"{demand}\"\n", cert(&ours.own));
        let server = TestServer::builder_in(home()).config(&format!("{}{more}", settings(&shown))).start();
        let with = |one: &Certificate| watch(&server, &shown.certificate, &["--cert", &cert(one), "--key", &key(one)]);
        let nobody = watch(&server, &shown.certificate, &[]);
        assert_eq!(nobody.code, without, "{demand}: {nobody:?}");
        let known = with(&known);
        assert_eq!(known.code, 0, "{demand}: {known:?}");
        let stranger = with(&stranger);
        assert_eq!(stranger.code, 3, "{demand}: {stranger:?}");
    }
}

#[test]
fn a_renewed_certificate_is_shown_to_who_comes_and_who_is_there_stays() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).token("t").start();
    let mut before = Secured::open(server.address(), Feed::Status);
    before.json();
    let old = before.shown();

    // As a machine that renews does it: one file after the other, and nobody is told.
    let aside = home();
    let renewed = certificate::make(aside.path());
    std::fs::copy(&renewed.certificate, &shown.certificate).expect("a file of ours");
    let said = eventually(PATIENCE, || {
        let said = before.json();
        let reason = said["data"]["reasons"][0].as_str().unwrap_or_default().to_owned();
        if reason.contains("still hold") { Ok(reason) } else { Err(said.to_string()) }
    });
    assert!(said.contains("key.pem") && said.contains("the key of another one"), "{said}");
    assert_eq!(Secured::open(server.address(), Feed::Status).shown(), old, "the old one holds");

    std::fs::copy(&renewed.key, &shown.key).expect("a file of ours");
    eventually(PATIENCE, || {
        let now = Secured::open(server.address(), Feed::Status).shown();
        if now == old { Err(server.stderr()) } else { Ok(()) }
    });
    let healthy = std::iter::from_fn(|| Some(before.json())).find(|said| said["data"]["status"] == "healthy");
    assert!(healthy.is_some(), "who was there is still there, and hears that it is well");
    assert_eq!(before.shown(), old);

    // The same by signal and by order.
    let third = home();
    let again = certificate::make(third.path());
    std::fs::copy(&again.key, &shown.key).expect("a file of ours");
    std::fs::copy(&again.certificate, &shown.certificate).expect("a file of ours");
    let current = Secured::open(server.address(), Feed::Status).shown();
    server.signal(Signal::HUP);
    eventually(PATIENCE, || {
        let now = Secured::open(server.address(), Feed::Status).shown();
        if now == current { Err(server.stderr()) } else { Ok(()) }
    });
}

#[test]
fn what_cannot_be_used_is_told_with_its_line_and_nothing_starts() {
    let folder = home();
    let here = folder.path();
    let expired = certificate::expired(here).certificate.display().to_string();
    let shown = certificate::make(here);
    let other = home();
    let another = certificate::make(other.path());
    let authority = Authority::make(here, "authority");
    let signed = authority.sign("signed");
    let write = |name: &str, text: &str| {
        let path = here.join(name);
        std::fs::write(&path, text).expect("a file of ours");
        path.display().to_string()
    };
    let text = |path: &Path| std::fs::read_to_string(path).expect("a file of ours");
    let chain = text(&signed.certificate);
    let second = chain.rfind("-----BEGIN").expect("two of them");
    let reversed = write("reversed.pem", &format!("{}{}", &chain[second..], &chain[..second]));
    let foreign = write("foreign.pem", &format!("{}{}", text(&signed.certificate), text(&another.certificate)));
    let empty = write("empty.pem", "nothing\n");
    let (cert, key) = (shown.certificate.display().to_string(), shown.key.display().to_string());
    let signed_key = signed.key.display().to_string();
    let missing = here.join("missing.pem").display().to_string();
    let pair = |cert: &str, key: &str| format!("[tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n");
    for (config, line, words) in [
        (pair(&cert, &another.key.display().to_string()), 3, "it is the key of another one"),
        (pair(&missing, &key), 2, "missing.pem` as a certificate: no such file or directory"),
        (pair(&cert, &missing), 3, "missing.pem` as a private key: no such file or directory"),
        (pair(&empty, &key), 2, "empty.pem` as a certificate: no certificate in it"),
        (pair(&cert, &empty), 3, "empty.pem` as a private key"),
        (pair(&cert, &cert), 3, "cert.pem` as a private key"),
        (pair(&reversed, &signed_key), 2, "number 2 in it did not sign number 1"),
        (pair(&foreign, &signed_key), 2, "number 3 in it did not sign number 2"),
        (pair(&expired, &here.join("expired.key").display().to_string()), 2, "has expired"),
        (format!("[tls]\ncert = \"{cert}\"\n"), 2, "a certificate needs its key"),
        (format!("[tls]\nkey = \"{key}\"\n"), 2, "a key needs its certificate"),
        ("[tls]\n".to_owned(), 1, "`cert` and `key` are missing in [tls]"),
        (format!("{}client_ca = \"{empty}\"\n", pair(&cert, &key)), 4, "as a list of authorities"),
        (format!("{}client_certificates = \"required\"\n", pair(&cert, &key)), 4, "write `client_ca"),
        (format!("{}client_certificates = \"yes\"\n", pair(&cert, &key)), 4, "neither `required` nor `optional`"),
        (format!("{}certificate = \"x\"\n", pair(&cert, &key)), 4, "unknown key `certificate`"),
    ] {
        let file = here.join("veloflux.toml");
        std::fs::write(&file, &config).expect("a file of ours");
        let path = file.display().to_string();
        for more in [&["--check-config"][..], &[]] {
            let args = [&["serve", "--listen", "127.0.0.1:0", "--config", &path], more].concat();
            let refused = Veloflux::new(here, args).run();
            assert_eq!(refused.code, 2, "{config}{refused:?}");
            let wanted = format!("line {line}: ");
            assert!(refused.stderr.contains(&wanted) && refused.stderr.contains(words), "{config}{}", refused.stderr);
        }
    }
    let fine = Veloflux::new(here, ["serve", "--check-config", "--tls-cert", &cert, "--tls-key", &key]).run();
    assert_eq!(fine.code, 0, "{fine:?}");
    assert!(fine.stdout.contains("tls ") && fine.stdout.contains("days left"), "{fine:?}");
    assert!(fine.stderr.contains("renew it"), "it is good for two days: {fine:?}");
    let wrong = Veloflux::new(here, ["serve", "--check-config", "--tls-cert", &cert]).run();
    assert!(wrong.code == 2 && wrong.stderr.contains("--tls-cert"), "{wrong:?}");
}

#[test]
fn plain_http_is_told_what_is_spoken_and_let_go() {
    let folder = home();
    let server = secured(&certificate::make(folder.path())).start();
    let mut socket = Socket::connect(server.address());
    socket.send(Socket::request(server.address(), &Feed::Metrics.path(), "").as_bytes());
    let answer = socket.response();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("https://"), "{answer:?}");
    socket.finish();
    assert_eq!(socket.ending_within(PATIENCE), Ending::Finished);
    let mut noise = Socket::connect(server.address());
    noise.send(&[0x16, 3, 1, 0xff, 0xff, 0, 0]);
    assert!(noise.is_over_within(TLS_HANDSHAKE_TIMEOUT + Duration::from_secs(3)));
    let refused = metrics(&server);
    assert!(refused.contains("veloflux_refused_total{why=\"not_tls\"} 1"), "{refused}");
}

#[test]
fn a_thousand_who_do_not_finish_the_handshake_stop_nobody_and_are_cut_off() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).start();
    let began = Instant::now();
    let mut silent: Vec<Socket> = (0..1000).map(|_| Socket::connect(server.address())).collect();
    // Half of them begin, and say no more.
    for socket in silent.iter_mut().step_by(2) {
        socket.send(&[0x16, 3, 1]);
    }
    Secured::open(server.address(), Feed::Metrics).json();
    for socket in &mut silent {
        let deadline = TLS_HANDSHAKE_TIMEOUT + PATIENCE;
        assert!(socket.is_over_within(deadline.saturating_sub(began.elapsed()).max(Duration::from_secs(1))));
    }
    assert!(began.elapsed() >= TLS_HANDSHAKE_TIMEOUT - Duration::from_secs(1), "they had their time");
    let counted = metrics(&server);
    assert!(counted.contains("veloflux_refused_total{why=\"tls_timeout\"} 1000"), "{counted}");
}

#[test]
fn requests_are_answered_under_tls_as_without_and_h2_is_not_offered() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).start();
    let text = metrics(&server);
    assert!(text.contains("# EOF"), "{text}");
    // Somebody who wants nothing else gets a clear no.
    let options = TlsOptions { trust: Trust::Anyone, identity: None };
    let config = client_config(&options, Sessions::Fresh, &["h2"]).expect("it needs no file");
    let stream = TcpStream::connect(server.address()).expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = ClientConnection::new(Arc::clone(&config), name).expect("settings that fit");
    let refused = StreamOwned::new(tls, stream).write_all(b"x").expect_err("no protocol in common");
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    // A page of plain HTTP is not of the same origin.
    let own = format!("https://{}", server.address());
    let plain = format!("http://fleet.example:{}", server.address().port());
    for (origin, host, status) in [
        (own.as_str(), server.address().to_string(), 101),
        (&plain, format!("fleet.example:{}", server.address().port()), 421),
    ] {
        let mut socket = Secured::connect(server.address(), None);
        let request = Socket::request(server.address(), &Feed::Metrics.path(), &format!("Origin: {origin}\r\n"));
        let request = request.replace(&format!("Host: {}", server.address()), &format!("Host: {host}"));
        socket.stream.write_all(request.as_bytes()).expect("it reads");
        let line = socket.line_end(b"\r\n");
        assert!(line.contains(&status.to_string()), "{origin}: {line}");
    }
}

#[test]
fn the_dashboard_is_shown_and_its_feeds_come_over_tls() {
    let folder = home();
    let shown = certificate::make(folder.path());
    let server = secured(&shown).start();
    let mut chromium = Command::new(chromium());
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    chromium.args(["--disable-background-networking", "--ignore-certificate-errors", "--remote-debugging-port=0"]);
    chromium.arg(format!("--user-data-dir={}", folder.path().join("profile").display())).arg(https(&server));
    let _browser = Program::start(&mut chromium, folder.path());
    // Its policy lets the page connect to nothing but where it came from.
    eventually(6 * PATIENCE, || {
        let text = metrics(&server);
        let opened = |feed: Feed| !text.contains(&format!("veloflux_connections_opened_total{{feed=\"{feed}\"}} 0"));
        if Feed::ALL.into_iter().all(opened) { Ok(()) } else { Err(text) }
    });
}

/// `/metrics`, over TLS.
fn metrics(server: &TestServer) -> String {
    let mut socket = Secured::connect(server.address(), None);
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.stream.write_all(request.as_bytes()).expect("it reads");
    while socket.fill().expect("an answer") > 0 {}
    String::from_utf8_lossy(&socket.buffer).into_owned()
}
