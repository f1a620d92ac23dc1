//! The display: each event as a line for people, a record for programs, or the server's own bytes.

use jiff::tz::TimeZone;
use serde_json::value::RawValue;

use crate::cli::{WatchArgs, WatchFormat};
use crate::client::backoff::Retry;
use crate::client::endpoint::Endpoint;
use crate::client::event::{Ending, Event, Opened, Received, What};
use crate::client::loss::{Loss, Verdict, passed};
use crate::commands::setup;
use crate::exit::Exit;
use crate::output::clean::{clean, clean_json, one_line};
use crate::output::feed::Lines;
use crate::output::record::{Happening, PhasesMs, Record, milliseconds};
use crate::output::summary::Summary;
use crate::output::{Paint, Stdout, Talk, Unwritable};
use crate::protocol::{Feed, Timestamp};

/// Writes events.
pub(super) struct Display {
    format: WatchFormat,
    stdout: Stdout,
    paint: Paint,
    talk: Talk,
    streams: Vec<Stream>,
}

struct Stream {
    feed: Option<Feed>,
    server: String,
    url: String,
    /// What tells it from the others.
    name: String,
    lines: Lines,
    opened: bool,
}

/// How much of something that is no message is repeated, in characters.
const EXCERPT_CHARS_MAX: usize = 120;

impl Display {
    pub(super) fn new(args: &WatchArgs, endpoints: &[Endpoint], talk: Talk) -> Self {
        let paint = Paint::stdout(setup::wish(&args.output));
        let alone = endpoints.iter().all(|endpoint| endpoint.address() == endpoints[0].address());
        let stream = |endpoint: &Endpoint| Stream {
            feed: endpoint.feed,
            server: endpoint.address(),
            url: endpoint.shown(),
            name: match endpoint.feed {
                Some(feed) if alone => format!("{feed:<8}"),
                Some(feed) => format!("{}  {feed:<8}", endpoint.address()),
                None => endpoint.shown(),
            },
            lines: Lines::new(paint),
            opened: false,
        };
        let format = if args.json { WatchFormat::Json } else { args.format };
        Display { format, stdout: Stdout::new(), paint, talk, streams: endpoints.iter().map(stream).collect() }
    }

    /// Writes one event.
    pub(super) fn show(&mut self, event: &Event) -> Result<(), Unwritable> {
        match self.format {
            WatchFormat::Json => self.record(event),
            WatchFormat::Text => self.text(event),
            WatchFormat::Raw => match &event.what {
                What::Message(received) => self.raw(received),
                _ => self.text(event),
            },
        }
    }

    /// Writes what it came to.
    pub(super) fn end(&self, summary: &Summary, exit: Exit) -> Result<(), Unwritable> {
        if self.format == WatchFormat::Json {
            let what = Happening::Summary { summary, exit: exit as u8 };
            return self.write(&Record { what, feed: None, server: None, at: Timestamp::now() });
        }
        if exit == Exit::Interrupted {
            self.talk.after_interrupt();
        }
        for line in summary.lines() {
            self.talk.say(&self.talk.paint.faint(&clean(&line)));
        }
        Ok(())
    }

    fn raw(&self, received: &Received) -> Result<(), Unwritable> {
        if self.stdout.is_terminal() {
            self.stdout.line(&clean(&received.text))
        } else {
            self.stdout.line(&one_line(&received.text))
        }
    }

    fn text(&mut self, event: &Event) -> Result<(), Unwritable> {
        let stream = &mut self.streams[event.stream];
        let time = event.at.instant().to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string();
        let talk = self.talk;
        let start = |paint: Paint| format!("{}  {}", paint.faint(&time), paint.name(&stream.name));
        match &event.what {
            What::Message(received) => {
                let start = start(self.paint);
                let body = match (&received.message, &received.kind) {
                    (Some(message), _) => stream.lines.line(message),
                    (None, Some(kind)) => format!("{}  {}", clean(kind), clean(&received.text)),
                    (None, None) => clean(&received.text).into_owned(),
                };
                return self.stdout.line(&format!("{start}  {body}"));
            }
            What::Open(opened) => {
                let line = format!("{}  {}", start(talk.paint), connected(opened, stream.opened));
                if std::mem::replace(&mut stream.opened, true) { talk.say(&line) } else { talk.detail(&line) }
            }
            What::Invalid(invalid) => {
                let text = invalid.text.as_deref().unwrap_or_default();
                let excerpt: String = clean(text).chars().take(EXCERPT_CHARS_MAX).collect();
                let problem = talk.paint.warning(&clean(&format!("invalid: {}", invalid.problem)));
                talk.say(&format!("{}  {problem}  {excerpt}", start(talk.paint)));
            }
            What::Gap(gap) => {
                let what = format!("{} messages missed, between {} and {}", gap.missed, gap.after, gap.before);
                talk.say(&format!("{}  {}", start(talk.paint), talk.paint.warning(&what)));
            }
            What::Stale(silent) => {
                let what = format!("stale: no message for {}", passed(*silent));
                talk.say(&format!("{}  {}", start(talk.paint), talk.paint.warning(&what)));
            }
            What::Missed(missed) => {
                let what = format!("ping not answered, {missed} in a row");
                talk.say(&format!("{}  {}", start(talk.paint), talk.paint.warning(&what)));
            }
            What::Pong(rtt) => {
                talk.detail(&format!("{}  ping answered after {:.1} ms", start(talk.paint), milliseconds(*rtt)));
            }
            // Told together with what follows it.
            What::Lost(..) => {}
            What::Retry(retry, loss, lived) => {
                let what = clean(&format!("{}; {}", lost(loss, *lived), again(retry))).into_owned();
                talk.say(&format!("{}  {}", start(talk.paint), talk.paint.warning(&what)));
            }
            What::End(Ending::Done) => talk.say(&format!("{}  the server is done", start(talk.paint))),
            What::End(Ending::GaveUp { loss, lived, attempts, .. }) => {
                talk.error(&format!("{}: {}", stream.name.trim_end(), failure(loss, *lived, *attempts)));
            }
            What::End(Ending::Enough | Ending::Stopped) => {}
        }
        Ok(())
    }

    fn record(&self, event: &Event) -> Result<(), Unwritable> {
        let stream = &self.streams[event.stream];
        let write = |what| self.write(&Record { what, feed: stream.feed, server: Some(&stream.server), at: event.at });
        match &event.what {
            What::Open(Opened { peer, phases, upgrade }) => {
                let phases_ms = PhasesMs {
                    dns: phases.dns.map(milliseconds),
                    tcp: phases.tcp.map(milliseconds),
                    tls: phases.tls.map(milliseconds),
                    upgrade: Some(milliseconds(*upgrade)),
                };
                write(Happening::Open { url: &stream.url, peer: peer.to_string(), phases_ms })
            }
            What::Message(received) => {
                // A line break can only be a blank of the document, and one line is one record.
                let text = one_line(&received.text);
                match serde_json::from_str::<&RawValue>(&text) {
                    Ok(payload) => write(Happening::Message { payload }),
                    Err(_) => write(Happening::Invalid { problem: "not JSON", text: Some(&received.text) }),
                }
            }
            What::Invalid(invalid) => {
                write(Happening::Invalid { problem: &invalid.problem, text: invalid.text.as_deref() })
            }
            What::Gap(gap) => write(Happening::Gap { missed: gap.missed, after: gap.after, before: gap.before }),
            What::Stale(silent) => write(Happening::Stale { silent_ms: silent.as_millis() as u64 }),
            What::Pong(_) | What::Missed(_) => Ok(()),
            What::Lost(loss, lived) => write(Happening::Lost {
                cause: loss.cause(),
                reason: loss.to_string(),
                after_ms: lived.as_millis() as u64,
            }),
            What::Retry(retry, loss, _) => write(Happening::Retry {
                attempt: retry.attempt,
                of: retry.of,
                delay_ms: retry.delay.as_millis() as u64,
                cause: loss.cause(),
                reason: loss.to_string(),
            }),
            What::End(ending @ Ending::GaveUp { loss, lived, attempts, .. }) => {
                let reason = failure(loss, *lived, *attempts);
                let exit = super::exit_of(ending, true) as u8;
                write(Happening::Error { reason: reason.clone(), exit })?;
                self.talk.error(&format!("{}: {reason}", stream.name.trim_end()));
                Ok(())
            }
            What::End(Ending::Enough | Ending::Stopped | Ending::Done) => Ok(()),
        }
    }

    fn write(&self, record: &Record<'_>) -> Result<(), Unwritable> {
        let json = record.to_json();
        if self.stdout.is_terminal() { self.stdout.line(&clean_json(&json)) } else { self.stdout.line(&json) }
    }
}

fn connected(opened: &Opened, again: bool) -> String {
    let Opened { peer, phases, upgrade } = opened;
    let mut parts = Vec::new();
    for (name, took) in [("dns", phases.dns), ("tcp", phases.tcp), ("tls", phases.tls), ("upgrade", Some(*upgrade))] {
        parts.extend(took.map(|took| format!("{name} {:.1} ms", milliseconds(took))));
    }
    format!("connected{} to {peer}: {}", if again { " again" } else { "" }, parts.join(", "))
}

fn lost(loss: &Loss, lived: Option<std::time::Duration>) -> String {
    match lived {
        Some(lived) => format!("connection lost: {loss}, after {}", passed(lived)),
        None => format!("not connected: {loss}"),
    }
}

fn again(retry: &Retry) -> String {
    let of = retry.of.map(|of| format!("/{of}")).unwrap_or_default();
    format!("retry {}{of} in {}", retry.attempt, passed(retry.delay))
}

/// Why a stream failed, and what to do about it.
fn failure(loss: &Loss, lived: Option<std::time::Duration>, attempts: u32) -> String {
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
