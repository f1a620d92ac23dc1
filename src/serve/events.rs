//! A feed as Server-Sent Events: the same messages, resumed in the same way, as an answer that does not end.
//!
//! Nobody writes to a reader: it asks for the next piece when it has taken the one before, and is given what its [`Track`]
//! says. So there is no queue, and a slow reader gets the snapshot instead of what it missed, as on a WebSocket.
//!
//! It ends when the server stops, which is announced before a restart with the time after which to come back, when the token
//! has expired or was revoked, or when the peer is gone, which hyper notices.

use std::collections::VecDeque;
use std::fmt::Write;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use poem::{Body, Request, Response};
use tokio::sync::watch;

use super::App;
use super::answer::{parameter, unknown_feed};
use super::burst::{Burst, Document, Said};
use super::documents::operation::{Access, Gives, Operation};
use super::pass::Pass;
use super::track::{Step, Track};
use crate::feeds::world::Entered;
use crate::limits::{EVENT_COPIED_BYTES_MAX, EVENT_STREAM_KEEP_ALIVE, EVENT_STREAM_RETRY};
use crate::protocol::Feed;
use crate::protocol::resume::{LAST_ID, RESUMED, Resumed, Since};
use crate::shutdown::Shutdown;

/// The header in which a browser says, by itself, what it saw last.
const LAST_EVENT_ID: &str = "last-event-id";

/// What the route is like.
pub const EVENTS: Operation = Operation {
    access: Access::Reader,
    query: &[(
        LAST_ID,
        "The id of the last message that was seen: what came since follows, or it is said that it does not. The header \
         `Last-Event-ID` goes before it.",
    )],
    ..Operation::read(&[Gives::other(
        "The messages that the AsyncAPI document has, each an event of its `type`, with its `id`. It does not end.",
        "text/event-stream",
    )])
};

/// Answers `GET /api/events/<feed>`.
pub async fn events(app: Arc<App>, request: Request) -> Response {
    let feed: Feed = match request.raw_path_param("feed").unwrap_or_default().parse() {
        Ok(feed) => feed,
        Err(unknown) => return unknown_feed(&unknown),
    };
    let rights = match app.guard.read(&request, &[feed]).await {
        Ok(rights) => rights,
        Err(refusal) => return *refusal,
    };
    // A browser that connects again repeats the address, so the header knows better.
    let header = request.headers().get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let last_id = header.or_else(|| parameter(&request, LAST_ID));
    let pass = rights.map(|rights| Pass::new(Arc::clone(&app), vec![feed], Some(rights)));
    let reader = Reader::new(app, feed, Since::one(last_id.as_deref()), pass);
    let pieces = futures_util::stream::unfold(reader, |mut reader| async {
        let piece = reader.next().await?;
        Some((Ok::<Bytes, io::Error>(piece), reader))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .header(CACHE_CONTROL, "no-store")
        // Its place is free again when it ends.
        .header(CONNECTION, "close")
        // nginx would gather the events.
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(pieces))
}

/// Somebody who reads a feed.
struct Reader {
    app: Arc<App>,
    track: Track,
    newest: watch::Receiver<Option<Arc<Burst>>>,
    text: Text,
    pass: Option<Pass>,
    /// It has been told how long to wait before it comes back, which is the last thing it is told.
    left: bool,
    _counted: [Entered; 2],
}

impl Reader {
    fn new(app: Arc<App>, feed: Feed, since: Since, pass: Option<Pass>) -> Reader {
        let stream = app.hub.stream(feed);
        let (track, told) = stream.enter(since);
        let mut text = Text::default();
        text.retry(spread(EVENT_STREAM_RETRY, rand::random()));
        if let Some(told) = told {
            app.traffic.resumed(told);
            text.resumed(told);
        }
        app.traffic.events_opened(feed);
        let counted = [app.world.connections.enter(), app.traffic.event_streams.enter()];
        Reader { track, newest: stream.watch(), text, pass, left: false, _counted: counted, app }
    }

    /// The next piece of the answer; none at its end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.text.next() {
                return Some(piece);
            }
            if self.left {
                return None;
            }
            // Also of a reader that is never done: it has something to read, but not for ever.
            if over(&self.app.stopping, &mut self.pass).now_or_never().is_some() {
                self.leave()?;
                continue;
            }
            if self.step() {
                continue;
            }
            // Each may be dropped: what has changed is looked at again.
            tokio::select! {
                () = over(&self.app.stopping, &mut self.pass) => self.leave()?,
                changed = self.newest.changed() => changed.ok()?,
                () = tokio::time::sleep(EVENT_STREAM_KEEP_ALIVE) => self.text.comment(),
            }
        }
    }

    /// Says the last thing to a reader that should come back at a moment of its own. None: there is nothing to say.
    fn leave(&mut self) -> Option<()> {
        let farewell = self.app.hub.farewell()?;
        self.text.retry(farewell.wait(rand::random())?);
        self.left = true;
        Some(())
    }

    /// Takes the next thing it does not have. Whether there was one.
    fn step(&mut self) -> bool {
        let Some(burst) = self.newest.borrow_and_update().clone() else { return false };
        let feed = burst.feed;
        let before = self.text.written;
        let count = match self.track.next(&burst, self.app.hub.stream(feed)) {
            Step::Nothing => return false,
            Step::News => self.text.said(&burst.said, 0),
            Step::Snapshot { missed } => {
                self.app.traffic.missed(feed, missed);
                self.text.said(burst.snapshot(), 0)
            }
            Step::Replay { said, after } => said.iter().map(|said| self.text.said(said, after)).sum(),
            Step::Lost { told, missed } => {
                self.app.traffic.missed(feed, missed);
                self.app.traffic.resumed(told);
                self.text.resumed(told);
                return true;
            }
        };
        self.app.traffic.handed(feed, count, self.text.written - before);
        true
    }
}

/// Resolves when a stream has to end. Safe to drop.
async fn over(stopping: &Shutdown, pass: &mut Option<Pass>) {
    let over = poll_fn(|cx| pass.as_mut().map_or(Poll::Pending, |pass| pass.poll_over(cx)));
    tokio::select! {
        () = stopping.begun() => {}
        _ = over => {}
    }
}

/// Half of a span, and a random part of the other half: a crowd does not come back in the same moment.
fn spread(span: Duration, random: f64) -> Duration {
    span.mul_f64(0.5 + random * 0.5)
}

/// The text of an event stream, in pieces. Short documents are gathered; a long one is shared with all other readers.
#[derive(Debug, Default)]
struct Text {
    pieces: VecDeque<Bytes>,
    gathered: String,
    /// Bytes so far.
    written: u64,
}

impl Text {
    fn next(&mut self) -> Option<Bytes> {
        let rest = || (!self.gathered.is_empty()).then(|| mem::take(&mut self.gathered).into());
        self.pieces.pop_front().or_else(rest)
    }

    /// The messages behind number `after`, and how many they are.
    fn said(&mut self, said: &Said, after: u64) -> u64 {
        said.documents_after(after).map(|document| self.message(document)).count() as u64
    }

    fn message(&mut self, Document { id, kind, json }: Document) {
        let before = self.gathered.len();
        write!(self.gathered, "id: {id}\nevent: {kind}\ndata: ").expect("a string takes every text");
        let head = self.gathered.len() - before;
        self.written += (head + json.len() + 2) as u64;
        match std::str::from_utf8(&json) {
            Ok(text) if text.len() <= EVENT_COPIED_BYTES_MAX => self.gathered.push_str(text),
            _ => self.pieces.extend([mem::take(&mut self.gathered).into(), json]),
        }
        self.gathered.push_str("\n\n");
    }

    /// It is about the connection, so it has no id, and the browser keeps the one before.
    fn resumed(&mut self, told: Resumed) {
        let document = String::from_utf8(told.document()).expect("JSON is text");
        write!(self.gathered, "event: {RESUMED}\ndata: {document}\n\n").expect("a string takes every text");
    }

    fn retry(&mut self, after: Duration) {
        write!(self.gathered, "retry: {}\n\n", after.as_millis()).expect("a string takes every text");
    }

    fn comment(&mut self) {
        self.gathered.push_str(": nothing new\n\n");
    }
}
