//! `veloflux probe`: tries every target once and reports.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::setup::{self, Setup};
use super::{Failure, format, unwritten};
use crate::cli::{Format, ProbeArgs};
use crate::client::connect::Access;
use crate::client::endpoint::Endpoint;
use crate::client::probe::{self, Kind, Trial};
use crate::exit::Exit;
use crate::limits;
use crate::net::fault::in_words;
use crate::output::progress::Progress;
use crate::output::record::milliseconds;
use crate::output::report::{self, Detail, Phases, Pings, Report, Row};
use crate::output::summary::Spread;
use crate::output::{Paint, Stdout, clean};
use crate::protocol::Timestamp;

/// Runs the command.
pub(super) async fn run(args: ProbeArgs) -> Exit {
    let talk = setup::talk(&args.output);
    let ready = Setup::new(&args.connection).and_then(|setup| Ok((setup.endpoints(&args.subjects, talk)?, setup)));
    let (endpoints, setup) = match ready {
        Ok(ready) => ready,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            return exit;
        }
    };

    let progress = Progress::begin(talk, endpoints.len() as u64, "probing");
    let deadline = Instant::now() + args.timeout;
    let rows: Vec<(Row, Exit)> = futures_util::stream::iter(&endpoints)
        .map(|endpoint| async {
            let row = one(endpoint, &setup.access, args.pings, deadline, args.timeout).await;
            progress.step();
            row
        })
        .buffered(limits::PROBES_AT_ONCE_MAX)
        .collect()
        .await;
    drop(progress);

    let exit = rows.iter().map(|(_, exit)| *exit).max_by_key(|exit| rank(*exit)).unwrap_or(Exit::Done);
    let targets = rows.into_iter().map(|(row, _)| row).collect();
    let report = Report { ok: exit == Exit::Done, exit: exit as u8, at: Timestamp::now(), targets };
    let stdout = Stdout::new();
    let written = match format(args.format, args.json) {
        Format::Json => stdout.line(&clean::clean_json(&report.to_json())),
        Format::Text if args.output.quiet => Ok(()),
        Format::Text => {
            let detail = if args.output.verbose { Detail::Full } else { Detail::Short };
            let lines = report.lines(Paint::stdout(setup::wish(&args.output)), detail);
            lines.iter().try_for_each(|line| stdout.line(line))
        }
    };
    match written {
        Ok(()) => exit,
        Err(error) => unwritten(talk, &error),
    }
}

/// What a person has to act on first stands last.
fn rank(exit: Exit) -> usize {
    const ORDER: [Exit; 6] = [Exit::Done, Exit::Failed, Exit::Deadline, Exit::Lost, Exit::Unreachable, Exit::Denied];
    ORDER.iter().position(|other| *other == exit).unwrap_or(ORDER.len())
}

async fn one(endpoint: &Endpoint, access: &Access, pings: u32, deadline: Instant, patience: Duration) -> (Row, Exit) {
    let started = Instant::now();
    let trial = async {
        if endpoint.is_http() {
            probe::http(endpoint, access).await
        } else {
            probe::websocket(endpoint, access, pings).await
        }
    };
    let (trial, late) = match timeout_at(deadline, trial).await {
        Ok(trial) => (trial, false),
        Err(_) => (Trial::default(), true),
    };
    let exit = match &trial.failure {
        _ if late => Exit::Deadline,
        None => Exit::Done,
        Some(failure) => match failure.kind {
            Kind::Unreachable => Exit::Unreachable,
            Kind::Wrong => Exit::Failed,
            Kind::Denied => Exit::Denied,
            Kind::Lost => Exit::Lost,
        },
    };
    let failure = match trial.failure {
        _ if late => {
            Some(report::Failure { phase: "timeout", reason: format!("not over within {}", in_words(patience)) })
        }
        failure => failure.map(|failure| report::Failure { phase: failure.phase, reason: failure.reason }),
    };
    let phases_ms = Phases {
        dns: trial.phases.dns.map(milliseconds),
        tcp: trial.phases.tcp.map(milliseconds),
        tls: trial.phases.tls.map(milliseconds),
        upgrade: trial.upgrade.map(milliseconds),
        first_message: trial.first_message.map(milliseconds),
        response: trial.response.map(milliseconds),
        close: trial.close.map(milliseconds),
    };
    let answered = trial.rtts.len() as u32;
    let row = Row {
        feed: endpoint.feed.filter(|_| !endpoint.is_http()),
        url: endpoint.shown(),
        ok: exit == Exit::Done,
        peer: trial.peer,
        phases_ms,
        pings: (trial.pings > 0).then(|| Pings { sent: trial.pings, answered, rtt_ms: Spread::of(&trial.rtts) }),
        status: trial.status,
        total_ms: milliseconds(started.elapsed()),
        failure,
    };
    (row, exit)
}
