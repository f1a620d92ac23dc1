//! `veloflux watch`: follows feeds, writes what comes, and ends with what it came to.
//!
//! Events come out of one [`Source`], live or recorded, and go the same way: into the recording, the tally, the gate, onto
//! the display, to whoever is to be alerted. What is due by the clock is told by the source, too.

mod alarm;
mod board;
mod changes;
mod display;
mod gate;
mod knowledge;
mod label;
mod outcome;
mod pace;
mod source;
mod tally;
mod telling;
mod watchdog;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::setup::{self, Setup};
use super::signals::Signals;
use super::{Failure, unwritten};
use crate::cli::{Jitter, OnStale, PingMode, WatchArgs};
use crate::client::alert::Kind;
use crate::client::backoff::{self, Schedule};
use crate::client::event::{Ending, Event, What};
use crate::client::heartbeat::Pulse;
use crate::client::journal::Header;
use crate::client::origin::Origin;
use crate::client::recording::{Recorder, Recording};
use crate::client::session::{Habits, Ping, Session};
use crate::client::stale::WhenStale;
use crate::config::ClientSettings;
use crate::exit::Exit;
use crate::expression::Expression;
use crate::limits;
use crate::output::record::{Happening, Record};
use crate::output::{Talk, Unwritable};
use crate::shutdown::Shutdown;
use alarm::Alarm;
use display::Display;
use gate::{Gate, Verdict};
use knowledge::Knowledge;
use label::Label;
use outcome::{Course, exit_of, worse};
use source::{Moment, Next, Replay, Source};
use tally::Tally;
use watchdog::Watchdog;

/// Runs the command.
pub(super) async fn run(args: WatchArgs, saved: &ClientSettings) -> Exit {
    if args.dashboard {
        return board::run(args, saved).await;
    }
    let talk = setup::talk(&args.output);
    match Watch::begin(&args, saved, talk) {
        Ok((watch, source, signals)) => watch.follow(source, &signals).await,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            exit
        }
    }
}

/// A watch that runs.
struct Watch {
    labels: Vec<Label>,
    recorder: Option<Recorder>,
    tally: Tally,
    /// Where a condition or a selection is asked about it.
    knowledge: Option<Knowledge>,
    gate: Gate,
    display: Display,
    alarm: Alarm,
    talk: Talk,
    shutdown: Shutdown,
    over_at: Option<Instant>,
    late_at: Option<Instant>,
    watchdog: Watchdog,
    /// Whether more is wanted than to listen: an end that the server chose is too early then.
    waiting: bool,
    /// Whether there is a verdict to come to, for which nobody has to read what is shown.
    judging: bool,
    fail_when_stale: bool,
    course: Course,
}

impl Watch {
    fn begin(args: &WatchArgs, saved: &ClientSettings, talk: Talk) -> Result<(Watch, Source, Signals), Failure> {
        let usage = |error: &dyn ToString| Failure::new(Exit::Usage, error.to_string());
        // It would end with 124 whatever came. Clap can refuse it, but not say what was probably meant.
        if args.timeout.is_some() && args.count.is_none() && args.gate.until.is_none() {
            let words = "`--timeout` limits the wait for `--count` or `--until`, and neither is given; \
                         `--duration` leaves after a time";
            return Err(usage(&words));
        }
        let setup = Setup::new(&args.connection, saved)?;
        let shutdown = Shutdown::new();
        let replay = args.recording.replay.as_ref().map(|path| {
            let recording = Recording::open(path).map_err(|error| usage(&error))?;
            let speed = args.recording.speed;
            let replay = Replay::new(recording, &args.subjects, speed, args.count, shutdown.clone());
            if replay.origins().is_empty() {
                return Err(usage(&format!("none of the feeds that were named is in `{}`", path.display())));
            }
            Ok(replay)
        });
        let replay = replay.transpose()?;
        let endpoints = match &replay {
            Some(_) => Vec::new(),
            None => setup.endpoints(&args.subjects, talk)?,
        };
        let origins = match &replay {
            Some(replay) => replay.origins(),
            None => endpoints.iter().map(Origin::from).collect(),
        };
        let labels = Label::all(&origins);
        let begun = Moment::now();
        let recorder = args.recording.record.as_ref().map(|path| {
            Recorder::create(path, &Header::new(begun.at, origins), begun.instant)
                .map_err(|error| Failure::new(Exit::Failed, error))
        });
        let recorder = recorder.transpose()?;
        let signals = Signals::listen(shutdown.clone()).map_err(|error| Failure::new(Exit::Failed, error))?;
        let source = match replay {
            Some(replay) => Source::Replay(Box::new(replay)),
            None => {
                let (sender, events) = mpsc::channel(limits::EVENTS_WAITING_MAX);
                for (stream, endpoint) in endpoints.into_iter().enumerate() {
                    let access = Arc::clone(&setup.access);
                    let session = Session { stream, endpoint, access, habits: habits(args) };
                    shutdown.spawn(session.run(sender.clone(), shutdown.clone()));
                }
                Source::Live { events, ahead: None }
            }
        };
        let begun = source.begun().unwrap_or(begun.instant);
        let (over_at, late_at) =
            (args.duration.map(|duration| begun + duration), args.timeout.map(|timeout| begun + timeout));
        let fail_when_stale = args.stale.on_stale == OnStale::Fail;
        let asked = args.gate.until.is_some() || args.gate.fail_if.is_some() || args.select.is_some();
        let judging =
            args.count.is_some() || args.gate.until.is_some() || args.gate.fail_if.is_some() || fail_when_stale;
        // The clock of a replay is that of its recording.
        let deadline = [over_at, late_at].into_iter().flatten().min().filter(|_| matches!(source, Source::Live { .. }));
        let watchdog = Watchdog::new(deadline, if judging { Exit::Deadline } else { Exit::Done });
        let knowledge = Knowledge::new(&labels);
        let watch = Watch {
            recorder,
            tally: Tally::new(&labels, begun),
            gate: Gate::new(&args.gate, knowledge.servers()),
            knowledge: asked.then_some(knowledge),
            display: Display::new(args, &labels, talk),
            alarm: Alarm::new(&args.alerts, &setup.access, talk),
            talk,
            shutdown,
            over_at,
            late_at,
            watchdog,
            waiting: args.count.is_some() || args.gate.until.is_some(),
            judging,
            fail_when_stale,
            labels,
            course: Course::default(),
        };
        Ok((watch, source, signals))
    }

    /// Takes what comes until every session has ended: by itself, or because it was told to.
    async fn follow(mut self, mut source: Source, signals: &Signals) -> Exit {
        loop {
            let written = match source.next(self.due_at()).await {
                Ok(Next::Event(event)) => self.take(event),
                Ok(Next::Due(moment)) => self.due(moment),
                Ok(Next::Over) => break,
                Err(error) => {
                    self.talk.error(&error.to_string());
                    self.course.unreadable = true;
                    Ok(())
                }
            };
            if let Err(error) = self.without_reader(written) {
                // Nobody to write for: the sessions say goodbye and find that nobody listens.
                drop(source);
                self.shutdown.begin();
                // What still runs after that is cut off with the process.
                let _ = tokio::time::timeout(limits::CLOSE_GRACE, self.shutdown.ended()).await;
                self.alarm.finish(limits::CLOSE_GRACE).await;
                return unwritten(self.talk, &error, Exit::Done);
            }
        }
        let now = source.now();
        let exit = self.exit(signals);
        // Half of the time that is left before a signal ends the process: the goodbyes have had theirs.
        let patience = if signals.received().is_some() { limits::CLOSE_GRACE / 2 } else { limits::ALERT_TIMEOUT };
        self.watchdog.know(exit);
        let ended = self.display.end(self.tally.summary(now.instant), exit, now.at);
        drop(self.watchdog);
        self.alarm.finish(patience).await;
        match ended {
            Ok(()) => exit,
            Err(error) => unwritten(self.talk, &error, exit),
        }
    }

    /// What was written, or whether it matters: a watch that judges goes on to its verdict without a reader.
    fn without_reader(&self, written: Result<(), Unwritable>) -> Result<(), Unwritable> {
        if self.judging && matches!(written, Err(Unwritable::Closed)) { Ok(()) } else { written }
    }

    /// When something is due, whatever happens.
    fn due_at(&self) -> Option<Instant> {
        let until_told = [self.over_at, self.late_at, self.gate.due_at()];
        let due = if self.shutdown.has_begun() { [None; 3] } else { until_told };
        due.into_iter().chain([self.display.due_at()]).flatten().min()
    }

    /// Does what is due.
    fn due(&mut self, now: Moment) -> Result<(), Unwritable> {
        let written = self.display.due(now.instant);
        self.without_reader(written)?;
        if self.shutdown.has_begun() {
            return Ok(());
        }
        if let Some(verdict) = self.gate.ripen(now.instant) {
            return self.conclude(verdict, None, now);
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        self.course.over = is_due(self.over_at);
        self.course.late = is_due(self.late_at);
        if self.course.over || self.course.late {
            self.shutdown.begin();
        }
        Ok(())
    }

    /// Takes one event.
    fn take(&mut self, event: Event) -> Result<(), Unwritable> {
        if let Some(Err(error)) = self.recorder.as_mut().map(|recorder| recorder.write(&event)) {
            self.talk.error(&format!("{error}; the recording ends here, the watch goes on"));
        }
        self.tally.count(&event);
        let concluded = self.course.verdict.is_some();
        let stream = event.stream;
        let now = Moment { instant: event.instant, at: event.at };
        match &event.what {
            What::End(ending) => {
                self.course.worst = worse(self.course.worst, exit_of(ending, self.waiting));
                // Without one of its feeds a server is never known again, and a gate would wait for ever.
                if self.gate.is_asked() && matches!(ending, Ending::Done | Ending::GaveUp { .. }) {
                    self.shutdown.begin();
                }
            }
            What::Stale(_) if self.fail_when_stale && !concluded => {
                self.course.stale = true;
                self.shutdown.begin();
            }
            // It was not asked to go on, and what is on its way says nothing new about why.
            What::Message(_) if concluded => return Ok(()),
            _ => {}
        }
        self.alarm.event(&event, &self.labels[stream]);
        let mut document: Option<&Value> = None;
        let mut verdict = None;
        if let Some(knowledge) = &mut self.knowledge {
            let news = knowledge.take(&event);
            document = news.document();
            verdict = self.gate.judge(news, now.instant).filter(|_| !self.shutdown.has_begun());
        }
        let written = self.display.show(event, document);
        self.without_reader(written)?;
        for doubt in self.gate.doubts() {
            // Also to who wants to hear of errors only: a misspelt condition guards nothing.
            self.talk.error(&doubt);
        }
        match verdict {
            Some(verdict) => self.conclude(verdict, Some(stream), now),
            None => Ok(()),
        }
    }

    /// The gate has spoken: tells it, and stops.
    fn conclude(&mut self, verdict: Verdict, stream: Option<usize>, now: Moment) -> Result<(), Unwritable> {
        let words = |expression: Option<&Expression>| expression.map(ToString::to_string).unwrap_or_default();
        let (kind, stream, what) = match verdict {
            // That it holds is said of all servers.
            Verdict::Until(held) => {
                let (expression, held_ms) = (words(self.gate.until()), held.as_millis() as u64);
                (Kind::Until, None, Happening::Until { expression, held_ms })
            }
            Verdict::Fail => (Kind::Fail, stream, Happening::Fail { expression: words(self.gate.fail_if()) }),
        };
        let label = stream.map(|stream| &self.labels[stream]);
        let feed = label.and_then(|label| label.feed);
        let record = Record { what, feed, server: label.map(|label| label.server.as_str()), at: now.at };
        self.alarm.raise(kind, stream, now.instant, &record);
        self.watchdog.know(if matches!(verdict, Verdict::Fail) { Exit::Failed } else { Exit::Done });
        let written = self.display.verdict(&record, &verdict, stream);
        self.course.verdict = Some(verdict);
        self.shutdown.begin();
        written
    }

    /// What it came to, said where it needs words.
    fn exit(&self, signals: &Signals) -> Exit {
        if let Some(exit) = signals.received() {
            return exit;
        }
        let exit = self.course.exit(&self.gate, &self.tally);
        if let Some(words) = self.course.words(exit, &self.gate) {
            self.talk.error(&words);
        }
        match &self.recorder {
            Some(recorder) if !recorder.is_whole() && exit == Exit::Done => Exit::Failed,
            _ => exit,
        }
    }
}

fn habits(args: &WatchArgs) -> Habits {
    let reconnect = &args.reconnect;
    let schedule = Schedule {
        max_attempts: (reconnect.max_attempts > 0).then_some(reconnect.max_attempts),
        base_delay: reconnect.base_delay,
        max_delay: reconnect.max_delay,
        factor: reconnect.backoff_factor,
        jitter: match reconnect.jitter {
            Jitter::Equal => backoff::Jitter::Equal,
            Jitter::Full => backoff::Jitter::Full,
            Jitter::None => backoff::Jitter::None,
        },
    };
    Habits {
        schedule: (!reconnect.no_reconnect).then_some(schedule),
        pulse: Pulse {
            interval: args.heartbeat.ping_interval,
            timeout: args.heartbeat.ping_timeout,
            max_missed: args.heartbeat.max_missed_pings,
        },
        ping: match args.heartbeat.ping_mode {
            PingMode::Frame => Ping::Frame,
            PingMode::Message => Ping::Message,
        },
        patience: args.stale.stale_after,
        when_stale: match args.stale.on_stale {
            OnStale::Reconnect => WhenStale::Reconnect,
            OnStale::Warn | OnStale::Fail => WhenStale::Carry,
        },
        count: args.count,
    }
}
