//! The measurements. What the server spends on making a message, with nobody listening, is measured first and taken
//! off: a delivery is what one more client costs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::child::Talker;
use crate::clients::Tally;
use crate::frames::{self, Form};
use crate::report::Row;
use crate::server::{Server, dependency};
use crate::usage::{Cpu, resident_bytes};

/// Deliveries in one batch: enough for seconds of CPU time, of which the kernel keeps account in steps of 10 ms.
const DELIVERIES_PER_BATCH: usize = 400_000;

/// Messages made with nobody listening, to learn what a message costs before it is delivered.
const MESSAGES_ALONE: u32 = 100;

/// Dependency checks that make a `health` message of about 10 kB.
const CHECKS: usize = 56;

/// Readers and stalled readers side by side, and how often or how long they are written to.
const READERS: usize = 1_000;
const STALLED: usize = 50;
const STALLED_ROUNDS_MAX: usize = 1_000;
const STALLED_TIME_MAX: Duration = Duration::from_secs(15);

/// The time between two keep-alive pings to one client, in windows: so that every client is pinged once in all of them,
/// and the quietest window holds no ping.
const IDLE_WINDOW: Duration = Duration::from_secs(5);
const IDLE_WINDOWS: usize = 5;

/// Between the last client connecting and looking at the memory.
const SETTLE_TIME: Duration = Duration::from_secs(1);

const STARTS: usize = 5;

const FEEDS: [&str; 5] = ["backends", "metrics", "status", "billing", "health"];

/// How big the messages are.
#[derive(Clone, Copy)]
pub(crate) enum Size {
    /// A `backends_update` message.
    Small,
    /// A `health` message with many checks.
    Large,
}

impl Size {
    fn feed(self) -> &'static str {
        match self {
            Size::Small => "backends",
            Size::Large => "health",
        }
    }

    fn settings(self) -> Result<Vec<String>> {
        match self {
            Size::Small => Ok(vec!["--backend".to_owned(), format!("pool={}", dependency()?)]),
            Size::Large => {
                let address = dependency()?;
                Ok((0..CHECKS)
                    .flat_map(|n| ["--check".to_owned(), format!("dependency-{n}=tcp://{address}")])
                    .collect())
            }
        }
    }
}

/// The clients of one server, and what they have received.
struct Crowd {
    talker: Talker,
    size: u64,
    tally: Tally,
}

impl Crowd {
    /// Connects them and waits until each has its first message.
    fn connect(address: &str, feed: &str, size: usize, form: Form) -> Result<Crowd> {
        let (path, clients) = (format!("/api/ws/{feed}"), size.to_string());
        let mut words = vec!["clients", address, &path, &clients];
        words.extend((form == Form::Deflate).then_some("deflate"));
        let talker = Talker::start(&words, &[])?;
        let mut crowd = Crowd { talker, size: u64::try_from(size)?, tally: Tally::default() };
        crowd.receive()?;
        Ok(crowd)
    }

    /// Waits until every one of them has one more message, and gives what came since the last time.
    fn receive(&mut self) -> Result<Tally> {
        let before = self.tally;
        while self.tally.messages < before.messages + self.size {
            self.tally = Tally::parse(&self.talker.hear()?)?;
        }
        ensure!(self.tally.gaps == 0, "{} messages are missing", self.tally.gaps);
        Ok(Tally {
            messages: self.tally.messages - before.messages,
            bytes: self.tally.bytes - before.bytes,
            pings: self.tally.pings - before.pings,
            gaps: 0,
        })
    }
}

/// Microseconds of CPU one delivery costs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    user: f64,
    total: f64,
}

/// CPU for one delivery, the server and the limit by turns so that both meet the same machine. The limit never compresses.
pub(crate) fn deliveries(size: Size, form: Form, clients: usize, batches: usize) -> Result<Vec<Row>> {
    let feed = size.feed();
    let server = Server::start(&size.settings()?)?;
    server.pause(feed)?;
    let alone = cpu_of(server.pid(), || (0..MESSAGES_ALONE).try_for_each(|_| server.force_update(feed)))?;
    let (alone_user, alone_total) = (alone.user / f64::from(MESSAGES_ALONE), alone.total() / f64::from(MESSAGES_ALONE));

    let mut one = Crowd::connect(&server.address.to_string(), feed, 1, Form::Plain)?;
    server.force_update(feed)?;
    let bytes = one.receive()?.bytes;
    drop(one);

    let mut ours = Crowd::connect(&server.address.to_string(), feed, clients, form)?;
    let mut limit = Talker::start(&["limit", &clients.to_string()], &[])?;
    let mut theirs = Crowd::connect(&limit.hear()?, feed, clients, Form::Plain)?;

    server.force_update(feed)?;
    let first = ours.receive()?;
    let sent = first.bytes / first.messages;

    let rounds = (DELIVERIES_PER_BATCH / clients).max(5);
    let (mut veloflux, mut bare, mut tries) = (Vec::new(), Vec::new(), 0);
    while veloflux.len() < batches {
        ensure!(tries < 3 * batches, "keep-alive pings fell into every batch");
        tries += 1;
        let mut got = Tally::default();
        let spent = cpu_of(server.pid(), || {
            (0..rounds).try_for_each(|_| {
                server.force_update(feed)?;
                let received = ours.receive()?;
                got.messages += received.messages;
                got.pings += received.pings;
                Ok(())
            })
        })?;
        if got.pings > 0 {
            continue;
        }
        let (made, each) = (got.messages as f64 / clients as f64, 1e6 / got.messages as f64);
        veloflux.push(Cost {
            user: (spent.user - made * alone_user) * each,
            total: (spent.total() - made * alone_total) * each,
        });
        let spent = cpu_of(limit.pid(), || {
            (0..rounds).try_for_each(|_| {
                limit.say(&bytes.to_string())?;
                limit.hear()?;
                theirs.receive().map(drop)
            })
        })?;
        let each = 1e6 / (rounds * clients) as f64;
        bare.push(Cost { user: spent.user * each, total: spent.total() * each });
    }
    let ratios = veloflux.iter().zip(&bare).map(|(ours, limit)| ours.total / limit.total);
    let text = |costs: &[Cost]| {
        let total = median(costs.iter().map(|cost| cost.total));
        format!("{total:.2} µs, {:.2} of them user", median(costs.iter().map(|cost| cost.user)))
    };
    Ok(vec![Row {
        what: format!(
            "CPU per delivery, {bytes} B{} ({batches} × {rounds} messages; {:.1} ms for making each taken off)",
            if form == Form::Deflate { format!(" compressed to {sent}") } else { String::new() },
            alone_total * 1e3
        ),
        veloflux: text(&veloflux),
        limit: text(&bare),
        ratio: format!("× {:.2}", median(ratios)),
        wanted: if form == Form::Deflate { "≤ × 1.1" } else { "≤ × 1.2, ≤ 1 µs user" },
    }])
}

/// Memory and CPU of clients who wait for a message that does not come.
pub(crate) fn idle(clients: usize) -> Result<Vec<Row>> {
    let feed = "metrics";
    let server = Server::start(&[])?;
    server.pause("all")?;
    let window = || {
        let spent = cpu_of(server.pid(), || {
            sleep(IDLE_WINDOW);
            Ok(())
        });
        spent.map(Cpu::total)
    };
    let alone = window()?;
    let before = resident_bytes(server.pid())?;
    let mut crowd = Crowd::connect(&server.address.to_string(), feed, clients, Form::Plain)?;
    sleep(SETTLE_TIME);
    let kib = (resident_bytes(server.pid())? as f64 - before as f64) / 1024.0 / clients as f64;
    let windows = (0..IDLE_WINDOWS).map(|_| window()).collect::<Result<Vec<_>>>()?;
    server.force_update(feed)?;
    let pings = crowd.receive()?.pings;
    let (quietest, all) = (windows.iter().copied().fold(f64::INFINITY, f64::min), windows.iter().sum::<f64>());
    Ok(vec![
        Row {
            what: format!("resident memory per idle client ({} MiB without clients)", before / 1024 / 1024),
            veloflux: format!("{kib:.2} KiB"),
            limit: "–".to_owned(),
            ratio: "–".to_owned(),
            wanted: "≤ 2.5 KiB",
        },
        Row {
            what: format!("CPU in {} s with no message and no ping due", IDLE_WINDOW.as_secs()),
            veloflux: format!("{quietest:.2} s"),
            limit: format!("{alone:.2} s without clients"),
            ratio: "–".to_owned(),
            wanted: "near 0",
        },
        Row {
            what: format!("CPU in {} s with {pings} keep-alive pings", IDLE_WINDOW.as_secs() * IDLE_WINDOWS as u64),
            veloflux: format!("{all:.2} s"),
            limit: "–".to_owned(),
            ratio: "–".to_owned(),
            wanted: "–",
        },
    ])
}

/// Readers beside others that never read: does anyone miss a message, does the server grow, does it take longer?
pub(crate) fn stalled() -> Result<Vec<Row>> {
    let size = Size::Large;
    let server = Server::start(&size.settings()?)?;
    server.pause(size.feed())?;
    let mut readers = Crowd::connect(&server.address.to_string(), size.feed(), READERS, Form::Plain)?;
    let mut rounds = |count: usize, time: Duration| -> Result<(usize, f64)> {
        let begun = Instant::now();
        let mut done = 0;
        while done < count && begun.elapsed() < time {
            server.force_update(size.feed())?;
            readers.receive()?;
            done += 1;
        }
        Ok((done, begun.elapsed().as_secs_f64() * 1e3 / done as f64))
    };
    let (_, without) = rounds(100, STALLED_TIME_MAX)?;
    let path = format!("/api/ws/{}", size.feed());
    let mut stalled = Talker::start(&["stalled", &server.address.to_string(), &path, &STALLED.to_string()], &[])?;
    stalled.hear()?;
    let before = resident_bytes(server.pid())?;
    let (done, with) = rounds(STALLED_ROUNDS_MAX, STALLED_TIME_MAX)?;
    let after = resident_bytes(server.pid())?;
    stalled.say("look")?;
    let fate = stalled.hear()?;
    let (ended, slow) = fate.split_once(' ').context("two numbers")?;
    let grown = (after as f64 - before as f64) / 1024.0;
    Ok(vec![Row {
        what: format!("{READERS} readers beside {STALLED} that never read, {done} messages of about 10 kB"),
        veloflux: format!(
            "every reader got every message; memory {grown:+.0} KiB; {with:.1} ms a round; \
             {ended} of {STALLED} cut off, {slow} saw 4008"
        ),
        limit: format!("{without:.1} ms a round without them"),
        ratio: format!("× {:.2}", with / without),
        wanted: "nothing lost, memory flat",
    }])
}

/// From the start of the process until a client has the first message of every feed.
pub(crate) fn start() -> Result<Vec<Row>> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let server = Server::start(&[])?;
        for feed in FEEDS {
            let mut socket = TcpStream::connect(server.address)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.write_all(
                frames::request(&format!("/api/ws/{feed}"), &server.address.to_string(), Form::Plain).as_bytes(),
            )?;
            let (mut received, mut buffer) = (Vec::new(), [0; 8 * 1024]);
            while frames::head_end(&received).and_then(|end| frames::next(&received[end..]).transpose()).is_none() {
                let count = socket.read(&mut buffer).with_context(|| format!("no first message on {feed}"))?;
                ensure!(count > 0, "the server hung up on {feed}");
                received.extend_from_slice(&buffer[..count]);
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![Row {
        what: format!("start of the process to the first message of all five feeds (median of {STARTS})"),
        veloflux: format!("{:.0} ms", median(times.into_iter())),
        limit: "–".to_owned(),
        ratio: "–".to_owned(),
        wanted: "≤ 500 ms",
    }])
}

/// The CPU a process uses while something is done.
fn cpu_of(pid: u32, work: impl FnOnce() -> Result<()>) -> Result<Cpu> {
    let before = Cpu::of(pid)?;
    work()?;
    Ok(Cpu::of(pid)?.since(before))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
