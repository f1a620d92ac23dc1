//! What it costs to check: a thousand backends over HTTP, each asked every five seconds, as `veloflux serve` does by default.
//!
//! All of them are one process: it listens on one port at every address of the loopback network, so that each backend has
//! an address of its own.

use std::fmt::Write as _;
use std::io::{Read, Write, stdin, stdout};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::child::Talker;
use crate::report::Row;
use crate::server::Server;
use crate::usage::Cpu;

const BACKENDS: usize = 1_000;

/// How long it is looked at: four rounds.
const WINDOW: Duration = Duration::from_secs(20);

/// How long the first round may take, in which everybody is asked at once.
const FIRST_ROUND: Duration = Duration::from_secs(10);

/// Threads that answer. They share the listener.
const ANSWERING: usize = 8;

/// The backends: says its port, and for every line it is told how many requests it has answered.
pub(crate) fn play() -> Result<()> {
    let listener = Arc::new(TcpListener::bind("0.0.0.0:0")?);
    let answered = Arc::new(AtomicU64::new(0));
    writeln!(stdout(), "{}", listener.local_addr()?.port())?;
    for _ in 0..ANSWERING {
        let (listener, answered) = (Arc::clone(&listener), Arc::clone(&answered));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 1024];
                if stream.read(&mut request).is_ok_and(|length| length > 0) {
                    answered.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                }
            }
        });
    }
    loop {
        ensure!(stdin().read_line(&mut String::new())? > 0, "nobody asks any more");
        writeln!(stdout(), "{}", answered.load(Ordering::Relaxed))?;
    }
}

/// The address of a backend. None stands in 127.0.0.0/24, where others may listen.
fn address(number: usize, port: u16) -> String {
    format!("127.0.{}.{}:{port}", 1 + number / 250, 1 + number % 250)
}

pub(crate) fn checks() -> Result<Vec<Row>> {
    let mut backends = Talker::start(&["backends"], &[])?;
    let port: u16 = backends.hear()?.parse().context("its port")?;
    let mut settings = String::from("[[pool]]\nname = \"web\"\nbackends = [\n");
    for number in 0..BACKENDS {
        writeln!(settings, "  \"{}\",", address(number, port))?;
    }
    settings.push_str("]\n[pool.check]\npath = \"/healthz\"\n");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), settings)?;
    let server = Server::start(&["--config".to_owned(), file.path().display().to_string()])?;
    std::thread::sleep(FIRST_ROUND);

    let mut count = || -> Result<u64> {
        backends.say("count")?;
        Ok(backends.hear()?.parse()?)
    };
    let (before, cpu) = (count()?, Cpu::of(server.pid())?);
    std::thread::sleep(WINDOW);
    let (cpu, done) = (Cpu::of(server.pid())?.since(cpu), count()? - before);
    let page = metrics(&server)?;
    let lag = sample(&page, "veloflux_check_lag_seconds{of=\"backends\"}").context("no lag")?;
    let healthy = page.lines().filter(|line| line.contains("status=\"healthy\"} 1")).count();
    ensure!(healthy >= BACKENDS, "only {healthy} of {BACKENDS} backends are healthy");
    let (total, window) = (cpu.total(), WINDOW.as_secs_f64());
    Ok(vec![Row {
        what: format!("CPU per HTTP check, {BACKENDS} backends every 5 s ({done} checks in {window} s)"),
        veloflux: format!(
            "{:.0} µs, {:.0} of them in user space; {:.1} % of a core; at most {:.0} ms late",
            total * 1e6 / done as f64,
            cpu.user * 1e6 / done as f64,
            total * 100.0 / window,
            lag * 1e3
        ),
        limit: "–".to_owned(),
        ratio: "–".to_owned(),
        wanted: "low, and less than 250 ms late",
    }])
}

fn metrics(server: &Server) -> Result<String> {
    let mut socket = TcpStream::connect(server.address)?;
    write!(socket, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address)?;
    let mut page = String::new();
    socket.read_to_string(&mut page)?;
    Ok(page)
}

/// The value of a sample.
fn sample(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}
