//! `veloflux watch`: follows feeds, writes what comes, and ends with what it came to.

mod board;
mod display;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::setup::{self, Setup};
use super::signals::Signals;
use super::{Failure, unwritten};
use crate::cli::{Jitter, PingMode, WatchArgs};
use crate::client::backoff::{self, Schedule};
use crate::client::event::{Ending, Event, What};
use crate::client::heartbeat::Pulse;
use crate::client::loss::Verdict;
use crate::client::session::{Habits, Ping, Session};
use crate::exit::Exit;
use crate::limits;
use crate::output::Talk;
use crate::shutdown::Shutdown;
use display::Display;
use tally::Tally;

/// Runs the command.
pub(super) async fn run(args: WatchArgs) -> Exit {
    if args.dashboard {
        return board::run(args).await;
    }
    let talk = setup::talk(&args.output);
    let endpoints = Setup::new(&args.connection)
        .and_then(|setup| Ok((setup.endpoints(&args.subjects, talk)?, setup)))
        .and_then(|found| {
            let shutdown = Shutdown::new();
            let signals = Signals::listen(shutdown.clone()).map_err(|error| Failure::new(Exit::Failed, error))?;
            Ok((found.0, found.1.access, shutdown, signals))
        });
    let (endpoints, access, shutdown, signals) = match endpoints {
        Ok(ready) => ready,
        Err(Failure { exit, message }) => {
            talk.error(&message);
            return exit;
        }
    };
    let display = Display::new(&args, &endpoints, talk);
    let tally = Tally::new(&endpoints);
    let (sender, events) = mpsc::channel(limits::EVENTS_WAITING_MAX);
    for (stream, endpoint) in endpoints.into_iter().enumerate() {
        let session = Session { stream, endpoint, access: Arc::clone(&access), habits: habits(&args) };
        shutdown.spawn(session.run(sender.clone(), shutdown.clone()));
    }
    drop(sender);
    let watch = Watch { display, tally, talk, shutdown, counted: args.count.is_some(), worst: Exit::Done };
    watch.follow(events, &signals, args.duration, args.timeout).await
}

/// A watch that runs.
struct Watch {
    display: Display,
    tally: Tally,
    talk: Talk,
    shutdown: Shutdown,
    counted: bool,
    worst: Exit,
}

impl Watch {
    /// Takes events until every session has ended: by itself, or because the time is up or a signal has come.
    async fn follow(
        mut self,
        mut events: mpsc::Receiver<Event>,
        signals: &Signals,
        duration: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Exit {
        let started = Instant::now();
        let at = |after: Option<Duration>| started + after.unwrap_or(Duration::from_secs(366 * 86_400));
        let (mut over, mut late) = (false, false);
        loop {
            let stopping = self.shutdown.has_begun();
            let event = tokio::select! {
                event = events.recv() => event,
                () = sleep_until(at(duration)), if duration.is_some() && !stopping => {
                    over = true;
                    self.shutdown.begin();
                    continue;
                }
                () = sleep_until(at(timeout)), if timeout.is_some() && !stopping => {
                    late = true;
                    self.shutdown.begin();
                    continue;
                }
            };
            let Some(event) = event else { break };
            self.tally.count(&event);
            if let What::End(ending) = &event.what {
                self.worst = worse(self.worst, exit_of(ending, self.counted));
            }
            if let Err(error) = self.display.show(&event) {
                // Nobody to write for: the sessions say goodbye and find that nobody listens.
                drop(events);
                self.shutdown.begin();
                // What still runs after that is cut off with the process.
                let _ = tokio::time::timeout(limits::CLOSE_GRACE, self.shutdown.ended()).await;
                return unwritten(self.talk, &error);
            }
        }
        let exit = match signals.received() {
            Some(exit) => exit,
            None if late => Exit::Deadline,
            None if over && !self.tally.all_connected() => worse(self.worst, Exit::Unreachable),
            None => self.worst,
        };
        if exit == Exit::Deadline {
            self.talk.error("the time is up, and not every feed has sent what was asked for");
        }
        match self.display.end(&self.tally.summary(Instant::now()), exit) {
            Ok(()) => exit,
            Err(error) => unwritten(self.talk, &error),
        }
    }
}

/// What the end of one session means.
fn exit_of(ending: &Ending, counted: bool) -> Exit {
    match ending {
        Ending::Enough | Ending::Stopped => Exit::Done,
        // The server has said all it had to say: fine for somebody who listens, not for somebody who waits for more.
        Ending::Done => {
            if counted {
                Exit::Lost
            } else {
                Exit::Done
            }
        }
        Ending::GaveUp { loss, connected, .. } => match (loss.verdict(), connected) {
            (Verdict::Denied, _) => Exit::Denied,
            (_, true) => Exit::Lost,
            (_, false) => Exit::Unreachable,
        },
    }
}

/// The end that matters more, where feeds ended differently: what a person has to act on first.
fn worse(one: Exit, other: Exit) -> Exit {
    const ORDER: [Exit; 4] = [Exit::Done, Exit::Unreachable, Exit::Lost, Exit::Denied];
    let rank = |exit: Exit| ORDER.iter().position(|other| *other == exit);
    if rank(one) >= rank(other) { one } else { other }
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
        count: args.count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::loss::Loss;

    #[test]
    fn the_exit_says_what_a_person_has_to_act_on() {
        let gave_up = |code, connected| Ending::GaveUp {
            loss: Loss::Closed { code, reason: String::new() },
            lived: None,
            attempts: 5,
            connected,
        };
        for (ending, counted, exit) in [
            (Ending::Enough, true, Exit::Done),
            (Ending::Done, false, Exit::Done),
            (Ending::Done, true, Exit::Lost),
            (gave_up(1011, true), false, Exit::Lost),
            (gave_up(1011, false), false, Exit::Unreachable),
            (gave_up(4401, true), false, Exit::Denied),
        ] {
            assert_eq!(exit_of(&ending, counted), exit, "{ending:?}");
        }
        assert_eq!(worse(Exit::Denied, Exit::Unreachable), Exit::Denied);
        assert_eq!(worse(Exit::Done, Exit::Lost), Exit::Lost);
    }
}
