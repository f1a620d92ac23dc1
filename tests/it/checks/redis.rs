//! The `redis` check against a real server: open, with a password, with users, over TLS, killed and revived.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use veloflux::checks::{ProbeOptions, Timing};
use veloflux::protocol::Health;
use veloflux::secret::Secret;

use super::{Manner, certificate, checked, failure, follows, found, free_port, monitor, passes, peer, ready};
use crate::support::program::Program;

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

pub(crate) fn server(folder: &Path, config: Option<&Path>, arguments: &[&str]) -> Program {
    let mut command = Command::new("redis-server");
    command.args(config);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(folder).args(arguments);
    Program::start(&mut command, folder)
}

#[tokio::test]
async fn an_open_server_answers_and_wants_no_password() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port().to_string());
    let _server = server(folder.path(), None, &["--port", &port]);
    let url = format!("redis://127.0.0.1:{port}");
    ready(&url, &none()).await;
    passes(&format!("{url}/0"), &none()).await;
    passes(&format!("{url}/15"), &none()).await;
    assert_eq!(failure(&format!("{url}/99"), &none()).await, "answered `ERR DB index is out of range`");
    let uninvited = failure(&format!("redis://:hunter2@127.0.0.1:{port}"), &none()).await;
    assert_eq!(uninvited, "a password was given, and the server has none");
    let wrong_protocol = failure(&format!("postgres://127.0.0.1:{port}"), &none()).await;
    assert!(
        ["no answer within 1.5 s", "no postgres answer: what came is not its protocol"].contains(&&*wrong_protocol)
    );
}

#[tokio::test]
async fn a_password_is_asked_for_taken_or_refused() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port().to_string());
    let config = folder.path().join("redis.conf");
    let users = "user bob on >builder +ping\nuser eve on >evil -ping\n";
    std::fs::write(&config, format!("port {port}\nrequirepass hunter2\n{users}")).expect("written");
    let _server = server(folder.path(), Some(&config), &[]);
    let url = format!("redis://127.0.0.1:{port}");
    let given = |password: &str| ProbeOptions { password: Some(Secret::token(password).expect("a word")), ..none() };
    ready(&url, &given("hunter2")).await;
    passes(&format!("redis://:hunter2@127.0.0.1:{port}"), &none()).await;
    passes(&format!("redis://bob:builder@127.0.0.1:{port}"), &none()).await;
    passes(&format!("redis://bob@127.0.0.1:{port}"), &given("builder")).await;
    assert_eq!(failure(&url, &none()).await, "password needed");
    assert_eq!(failure(&url, &given("hunter3")).await, "wrong password");
    assert_eq!(failure(&format!("redis://nobody:hunter2@127.0.0.1:{port}"), &none()).await, "wrong password");
    let forbidden = failure(&format!("redis://eve:evil@127.0.0.1:{port}"), &none()).await;
    assert!(forbidden.starts_with("answered `NOPERM "), "{forbidden}");
}

#[tokio::test]
async fn tls_is_spoken_to_rediss_and_the_certificate_is_checked() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port().to_string());
    let made = certificate::make(folder.path());
    let path = |path: &Path| path.to_str().expect("plain ASCII").to_owned();
    let (certificate, key) = (path(&made.certificate), path(&made.key));
    let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &certificate];
    let ports = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"];
    let _server = server(folder.path(), None, &[&ports[..], &files[..]].concat());
    let url = format!("rediss://127.0.0.1:{port}");
    let trusted = ProbeOptions { cacert: Some(made.certificate), ..none() };
    ready(&url, &trusted).await;
    passes(&url, &ProbeOptions { insecure: true, ..none() }).await;
    assert!(failure(&url, &none()).await.starts_with("TLS: the certificate is from an unknown issuer"));
    let plain = failure(&format!("redis://127.0.0.1:{port}"), &none()).await;
    assert!(!plain.is_empty());
}

#[tokio::test]
async fn with_the_defaults_a_killed_server_is_noticed_within_nine_seconds_and_so_is_its_return() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port().to_string());
    let start = || server(folder.path(), None, &["--port", &port]);
    let mut server = start();
    let url = format!("redis://127.0.0.1:{port}");
    ready(&url, &none()).await;
    let monitor = monitor(&url, &none(), Timing::default());
    let running = tokio::spawn(monitor.clone().run());
    found(&monitor, Health::Healthy, Duration::from_secs(2)).await;
    server.kill();
    found(&monitor, Health::Unhealthy, Duration::from_secs(9)).await;
    assert_eq!(monitor.states()[0].error.as_deref(), Some("connection refused"));
    let _server = start();
    found(&monitor, Health::Healthy, Duration::from_secs(9)).await;
    running.abort();
}

#[tokio::test]
async fn a_server_that_hangs_or_dies_is_followed() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port().to_string());
    let start = || server(folder.path(), None, &["--port", &port]);
    let url = format!("redis://127.0.0.1:{port}");
    let running = start();
    ready(&url, &none()).await;
    follows(&url, &none(), running, start).await;
}

#[tokio::test]
async fn a_peer_that_is_no_redis_fails_in_plain_words() {
    for (manner, words) in [
        (Manner::Silent, "no answer within 1.5 s"),
        (Manner::Saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "no redis answer: what came is not its protocol"),
        (Manner::Saying(b"-LOADING Redis is loading\r\n"), "answered `LOADING Redis is loading`"),
        (Manner::Saying(b"-ERR \x1b[2Jboo\r\n"), "answered `ERR ?[2Jboo`"),
        (Manner::Saying(b"+PO"), "no redis answer: what came is not its protocol"),
        (Manner::Saying(b"*1000000000\r\n"), "connection closed without an answer"),
        (Manner::Babbling(b"+and so on, and so on"), "no redis answer: what came is not its protocol"),
    ] {
        let url = format!("redis://{}", peer(manner).await);
        assert_eq!(failure(&url, &none()).await, words, "{manner:?}");
    }
    let closing = checked(&format!("redis://{}", peer(Manner::Closing).await), &none()).await;
    assert_eq!(closing.status, Health::Unhealthy);
}

#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_quoted() {
    let manner = Manner::Saying(b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n");
    let words = failure(&format!("redis://:hunter2@{}", peer(manner).await), &none()).await;
    assert_eq!(words, "answered `ERR unknown command 'AUTH', with args beginning with: '[redacted]'`");
}
