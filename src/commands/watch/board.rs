//! `veloflux watch --dashboard`: the sessions of one server's feeds, the keyboard and the clock on one side, the board on the
//! other. The terminal is given back before anything else is said.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use signal_hook::consts::SIGINT;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::label::Label;
use super::tally::Tally;
use super::{exit_of, habits, worse};
use crate::cli::{ControlAction, OnStale, Subject, WatchArgs};
use crate::client::backoff::Backoff;
use crate::client::endpoint::Endpoint;
use crate::client::event::{Ending, Event, What};
use crate::client::loss::Loss;
use crate::client::origin::Origin;
use crate::client::session::Session;
use crate::commands::setup::{self, Setup};
use crate::commands::signals::{Signals, hang_up};
use crate::commands::{Failure, control};
use crate::config::ClientSettings;
use crate::exit::Exit;
use crate::limits;
use crate::output::board::{Board, Input, Keyboard, Moment, Notice, Order, Screen, Theme, Tone};
use crate::output::clean::clean;
use crate::output::{Paint, Talk};
use crate::protocol::control::{FORCE_UPDATE_PATH, Selection};
use crate::protocol::{Feed, Timestamp};
use crate::shutdown::Shutdown;

/// Longest wait for the answer to an update that was asked for. Checks run at most their timeout, in a few waves.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(30);

/// What an update came to.
type Outcome = Pin<Box<dyn Future<Output = (Tone, String)> + Send>>;

/// Runs the dashboard.
pub(super) async fn run(args: WatchArgs, saved: &ClientSettings) -> Exit {
    let talk = setup::talk(&args.output);
    match Live::prepare(args, saved, talk) {
        Ok(live) => live.run().await,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            exit
        }
    }
}

/// A dashboard that runs.
struct Live {
    args: WatchArgs,
    talk: Talk,
    setup: Setup,
    endpoints: Vec<Endpoint>,
    shutdown: Shutdown,
    signals: Signals,
    hangup: Signal,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    tally: Tally,
    /// How the session of each stream ended, if it has.
    ended: Vec<Option<(Exit, String)>>,
    board: Board,
    update: Option<Outcome>,
}

/// Why the screen is given back.
enum Leave {
    /// Somebody asked for it, or the time is up.
    Asked,
    /// A signal.
    Told,
    /// There is no terminal any more.
    Gone,
    /// It cannot be drawn on.
    Broken(std::io::Error),
}

impl Live {
    fn prepare(args: WatchArgs, saved: &ClientSettings, talk: Talk) -> Result<Live, Failure> {
        Screen::possible().map_err(|error| Failure::new(Exit::Usage, error))?;
        if args.subjects.iter().any(|subject| *subject != Subject::All) {
            return Err(Failure::new(
                Exit::Usage,
                "the dashboard shows all feeds of one server; leave FEED and URL out",
            ));
        }
        if args.stale.on_stale == OnStale::Fail {
            return Err(Failure::new(
                Exit::Usage,
                "the dashboard stays when a feed is stale; leave `--on-stale fail` out",
            ));
        }
        let setup = Setup::new(&args.connection, saved)?;
        let [server] = &setup.servers[..] else {
            return Err(Failure::new(Exit::Usage, "the dashboard shows one server; give `--server` once"));
        };
        let address = server.feed(Feed::Status).address();
        let endpoints = setup.endpoints(&args.subjects, talk)?;
        let origins: Vec<Origin> = endpoints.iter().map(Origin::from).collect();
        let shutdown = Shutdown::new();
        let failed = |error| Failure::new(Exit::Failed, error);
        let signals = Signals::listen(shutdown.clone()).map_err(failed)?;
        let hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let (sender, events) = mpsc::channel(limits::EVENTS_WAITING_MAX);
        let theme = Theme::new(Paint::stdout(setup::wish(&args.output)));
        Ok(Live {
            tally: Tally::new(&Label::all(&origins), Instant::now()),
            ended: endpoints.iter().map(|_| None).collect(),
            board: Board::new(address, theme, TimeZone::system(), Instant::now().into_std()),
            args,
            talk,
            setup,
            endpoints,
            shutdown,
            signals,
            hangup,
            sender,
            events,
            update: None,
        })
    }

    async fn run(mut self) -> Exit {
        let theme = Theme::new(Paint::stdout(setup::wish(&self.args.output)));
        let mut screen = match Screen::take(theme.has_color()) {
            Ok(screen) => screen,
            Err(error) => {
                self.talk.error(&error.to_string());
                return Exit::Usage;
            }
        };
        for stream in 0..self.endpoints.len() {
            self.follow(stream);
        }
        let leave = self.show(&mut screen, Keyboard::listen()).await;
        drop(screen);
        match leave {
            Leave::Gone => hang_up(),
            Leave::Broken(error) => {
                self.talk.error(&format!("cannot draw the dashboard: {error}"));
                Exit::Failed
            }
            Leave::Asked | Leave::Told => self.end().await,
        }
    }

    /// Starts the session of a stream.
    fn follow(&mut self, stream: usize) {
        let (endpoint, access) = (self.endpoints[stream].clone(), Arc::clone(&self.setup.access));
        let session = Session { stream, endpoint, access, habits: habits(&self.args) };
        self.shutdown.spawn(session.run(self.sender.clone(), self.shutdown.clone()));
    }

    /// Keeps the screen until there is a reason to leave it.
    async fn show(&mut self, screen: &mut Screen, mut keyboard: Keyboard) -> Leave {
        let started = Instant::now();
        let over = self.args.duration.map(|duration| started + duration);
        // A screen is drawn when something happened, not more often than the eye sees, and once a second for the ages.
        let (mut drawn, mut changed) = (started, true);
        loop {
            let due = drawn + if changed { limits::FRAME_INTERVAL } else { Duration::from_secs(1) };
            tokio::select! {
                biased;
                () = self.shutdown.begun() => return Leave::Told,
                _ = self.hangup.recv() => return Leave::Gone,
                () = sleep_until(over.unwrap_or(due)), if over.is_some() => return Leave::Asked,
                // Before the events: a server that talks without end must not keep the screen from being drawn.
                () = sleep_until(due) => {
                    (drawn, changed) = (Instant::now(), false);
                    if let Err(error) = screen.draw(|frame| self.board.draw(frame.buffer_mut(), now())) {
                        return Leave::Broken(error);
                    }
                }
                input = keyboard.next() => match input {
                    None => return Leave::Gone,
                    Some(Input::Key(key)) => {
                        changed = true;
                        if let Some(order) = self.board.press(key, now())
                            && let Some(leave) = self.obey(order)
                        {
                            return leave;
                        }
                    }
                    Some(Input::Resized) => changed = true,
                    Some(Input::Other) => {}
                },
                // Never none: we hold a sender ourselves.
                Some(event) = self.events.recv() => {
                    changed = true;
                    self.take(event);
                }
                (tone, text) = outcome(&mut self.update) => {
                    changed = true;
                    self.update = None;
                    self.say(tone, text);
                }
            }
        }
    }

    /// Does what a key asked for.
    fn obey(&mut self, order: Order) -> Option<Leave> {
        match order {
            Order::Quit => return Some(Leave::Asked),
            Order::Interrupt => {
                // The same as Ctrl-C in front of any other command; the signal comes back through `shutdown`.
                if signal_hook::low_level::raise(SIGINT).is_err() {
                    return Some(Leave::Asked);
                }
            }
            Order::Update if self.update.is_some() => {}
            Order::Update => match self.ask() {
                Ok(outcome) => {
                    self.update = Some(outcome);
                    self.say(Tone::Wait, "asking the server to measure and send".to_owned());
                }
                Err(failure) => self.say(Tone::Bad, failure.message),
            },
            Order::Reconnect => {
                let lost: Vec<usize> = (0..self.ended.len()).filter(|stream| self.ended[*stream].is_some()).collect();
                if lost.is_empty() {
                    self.say(Tone::Good, "no connection was given up".to_owned());
                }
                for stream in lost {
                    self.ended[stream] = None;
                    if let Some(feed) = self.endpoints[stream].feed {
                        self.board.fleet().link_mut(feed).connecting(now().instant);
                    }
                    self.follow(stream);
                }
            }
            // Done by the board itself.
            Order::Freeze => {}
        }
        None
    }

    /// Asks for an update. It goes on in the background; what it came to is said when it is there.
    fn ask(&self) -> Result<Outcome, Failure> {
        let [server] = &self.setup.servers[..] else { return Err(Failure::new(Exit::Usage, "there is no one server")) };
        let endpoint = self.setup.command(server, FORCE_UPDATE_PATH)?;
        let access = Arc::clone(&self.setup.access);
        Ok(Box::pin(async move {
            let backoff = Backoff::new(control::RETRIES);
            let answer = crate::client::control::post(&endpoint, &access, Bytes::new(), UPDATE_TIMEOUT, backoff).await;
            match answer {
                Ok(answer) if answer.is_success() => {
                    let action = ControlAction::ForceUpdate { what: Selection::All, verify: false };
                    (Tone::Good, control::outcome(&action, &answer.body))
                }
                Ok(answer) if matches!(answer.status, 401 | 403) && endpoint.token.is_none() => {
                    let words = "no token was found, give one with `--token-file`";
                    (Tone::Bad, format!("not updated, {}: {words}", answer.status))
                }
                Ok(answer) => {
                    let message = answer.message.map(|message| format!(": {message}")).unwrap_or_default();
                    (Tone::Bad, format!("not updated, {}{message}", answer.status))
                }
                Err(error) => (Tone::Bad, format!("not updated: {error}")),
            }
        }))
    }

    fn say(&mut self, tone: Tone, text: String) {
        self.board.say(Notice::new(tone, text, now().instant));
    }

    /// Tells the board what happened.
    fn take(&mut self, event: Event) {
        self.tally.count(&event);
        let Some(feed) = self.endpoints[event.stream].feed else { return };
        let at = Moment { instant: event.instant.into_std(), wall: event.at };
        let fleet = self.board.fleet();
        match event.what {
            What::Open(_) => fleet.link_mut(feed).opened(at.instant),
            What::Message(received) => fleet.hear(feed, received.message, at),
            What::Retry(retry, loss, lived) => {
                let why = trouble(&loss, lived);
                fleet.link_mut(feed).retrying(retry.attempt, retry.of, at.instant + retry.delay, why, at.instant);
            }
            What::Stale(_) => fleet.link_mut(feed).fell_silent(),
            What::End(ending) => {
                let why = match &ending {
                    Ending::GaveUp { loss, lived, .. } => trouble(loss, *lived),
                    Ending::Done => "the server is done".to_owned(),
                    Ending::Enough | Ending::Stopped => return,
                };
                self.ended[event.stream] = Some((exit_of(&ending, false), format!("{feed}: {why}")));
                fleet.link_mut(feed).lost(why, at.instant);
            }
            // Counted for the summary; on the screen they would say nothing that a person could act on.
            What::Resumed(_) | What::Invalid(_) | What::Gap(_) | What::Pong(_) | What::Missed(_) | What::Lost(..) => {}
        }
    }

    /// Says goodbye to the server, and what it came to.
    async fn end(mut self) -> Exit {
        self.shutdown.begin();
        drop(self.sender);
        let goodbye = async {
            while let Some(event) = self.events.recv().await {
                self.tally.count(&event);
            }
        };
        // What still runs after that is cut off with the process.
        let _ = timeout(limits::CLOSE_GRACE * 2, goodbye).await;
        let mut exit = Exit::Done;
        for (ended, why) in self.ended.into_iter().flatten() {
            self.talk.error(&why);
            exit = worse(exit, ended);
        }
        for line in self.tally.summary(Instant::now()).lines() {
            self.talk.say(&self.talk.paint.faint(&clean(&line)));
        }
        self.signals.received().unwrap_or(exit)
    }
}

/// Waits for the outcome of what was asked for, for ever if nothing was.
async fn outcome(update: &mut Option<Outcome>) -> (Tone, String) {
    match update {
        Some(outcome) => outcome.await,
        None => std::future::pending().await,
    }
}

/// Why there is no connection: without the life of the last one, so that what all feeds suffer from reads the same.
fn trouble(loss: &Loss, lived: Option<Duration>) -> String {
    match lived {
        Some(_) => format!("connection lost: {loss}"),
        None => format!("not connected: {loss}"),
    }
}

fn now() -> Moment {
    Moment { instant: Instant::now().into_std(), wall: Timestamp::now() }
}
