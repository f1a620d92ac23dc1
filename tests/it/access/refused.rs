//! Credentials that are refused are counted: where, and why.

use std::collections::BTreeMap;

use super::*;

/// Every row of the metric, and how many there were.
fn counts(server: &TestServer) -> BTreeMap<(String, String), u64> {
    let headers = [("Authorization", format!("Bearer {}", server.token()))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let text = http::request(server.address(), "GET", "/metrics", &headers, "").body;
    assert!(text.contains("# TYPE veloflux_credentials_refused counter"), "{text}");
    let row = |line: &str| {
        let (labels, count) = line.strip_prefix("veloflux_credentials_refused_total{at=\"")?.split_once("\"} ")?;
        let (at, why) = labels.split_once("\",why=\"")?;
        Some(((at.to_owned(), why.to_owned()), count.parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

/// Does something and gives what was counted meanwhile: where, why, and how often.
fn counted(server: &TestServer, what: impl FnOnce()) -> Vec<(String, String, u64)> {
    let before = counts(server);
    what();
    let more = |((at, why), count): ((String, String), u64)| {
        let more = count - before[&(at.clone(), why.clone())];
        (more > 0).then_some((at, why, more))
    };
    counts(server).into_iter().filter_map(more).collect()
}

#[test]
fn each_refusal_of_a_credential_is_counted_once_where_and_why() {
    let server = guarded("", "");
    let post = |path: &str, token: Option<&str>, status: u16| {
        let value = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = value.iter().map(|value| ("Authorization", value.as_str())).collect();
        assert_eq!(http::request(server.address(), "POST", path, &headers, "").status, status, "{path} {token:?}");
    };
    let get = |path: &str, more: &str, status: u16| {
        assert_eq!(Events::ask(&server, path, more).head.status, status, "{path}")
    };
    let open =
        |path: &str, more: &str, status: u16| assert_eq!(upgrade(&server, path, more).1.status, status, "{path}");
    let viewer = hs256(&claims(json!({})));
    let narrow = hs256(&claims(json!({"scope": "feed:status"})));
    let old = hs256(&json!({"exp": now() - TOKEN_LEEWAY.as_secs() - 5}));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let say = |token: &str, code: u16| {
        let (mut socket, _) = upgrade(&server, "/api/ws/metrics", "Sec-WebSocket-Protocol: veloflux.v1\r\n");
        socket.send_text(&json!({"type": "auth", "token": token}).to_string());
        assert_eq!(close_code(&mut socket), code);
    };
    let (feed, push) = ("/api/ws/metrics", "/api/sources/deploys");
    let cases: [(&str, &str, &dyn Fn()); 19] = [
        ("feeds", "missing", &|| open(feed, "", 401)),
        ("feeds", "unknown", &|| open(feed, &bearer("guess"), 401)),
        ("feeds", "unknown", &|| open(&format!("{feed}?ticket=guess"), "", 401)),
        ("feeds", "unknown", &|| open(&format!("{feed}?token={viewer}"), "", 401)),
        ("feeds", "expired", &|| open(feed, &bearer(&old), 401)),
        ("feeds", "forbidden", &|| open("/api/ws?feeds=metrics,status", &bearer(&narrow), 403)),
        ("feeds", "missing", &|| get("/api/metrics", "", 401)),
        ("feeds", "unknown", &|| get("/api/events/metrics", &bearer("guess"), 401)),
        ("feeds", "forbidden", &|| get("/metrics", &bearer(&narrow), 403)),
        ("control", "missing", &|| post(CONTROL_PATH, None, 401)),
        ("control", "unknown", &|| post(CONTROL_PATH, Some("guess"), 401)),
        ("control", "forbidden", &|| post("/api/ws/force-update", Some(&viewer), 403)),
        ("push", "unknown", &|| post(push, Some("guess"), 401)),
        ("push", "forbidden", &|| post(push, Some(&viewer), 403)),
        ("ticket", "expired", &|| post(TICKET_PATH, Some(&old), 401)),
        ("message", "unknown", &|| say("guess", 4401)),
        ("message", "expired", &|| say(&old, 4401)),
        ("message", "forbidden", &|| say(&narrow, 4403)),
        ("message", "missing", &|| {
            let (mut silent, _) = upgrade(&server, feed, "Sec-WebSocket-Protocol: veloflux.v1\r\n");
            assert_eq!(close_code(&mut silent), 4401);
        }),
    ];
    for (at, why, what) in cases {
        assert_eq!(counted(&server, what), [(at.to_owned(), why.to_owned(), 1)]);
    }
    // Whoever is let in is not counted, nor is what is wrong with a command.
    let good = counted(&server, || {
        open(feed, &bearer(&viewer), 101);
        post(TICKET_PATH, Some(&viewer), 200);
        post(CONTROL_PATH, Some(&server.token()), 200);
        post(push, Some(&server.token()), 404);
    });
    assert_eq!(good, []);
}

#[test]
fn a_token_that_ends_or_is_refused_on_an_open_connection_is_counted() {
    let server = guarded("", "");
    let path = "/api/ws/metrics";
    let more = counted(&server, || {
        let ends_soon = hs256(&json!({"exp": now() - TOKEN_LEEWAY.as_secs() + 3}));
        let bearer = format!("Authorization: Bearer {ends_soon}\r\n");
        let (mut socket, _) = upgrade(&server, path, &bearer);
        let mut events = Events::open(&server, "/api/events/metrics", &bearer);
        socket.send_text(r#"{"type":"auth","token":"guess"}"#);
        assert_eq!(close_code(&mut socket), 4401);
        while events.next().is_some() {}
    });
    let row = |at: &str, why: &str, count| (at.to_owned(), why.to_owned(), count);
    assert_eq!(more, [row("message", "unknown", 1), row("open", "expired", 2)]);
}
