//! The control API: who may, what may be asked, and what each mistake is told.

use serde_json::{Value, json};
use veloflux::limits::REQUEST_BODY_BYTES_MAX;
use veloflux::protocol::control::{CONTROL_PATH, FORCE_UPDATE_PATH};

use crate::support::http::{self, Response};
use crate::support::server::home;
use crate::support::{PATIENCE, TestServer};

const PATHS: [&str; 2] = [CONTROL_PATH, FORCE_UPDATE_PATH];

fn post(server: &TestServer, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    http::request(server.address(), "POST", path, headers, body)
}

#[test]
fn without_the_token_nothing_is_done() {
    let server = TestServer::start();
    let token = server.token();
    let wrong = format!("Bearer {}", "x".repeat(token.len()));
    let longer = format!("Bearer {token}x");
    let shorter = format!("Bearer {}", &token[1..]);
    let basic = format!("Basic {token}");
    for path in PATHS {
        for headers in [
            &[][..],
            &[("Authorization", "")],
            &[("Authorization", "Bearer")],
            &[("Authorization", "Bearer ")],
            &[("Authorization", &wrong)],
            &[("Authorization", &longer)],
            &[("Authorization", &shorter)],
            &[("Authorization", &basic)],
            &[("Authorization", &token)],
            &[("X-Token", &token)],
        ] {
            let response = post(&server, path, headers, r#"{"action":"pause","type":"all"}"#);
            assert_eq!(response.status, 401, "{path} {headers:?}: {response:?}");
            let challenge = response.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Bearer"), "{response:?}");
            response.error();
        }
    }
    // Nor in the address, where it would stand in logs.
    let response = post(&server, &format!("{CONTROL_PATH}?token={token}"), &[], "");
    assert_eq!(response.status, 401, "{response:?}");
    assert_eq!(server.control("")["paused"], json!([]), "nothing was done");
}

#[test]
fn the_token_of_the_feeds_reads_but_does_not_control() {
    let home = home();
    let file = home.path().join("feed-token");
    std::fs::write(&file, "reader").expect("a file of ours");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a file of ours");
    let config = format!("[auth]\nfeed_token_file = {:?}", file.display().to_string());
    let server = TestServer::builder_in(home).config(&config).start();
    for path in PATHS {
        let response = post(&server, path, &[("Authorization", "Bearer reader")], "");
        assert_eq!(response.status, 403, "{response:?}");
        response.error();
    }
    assert_eq!(server.control("")["control"], "ok");
}

#[test]
fn a_body_is_optional_and_so_is_its_content_type() {
    let server = TestServer::start();
    let bearer = format!("Bearer {}", server.token());
    let lower = format!("bearer {}", server.token());
    for path in PATHS {
        for (headers, body) in [
            (&[("Authorization", bearer.as_str())][..], ""),
            (&[("Authorization", &lower)], ""),
            (&[("Authorization", &bearer), ("Content-Type", "application/json")], ""),
            (&[("Authorization", &bearer), ("Content-Type", "application/json; charset=utf-8")], "{}"),
            (&[("Authorization", &bearer)], "{}"),
            (&[("Authorization", &bearer)], " \n"),
        ] {
            let response = post(&server, path, headers, body);
            assert_eq!(response.status, 200, "{path} {body:?}: {response:?}");
            let kind = response.header("content-type").unwrap_or_default();
            assert!(kind.starts_with("application/json"), "{response:?}");
        }
        // No Content-Length at all, as `curl -X POST` sends it.
        let text =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nConnection: close\r\n\r\n");
        assert_eq!(http::exchange(server.address(), text.as_bytes()).status, 200);
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        assert_eq!(http::exchange(server.address(), chunked.as_bytes()).status, 200);
    }
    assert_eq!(server.control("")["paused"], json!([]), "an empty body changes nothing");
}

#[test]
fn what_is_no_command_is_told_which_key_is_wrong() {
    let server = TestServer::start();
    for (path, body, word) in [
        (CONTROL_PATH, "{", "JSON"),
        (CONTROL_PATH, "[]", "object"),
        (CONTROL_PATH, "\"pause\"", "object"),
        (CONTROL_PATH, r#"{"type":"all"}"#, "`action`"),
        (CONTROL_PATH, r#"{"action":"stop","type":"all"}"#, "`action`"),
        (CONTROL_PATH, r#"{"action":null}"#, "`action`"),
        (CONTROL_PATH, r#"{"action":"pause"}"#, "`type`"),
        (CONTROL_PATH, r#"{"action":"pause","type":"metric"}"#, "`type`"),
        (CONTROL_PATH, r#"{"action":"resume","type":1}"#, "`type`"),
        (FORCE_UPDATE_PATH, "x", "JSON"),
        (FORCE_UPDATE_PATH, "1", "object"),
        (FORCE_UPDATE_PATH, r#"{"type":"metric"}"#, "`type`"),
        (FORCE_UPDATE_PATH, r#"{"type":["metrics"]}"#, "`type`"),
    ] {
        let response = server.post(path, body);
        assert_eq!(response.status, 400, "{path} {body}: {response:?}");
        let (_, message) = response.error();
        assert!(message.contains(word), "{path} {body}: {message}");
    }
    assert_eq!(server.control("")["paused"], json!([]), "nothing was done");
}

#[test]
fn another_method_is_told_which_there_is() {
    let server = TestServer::start();
    let bearer = format!("Bearer {}", server.token());
    for path in PATHS {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let response = http::request(server.address(), method, path, &[("Authorization", &bearer)], "");
            assert_eq!(response.status, 405, "{method} {path}: {response:?}");
            assert_eq!(response.header("allow"), Some("POST"), "{response:?}");
            response.error();
        }
    }
}

#[test]
fn a_body_past_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let server = TestServer::start();
    let bearer = format!("Bearer {}", server.token());
    let body = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    for path in PATHS {
        assert_eq!(server.post(path, &body(REQUEST_BODY_BYTES_MAX)).status, 200);
        let response = server.post(path, &body(REQUEST_BODY_BYTES_MAX + 1));
        assert_eq!(response.status, 413, "{response:?}");
        response.error();
        // Announced and never sent: refused by the announcement, or by patience.
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nContent-Length: 1000000000\r\n\r\n{{"
        );
        let response = http::try_exchange(server.address(), text.as_bytes(), PATIENCE).expect("an answer");
        assert!(matches!(response.status, 408 | 413), "{response:?}");
    }
}

#[test]
fn a_body_that_never_comes_is_given_up() {
    let server = TestServer::start();
    let bearer = format!("Bearer {}", server.token());
    let text = format!(
        "POST {CONTROL_PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nContent-Length: 100\r\n\r\n{{\"action\""
    );
    let response = http::try_exchange(server.address(), text.as_bytes(), PATIENCE).expect("an answer");
    assert_eq!(response.status, 408, "{response:?}");
}

#[test]
fn each_feed_can_be_paused_and_resumed_by_itself_and_all_at_once() {
    let server = TestServer::start();
    let send = |action: &str, what: &str| {
        server.control(&json!({"action": action, "type": what}).to_string())["paused"].clone()
    };
    let all = json!(["backends", "metrics", "status", "billing", "health"]);
    assert_eq!(send("pause", "metrics"), json!(["metrics"]));
    assert_eq!(send("pause", "metrics"), json!(["metrics"]), "twice is once");
    assert_eq!(send("pause", "billing"), json!(["metrics", "billing"]));
    assert_eq!(send("resume", "metrics"), json!(["billing"]));
    assert_eq!(send("pause", "all"), all);
    assert_eq!(server.control(r#"{"action":"check"}"#)["paused"], all);
    assert_eq!(send("resume", "all"), json!([]));
    assert_eq!(send("resume", "all"), json!([]));
}

#[test]
fn force_updates_that_come_together_are_all_answered() {
    let server = TestServer::builder().backend("web", "127.0.0.1:1").start();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| server.force_update(""))).collect();
        asked.into_iter().map(|answer| answer.join().expect("answered")).collect()
    });
    assert!(answers.iter().all(|answer| answer["feeds"].as_array().map(Vec::len) == Some(5)), "{answers:?}");
}

#[test]
fn a_generated_token_is_for_this_user_only_and_stays_the_same() {
    let server = TestServer::start();
    let (token, home) = (server.token(), server.home());
    let file = home.path().join("state/token");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("the token file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(token.len() >= 32, "long enough not to be guessed");
    assert_ne!(token, TestServer::start().token());
    drop(server);
    let again = TestServer::builder_in(home).start();
    assert_eq!(again.token(), token);
    assert_eq!(again.control("")["control"], "ok");
}

#[test]
fn a_token_never_reaches_a_log() {
    let given = "given-token-0123456789abcdef";
    let server = TestServer::builder().token(given).env("VELOFLUX_LOG", "trace").start();
    server.control(r#"{"action":"pause","type":"metrics"}"#);
    server.force_update("");
    for token in ["almost-the-token", given] {
        let header = format!("Bearer {token}");
        post(&server, CONTROL_PATH, &[("Authorization", &header)], "{");
        post(&server, "/nowhere", &[("Authorization", &header)], "");
        http::request(server.address(), "GET", "/api/ws/metrics", &[("Authorization", &header)], "");
    }
    let said = server.stderr();
    assert!(!said.is_empty(), "at `trace` there is a log");
    assert!(!said.contains(given) && !said.contains("almost-the-token"), "{said}");

    let generated = TestServer::builder().env("VELOFLUX_LOG", "trace").start();
    generated.control("");
    assert!(!generated.stderr().contains(&generated.token()), "{}", generated.stderr());
}
