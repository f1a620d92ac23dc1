//! Where the events of a watch come from, and with them its time: sessions and the clock, or a recording.
//!
//! The watch is asked nothing about the time: it says when something is due and is told when that moment has come, always
//! before the first event behind it. So a recording, in which no clock ticks, takes the same course every time.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::cli::{Speed, Subject};
use crate::client::event::{Ending, Event, What};
use crate::client::origin::Origin;
use crate::client::recording::{Recording, Unreadable};
use crate::protocol::Timestamp;
use crate::shutdown::Shutdown;

/// A source of events.
#[derive(Debug)]
pub(super) enum Source {
    /// Sessions, which end by themselves when the watch is told to stop.
    Live {
        events: mpsc::Receiver<Event>,
        /// Taken from the channel, but something else is due before.
        ahead: Option<Box<Event>>,
    },
    /// A recording.
    Replay(Box<Replay>),
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// An event.
    Event(Event),
    /// The moment that was waited for.
    Due(Moment),
    /// Nothing more.
    Over,
}

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) at: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Moment {
        Moment { instant: Instant::now(), at: Timestamp::now() }
    }

    /// The moment at `instant`, not before this one.
    fn later(self, instant: Instant) -> Moment {
        let passed = instant.saturating_duration_since(self.instant);
        let at = self.at.instant().checked_add(passed).map_or(self.at, Timestamp::from);
        Moment { instant: self.instant.max(instant), at }
    }
}

impl Source {
    /// Waits for the next event, or for `due`, whichever comes first.
    ///
    /// # Errors
    /// [`Unreadable`], of a recording, which is over then.
    pub(super) async fn next(&mut self, due: Option<Instant>) -> Result<Next, Unreadable> {
        match self {
            Source::Replay(replay) => replay.next(due).await,
            Source::Live { events, ahead } => {
                let event = match ahead.take() {
                    Some(event) => Some(*event),
                    None => tokio::select! {
                        biased;
                        event = events.recv() => event,
                        due = until(due) => return Ok(Next::Due(Moment { instant: due, at: Timestamp::now() })),
                    },
                };
                Ok(match (event, due) {
                    (Some(event), Some(due)) if due <= event.instant => {
                        let moment = Moment { instant: due, at: event.at };
                        *ahead = Some(Box::new(event));
                        Next::Due(moment)
                    }
                    (Some(event), _) => Next::Event(event),
                    (None, _) => Next::Over,
                })
            }
        }
    }

    /// When it began, if that is not now.
    pub(super) fn begun(&self) -> Option<Instant> {
        match self {
            Source::Live { .. } => None,
            Source::Replay(replay) => Some(replay.begun),
        }
    }

    /// What time it is where the events come from.
    pub(super) fn now(&self) -> Moment {
        match self {
            Source::Live { .. } => Moment::now(),
            Source::Replay(replay) => replay.now,
        }
    }
}

async fn until(due: Option<Instant>) -> Instant {
    let Some(due) = due else { return std::future::pending().await };
    sleep_until(due).await;
    due
}

/// A recording that is played.
#[derive(Debug)]
pub(super) struct Replay {
    recording: Recording,
    begun: Instant,
    now: Moment,
    speed: Speed,
    shutdown: Shutdown,
    /// The recorded streams: which of ours each is.
    chosen: Vec<Option<usize>>,
    streams: Vec<Stream>,
    /// Messages of each stream after which it is enough.
    count: Option<u64>,
    ahead: VecDeque<Event>,
    ended: bool,
}

/// One stream of ours.
#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    received: u64,
    over: bool,
}

impl Replay {
    /// Plays the streams that `subjects` name.
    pub(super) fn new(
        recording: Recording,
        subjects: &[Subject],
        speed: Speed,
        count: Option<u64>,
        shutdown: Shutdown,
    ) -> Replay {
        let named = |origin: &Origin| {
            subjects.iter().any(|subject| match subject {
                Subject::All => true,
                Subject::Feed(feed) => origin.feed == Some(*feed),
                Subject::Url(url) => origin.url == *url,
            })
        };
        let mut size = 0;
        let chosen = recording.header().streams.iter().map(|origin| {
            named(origin).then(|| {
                size += 1;
                size - 1
            })
        });
        let chosen: Vec<Option<usize>> = chosen.collect();
        let begun = Instant::now();
        let now = Moment { instant: begun, at: recording.header().at };
        let (streams, ahead) = (vec![Stream::default(); size], VecDeque::new());
        Replay { recording, begun, now, speed, shutdown, chosen, streams, count, ahead, ended: false }
    }

    /// The streams that are played.
    pub(super) fn origins(&self) -> Vec<Origin> {
        let streams = self.recording.header().streams.iter().zip(&self.chosen);
        streams.filter(|(_, chosen)| chosen.is_some()).map(|(origin, _)| origin.clone()).collect()
    }

    async fn next(&mut self, due: Option<Instant>) -> Result<Next, Unreadable> {
        if self.shutdown.has_begun() {
            self.ended = true;
            self.ahead.clear();
        }
        if self.ahead.is_empty() {
            match self.read() {
                Ok(Some(event)) => self.ahead.push_back(event),
                Ok(None) => return Ok(self.end()),
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        let event_at = self.ahead.front().map_or(self.now.instant, |event| event.instant);
        let target = due.map_or(event_at, |due| due.min(event_at)).max(self.now.instant);
        if let Speed::Times(times) = self.speed {
            let wall = self.begun + (target - self.begun).div_f64(times);
            tokio::select! {
                () = sleep_until(wall) => {}
                () = self.shutdown.begun() => return Ok(self.end()),
            }
        }
        if due.is_some_and(|due| due <= event_at) {
            self.now = self.now.later(target);
            return Ok(Next::Due(self.now));
        }
        let Some(event) = self.ahead.pop_front() else { return Ok(self.end()) };
        self.now = Moment { instant: target, at: event.at };
        Ok(Next::Event(self.deliver(event)))
    }

    /// The next event of a stream that is played and not over.
    fn read(&mut self) -> Result<Option<Event>, Unreadable> {
        while !self.ended && self.streams.iter().any(|stream| !stream.over) {
            let Some(entry) = self.recording.next_entry()? else { break };
            let event = entry.event(self.begun);
            if let Some(stream) = self.chosen[event.stream]
                && !self.streams[stream].over
            {
                return Ok(Some(Event { stream, ..event }));
            }
        }
        Ok(None)
    }

    /// Keeps the books of a stream, and ends it when it has enough.
    fn deliver(&mut self, event: Event) -> Event {
        let stream = &mut self.streams[event.stream];
        match event.what {
            What::Message(_) => {
                stream.received += 1;
                if self.count.is_some_and(|count| stream.received >= count) {
                    stream.over = true;
                    let what = What::End(Ending::Enough);
                    self.ahead.push_front(Event { what, instant: self.now.instant, ..event });
                }
            }
            What::End(_) => stream.over = true,
            _ => {}
        }
        Event { instant: self.now.instant, ..event }
    }

    /// There is no more to read: streams whose end was not recorded are told to have been stopped.
    fn end(&mut self) -> Next {
        self.ended = true;
        let Some(stream) = self.streams.iter().position(|stream| !stream.over) else { return Next::Over };
        self.streams[stream].over = true;
        let Moment { instant, at } = self.now;
        Next::Event(Event { stream, at, instant, what: What::End(Ending::Stopped) })
    }
}
