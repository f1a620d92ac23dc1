//! The `tls` check against `openssl s_server` and certificates that are good for as long as the test says.

use std::path::Path;
use std::process::Command;

use veloflux::checks::ProbeOptions;

use super::certificate::{self, Certificate};
use super::{Manner, degraded, failure, free_port, passes, peer, ready};
use crate::support::program::Program;

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

fn trusting(made: &Certificate) -> ProbeOptions {
    ProbeOptions { cacert: Some(made.certificate.clone()), ..none() }
}

async fn server(folder: &Path, made: &Certificate) -> (Program, u16) {
    showing(folder, made, None).await
}

/// A server that shows these certificates beside its own.
async fn showing(folder: &Path, made: &Certificate, chain: Option<&Path>) -> (Program, u16) {
    let port = free_port();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
    openssl.arg("-cert").arg(&made.certificate).arg("-key").arg(&made.key);
    if let Some(chain) = chain {
        openssl.arg("-cert_chain").arg(chain);
    }
    let program = Program::start(&mut openssl, folder);
    ready(&format!("tcp://127.0.0.1:{port}"), &none()).await;
    (program, port)
}

#[tokio::test]
async fn the_days_that_are_left_decide() {
    for (days, verdict) in [(60, "good"), (20, "degraded"), (8, "degraded"), (6, "bad"), (1, "bad")] {
        let folder = tempfile::tempdir().expect("a folder");
        let made = certificate::lasting(folder.path(), days);
        let (_server, port) = server(folder.path(), &made).await;
        let url = format!("tls://127.0.0.1:{port}");
        match verdict {
            "good" => passes(&url, &trusting(&made)).await,
            "degraded" => {
                let why = degraded(&url, &trusting(&made)).await;
                assert!(why.starts_with("the certificate expires in "), "{why}");
                passes(&url, &ProbeOptions { warn_days: Some(days - 1), ..trusting(&made) }).await;
            }
            _ => {
                let why = failure(&url, &trusting(&made)).await;
                assert!(why.starts_with("the certificate expires in "), "{why}");
                let insecure = failure(&url, &ProbeOptions { insecure: true, ..none() }).await;
                assert_eq!(insecure, why, "whom it trusts does not make it last longer");
                let (warn_days, critical_days) = (Some(0), Some(0));
                passes(&url, &ProbeOptions { warn_days, critical_days, ..trusting(&made) }).await;
            }
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_that_is_not_needed_is_degraded() {
    let folder = tempfile::tempdir().expect("a folder");
    let over = certificate::expired(folder.path());
    let made = certificate::lasting(folder.path(), 60);
    let (_server, port) = showing(folder.path(), &made, Some(&over.certificate)).await;
    let url = format!("tls://127.0.0.1:{port}");
    let why = degraded(&url, &trusting(&made)).await;
    assert!(why.starts_with("it shows a certificate that its chain does not need and that has expired on "), "{why}");
    let unchecked = failure(&url, &ProbeOptions { insecure: true, ..none() }).await;
    assert!(unchecked.starts_with("TLS: a certificate of its chain has expired on "), "{unchecked}");
}

#[tokio::test]
async fn the_chain_and_the_name_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::lasting(folder.path(), 60);
    let (_server, port) = server(folder.path(), &made).await;
    passes(&format!("tls://localhost:{port}"), &trusting(&made)).await;
    let unknown = failure(&format!("tls://127.0.0.1:{port}"), &none()).await;
    assert_eq!(unknown, "TLS: the certificate is from an unknown issuer; name its authority with `cacert`");
    passes(&format!("tls://127.0.0.1:{port}"), &ProbeOptions { insecure: true, ..none() }).await;
    let named = certificate::named(folder.path(), "other.example");
    let (_server, port) = server(folder.path(), &named).await;
    let name = failure(&format!("tls://127.0.0.1:{port}"), &trusting(&named)).await;
    assert_eq!(name, "TLS: the certificate is for another name: `other.example`");
    let called = ProbeOptions { server_name: Some("other.example".to_owned()), ..trusting(&named) };
    passes(&format!("tls://127.0.0.1:{port}"), &called).await;
}

#[tokio::test]
async fn a_peer_without_tls_fails_in_plain_words() {
    let url = format!("tls://{}", peer(Manner::Saying(b"SSH-2.0-OpenSSH_9.9\r\n")).await);
    let words = failure(&url, &none()).await;
    assert!(words.starts_with("TLS: "), "{words}");
    assert_eq!(failure(&format!("tls://{}", peer(Manner::Silent).await), &none()).await, "no TLS within 1.5 s");
    assert_eq!(failure(&format!("tls://127.0.0.1:{}", free_port()), &none()).await, "connection refused");
}
