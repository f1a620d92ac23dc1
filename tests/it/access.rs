//! Who gets in: JSON Web Tokens of every algorithm, in every place they may stand, until they expire; tickets, the roll.

mod refused;
mod revoked;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustix::process::Signal;
use serde_json::{Value, json};
use veloflux::limits::TOKEN_LEEWAY;
use veloflux::protocol::Feed;
use veloflux::protocol::control::{CONTROL_PATH, TICKET_PATH};

use crate::support::http::{self, Response};
use crate::support::server::{Home, home};
use crate::support::wait::eventually;
use crate::support::{Events, PATIENCE, Socket, TestServer};

const SECRET: &[u8] = b"a secret that is long enough for HS256";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Claims that hold for an hour.
fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": "ana", "exp": now() + 3600});
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

fn hs256(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).expect("a token")
}

/// A server that takes HS256 tokens, and more settings of `[auth]` before and `[auth.jwt]` after.
fn guarded(auth: &str, jwt: &str) -> TestServer {
    let home = home();
    let file = home.path().join("secret");
    std::fs::write(&file, SECRET).expect("a file of ours");
    let mut config = format!("[auth]\n{auth}\n");
    write!(config, "[auth.jwt]\nalgorithms = [\"HS256\"]\nkey_file = {file:?}\n{jwt}").expect("text");
    TestServer::builder_in(home).config(&config).start()
}

fn upgrade(server: &TestServer, path: &str, more: &str) -> (Socket, Response) {
    let mut socket = Socket::connect(server.address());
    socket.send(Socket::request(server.address(), path, more).as_bytes());
    let response = socket.response();
    (socket, response)
}

fn reads(server: &TestServer, token: &str) -> u16 {
    upgrade(server, "/api/ws/metrics", &format!("Authorization: Bearer {token}\r\n")).1.status
}

/// The hash of a token, as it stands on a roll.
fn hash(token: &str) -> String {
    let command = format!("printf %s {token} | sha256sum | cut -d' ' -f1");
    let made = Command::new("sh").args(["-c", &command]).output().expect("a shell");
    String::from_utf8(made.stdout).expect("hex").trim().to_owned()
}

fn close_code(socket: &mut Socket) -> u16 {
    let frame = socket.close_frame_within(PATIENCE);
    u16::from_be_bytes([frame.payload[0], frame.payload[1]])
}

/// A key pair of `openssl`: the private half, and the file of the public one.
fn key_pair(home: &Home, name: &str, options: &[&str]) -> (Vec<u8>, PathBuf) {
    let (private, public) = (home.path().join(format!("{name}.key")), home.path().join(format!("{name}.pub")));
    let run = |args: &[&str], from: Option<&Path>, to: &Path| {
        let mut command = Command::new("openssl");
        command.args(args).arg("-out").arg(to);
        if let Some(from) = from {
            command.arg("-in").arg(from);
        }
        let made = command.output().expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
    };
    run(&[&["genpkey", "-algorithm"], options].concat(), None, &private);
    run(&["pkey", "-pubout"], Some(&private), &public);
    (std::fs::read(private).expect("a key"), public)
}

#[test]
fn each_algorithm_opens_with_its_key_and_with_no_other() {
    let home = home();
    let rsa = ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let ec = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let from_rsa: fn(&[u8]) -> EncodingKey = |pem| EncodingKey::from_rsa_pem(pem).expect("a key");
    let from_ec: fn(&[u8]) -> EncodingKey = |pem| EncodingKey::from_ec_pem(pem).expect("a key");
    let from_ed: fn(&[u8]) -> EncodingKey = |pem| EncodingKey::from_ed_pem(pem).expect("a key");
    for (algorithm, options, read) in [
        (Algorithm::RS256, &rsa[..], from_rsa),
        (Algorithm::ES256, &ec[..], from_ec),
        (Algorithm::EdDSA, &["ed25519"][..], from_ed),
    ] {
        let name = format!("{algorithm:?}");
        let (private, public) = key_pair(&home, &name, options);
        let (stranger, _) = key_pair(&home, &format!("{name}-other"), options);
        let config = format!("[auth.jwt]\nalgorithms = [{name:?}]\nkey_file = {public:?}");
        let server = TestServer::builder_in(Arc::clone(&home)).config(&config).start();
        let sign =
            |algorithm, key: &EncodingKey| encode(&Header::new(algorithm), &claims(json!({})), key).expect("a token");
        assert_eq!(reads(&server, &sign(algorithm, &read(&private))), 101, "{name}");
        assert_eq!(reads(&server, &sign(algorithm, &read(&stranger))), 401, "{name}: another key");
        // The oldest trick: the public key as the secret of an HMAC.
        let known = EncodingKey::from_secret(&std::fs::read(&public).expect("a key"));
        assert_eq!(reads(&server, &sign(Algorithm::HS256, &known)), 401, "{name}: confused");
        assert_eq!(reads(&server, &server.token()), 101, "the control token still reads");
    }
}

#[test]
fn a_token_is_taken_from_a_header_a_subprotocol_or_a_ticket_and_not_from_the_address() {
    let server = guarded("", "");
    let token = hs256(&claims(json!({})));
    assert_eq!(upgrade(&server, "/api/ws/metrics", "").1.status, 401);
    assert_eq!(reads(&server, &token), 101);

    let protocols = format!("Sec-WebSocket-Protocol: veloflux.v1, bearer.{token}\r\n");
    let (mut socket, response) = upgrade(&server, "/api/ws/metrics", &protocols);
    assert_eq!(response.status, 101, "{response:?}");
    assert_eq!(response.header("sec-websocket-protocol"), Some("veloflux.v1"), "never the token");
    assert_eq!(socket.json()["type"], "metrics");

    let ticket =
        || http::request(server.address(), "POST", TICKET_PATH, &[("Authorization", &format!("Bearer {token}"))], "");
    let answer = ticket();
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{answer:?}");
    assert_eq!(answer.json()["expires_in"], 30);
    let path = format!("/api/ws/metrics?ticket={}", answer.json()["ticket"].as_str().expect("text"));
    // A handshake that a proxy has spoilt does not take it, and who may not read is told so by a plain request, too: a browser
    // does not show its page why a handshake was refused.
    assert_eq!((server.get(&path).status, server.get("/api/ws/metrics").status), (426, 401));
    assert_eq!(server.get("/api/ws/metrics?ticket=none").status, 401);
    assert_eq!(upgrade(&server, &path, "").1.status, 101);
    assert_eq!(upgrade(&server, &path, "").1.status, 401, "it opens once");
    assert_eq!(http::request(server.address(), "POST", TICKET_PATH, &[], "").status, 401);

    let (_, refused) = upgrade(&server, &format!("/api/ws/metrics?token={token}"), "");
    assert_eq!(refused.status, 401);
    assert!(refused.error().1.contains("POST /api/ws/ticket"), "{refused:?}");
    let open = guarded("query_tokens = true", "");
    assert_eq!(upgrade(&open, &format!("/api/ws/metrics?token={token}"), "").1.status, 101);
    for server in [server, open] {
        assert!(!server.stderr().contains(&token), "a token stands in the log");
    }
}

#[test]
fn a_client_that_can_send_nothing_else_says_its_token_first() {
    let server = guarded("", "");
    let token = hs256(&claims(json!({})));
    let open = || {
        let (socket, response) = upgrade(&server, "/api/ws/status", "Sec-WebSocket-Protocol: veloflux.v1\r\n");
        assert_eq!(response.status, 101, "{response:?}");
        socket
    };
    let mut good = open();
    good.send_text(r#"{"type":"ping","timestamp":1}"#);
    assert_eq!(good.json()["type"], "pong", "nothing of the feed before it");
    good.send_text(&json!({"type": "auth", "token": token}).to_string());
    assert_eq!(good.json()["type"], "status");
    let mut glued = Socket::connect(server.address());
    let auth = crate::support::Frame::text(json!({"type": "auth", "token": token}).to_string()).bytes();
    let request = Socket::request(server.address(), "/api/ws/status", "Sec-WebSocket-Protocol: veloflux.v1\r\n");
    glued.send(&[request.as_bytes(), &auth].concat());
    assert_eq!(glued.response().status, 101);
    assert_eq!(glued.json()["type"], "status");

    let mut wrong = open();
    wrong.send_text(r#"{"type":"auth","token":"a.b.c"}"#);
    assert_eq!(close_code(&mut wrong), 4401);
    let mut narrow = open();
    narrow.send_text(&json!({"type": "auth", "token": hs256(&claims(json!({"scope": "feed:metrics"})))}).to_string());
    assert_eq!(close_code(&mut narrow), 4403);
    // Silent until the deadline.
    assert_eq!(close_code(&mut open()), 4401);
}

#[test]
fn a_connection_ends_with_its_token_and_a_fresh_one_prolongs_it() {
    let server = guarded("", "");
    let ends_soon = || hs256(&json!({"exp": now() - TOKEN_LEEWAY.as_secs() + 3}));
    let open = |token: &str| upgrade(&server, "/api/ws/metrics", &format!("Authorization: Bearer {token}\r\n")).0;
    let mut ending = open(&ends_soon());
    let mut going_on = open(&ends_soon());
    let mut refused = open(&ends_soon());
    going_on.send_text(&json!({"type": "auth", "token": hs256(&claims(json!({})))}).to_string());
    refused.send_text(&json!({"type": "auth", "token": hs256(&claims(json!({"scope": "feed:status"})))}).to_string());
    let told = std::iter::repeat_with(|| refused.json()).find(|message| message["type"] == "error");
    assert_eq!(told.expect("an answer")["data"]["code"], "token_refused");
    assert_eq!(close_code(&mut ending), 4401);
    assert_eq!(close_code(&mut refused), 4401, "the first token held as long as it did");
    // Two cadences later the other is still there.
    let begin = std::time::Instant::now();
    while begin.elapsed() < 2 * Feed::Metrics.cadence() {
        assert_eq!(going_on.json()["type"], "metrics");
    }
}

#[test]
fn roles_and_scopes_say_what_may_be_done() {
    let server = guarded("", "audience = \"fleet\"\nissuer = \"us\"");
    let token = |more: Value| {
        let mut all = claims(json!({"aud": "fleet", "iss": "us"}));
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        hs256(&all)
    };
    let status =
        |path: &str, token: &str| upgrade(&server, path, &format!("Authorization: Bearer {token}\r\n")).1.status;
    let pause = |token: &str| {
        let headers = [("Authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        http::request(server.address(), "POST", CONTROL_PATH, &headers, r#"{"action":"pause","type":"billing"}"#)
    };
    for (more, metrics, billing, control) in [
        (json!({}), 101, 101, 403),
        (json!({"scope": "feed:metrics"}), 101, 403, 403),
        (json!({"role": "operator", "scp": ["feed:billing"]}), 403, 101, 200),
        (json!({"roles": ["viewer", "admin"]}), 101, 101, 200),
        (json!({"role": "root"}), 401, 401, 401),
        (json!({"aud": "shop"}), 401, 401, 401),
        (json!({"iss": "them"}), 401, 401, 401),
        (json!({"exp": now() - TOKEN_LEEWAY.as_secs() - 5}), 401, 401, 401),
    ] {
        let token = token(more.clone());
        assert_eq!(status("/api/ws/metrics", &token), metrics, "{more}");
        assert_eq!(status("/api/ws/billing", &token), billing, "{more}");
        let answer = pause(&token);
        assert_eq!(answer.status, control, "{more}: {answer:?}");
        if control != 200 {
            answer.error();
        }
    }
}

#[test]
fn a_socket_of_several_feeds_wants_a_token_that_reads_every_one() {
    let server = guarded("", "");
    let token = hs256(&claims(json!({"scope": "feed:metrics feed:status"})));
    for (query, status) in [("?feeds=metrics,status", 101), ("?feeds=metrics,billing", 403), ("", 403)] {
        let (_, answer) = upgrade(&server, &format!("/api/ws{query}"), &format!("Authorization: Bearer {token}\r\n"));
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    assert_eq!(upgrade(&server, "/api/ws?feeds=metrics", "").1.status, 401);
    let say = |query: &str| {
        let path = format!("/api/ws{query}");
        let (mut socket, response) = upgrade(&server, &path, "Sec-WebSocket-Protocol: veloflux.v1\r\n");
        assert_eq!(response.status, 101, "{response:?}");
        socket.send_text(&json!({"type": "auth", "token": token}).to_string());
        socket
    };
    let mut allowed = say("?feeds=status,metrics");
    let mut kinds = [allowed.json()["type"].to_string(), allowed.json()["type"].to_string()];
    kinds.sort();
    assert_eq!(kinds, ["\"metrics\"", "\"status\""]);
    assert_eq!(close_code(&mut say("?feeds=metrics,billing")), 4403);
}

#[test]
fn an_event_stream_and_a_plain_message_want_the_same_token_and_a_stream_ends_with_it() {
    let server = guarded("", "");
    let bearer = |claims: &Value| format!("Authorization: Bearer {}\r\n", hs256(claims));
    let events = |more: &str| Events::ask(&server, "/api/events/billing", more).head.status;
    let plain = |more: &str| Events::ask(&server, "/api/billing", more).head.status;
    for (more, status) in [
        (String::new(), 401),
        (bearer(&claims(json!({"scope": "feed:status"}))), 403),
        (bearer(&claims(json!({"scope": "feed:billing"}))), 200),
    ] {
        assert_eq!((events(&more), plain(&more)), (status, status), "{more}");
    }
    // The server's own metrics tell of every feed.
    let telemetry = |more: &str| Events::ask(&server, "/metrics", more).head.status;
    assert_eq!(telemetry(&bearer(&claims(json!({"scope": "feed:billing"})))), 403);
    assert_eq!(telemetry(&bearer(&claims(json!({})))), 200);
    // A browser's `EventSource` can set no header.
    let headers = [("Authorization", format!("Bearer {}", hs256(&claims(json!({})))))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ticket = http::request(server.address(), "POST", TICKET_PATH, &headers, "").json();
    let path = format!("/api/events/billing?ticket={}", ticket["ticket"].as_str().expect("a ticket"));
    assert_eq!(Events::ask(&server, &path, "").head.status, 200);
    assert_eq!(Events::ask(&server, &path, "").head.status, 401, "a ticket opens once");

    let mut ending =
        Events::open(&server, "/api/events/billing", &bearer(&json!({"exp": now() - TOKEN_LEEWAY.as_secs() + 3})));
    while ending.next().is_some() {}
}

#[test]
fn a_roll_holds_hashes_of_static_tokens() {
    let home = home();
    let file = home.path().join("tokens");
    let roll = format!("{} operator deploys\n{} viewer wall\n", hash("deploy-token"), hash("wall-token"));
    std::fs::write(&file, &roll).expect("a file of ours");
    let server = TestServer::builder_in(home).config(&format!("[auth]\ntokens_file = {file:?}")).start();
    let control = |token: &str| {
        http::request(server.address(), "POST", CONTROL_PATH, &[("Authorization", &format!("Bearer {token}"))], "")
            .status
    };
    assert_eq!((reads(&server, "wall-token"), control("wall-token")), (101, 403));
    assert_eq!((reads(&server, "deploy-token"), control("deploy-token")), (101, 200));
    assert_eq!((reads(&server, "wall-tokens"), control("wall-tokens")), (401, 401));

    // A token is taken off, and another put on, while the server runs.
    let other = roll.lines().skip(1).collect::<String>();
    std::fs::write(&file, format!("{other}\n{} viewer new\n", hash("new-token"))).expect("a file of ours");
    let answer = server.control(r#"{"action":"reload"}"#);
    let removed = "token of `deploys` removed; connections that stand on it are closed";
    assert_eq!(answer["changes"], json!(["token of `new` added", removed]), "{answer}");
    assert_eq!((reads(&server, "deploy-token"), control("deploy-token")), (401, 401));
    assert_eq!((reads(&server, "wall-token"), reads(&server, "new-token")), (101, 101));
}

/// A key of `openssl` and its row in a key set.
fn jwk(home: &Home, name: &str) -> (EncodingKey, Jwk) {
    let (private, _) = key_pair(home, name, &["ed25519"]);
    let key = EncodingKey::from_ed_pem(&private).expect("a key");
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a public half");
    jwk.common.key_id = Some(name.to_owned());
    (key, jwk)
}

#[test]
fn a_key_set_is_fetched_and_rotated_and_held_while_its_server_is_away() {
    let home = home();
    let (old, old_row) = jwk(&home, "old");
    let (new, new_row) = jwk(&home, "new");
    let answer = Arc::new(Mutex::new(None::<String>));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = Arc::clone(&answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut buffer = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut buffer);
            let body = served.lock().expect("no panic").clone();
            let text = match body {
                Some(body) => {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                }
                None => "HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            };
            let _ = std::io::Write::write_all(&mut stream, text.as_bytes());
        }
    });
    let serve = |rows: Option<&[&Jwk]>| {
        let set = rows.map(|rows| JwkSet { keys: rows.iter().map(|row| (*row).clone()).collect() });
        *answer.lock().expect("no panic") = set.map(|set| serde_json::to_string(&set).expect("JSON"));
    };
    let config = format!("[auth.jwt]\nalgorithms = [\"EdDSA\"]\njwks_url = \"http://{address}/keys\"");
    let server = TestServer::builder_in(home).config(&config).start();
    let token = |key: &EncodingKey, name: &str| {
        let header = Header { kid: Some(name.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims(json!({})), key).expect("a token")
    };
    let (by_old, by_new) = (token(&old, "old"), token(&new, "new"));
    assert_eq!(reads(&server, &by_old), 503, "nobody can tell without keys");
    serve(Some(&[&old_row]));
    let becomes = |token: &str, status: u16| {
        eventually(2 * PATIENCE, || match reads(&server, token) {
            now if now == status => Ok(()),
            now => Err(format!("{now}, not {status}")),
        });
    };
    becomes(&by_old, 101);
    assert_eq!(reads(&server, &by_new), 401);
    serve(Some(&[&old_row, &new_row]));
    becomes(&by_new, 101);
    serve(None);
    assert_eq!(reads(&server, &token(&new, "unheard-of")), 401);
    assert_eq!((reads(&server, &by_old), reads(&server, &by_new)), (101, 101), "what was fetched holds");
    let forged = token(&old, "new");
    assert_eq!(reads(&server, &forged), 401, "the name of another key");
}

#[test]
fn whoever_hangs_up_leaves_the_keys_to_the_others() {
    let home = home();
    let (key, row) = jwk(&home, "one");
    let keys = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", keys.local_addr().expect("an address"));
    let config = format!("[auth.jwt]\nalgorithms = [\"EdDSA\"]\njwks_url = \"{url}\"");
    let server = TestServer::builder_in(home).config(&config).start();
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims(json!({})), &key).expect("a token");
    let mut impatient = Socket::connect(server.address());
    let bearer = format!("Authorization: Bearer {token}\r\n");
    impatient.send(Socket::request(server.address(), "/api/ws/metrics", &bearer).as_bytes());
    let (mut asked, _) = keys.accept().expect("the server asks for keys");
    drop(impatient);
    // That it has hung up is known before the keys come.
    assert_eq!(server.get("/livez").status, 200);
    let set = serde_json::to_string(&JwkSet { keys: vec![row] }).expect("JSON");
    let _ = std::io::Read::read(&mut asked, &mut [0; 4096]);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{set}", set.len());
    std::io::Write::write_all(&mut asked, answer.as_bytes()).expect("it listens");
    drop(asked);
    // Nobody answers a second time.
    drop(keys);
    eventually(PATIENCE, || match reads(&server, &token) {
        101 => Ok(()),
        other => Err(other.to_string()),
    });
}

#[test]
fn whoever_has_not_said_its_token_yet_is_sent_away_and_counted() {
    let mut server = guarded("", "");
    let silent = |server: &TestServer| {
        let (socket, response) = upgrade(server, "/api/ws/metrics", "Sec-WebSocket-Protocol: veloflux.v1\r\n");
        assert_eq!(response.status, 101, "{response:?}");
        socket
    };
    let mut wrong = silent(&server);
    wrong.send_text(&json!({"type": "auth", "token": "nobody"}).to_string());
    assert_eq!(close_code(&mut wrong), 4401);
    let headers = [("Authorization", format!("Bearer {}", hs256(&claims(json!({})))))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let metrics = http::request(server.address(), "GET", "/metrics", &headers, "").body;
    let line = "veloflux_connections_closed_total{code=\"4401\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let mut waiting = silent(&server);
    server.signal(Signal::USR2);
    assert_eq!(close_code(&mut waiting), 1012);
    drop(waiting);
    assert_eq!(server.exit_within(PATIENCE).code(), Some(0));
    assert!(!server.stderr().contains("drain deadline"), "{}", server.stderr());
}
