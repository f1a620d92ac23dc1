//! `veloflux probe`: tries every target as often as asked for, and reports.

mod judge;
mod row;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};

use super::setup::{self, Setup};
use super::{Failure, unwritten};
use crate::cli::{ProbeArgs, ProbeFormat, Subject};
use crate::client::connect::Access;
use crate::client::endpoint::Endpoint;
use crate::client::probe::budget::Key;
use crate::client::probe::{self, Conformance, Plan, Trial};
use crate::config::ClientSettings;
use crate::exit::{Exit, Plugin};
use crate::limits;
use crate::net::fault::io_words;
use crate::output::progress::Progress;
use crate::output::report::{self, Detail, Form, Report, Row, Verdict};
use crate::output::{Paint, Stdout, Talk, Unwritable};
use crate::protocol::Timestamp;
use judge::Limits;

/// How a probe ends: by the table of exit codes, or as a monitoring plugin has to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Command(Exit),
    Plugin(Plugin),
}

/// How a probe runs.
struct Manner {
    plan: Plan,
    count: u32,
    interval: Duration,
    wait: Option<Duration>,
    bounds: Limits,
    /// The time for the whole command, and when it is over.
    whole: Option<(Duration, Instant)>,
}

/// The time a run has.
#[derive(Clone, Copy)]
struct Limit {
    /// What is left.
    left: Duration,
    /// What it was to begin with: what a person is told.
    told: Duration,
}

/// What came of one target.
struct Outcome {
    runs: Vec<Tried>,
    /// Tries beyond the first of each run.
    retries: u32,
}

/// One run that was not tried again.
struct Tried {
    at: Timestamp,
    trial: Trial,
    took: Duration,
    /// The deadline it ran into.
    late: Option<Duration>,
    /// The time that was waited for a pass that did not come.
    waited: Option<Duration>,
}

/// Runs the command.
pub(super) async fn run(args: ProbeArgs, saved: &ClientSettings) -> Ending {
    let format = if args.json { ProbeFormat::Json } else { args.format };
    let ended = |exit: Exit| match format {
        ProbeFormat::Nagios => Ending::Plugin(Plugin::Unknown),
        _ => Ending::Command(exit),
    };
    let talk = setup::talk(&args.output);
    let subjects = if args.subjects.is_empty() { vec![Subject::All] } else { args.subjects.clone() };
    let ready = Setup::new(&args.connection, saved).and_then(|setup| {
        let endpoints = setup.endpoints(&subjects, talk)?;
        consistent(&args, &endpoints)?;
        Ok((endpoints, setup))
    });
    let (endpoints, setup) = match ready {
        Ok(ready) => ready,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            return match format {
                ProbeFormat::Nagios => Ending::Plugin(super::unknown(&message)),
                _ => Ending::Command(exit),
            };
        }
    };

    let manner = Manner::of(&args);
    let progress = Progress::begin(talk, endpoints.len() as u64 * u64::from(args.count), "probing");
    let outcomes: Vec<Outcome> = futures_util::stream::iter(&endpoints)
        .map(|endpoint| manner.target(endpoint, &setup.access, &progress))
        .buffered(usize::from(args.parallel))
        .collect()
        .await;
    drop(progress);

    let judged = endpoints.iter().zip(&outcomes).map(|(endpoint, outcome)| {
        let (mut row, exit) = row::of(endpoint, &outcome.runs, outcome.retries, &manner.bounds);
        if setup.servers.len() > 1 && row.feed.is_some() {
            row.name = format!("{} {}", row.name, endpoint.address());
        }
        (row, exit)
    });
    let (mut targets, exits): (Vec<_>, Vec<_>) = judged.unzip();
    number(&mut targets);
    let exit = exits.into_iter().max_by_key(|exit| rank(*exit)).unwrap_or(Exit::Done);
    let report = Report { ok: exit == Exit::Done, exit: exit as u8, at: Timestamp::now(), targets };

    let kept = keep(&args, &report, talk);
    match show(&args, format, &report) {
        Err(error @ Unwritable::Failed(_)) => ended(unwritten(talk, &error, exit)),
        Ok(()) | Err(Unwritable::Closed) if !kept => ended(if exit == Exit::Done { Exit::Failed } else { exit }),
        Ok(()) | Err(Unwritable::Closed) if format == ProbeFormat::Nagios => Ending::Plugin(match report.verdict() {
            Verdict::Fail => Plugin::Critical,
            Verdict::Warn => Plugin::Warning,
            Verdict::Pass | Verdict::Skip => Plugin::Ok,
        }),
        Ok(()) | Err(Unwritable::Closed) => Ending::Command(exit),
    }
}

/// Writes the report to the files that were asked for. Whether all of them could be written.
fn keep(args: &ProbeArgs, report: &Report, talk: Talk) -> bool {
    let mut all = true;
    for file in &args.report {
        let text = report.render(form(file.format, Paint::PLAIN, Detail::Full));
        if let Err(error) = report::write(&file.path, &text) {
            talk.error(&format!("cannot write the report `{}`: {}", file.path.display(), io_words(&error)));
            all = false;
        }
    }
    all
}

/// Writes the report to standard output. A table is talk to whoever wants quiet, the other formats are what they want.
fn show(args: &ProbeArgs, format: ProbeFormat, report: &Report) -> Result<(), Unwritable> {
    if args.output.quiet && format == ProbeFormat::Text {
        return Ok(());
    }
    let detail = if args.output.verbose { Detail::Full } else { Detail::Short };
    let (stdout, text) = (Stdout::new(), report.render(form(format, Paint::stdout(setup::wish(&args.output)), detail)));
    match format {
        ProbeFormat::Text => text.lines().try_for_each(|line| stdout.text(line, Detail::INDENT)),
        _ => stdout.line(&text),
    }
}

/// Refuses what would be asked of a target that cannot do it, and a limit that could not be measured of any.
fn consistent(args: &ProbeArgs, endpoints: &[Endpoint]) -> Result<(), Failure> {
    let mut limits = args.judge.critical.iter().chain(&args.judge.warning);
    if limits.any(|limit| limit.key == Key::Cadence) && args.messages.is_none_or(|messages| messages < 2) {
        let message = "a limit of `cadence` is for the time between two messages; give `--messages 2` or more";
        return Err(Failure::new(Exit::Usage, message));
    }
    let flags = [
        ("--expect", !args.judge.expect.is_empty()),
        ("--messages", args.messages.is_some()),
        ("--conformance", args.judge.conformance),
    ];
    let flag = flags.into_iter().find(|(_, given)| *given);
    match (flag, endpoints.iter().find(|endpoint| endpoint.is_http())) {
        (Some((flag, _)), Some(endpoint)) => {
            let message =
                format!("`{flag}` is for WebSockets, which `{}` is not; probe it by itself", endpoint.shown());
            Err(Failure::new(Exit::Usage, message))
        }
        _ => Ok(()),
    }
}

/// Tells targets apart that differ in nothing that is shown, as in their queries, where tokens stand: the second is
/// ` #2`. What reads a report takes the name for one target.
fn number(targets: &mut [Row]) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for row in targets {
        let times = seen.entry(row.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            row.name.push_str(&format!(" #{times}"));
        }
    }
}

fn form(format: ProbeFormat, paint: Paint, detail: Detail) -> Form {
    match format {
        ProbeFormat::Text => Form::Text(paint, detail),
        ProbeFormat::Json => Form::Json,
        ProbeFormat::Nagios => Form::Nagios,
        ProbeFormat::Prometheus => Form::Prometheus,
        ProbeFormat::Junit => Form::Junit,
        ProbeFormat::Tap => Form::Tap,
        ProbeFormat::Github => Form::Github,
    }
}

/// What a person has to act on first stands last.
fn rank(exit: Exit) -> usize {
    const ORDER: [Exit; 6] = [Exit::Done, Exit::Failed, Exit::Deadline, Exit::Lost, Exit::Unreachable, Exit::Denied];
    ORDER.iter().position(|other| *other == exit).unwrap_or(ORDER.len())
}

impl Manner {
    fn of(args: &ProbeArgs) -> Manner {
        let conformance = if args.judge.conformance { Conformance::Tried } else { Conformance::Trusted };
        let plan =
            Plan { pings: args.pings, messages: args.messages, expectations: args.judge.expect.clone(), conformance };
        let whole = args.timeout.map(|timeout| (timeout, Instant::now() + timeout));
        let bounds = Limits { warning: args.judge.warning.clone(), critical: args.judge.critical.clone() };
        Manner { plan, count: args.count, interval: args.interval, wait: args.wait, bounds, whole }
    }

    /// The time for one run: what is left of the user's for the whole, else half a minute and what was asked for takes.
    fn limit(&self, endpoint: &Endpoint) -> Limit {
        if let Some((told, end)) = self.whole {
            return Limit { left: end.saturating_duration_since(Instant::now()), told };
        }
        let more = self.plan.messages.unwrap_or(1).saturating_sub(1);
        let cadence = endpoint.feed.map(|feed| feed.cadence()).unwrap_or_default();
        let conformance = match self.plan.conformance {
            Conformance::Tried => probe::conformance::longest(),
            Conformance::Trusted => Duration::ZERO,
        };
        let left = limits::PROBE_TIMEOUT + cadence * more + conformance;
        Limit { left, told: left }
    }

    /// Pauses between two runs or tries. False: the time for the whole does not last that long.
    async fn pause(&self) -> bool {
        let enough = self.whole.is_none_or(|(_, end)| Instant::now() + self.interval < end);
        sleep(if enough { self.interval } else { Duration::ZERO }).await;
        enough
    }

    /// All runs of one target.
    async fn target(&self, endpoint: &Endpoint, access: &Access, progress: &Progress) -> Outcome {
        let (mut runs, mut retries) = (Vec::new(), 0);
        for number in 0..self.count {
            let in_time = number == 0 || self.pause().await;
            let limit = self.limit(endpoint);
            if !in_time {
                // A run that was asked for and is not made any more has failed; where one was cut off, that says it.
                if runs.last().is_none_or(|last: &Tried| last.late.is_none()) {
                    let late = Some(limit.told);
                    let (trial, took) = (Trial::default(), Duration::ZERO);
                    runs.push(Tried { at: Timestamp::now(), trial, took, late, waited: None });
                }
                break;
            }
            runs.push(self.run(endpoint, access, &mut retries).await);
            progress.step();
        }
        Outcome { runs, retries }
    }

    /// One run, and tried again while there is time to wait for a pass.
    async fn run(&self, endpoint: &Endpoint, access: &Access, retries: &mut u32) -> Tried {
        let Some(wait) = self.wait else { return self.attempt(endpoint, access, self.limit(endpoint)).await };
        let end = Instant::now() + wait;
        let mut before: Option<Tried> = None;
        loop {
            let (limit, left) = (self.limit(endpoint), end.saturating_duration_since(Instant::now()));
            let limit = if left < limit.left { Limit { left, told: wait } } else { limit };
            let tried = self.attempt(endpoint, access, limit).await;
            let (_, exit) = row::of(endpoint, std::slice::from_ref(&tried), 0, &self.bounds);
            if exit == Exit::Done || tried.trial.is_hopeless() {
                return tried;
            }
            if Instant::now() + self.interval < end && self.pause().await {
                before = Some(tried);
                *retries += 1;
                continue;
            }
            // A last try that was cut off says less than the one before.
            let tried = before.filter(|_| tried.late.is_some()).unwrap_or(tried);
            return Tried { waited: Some(wait), ..tried };
        }
    }

    async fn attempt(&self, endpoint: &Endpoint, access: &Access, limit: Limit) -> Tried {
        let (started, mut trial) = (Instant::now(), Trial::default());
        let ended = timeout(limit.left, probe::run(endpoint, access, &self.plan, &mut trial)).await;
        let late = ended.is_err().then_some(limit.told);
        let took = trial.total.unwrap_or_else(|| started.elapsed());
        Tried { at: Timestamp::now(), trial, took, late, waited: None }
    }
}
