//! Telling: an event in the words of a record, and in those for people. Pure.

use std::time::Duration;

use serde_json::value::RawValue;

use super::label::Label;
use crate::client::backoff::Retry;
use crate::client::event::{Ending, Event, Opened, What};
use crate::client::loss::{Loss, Verdict, passed};
use crate::output::record::{Happening, PhasesMs, Record, milliseconds};

/// The record of an event. None where programs are told nothing, and for messages, which are shown in more than one way.
pub(super) fn record<'a>(event: &'a Event, label: &'a Label) -> Option<Record<'a>> {
    let what = match &event.what {
        What::Open(Opened { peer, phases, upgrade }) => {
            let phases_ms = PhasesMs {
                dns: phases.dns.map(milliseconds),
                tcp: phases.tcp.map(milliseconds),
                tls: phases.tls.map(milliseconds),
                upgrade: Some(milliseconds(*upgrade)),
            };
            Happening::Open { url: &label.url, peer: peer.to_string(), phases_ms }
        }
        What::Invalid(invalid) => Happening::Invalid { problem: &invalid.problem, text: invalid.text.as_deref() },
        What::Gap(gap) => Happening::Gap { missed: gap.missed, after: gap.after, before: gap.before },
        What::Stale(silent) => Happening::Stale { silent_ms: silent.as_millis() as u64 },
        What::Lost(loss, lived) => {
            Happening::Lost { cause: loss.cause(), reason: loss.to_string(), after_ms: lived.as_millis() as u64 }
        }
        What::Retry(retry, loss, _) => Happening::Retry {
            attempt: retry.attempt,
            of: retry.of,
            delay_ms: retry.delay.as_millis() as u64,
            cause: loss.cause(),
            reason: loss.to_string(),
        },
        What::End(ending @ Ending::GaveUp { loss, lived, attempts, .. }) => {
            let exit = super::exit_of(ending, true) as u8;
            Happening::Error { reason: failure(loss, *lived, *attempts), exit }
        }
        What::Resumed(_) | What::Message(_) | What::Pong(_) | What::Missed(_) => return None,
        What::End(Ending::Enough | Ending::Stopped | Ending::Done) => return None,
    };
    Some(Record { what, feed: label.feed, server: Some(&label.server), at: event.at })
}

/// A message in a record: the server's document, or, where it is none, that.
pub(super) fn message<'a>(text: &'a str, line: &'a str) -> Happening<'a> {
    match serde_json::from_str::<&RawValue>(line) {
        Ok(payload) => Happening::Message { payload },
        Err(_) => Happening::Invalid { problem: "not JSON", text: Some(text) },
    }
}

pub(super) fn connected(opened: &Opened, again: bool) -> String {
    let Opened { peer, phases, upgrade } = opened;
    let mut parts = Vec::new();
    for (name, took) in [("dns", phases.dns), ("tcp", phases.tcp), ("tls", phases.tls), ("upgrade", Some(*upgrade))] {
        parts.extend(took.map(|took| format!("{name} {:.1} ms", milliseconds(took))));
    }
    format!("connected{} to {peer}: {}", if again { " again" } else { "" }, parts.join(", "))
}

pub(super) fn lost(loss: &Loss, lived: Option<Duration>) -> String {
    match lived {
        Some(lived) => format!("connection lost: {loss}, after {}", passed(lived)),
        None => format!("not connected: {loss}"),
    }
}

pub(super) fn again(retry: &Retry) -> String {
    let of = retry.of.map(|of| format!("/{of}")).unwrap_or_default();
    format!("retry {}{of} in {}", retry.attempt, passed(retry.delay))
}

/// Why a stream failed, and what to do about it.
pub(super) fn failure(loss: &Loss, lived: Option<Duration>, attempts: u32) -> String {
    let tries = match attempts {
        0 => String::new(),
        1 => "; gave up after 1 retry".to_owned(),
        attempts => format!("; gave up after {attempts} retries"),
    };
    let hint = match (loss.verdict(), loss.cause().as_str()) {
        (Verdict::Denied, _) => "; give a token with `--token-file` or `VELOFLUX_TOKEN`",
        (_, "404") => "; is this the address of a veloflux server?",
        (_, "tcp") => "; start a server with `veloflux serve`, or name another with `--server`",
        _ => "",
    };
    format!("{}{tries}{hint}", lost(loss, lived))
}
