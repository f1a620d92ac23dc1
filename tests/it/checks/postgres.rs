//! The `postgres` check against a real server: logging in, being turned away, over TLS and without.

use std::path::{Path, PathBuf};
use std::process::Command;

use veloflux::checks::ProbeOptions;
use veloflux::secret::Secret;

use super::{Manner, certificate, failure, follows, free_port, passes, peer, ready};
use crate::support::program::{Program, run};

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

/// A cluster of its own, with the superuser `postgres` and the password `hunter2`.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
}

/// PostgreSQL refuses to run as root: root runs it as its user.
fn command(program: &Path) -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A server program of the newest version that is installed.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not there; install `postgresql`");
    let newest = versions.flatten().map(|version| version.path()).max().expect("a version is installed");
    newest.join("bin").join(name)
}

impl Cluster {
    pub(crate) fn create() -> Cluster {
        let folder = PathBuf::from(run(command(Path::new("mktemp")).args(["-d", "/tmp/veloflux-postgres-XXXXXX"])));
        let password = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(password.path(), "hunter2\n").expect("written");
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(password.path(), readable).expect("it is ours");
        let mut initdb = command(&program("initdb"));
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8"]);
        run(initdb.arg("--pgdata").arg(folder.join("data")).arg("--pwfile").arg(password.path()));
        Cluster { folder, port: free_port() }
    }

    pub(crate) fn start(&self, settings: &[&str]) -> Program {
        let mut postgres = command(&program("postgres"));
        postgres.arg("-D").arg(self.folder.join("data")).args(["-p", &self.port.to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
        for setting in settings {
            postgres.args(["-c", setting]);
        }
        Program::start(&mut postgres, &self.folder)
    }

    pub(crate) fn url(&self, credentials: &str, rest: &str) -> String {
        format!("postgres://{credentials}127.0.0.1:{}{rest}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nothing depends on it any more.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The lines of a log that are about a client.
fn complaints(log: &str) -> String {
    let signs = ["could not", "incomplete", "EOF", "invalid", "FATAL"];
    log.lines().filter(|line| signs.iter().any(|sign| line.contains(sign))).collect()
}

const BOSS: &str = "postgres:hunter2@";

#[tokio::test]
async fn a_login_is_tried_and_a_refusal_is_said_as_such() {
    let cluster = Cluster::create();
    let server = cluster.start(&[]);
    ready(&cluster.url(BOSS, ""), &none()).await;
    passes(&cluster.url(BOSS, "/template1"), &none()).await;
    passes(&cluster.url(BOSS, "?sslmode=disable"), &none()).await;
    let given = |password: &str| ProbeOptions { password: Some(Secret::token(password).expect("a word")), ..none() };
    passes(&cluster.url("postgres@", "/postgres"), &given("hunter2")).await;
    for (credentials, rest, words) in [
        ("postgres:hunter3@", "", "wrong password"),
        ("nobody:hunter2@", "", "wrong password"),
        ("postgres@", "", "password needed"),
        (BOSS, "/missing", "answered `database \"missing\" does not exist`"),
        (BOSS, "?sslmode=require", "TLS: the server has none"),
    ] {
        assert_eq!(failure(&cluster.url(credentials, rest), &none()).await, words, "{credentials}{rest}");
    }

    let said = server.log();
    passes(&cluster.url("", ""), &none()).await;
    passes(&cluster.url("", "?sslmode=disable"), &none()).await;
    passes(&cluster.url(BOSS, ""), &none()).await;
    let more = server.stopped().split_off(said.len());
    assert_eq!(complaints(&more), "", "a check that passes leaves the server's log alone");
    assert_eq!(failure(&cluster.url("", ""), &none()).await, "connection refused");
}

#[tokio::test]
async fn tls_is_spoken_as_sslmode_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = certificate::make(folder.path());
    let cluster = Cluster::create();
    let data = cluster.folder.join("data");
    // A key has to belong to the server's user: what it copies does.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("it is ours");
    let readable: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    for (from, to) in [(&made.certificate, "server.crt"), (&made.key, "server.key")] {
        std::fs::set_permissions(from, readable.clone()).expect("it is ours");
        run(command(Path::new("install")).args(["-m", "600"]).arg(from).arg(data.join(to)));
    }
    // Nobody gets in without TLS.
    std::fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").expect("written");
    let server = cluster.start(&["ssl=on"]);
    ready(&cluster.url(BOSS, ""), &none()).await;

    let trusted = ProbeOptions { cacert: Some(made.certificate.clone()), ..none() };
    let insecure = ProbeOptions { insecure: true, ..none() };
    passes(&cluster.url(BOSS, "?sslmode=require"), &none()).await;
    passes(&cluster.url(BOSS, "?sslmode=require"), &trusted).await;
    passes(&cluster.url(BOSS, "?sslmode=verify-full"), &trusted).await;
    passes(&cluster.url(BOSS, "?sslmode=verify-full"), &insecure).await;
    let unknown = failure(&cluster.url(BOSS, "?sslmode=verify-full"), &none()).await;
    assert_eq!(unknown, "TLS: the certificate is from an unknown issuer; name its authority with `cacert`");
    let plain = failure(&cluster.url(BOSS, "?sslmode=disable"), &none()).await;
    assert!(plain.starts_with("answered `no pg_hba.conf entry for host"), "{plain}");
    assert_eq!(failure(&cluster.url("postgres:hunter3@", ""), &none()).await, "wrong password");

    let said = server.log();
    passes(&cluster.url("", ""), &none()).await;
    passes(&cluster.url(BOSS, ""), &none()).await;
    let more = server.stopped().split_off(said.len());
    assert_eq!(complaints(&more), "", "a check that passes leaves the server's log alone");
}

#[tokio::test]
async fn a_server_that_hangs_or_dies_is_followed() {
    let cluster = Cluster::create();
    let running = cluster.start(&[]);
    // Without a password: hashing it as often as the protocol wants takes its time on a busy machine.
    let url = cluster.url("", "");
    ready(&url, &none()).await;
    follows(&url, &none(), running, || cluster.start(&[])).await;
}

#[tokio::test]
async fn a_peer_that_is_no_postgres_fails_in_plain_words() {
    for (manner, words) in [
        (Manner::Silent, "no answer within 1.5 s"),
        (Manner::Saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "no postgres answer: what came is not its protocol"),
        (Manner::Saying(b"N"), "connection closed without an answer"),
        (Manner::Babbling(b"SSSSSSSS"), "TLS: received corrupt message of type InvalidContentType"),
    ] {
        let url = format!("postgres://bob:hunter2@{}", peer(manner).await);
        assert_eq!(failure(&url, &none()).await, words, "{manner:?}");
    }
}

#[tokio::test]
async fn a_greeting_that_begins_as_the_answer_does_is_not_the_answer() {
    for (rest, manner, error) in [
        ("?sslmode=disable", Manner::Saying(b"SSH-2.0-OpenSSH_9.9\r\n"), true),
        ("?sslmode=disable", Manner::Saying(b"NOTICE hello\r\n"), true),
        ("", Manner::Saying(b"NOTICE hello\r\n"), true),
        ("", Manner::Babbling(b"N"), true),
        ("?sslmode=disable", Manner::Saying(b"S"), false),
        ("", Manner::Saying(b"N"), false),
    ] {
        let url = format!("postgres://{}{rest}", peer(manner).await);
        match error {
            true => assert_eq!(failure(&url, &none()).await, "no postgres answer: what came is not its protocol"),
            false => passes(&url, &none()).await,
        }
    }
}
