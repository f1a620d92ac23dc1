//! The dashboard in a real browser: a person sees what was measured.

use serde_json::{Value, json};

use crate::support::programs::{chromium, node, run};
use crate::support::{StubBackend, TestServer};

#[test]
fn the_dashboard_shows_real_values_and_keeps_up() {
    let backend = StubBackend::start();
    let server = TestServer::builder()
        .backend("web", &format!("http://{}/", backend.address()))
        .backend("web", "127.0.0.1:1")
        .check("database", &format!("tcp://{}", backend.address()))
        .start();
    let mut browser = node("dashboard.mjs");
    browser.arg(chromium()).arg(format!("{}/", server.url()));
    let page = run(browser);

    assert_eq!(page["complaints"], json!([]), "the console is clean");
    assert_eq!(page["strangers"], json!([]), "nothing is asked of anybody else");
    let policy = page["policy"].as_str().expect("a Content-Security-Policy");
    assert!(policy.contains("default-src") && !policy.contains("unsafe"), "{policy}");

    let number = |panel: &str, field: &str| {
        let text = page["panels"][panel]["fields"][field].as_str().unwrap_or_default();
        let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        digits.parse::<f64>().unwrap_or_else(|_| panic!("{panel}.{field} is {text:?} in {page}"))
    };
    assert!((0.0..=100.0).contains(&number("metrics", "cpu")));
    assert!((0.1..=100.0).contains(&number("metrics", "memory")));
    assert!(number("metrics", "requests") >= 0.0);
    let shown = |panel: &str, words: &[&str]| {
        let text = page["panels"][panel]["text"].as_str().unwrap_or_default().to_lowercase();
        for word in words {
            assert!(text.contains(word), "`{word}` is not to be seen in {panel}: {text}");
        }
    };
    shown("backends", &["web", &backend.address(), "127.0.0.1:1", "healthy", "unhealthy"]);
    shown("status", &["degraded", env!("CARGO_PKG_VERSION")]);
    shown("health", &["database", "healthy"]);
    shown("billing", &["$"]);
    assert_ne!(page["later"]["metrics"], Value::Null);
}
