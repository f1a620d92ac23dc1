//! The display: each event as a line for people, a record for programs, or the server's own bytes.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::changes::Changes;
use super::gate::{Doubts, Verdict};
use super::label::Label;
use super::pace::Pace;
use super::telling::{self, again, connected, failure, lost};
use crate::cli::{WatchArgs, WatchFormat};
use crate::client::diff::Change;
use crate::client::event::{Ending, Event, Received, What};
use crate::client::loss::passed;
use crate::commands::setup;
use crate::exit::Exit;
use crate::expression::Expression;
use crate::output::clean::{clean, clean_json, one_line};
use crate::output::clock::time_of_day;
use crate::output::feed::Lines;
use crate::output::record::{Happening, Leaf, Record, milliseconds};
use crate::output::summary::Summary;
use crate::output::{Paint, Stdout, Talk, Unwritable};
use crate::protocol::{Health, Timestamp};

/// Writes events.
pub(super) struct Display {
    format: WatchFormat,
    stdout: Stdout,
    paint: Paint,
    talk: Talk,
    streams: Vec<Stream>,
    select: Option<Expression>,
    doubts: Doubts,
    changes: Option<Changes>,
    pace: Pace<Shown>,
}

struct Stream {
    label: Label,
    lines: Lines,
    opened: bool,
}

/// What a message comes to.
struct Shown {
    stream: usize,
    at: Timestamp,
    body: Body,
}

enum Body {
    /// The message itself.
    Message(Box<Received>),
    /// What was selected of it.
    Values(Vec<Value>),
    /// What has changed since the last time, whatever that is when it is written.
    Changes,
}

/// How much of something that is no message is repeated, in characters.
const EXCERPT_CHARS_MAX: usize = 120;

/// How many changes of one message are shown to people.
const CHANGES_SHOWN: usize = 20;

impl Display {
    pub(super) fn new(args: &WatchArgs, labels: &[Label], talk: Talk) -> Self {
        let paint = Paint::stdout(setup::wish(&args.output));
        let stream = |label: &Label| Stream { label: label.clone(), lines: Lines::new(paint), opened: false };
        let every = args.max_rate.map_or(Duration::ZERO, |rate| rate.every);
        Display {
            format: if args.json { WatchFormat::Json } else { args.format },
            stdout: Stdout::new(),
            paint,
            talk,
            streams: labels.iter().map(stream).collect(),
            select: args.select.clone(),
            doubts: Doubts::default(),
            changes: args.changes.then(|| Changes::new(labels)),
            pace: Pace::new(every, labels.len()),
        }
    }

    /// Writes one event, or keeps it until its time has come. `document` is what expressions are asked about.
    pub(super) fn show(&mut self, event: Event, document: Option<&Value>) -> Result<(), Unwritable> {
        let Event { stream, at, instant, what } = event;
        let received = match what {
            What::Message(received) => received,
            what => {
                // What waits came before this.
                if let Some(shown) = self.pace.flush(stream) {
                    self.write_shown(shown)?;
                }
                let event = Event { stream, at, instant, what };
                return match self.format {
                    WatchFormat::Json => self.record(&event),
                    WatchFormat::Text | WatchFormat::Raw => {
                        self.text(&event);
                        Ok(())
                    }
                };
            }
        };
        let body = match (&self.select, document, &mut self.changes) {
            (Some(select), Some(document), _) => match select.select(document) {
                Ok(values) => Body::Values(values),
                Err(error) => {
                    self.doubts.take(select, &error);
                    for doubt in self.doubts.untold() {
                        self.talk.say(&self.talk.paint.warning(&clean(&doubt)));
                    }
                    return Ok(());
                }
            },
            (_, _, Some(changes)) => {
                changes.take(stream, &received);
                Body::Changes
            }
            _ => Body::Message(received),
        };
        match self.pace.offer(stream, Shown { stream, at, body }, instant) {
            Some(shown) => self.write_shown(shown),
            None => Ok(()),
        }
    }

    /// When something that was kept is to be written.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.pace.due_at()
    }

    /// Writes what was kept until now.
    pub(super) fn due(&mut self, now: Instant) -> Result<(), Unwritable> {
        self.pace.due(now).into_iter().try_for_each(|shown| self.write_shown(shown))
    }

    /// Writes what the gate says, which is `expression`, of this stream where it is about one.
    pub(super) fn verdict(
        &self,
        record: &Record<'_>,
        verdict: &Verdict,
        stream: Option<usize>,
    ) -> Result<(), Unwritable> {
        if self.format == WatchFormat::Json {
            return write(&self.stdout, record);
        }
        let place = stream.map(|stream| format!("{}: ", self.streams[stream].label.name.trim_end()));
        let place = place.unwrap_or_default();
        match (&record.what, verdict) {
            (Happening::Until { expression, .. }, Verdict::Until(Duration::ZERO)) => {
                self.talk.say(&clean(&format!("{place}`{expression}` holds")));
            }
            (Happening::Until { expression, .. }, Verdict::Until(held)) => {
                self.talk.say(&clean(&format!("{place}`{expression}` has held for {}", passed(*held))));
            }
            (Happening::Fail { expression }, _) => self.talk.error(&format!("{place}`{expression}` holds")),
            _ => {}
        }
        Ok(())
    }

    /// Writes what it came to.
    pub(super) fn end(&self, mut summary: Summary, exit: Exit, at: Timestamp) -> Result<(), Unwritable> {
        for (stream, summary) in summary.streams.iter_mut().enumerate() {
            summary.dropped = self.pace.dropped(stream);
        }
        if self.format == WatchFormat::Json {
            let what = Happening::Summary { summary: &summary, exit: exit as u8 };
            return write(&self.stdout, &Record { what, feed: None, server: None, at });
        }
        if exit == Exit::Interrupted {
            self.talk.after_interrupt();
        }
        // Where the outages stand, below what is said of their feed.
        let talk = Talk { indent: 10, ..self.talk };
        for line in summary.lines() {
            talk.say(&talk.paint.faint(&clean(&line)));
        }
        Ok(())
    }

    fn write_shown(&mut self, Shown { stream: index, at, body }: Shown) -> Result<(), Unwritable> {
        let Display { streams, changes, stdout, paint, format, .. } = self;
        let Stream { label, lines, .. } = &mut streams[index];
        let start = || format!("{}  {}", paint.faint(&time_of_day(at)), paint.name(&label.name));
        let record = |what| Record { what, feed: label.feed, server: Some(&label.server), at };
        match (body, *format) {
            (Body::Message(received), WatchFormat::Json) => {
                // A line break can only be a blank of the document, and one line is one record.
                let line = one_line(&received.text);
                write(stdout, &record(telling::message(&received.text, &line)))
            }
            (Body::Message(received), WatchFormat::Raw) if stdout.is_terminal() => stdout.line(&clean(&received.text)),
            (Body::Message(received), WatchFormat::Raw) => stdout.line(&one_line(&received.text)),
            (Body::Message(received), WatchFormat::Text) => {
                let start = start();
                let body = match (&received.message, &received.kind) {
                    (Some(message), _) => lines.line(message),
                    (None, Some(kind)) => format!("{}  {}", clean(kind), clean(&received.text)),
                    (None, None) => clean(&received.text).into_owned(),
                };
                stdout.text(&format!("{start}  {body}"), label.text_column())
            }
            (Body::Values(values), WatchFormat::Json) => write(stdout, &record(Happening::Values { values: &values })),
            (Body::Values(values), _) => values.iter().try_for_each(|value| stdout.line(&plain(value))),
            (Body::Changes, format) => {
                let changes = changes.as_mut().map(|changes| changes.since(index)).unwrap_or_default();
                match format {
                    _ if changes.is_empty() => Ok(()),
                    WatchFormat::Json => {
                        let changes = changes.iter().map(|Change { path, old, new }| Leaf { path, old, new }).collect();
                        write(stdout, &record(Happening::Changes { changes }))
                    }
                    _ => stdout.text(&format!("{}  {}", start(), said(&changes, *paint)), label.text_column()),
                }
            }
        }
    }

    fn text(&mut self, event: &Event) {
        let stream = &mut self.streams[event.stream];
        let talk = Talk { indent: stream.label.text_column(), ..self.talk };
        let start = format!("{}  {}", talk.paint.faint(&time_of_day(event.at)), talk.paint.name(&stream.label.name));
        let warn = |what: &str| talk.say(&format!("{start}  {}", talk.paint.warning(&clean(what))));
        match &event.what {
            What::Open(opened) => {
                let line = format!("{start}  {}", connected(opened, stream.opened));
                if std::mem::replace(&mut stream.opened, true) { talk.say(&line) } else { talk.detail(&line) }
            }
            What::Invalid(invalid) => {
                let text = invalid.text.as_deref().unwrap_or_default();
                let excerpt: String = clean(text).chars().take(EXCERPT_CHARS_MAX).collect();
                let problem = talk.paint.warning(&clean(&format!("invalid: {}", invalid.problem)));
                talk.say(&format!("{start}  {problem}  {excerpt}"));
            }
            What::Gap(gap) => {
                warn(&format!("{} messages missed, between {} and {}", gap.missed, gap.after, gap.before));
            }
            What::Stale(silent) => warn(&format!("stale: no message for {}", passed(*silent))),
            What::Missed(missed) => warn(&format!("ping not answered, {missed} in a row")),
            What::Pong(rtt) => talk.detail(&format!("{start}  ping answered after {:.1} ms", milliseconds(*rtt))),
            What::Retry(retry, loss, lived) => warn(&format!("{}; {}", lost(loss, *lived), again(retry))),
            What::End(Ending::Done) => talk.say(&format!("{start}  the server is done")),
            What::End(Ending::GaveUp { loss, lived, attempts, .. }) => {
                self.talk.error(&format!("{}: {}", stream.label.name.trim_end(), failure(loss, *lived, *attempts)));
            }
            // A loss is told together with what follows it, and what was not recovered as a gap.
            What::Resumed(_) | What::Message(_) | What::Lost(..) | What::End(Ending::Enough | Ending::Stopped) => {}
        }
    }

    fn record(&self, event: &Event) -> Result<(), Unwritable> {
        let label = &self.streams[event.stream].label;
        let Some(record) = telling::record(event, label) else { return Ok(()) };
        if let Happening::Error { reason, .. } = &record.what {
            self.talk.error(&format!("{}: {reason}", label.name.trim_end()));
        }
        write(&self.stdout, &record)
    }
}

/// Writes a record, which in a terminal must not steer it.
fn write(stdout: &Stdout, record: &Record<'_>) -> Result<(), Unwritable> {
    let json = record.to_json();
    if stdout.is_terminal() { stdout.line(&clean_json(&json)) } else { stdout.line(&json) }
}

/// Changes as one line for people.
fn said(changes: &[Change], paint: Paint) -> String {
    let value = |value: &Value| match value
        .as_str()
        .and_then(|word| Health::ALL.into_iter().find(|health| health.word() == word))
    {
        Some(health) => paint.health(health),
        None => plain(value),
    };
    let mut parts: Vec<String> = changes[..changes.len().min(CHANGES_SHOWN)]
        .iter()
        .map(|change| format!("{} {} -> {}", paint.faint(&clean(&change.path)), value(&change.old), value(&change.new)))
        .collect();
    if changes.len() > CHANGES_SHOWN {
        parts.push(format!("and {} more", changes.len() - CHANGES_SHOWN));
    }
    parts.join("  ")
}

/// A value as it stands in a shell: a text without quotes, anything else as JSON. One line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text).into_owned(),
        other => clean_json(&other.to_string()).into_owned(),
    }
}
