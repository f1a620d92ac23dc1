//! What the fan-out costs: the real `veloflux serve` beside a loop that does nothing but write the same bytes. And what it
//! costs to check a thousand backends.
//!
//!     cargo bench --bench fanout
//!     cargo bench --bench fanout -- --clients 2000 small idle
//!
//! The scenarios are `start`, `small`, `large`, `deflate`, `idle`, `stalled` and `checks`; none named means all. The servers and
//! their clients are processes of their own, so that `/proc` tells the CPU of each apart. Everything is on loopback, bounded
//! in time and count, and ends with this process whichever way it ends.

mod checks;
mod child;
mod clients;
mod cost;
mod frames;
mod limit;
mod report;
mod server;
mod stalled;
mod usage;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use frames::Form;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

/// Longest the whole run may take. A figure that takes longer than this is not worth waiting for.
const DEADLINE: Duration = Duration::from_secs(300);

/// What the command line asks for.
struct Options {
    clients: usize,
    batches: usize,
    scenarios: Vec<String>,
}

const SCENARIOS: [&str; 7] = ["start", "small", "large", "deflate", "idle", "stalled", "checks"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--role", role, ref rest @ ..] => play(role, rest),
        // `cargo test --all-targets` starts every bench too, without this flag: it only wants to know that it builds.
        _ if !arguments.iter().any(|word| word == "--bench") => Ok(()),
        _ => Options::parse(&arguments).and_then(|options| measure(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The children: this same binary in another part. None outlives the process that started it.
fn play(role: &str, rest: &[&str]) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match (role, rest) {
        ("limit", [clients]) => limit::play(clients.parse()?),
        ("clients", [address, path, clients]) => clients::play(address.parse()?, path, clients.parse()?, Form::Plain),
        ("clients", [address, path, clients, "deflate"]) => {
            clients::play(address.parse()?, path, clients.parse()?, Form::Deflate)
        }
        ("stalled", [address, path, clients]) => stalled::play(address.parse()?, path, clients.parse()?),
        ("backends", []) => checks::play(),
        ("server", arguments) => Err(server::play(arguments)).context("cannot start the server"),
        _ => bail!("no such role: `{role}`"),
    }
}

fn measure(options: &Options) -> Result<()> {
    raise_descriptor_limit()?;
    std::thread::spawn(|| {
        std::thread::sleep(DEADLINE);
        let _ = writeln!(std::io::stderr(), "error: not done after {DEADLINE:?}; ask for fewer clients");
        std::process::exit(1);
    });
    let asked = |name: &str| options.scenarios.iter().any(|scenario| scenario == name);
    let mut report = report::Report::begin(options.clients)?;
    if asked("start") {
        report.add(cost::start()?)?;
    }
    if asked("small") {
        report.add(cost::deliveries(cost::Size::Small, Form::Plain, options.clients, options.batches)?)?;
    }
    if asked("large") {
        report.add(cost::deliveries(cost::Size::Large, Form::Plain, options.clients, options.batches)?)?;
    }
    if asked("deflate") {
        report.add(cost::deliveries(cost::Size::Large, Form::Deflate, options.clients, options.batches)?)?;
    }
    if asked("idle") {
        report.add(cost::idle(options.clients)?)?;
    }
    if asked("stalled") {
        report.add(cost::stalled()?)?;
    }
    if asked("checks") {
        report.add(checks::checks()?)?;
    }
    report.end()
}

/// Ten thousand connections are ten thousand descriptors, in the servers and in their clients.
fn raise_descriptor_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("cannot raise the descriptor limit")
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options { clients: 10_000, batches: 5, scenarios: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => {}
                "--clients" => options.clients = words.next().context("`--clients` wants a number")?.parse()?,
                "--batches" => options.batches = words.next().context("`--batches` wants a number")?.parse()?,
                name if SCENARIOS.contains(&name) => options.scenarios.push(name.to_owned()),
                other => bail!("`{other}` is no scenario; the scenarios are {}", SCENARIOS.join(", ")),
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios = SCENARIOS.map(str::to_owned).to_vec();
        }
        Ok(options)
    }
}
