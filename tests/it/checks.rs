//! Checks against real programs and against peers that misbehave: what passes, what fails, and in which words.
//!
//! A program that is missing fails its test: a check that was never tried against the real thing proves nothing.

mod command;
mod dns;
mod grpc;
mod http;
mod mysql;
pub(crate) mod postgres;

pub(crate) mod redis;
mod storm;
mod tcp;
mod tls;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, kill_process_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use veloflux::checks::{CheckSpec, CheckState, Monitor, Probe, ProbeOptions, Timing};
use veloflux::net::Target;
use veloflux::protocol::Health;

use crate::support::certificate::Certificate;
use crate::support::program::Program;
use crate::support::{certificate, free_port};

/// Long enough for a check on a loaded machine, short enough to wait for.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// How long a program may take to start.
const STARTING: Duration = Duration::from_secs(20);

fn monitor(url: &str, options: &ProbeOptions, timing: Timing) -> Arc<Monitor> {
    let target = Target::parse(url).expect(url);
    let probe = Probe::new(&target, options).expect(url);
    let spec = CheckSpec { name: "it".to_owned(), probe, timing };
    Monitor::new(vec![spec], Arc::new(Semaphore::new(1)))
}

/// What one check finds.
async fn checked(url: &str, options: &ProbeOptions) -> CheckState {
    let monitor = monitor(url, options, Timing { timeout: TIMEOUT, ..Timing::default() });
    monitor.check_now().await;
    let state = monitor.states().remove(0);
    assert_eq!((state.checks(), state.confirming), (1, false), "one check, and it decides: {state:?}");
    assert!(state.last_check.is_some() && state.last_change == state.last_check);
    assert!(state.latency.expect("it was measured") < TIMEOUT + Duration::from_millis(500));
    state
}

/// Checks once and wants a pass.
async fn passes(url: &str, options: &ProbeOptions) {
    let state = checked(url, options).await;
    assert_eq!((state.status, state.error), (Health::Healthy, None), "{url}");
}

/// Checks once and gives the words for what is not as it should be.
async fn degraded(url: &str, options: &ProbeOptions) -> String {
    let state = checked(url, options).await;
    assert_eq!(state.status, Health::Degraded, "{url}: {:?}", state.error);
    state.error.expect("a degraded target has a reason")
}

/// Checks once and gives the words for what failed.
async fn failure(url: &str, options: &ProbeOptions) -> String {
    let state = checked(url, options).await;
    assert_eq!(state.status, Health::Unhealthy, "{url}");
    state.error.expect("an unhealthy target has a reason")
}

/// Waits until a monitor that runs has found `status`. Gives how long that took.
async fn found(monitor: &Monitor, status: Health, deadline: Duration) -> Duration {
    let (since, mut changes) = (Instant::now(), monitor.changes());
    let waiting = async {
        while monitor.states()[0].status != status {
            changes.changed().await.expect("the monitor is there");
        }
    };
    let waited = tokio::time::timeout(deadline, waiting).await;
    assert!(waited.is_ok(), "not {status} within {deadline:?}: {:?}", monitor.states());
    since.elapsed()
}

/// Waits for a program that was just started: its check passes.
async fn ready(url: &str, options: &ProbeOptions) {
    let fast = Duration::from_millis(50);
    let timing = Timing { interval: fast, fast_interval: fast, timeout: TIMEOUT, rise: 1, ..Timing::default() };
    let monitor = monitor(url, options, timing);
    let running = tokio::spawn(monitor.clone().run());
    found(&monitor, Health::Healthy, STARTING).await;
    running.abort();
}

/// Holds a check to a real program that hangs, as a host that swaps, and goes on; and then dies, and is started again.
async fn follows(url: &str, options: &ProbeOptions, mut program: Program, start: impl Fn() -> Program) {
    let fast = Duration::from_millis(100);
    let timing =
        Timing { interval: fast, fast_interval: fast, timeout: TIMEOUT, fall: 2, rise: 1, ..Timing::default() };
    let monitor = monitor(url, options, timing);
    let running = tokio::spawn(monitor.clone().run());
    found(&monitor, Health::Healthy, STARTING).await;
    kill_process_group(program.pid(), Signal::STOP).expect("it is ours");
    found(&monitor, Health::Unhealthy, STARTING).await;
    let why = monitor.states()[0].error.clone();
    assert_eq!(why.as_deref(), Some("no answer within 1.5 s"), "{url}");
    kill_process_group(program.pid(), Signal::CONT).expect("it is ours");
    found(&monitor, Health::Healthy, STARTING).await;
    program.kill();
    found(&monitor, Health::Unhealthy, STARTING).await;
    assert_eq!(monitor.states()[0].error.as_deref(), Some("connection refused"), "{url}");
    let _again = start();
    found(&monitor, Health::Healthy, STARTING).await;
    running.abort();
}

/// A server's part of TLS.
fn acceptor(made: &Certificate, alpn: &[&str]) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(&made.certificate).expect("openssl writes PEM")];
    let key = PrivateKeyDer::from_pem_file(&made.key).expect("openssl writes PEM");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    server.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(server))
}

/// What a misbehaving peer does with a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Reads, and says nothing.
    Silent,
    /// Closes at once.
    Closing,
    /// Answers the first bytes with these, and closes.
    Saying(&'static [u8]),
    /// Answers the first bytes with these, and says nothing more.
    Stopping(&'static [u8]),
    /// Answers the first bytes with these, again and again.
    Babbling(&'static [u8]),
}

/// Starts a peer with bad manners and gives its address.
async fn peer(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, manner));
        }
    });
    address
}

async fn misbehave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    if manner == Manner::Closing {
        return Ok(());
    }
    let _some = stream.read(&mut buffer).await?;
    match manner {
        Manner::Closing => {}
        Manner::Silent => while stream.read(&mut buffer).await? > 0 {},
        Manner::Saying(words) => stream.write_all(words).await?,
        Manner::Stopping(words) => {
            stream.write_all(words).await?;
            while stream.read(&mut buffer).await? > 0 {}
        }
        Manner::Babbling(words) => loop {
            stream.write_all(words).await?;
        },
    }
    Ok(())
}
