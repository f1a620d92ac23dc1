//! Browsers tell where a page came from; pages of strangers are kept out.

use veloflux::protocol::Feed;

use crate::support::{Socket, TestServer, http};

/// The status of a handshake with this origin.
fn handshake(server: &TestServer, more: &str) -> u16 {
    let text = Socket::request(server.address(), &Feed::Metrics.path(), more);
    http::exchange(server.address(), text.as_bytes()).status
}

#[test]
fn the_same_origin_loopback_and_none_are_let_in_and_strangers_are_not() {
    let server = TestServer::start();
    let own = format!("http://{}", server.address());
    let port = server.address().port();
    let sub = format!("http://{}.evil.example", server.address());
    for (origin, status) in [
        (None, 101),
        (Some(own.as_str()), 101),
        (Some("http://localhost"), 101),
        (Some("http://localhost:3000"), 101),
        (Some("https://localhost:8443"), 101),
        (Some("http://127.0.0.1:5173"), 101),
        (Some("http://127.8.9.10:80"), 101),
        (Some("http://[::1]:3000"), 101),
        (Some("null"), 403),
        (Some(""), 403),
        (Some("https://evil.example"), 403),
        (Some("http://localhost.evil.example"), 403),
        (Some("http://127.0.0.1.evil.example"), 403),
        (Some("http://evil.example#localhost"), 403),
        (Some("http://localhost@evil.example"), 403),
        (Some(&sub), 403),
        (Some("http://128.0.0.1"), 403),
        (Some("file://"), 403),
        (Some("localhost"), 403),
        (Some("nonsense"), 403),
    ] {
        let more = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        assert_eq!(handshake(&server, &more), status, "{origin:?}, port {port}");
    }
    let counts = server.get("/metrics").body;
    assert!(counts.contains("veloflux_refused_total{why=\"foreign_origin\"} 12"), "{counts}");
}

#[test]
fn an_origin_is_judged_whole() {
    let server = TestServer::builder().args(["--allow-origin", "https://ops.example.com"]).start();
    for (origin, status) in [
        ("https://ops.example.com", 101),
        ("https://OPS.example.com", 101),
        ("http://ops.example.com", 403),
        ("https://ops.example.com:8443", 403),
        ("https://example.com", 403),
        ("https://x.ops.example.com", 403),
        ("https://ops.example.com.evil.example", 403),
    ] {
        assert_eq!(handshake(&server, &format!("Origin: {origin}\r\n")), status, "{origin}");
    }
    let two = "Origin: https://ops.example.com\r\nOrigin: https://evil.example\r\n";
    assert_eq!(handshake(&server, two), 403, "one foreign origin is enough");
}

#[test]
fn the_control_api_keeps_foreign_pages_out_as_well() {
    let server = TestServer::start();
    let bearer = format!("Bearer {}", server.token());
    for (origin, status) in [("https://evil.example", 403), ("null", 403), ("http://localhost:5173", 200)] {
        let headers = [("Authorization", bearer.as_str()), ("Origin", origin)];
        for path in ["/api/ws/control", "/api/ws/force-update"] {
            let response = http::request(server.address(), "POST", path, &headers, "");
            assert_eq!(response.status, status, "{path} from {origin}: {response:?}");
            let allowed = response.header("access-control-allow-origin");
            assert_eq!(allowed, (status == 200).then_some(origin), "{response:?}");
        }
    }
}

#[test]
fn a_name_that_anybody_can_give_out_is_not_ours_and_one_in_the_settings_is() {
    let settings = "[server]\nhosts = [\"fleet.example.com\"]\nallowed_origins = [\"https://ops.example.com\"]";
    let server = TestServer::builder().config(settings).start();
    let port = server.address().port();
    for (host, ours) in [
        (format!("127.0.0.1:{port}"), true),
        (format!("localhost:{port}"), true),
        (format!("fleet.example.com:{port}"), true),
        ("ops.example.com".to_owned(), true),
        (format!("evil.example:{port}"), false),
        (format!("localhost.evil.example:{port}"), false),
    ] {
        // The page has loaded, its name now leads here: to the browser everything is of one origin.
        for path in ["/metrics", "/", "/api/ws/metrics"] {
            let own = format!("Origin: http://{host}\r\n");
            for origin in ["", &own] {
                let text = Socket::request(server.address(), path, origin);
                let text = text.replace(&format!("Host: {}", server.address()), &format!("Host: {host}"));
                let answer = http::exchange(server.address(), text.as_bytes());
                assert_eq!(answer.status != 421, ours, "{path} of {host}, {origin:?}: {answer:?}");
            }
        }
    }
    let text = "GET /livez HTTP/1.1\r\nHost: fleet.example.com\r\nConnection: close\r\n\r\n";
    // A browser on the machine of a proxy is not that proxy.
    let proxied = TestServer::builder().config("[server]\ntrusted_proxies = [\"127.0.0.1\"]").start();
    let refused = http::exchange(proxied.address(), text.as_bytes());
    assert_eq!(refused.status, 421);
    assert!(refused.error().1.contains("`hosts`"), "{refused:?}");
}

#[test]
fn listening_beyond_loopback_wants_a_token_or_a_word() {
    // Refused before anything is bound, so this opens no port to the network.
    let home = crate::support::server::home();
    let command = |more: &[&str]| {
        let args = [&["serve", "--check-config", "--listen", "0.0.0.0:0"], more].concat();
        crate::support::Veloflux::new(home.path(), args).run()
    };
    let refused = command(&[]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("feeds_public") || refused.stderr.contains("--feeds-public"), "{refused:?}");
    assert_eq!(command(&["--feeds-public"]).code, 0);
}
