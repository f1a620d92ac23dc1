//! A token that is taken off the roll: who stands on it is sent away, whoever does not stays.

use super::*;

/// What is said last to whoever is sent away.
const REVOKED: (u16, &str) = (4401, "the token was revoked");

/// A server with a roll of `role name` rows; the token of `name` is `name-token`. It takes JSON Web Tokens, too.
fn enrolled(rows: &[&str]) -> TestServer {
    let home = home();
    put(&home, rows);
    let (roll, key) = (home.path().join("roll"), home.path().join("secret"));
    std::fs::write(&key, SECRET).expect("a file of ours");
    let config = format!("[auth]\ntokens_file = {roll:?}\n[auth.jwt]\nalgorithms = [\"HS256\"]\nkey_file = {key:?}\n");
    TestServer::builder_in(home).config(&config).start()
}

/// Puts another roll in place.
fn put(home: &Home, rows: &[&str]) {
    let row = |row: &&str| {
        let (_, name) = row.split_once(' ').expect("a role and a name");
        format!("{} {row}\n", hash(&format!("{name}-token")))
    };
    let aside = home.path().join("aside");
    std::fs::write(&aside, rows.iter().map(row).collect::<String>()).expect("a file of ours");
    std::fs::rename(aside, home.path().join("roll")).expect("a file of ours");
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn opened(server: &TestServer, path: &str, more: &str) -> Socket {
    let (mut socket, response) = upgrade(server, path, more);
    assert_eq!(response.status, 101, "{path}: {response:?}");
    socket.json();
    socket
}

/// Says a token on an open connection, and waits until it was looked at.
fn say(socket: &mut Socket, token: &str) {
    socket.send_text(&json!({"type": "auth", "token": token}).to_string());
    socket.send_text(r#"{"type":"ping","timestamp":1}"#);
    let answer = socket
        .json_until(PATIENCE, |message| ["pong", "error"].contains(&message["type"].as_str().unwrap_or_default()));
    assert_eq!(answer["type"], "pong", "{answer}");
}

fn ticket(server: &TestServer, token: &str) -> String {
    let headers = [("Authorization", format!("Bearer {token}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = http::request(server.address(), "POST", TICKET_PATH, &headers, "").json();
    answer["ticket"].as_str().expect("a ticket").to_owned()
}

fn farewell(socket: &mut Socket) -> (u16, String) {
    let frame = socket.close_frame_within(PATIENCE);
    let (code, words) = frame.payload.split_at(2);
    (u16::from_be_bytes([code[0], code[1]]), String::from_utf8_lossy(words).into_owned())
}

#[test]
fn whoever_stands_on_a_token_that_is_taken_off_is_sent_away_and_nobody_else() {
    let server = enrolled(&["viewer wall", "admin ana"]);
    let jwt = hs256(&claims(json!({})));
    let metrics = "/api/ws/metrics";
    let (wall, ana) = (bearer("wall-token"), bearer("ana-token"));
    let unused = ticket(&server, "wall-token");
    let used = format!("{metrics}?ticket={}", ticket(&server, "wall-token"));

    let (mut said, response) = upgrade(&server, metrics, "Sec-WebSocket-Protocol: veloflux.v1\r\n");
    assert_eq!(response.status, 101, "{response:?}");
    say(&mut said, "wall-token");
    let mut downgraded = opened(&server, metrics, &bearer(&jwt));
    say(&mut downgraded, "wall-token");
    let mut events = Events::open(&server, "/api/events/metrics", &wall);
    let mut leaving = [
        opened(&server, metrics, &wall),
        opened(&server, "/api/ws?feeds=metrics,status", &wall),
        opened(&server, metrics, "Sec-WebSocket-Protocol: veloflux.v1, bearer.wall-token\r\n"),
        opened(&server, &used, ""),
        said,
        downgraded,
    ];

    let (mut by_jwt, mut by_roll) = (opened(&server, metrics, &wall), opened(&server, metrics, &wall));
    say(&mut by_jwt, &jwt);
    say(&mut by_roll, "ana-token");
    let mut still = Events::open(&server, "/api/events/metrics", &ana);
    let control = bearer(&server.token());
    let mut staying = [
        by_jwt,
        by_roll,
        opened(&server, metrics, &ana),
        opened(&server, metrics, &bearer(&jwt)),
        opened(&server, metrics, &control),
    ];

    // Whoever stays may do less from now on, and reads all the same.
    put(&server.home(), &["viewer ana", "operator new"]);
    let answer = server.control(r#"{"action":"reload"}"#);
    let removed = "token of `wall` removed; connections that stand on it are closed";
    assert_eq!(answer["changes"], json!(["token of `new` added", removed, "token of `ana` changed"]));
    for (index, socket) in leaving.iter_mut().enumerate() {
        let (code, words) = farewell(socket);
        assert_eq!((code, words.as_str()), REVOKED, "number {index}");
    }
    while events.next().is_some() {}
    for path in [metrics.to_owned(), format!("{metrics}?ticket={unused}")] {
        assert_eq!(upgrade(&server, &path, &wall).1.status, 401, "{path}");
    }
    assert_eq!(
        upgrade(&server, &format!("{metrics}?ticket={unused}"), "").1.status,
        401,
        "a ticket stands for its holder"
    );
    let headers = [("Authorization", format!("Bearer {}", server.token()))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let counts = http::request(server.address(), "GET", "/metrics", &headers, "").body;
    for line in [
        "veloflux_credentials_refused_total{at=\"open\",why=\"revoked\"} 7",
        "veloflux_connections_closed_total{code=\"4401\"} 6",
    ] {
        assert!(counts.lines().any(|counted| counted == line), "{line}: {counts}");
    }
    let after = opened(&server, metrics, &control).json()["id"].clone();
    for socket in &mut staying {
        socket.json_until(PATIENCE, |message| message["id"] == after);
    }
    while still.next().expect("it goes on").id.as_deref() != after.as_str() {}
}

#[test]
fn the_roll_is_read_when_it_changes_and_a_wrong_one_takes_nothing_away() {
    let server = enrolled(&["viewer wall", "viewer board"]);
    let open = |name: &str| opened(&server, "/api/ws/status", &bearer(&format!("{name}-token")));
    let (mut wall, mut board) = (open("wall"), open("board"));
    let reload = || server.post(CONTROL_PATH, r#"{"action":"reload"}"#);
    put(&server.home(), &["nobody wall"]);
    assert_eq!(reload().status, 409);
    say(&mut wall, "wall-token");

    put(&server.home(), &["viewer board"]);
    assert_eq!(farewell(&mut wall).1, REVOKED.1, "without anybody having asked");
    // It is put on again: that is for whoever comes, and ends with the next time it is taken off.
    put(&server.home(), &["viewer board", "viewer wall"]);
    eventually(PATIENCE, || match reads(&server, "wall-token") {
        101 => Ok(()),
        other => Err(other.to_string()),
    });
    let mut again = open("wall");
    put(&server.home(), &["viewer board"]);
    server.signal(Signal::HUP);
    assert_eq!(farewell(&mut again).1, REVOKED.1);
    say(&mut board, "board-token");
}

#[test]
fn a_key_that_is_retired_opens_nothing_and_ends_nothing() {
    let server = enrolled(&["viewer wall"]);
    let (path, jwt) = ("/api/ws/metrics", hs256(&claims(json!({}))));
    let mut socket = opened(&server, path, &bearer(&jwt));
    let file = server.home().path().join("secret");
    std::fs::write(file, b"another secret, which is as long as it has to be").expect("a file of ours");
    assert_eq!(server.control(r#"{"action":"reload"}"#)["changes"], json!([]));
    assert_eq!(reads(&server, &jwt), 401);
    let after = opened(&server, path, &bearer("wall-token")).json()["id"].clone();
    socket.json_until(PATIENCE, |message| message["id"] == after);
}

#[test]
fn a_roll_that_is_gone_takes_nothing_away_and_the_status_says_so() {
    let server = enrolled(&["viewer wall"]);
    let mut wall = opened(&server, "/api/ws/metrics", &bearer("wall-token"));
    let control = format!("Bearer {}", server.token());
    let reasons = || {
        let headers = [("Authorization", control.as_str())];
        http::request(server.address(), "GET", "/api/status", &headers, "").json()["data"]["reasons"].to_string()
    };
    let says = |wanted: bool| {
        eventually(PATIENCE, || match reasons() {
            reasons if reasons.contains("still hold") == wanted => Ok(reasons),
            reasons => Err(reasons),
        })
    };
    std::fs::remove_file(server.home().path().join("roll")).expect("a file of ours");
    assert!(says(true).contains("roll`"), "it is named: {}", reasons());
    say(&mut wall, "wall-token");
    put(&server.home(), &["viewer board"]);
    assert_eq!(farewell(&mut wall).1, REVOKED.1);
    says(false);
}
