//! `veloflux control`: one POST to every server, what it answered, and whether it was done.

mod verify;

use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::setup::{self, Setup};
use super::{Failure, format, unwritten};
use crate::cli::{ControlAction, ControlArgs, Format};
use crate::client::backoff::{Backoff, Jitter, Schedule};
use crate::client::connect::Access;
use crate::client::control::{Answer, NoAnswer, post};
use crate::client::endpoint::{Endpoint, Server};
use crate::config::ClientSettings;
use crate::exit::Exit;
use crate::limits;
use crate::net::fault::in_words;
use crate::output::{Stdout, Talk, Unwritable, clean};
use crate::protocol::Feed;
use crate::protocol::control::{CONTROL_PATH, Command, ControlAnswer, FORCE_UPDATE_PATH, ForceUpdateAnswer, Selection};
use crate::protocol::message::Backend;
use verify::{State, Verified};

/// How often and how fast a command that could not be sent is tried again: long enough for a server that restarts.
pub(super) const RETRIES: Schedule = Schedule {
    max_attempts: Some(3),
    base_delay: Duration::from_millis(250),
    max_delay: Duration::from_secs(1),
    factor: 2.0,
    jitter: Jitter::Equal,
};

/// Runs the command.
pub(super) async fn run(args: ControlArgs, saved: &ClientSettings) -> Exit {
    let talk = setup::talk(&args.output);
    let (path, body) = request(&args.action);
    let ready = Setup::new(&args.connection, saved).and_then(|setup| {
        let places: Result<Vec<Place>, Failure> =
            setup.servers.iter().map(|server| Place::of(server, path, &args.action, &setup, talk)).collect();
        Ok((places?, setup.access))
    });
    let (places, access) = match ready {
        Ok(ready) => ready,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            return exit;
        }
    };
    let errand = Errand {
        action: &args.action,
        body,
        access: &access,
        format: format(args.format, args.json),
        stdout: Stdout::new(),
        unwritten: OnceCell::new(),
        talk,
        // A little more than the command has: its own deadline is the one that is told.
        deadline: args.timeout + limits::CLOSE_GRACE,
    };
    let mut exit = Exit::Done;
    for place in &places {
        let done = if args.dry_run {
            errand.rehearse(&place.command);
            Exit::Done
        } else {
            timeout(args.timeout, errand.run(place)).await.unwrap_or_else(|_| {
                talk.error(&format!("{}: no answer within {}", place.command.address(), in_words(args.timeout)));
                Exit::Deadline
            })
        };
        if done != Exit::Done {
            exit = done;
        }
    }
    errand.unwritten.get().map_or(exit, |error| unwritten(talk, error, exit))
}

/// A server, and where on it the command goes.
struct Place {
    command: Endpoint,
    /// Where the state is asked for, to see whether it was done.
    check: Endpoint,
    /// The feeds to listen to meanwhile.
    feeds: Vec<(Feed, Endpoint)>,
}

impl Place {
    fn of(server: &Server, path: &str, action: &ControlAction, setup: &Setup, talk: Talk) -> Result<Place, Failure> {
        let feeds = match action {
            ControlAction::ForceUpdate { what, verify: true } => what.feeds(),
            _ => Vec::new(),
        };
        let feeds = feeds.into_iter().map(|feed| Ok((feed, setup.introduce(server.feed(feed), talk)?)));
        Ok(Place {
            command: setup.command(server, path)?,
            check: setup.command(server, CONTROL_PATH)?,
            feeds: feeds.collect::<Result<_, Failure>>()?,
        })
    }
}

/// Path and body of an action.
fn request(action: &ControlAction) -> (&'static str, Option<Value>) {
    if let Some(order) = action.order() {
        return (CONTROL_PATH, Some(Command::Backend(order).body()));
    }
    match action {
        ControlAction::ForceUpdate { what: Selection::All, .. } => (FORCE_UPDATE_PATH, None),
        ControlAction::ForceUpdate { what: Selection::One(feed), .. } => {
            (FORCE_UPDATE_PATH, Some(json!({ "type": feed })))
        }
        ControlAction::Pause { what, .. } => (CONTROL_PATH, Some(Command::Pause(*what).body())),
        ControlAction::Resume { what, .. } => (CONTROL_PATH, Some(Command::Resume(*what).body())),
        ControlAction::Reload => (CONTROL_PATH, Some(Command::Reload.body())),
        // The others are orders.
        _ => (CONTROL_PATH, None),
    }
}

/// One action for several servers.
struct Errand<'a> {
    action: &'a ControlAction,
    body: Option<Value>,
    access: &'a Access,
    format: Format,
    stdout: Stdout,
    /// Why nothing is written any more. What is to be done is done for every server all the same.
    unwritten: OnceCell<Unwritable>,
    talk: Talk,
    deadline: Duration,
}

impl Errand<'_> {
    async fn run(&self, place: &Place) -> Exit {
        let witnesses = match verify::gather(&place.feeds, self.access).await {
            Ok(witnesses) => witnesses,
            Err(error) => {
                self.talk.error(&format!("nothing was sent: cannot verify it: {error}"));
                return Exit::Unreachable;
            }
        };
        let body = self.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let (answer, seen) = verify::during(witnesses, self.post(&place.command, body), done).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(exit) => return exit,
        };
        if !answer.is_success() {
            return self.refused(&place.command, &answer);
        }
        let verified = match *self.action {
            ControlAction::ForceUpdate { verify: true, .. } => Some(Verified::Sent(seen)),
            ControlAction::Pause { what, verify: true } => Some(self.ask(place, what, State::Paused).await),
            ControlAction::Resume { what, verify: true } => Some(self.ask(place, what, State::Running).await),
            _ => None,
        };
        self.show(&place.command, &answer, verified.as_ref());
        match verified.as_ref().and_then(Verified::complaint) {
            None => Exit::Done,
            Some(complaint) => {
                self.talk.error(&format!("{}: {complaint}", place.command.address()));
                Exit::Failed
            }
        }
    }

    /// Posts, and says why there is no answer where there is none.
    async fn post(&self, endpoint: &Endpoint, body: Bytes) -> Result<Answer, Exit> {
        self.talk.detail(&format!("POST {} {}", endpoint.url("http"), String::from_utf8_lossy(&body)));
        let answer = match post(endpoint, self.access, body, self.deadline, Backoff::new(RETRIES)).await {
            Ok(answer) => answer,
            Err(error) => {
                let (exit, hint) = match error {
                    NoAnswer::NotSent(_) => {
                        (Exit::Unreachable, "; start a server with `veloflux serve`, or name another with `--server`")
                    }
                    NoAnswer::Unknown(_) => (Exit::Lost, ""),
                    NoAnswer::Impossible(_) => (Exit::Usage, ""),
                };
                self.talk.error(&format!("{}: {error}{hint}", endpoint.address()));
                return Err(exit);
            }
        };
        self.talk.detail(&format!("{} {}", answer.status, clean(&answer.body)));
        Ok(answer)
    }

    /// Asks which feeds are paused now.
    async fn ask(&self, place: &Place, what: Selection, wanted: State) -> Verified {
        let paused = match self.post(&place.check, Bytes::new()).await {
            Ok(answer) => serde_json::from_str::<ControlAnswer>(&answer.body).ok().map(|answer| answer.paused),
            Err(_) => None,
        };
        Verified::Told { what, wanted, paused }
    }

    fn refused(&self, endpoint: &Endpoint, answer: &Answer) -> Exit {
        let exit = if matches!(answer.status, 401 | 403) { Exit::Denied } else { Exit::Failed };
        let hint = match (exit, &endpoint.token) {
            (Exit::Denied, None) => "; no token was found: give one with `--token-file` or `VELOFLUX_TOKEN`",
            _ => "",
        };
        let message = answer.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        self.talk.error(&format!("{} answered {}{message}{hint}", endpoint.address(), answer.status));
        if self.format == Format::Json {
            self.show_json(endpoint, answer, None);
        }
        exit
    }

    /// Writes a line, if lines can be written.
    fn line(&self, line: &str) {
        if self.unwritten.get().is_none() {
            let _ = self.stdout.line(line).map_err(|error| self.unwritten.set(error));
        }
    }

    fn show(&self, endpoint: &Endpoint, answer: &Answer, verified: Option<&Verified>) {
        match self.format {
            Format::Json => self.show_json(endpoint, answer, verified),
            Format::Text if self.talk.volume == crate::output::stderr::Volume::Quiet => {}
            Format::Text => {
                let outcome = outcome(self.action, &answer.body);
                self.line(&format!("{}  {}", endpoint.address(), clean(&outcome)));
                verified.map(Verified::lines).unwrap_or_default().iter().for_each(|line| self.line(line));
            }
        }
    }

    fn show_json(&self, endpoint: &Endpoint, answer: &Answer, verified: Option<&Verified>) {
        // What is not JSON is passed on as text.
        let body = serde_json::from_str(&answer.body).unwrap_or_else(|_| Value::from(answer.body.as_str()));
        let record = json!({
            "server": endpoint.address(), "status": answer.status, "answer": body, "verified": verified.map(Verified::record),
        });
        self.line(&clean::clean_json(&record.to_string()));
    }

    /// Shows what would be sent.
    fn rehearse(&self, endpoint: &Endpoint) {
        let token = endpoint.token.as_ref().map(|token| format!("Bearer {token:?}"));
        if self.format == Format::Json {
            let record = json!({
                "method": "POST", "url": endpoint.url("http"), "authorization": token, "body": self.body,
            });
            return self.line(&record.to_string());
        }
        self.line(&format!("POST {} HTTP/1.1", endpoint.path()));
        self.line(&format!("Host: {}", endpoint.authority()));
        if let Some(token) = token {
            self.line(&format!("Authorization: {token}"));
        }
        self.line("Content-Type: application/json");
        self.line("");
        if let Some(body) = &self.body {
            self.line(&body.to_string());
        }
    }
}

/// Whether a command was answered, and with success.
fn done(answer: &Result<Answer, Exit>) -> bool {
    answer.as_ref().is_ok_and(Answer::is_success)
}

/// What a good answer says, in words.
pub(super) fn outcome(action: &ControlAction, body: &str) -> String {
    let names = |feeds: &[Feed]| feeds.iter().map(|feed| feed.name()).collect::<Vec<_>>().join(", ");
    if let ControlAction::ForceUpdate { .. } = action {
        return match serde_json::from_str::<ForceUpdateAnswer>(body) {
            Ok(answer) => format!("updated: {}", names(&answer.feeds)),
            Err(_) => "update triggered".to_owned(),
        };
    }
    match serde_json::from_str::<ControlAnswer>(body) {
        Ok(ControlAnswer { backend: Some(backend), .. }) => of_backend(&backend),
        Ok(ControlAnswer { changes: Some(changes), .. }) if changes.is_empty() => {
            "settings read, nothing has changed".to_owned()
        }
        Ok(ControlAnswer { changes: Some(changes), .. }) => format!("settings read: {}", changes.join("; ")),
        Ok(answer) if answer.paused.is_empty() => "ok, no feed is paused".to_owned(),
        Ok(answer) => format!("ok, paused: {}", names(&answer.paused)),
        Err(_) => "ok".to_owned(),
    }
}

/// What has become of an order about a backend, in words.
fn of_backend(backend: &Backend) -> String {
    let what = match &backend.intent {
        // Withdrawn, because it is so.
        None => backend.admin.word().to_owned(),
        Some(intent) => {
            let admin = intent.admin.map(|admin| admin.word().to_owned());
            let weight = intent.weight.map(|weight| format!("weight {weight}"));
            let wanted: Vec<String> = [admin, weight].into_iter().flatten().collect();
            let until = intent.until.map(|until| format!(" until {until}")).unwrap_or_default();
            format!("{}{until}: {}", wanted.join(", "), intent.state.word())
        }
    };
    format!("{} of pool {}: {what}", backend.address, backend.pool)
}
