//! One connection as its shard sees it: what it was given, what waits for it, and when something is due.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Encoding, Link, Track};
use crate::limits::{WRITE_TIMEOUT, time_to_leave};
use crate::protocol::{Feed, SERVER_PING_INTERVAL};

/// The state of one connection. Small: a shard walks over thousands of them for every burst.
pub(super) struct Peer {
    pub(super) link: Arc<Link>,
    pub(super) tracks: Tracks,
    pub(super) stage: Stage,
    /// In which form it is given messages.
    pub(super) encoding: Encoding,
    /// Only while the kernel takes no more.
    backlog: Option<Box<Backlog>>,
}

/// How far it has come in its feeds. Mostly there is one, which stands here and not somewhere else in memory.
pub(super) enum Tracks {
    One(Track),
    Many(Box<Many>),
}

pub(super) struct Many {
    tracks: Vec<Track>,
    /// Whose turn it is when the kernel takes bytes again, so that a slow reader hears of every feed.
    turn: usize,
}

impl Tracks {
    pub(super) fn new(tracks: Vec<Track>) -> Tracks {
        match tracks[..] {
            [track] => Tracks::One(track),
            _ => Tracks::Many(Box::new(Many { tracks, turn: 0 })),
        }
    }

    pub(super) fn all(&self) -> &[Track] {
        match self {
            Tracks::One(track) => std::slice::from_ref(track),
            Tracks::Many(many) => &many.tracks,
        }
    }

    /// The track of a feed that it listens to.
    pub(super) fn of(&mut self, feed: Feed) -> &mut Track {
        match self {
            Tracks::One(track) => track,
            Tracks::Many(many) => {
                let track = many.tracks.iter_mut().find(|track| track.feed() == feed);
                track.expect("the shard lists a connection only under feeds it listens to")
            }
        }
    }

    /// The feed whose turn it is. After as many calls as there are feeds each has had one.
    pub(super) fn take_turn(&mut self) -> Feed {
        match self {
            Tracks::One(track) => track.feed(),
            Tracks::Many(many) => {
                let feed = many.tracks[many.turn].feed();
                many.turn = (many.turn + 1) % many.tracks.len();
                feed
            }
        }
    }
}

/// What the kernel has not taken.
struct Backlog {
    /// The rest of a frame that has begun.
    tail: Bytes,
    /// Whole frames that leave after the tail.
    replies: Vec<u8>,
    /// The last time the kernel took something.
    since: Instant,
    /// When the tail has to have left altogether.
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    /// It gets bursts.
    Open(Pulse),
    /// It gets what waits, then the end; all is over at this time.
    Closing(Instant),
    /// Nothing can be written any more.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pulse {
    /// A ping is due at this time.
    Due(Instant),
    /// A ping has been sent; something has to be heard by this time.
    Awaited(Instant),
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything has left.
    Free,
    /// Some of it waits; before, nothing did.
    NowBlocked,
    /// Some of it waits, as before.
    Blocked,
    /// Nobody is there to write to.
    Gone,
}

impl Peer {
    pub(super) fn new(link: Arc<Link>, tracks: Vec<Track>, encoding: Encoding, now: Instant) -> Peer {
        let stage = Stage::Open(Pulse::Due(now + SERVER_PING_INTERVAL));
        Peer { link, tracks: Tracks::new(tracks), stage, encoding, backlog: None }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.backlog.is_some()
    }

    /// Bytes of control frames and answers that wait.
    pub(super) fn replies_waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.replies.len())
    }

    /// Writes whole frames to a connection for which nothing waits.
    pub(super) fn send(&mut self, bytes: &Bytes) -> Progress {
        let count = match self.link.socket.send(bytes) {
            Ok(count) if count == bytes.len() && self.link.socket.is_flushed() => return Progress::Free,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(_) => return Progress::Gone,
        };
        let (now, tail) = (Instant::now(), bytes.slice(count..));
        let until = now + time_to_leave(tail.len());
        self.backlog = Some(Box::new(Backlog { tail, replies: Vec::new(), since: now, until }));
        Progress::NowBlocked
    }

    /// Writes whole frames behind what waits.
    pub(super) fn say(&mut self, frames: Vec<u8>) -> Progress {
        match &mut self.backlog {
            None => self.send(&frames.into()),
            Some(backlog) => {
                backlog.replies.extend_from_slice(&frames);
                Progress::Blocked
            }
        }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(super) fn go_on(&mut self, now: Instant) -> Progress {
        let Some(backlog) = &mut self.backlog else { return Progress::Free };
        loop {
            if backlog.tail.is_empty() {
                backlog.tail = mem::take(&mut backlog.replies).into();
                backlog.until = now + time_to_leave(backlog.tail.len());
            }
            let socket = &self.link.socket;
            let written =
                if backlog.tail.is_empty() { socket.flush().map(|()| 0) } else { socket.try_write(&backlog.tail) };
            match written {
                Ok(_) if backlog.tail.is_empty() => {
                    self.backlog = None;
                    return Progress::Free;
                }
                Ok(count) => {
                    backlog.tail = backlog.tail.split_off(count);
                    backlog.since = now;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Blocked,
                Err(_) => return Progress::Gone,
            }
        }
    }

    /// Lets this be the last that waits, instead of any reply, for a peer that takes nothing.
    ///
    /// The kernel would not take another byte for it, so the bound on unsent bytes is lifted first: the rest of the frame
    /// that has begun and these frames then wait in the kernel, and a peer that wakes up finds out why it was left. Where
    /// the bound cannot be lifted, it learns it from the end of the stream alone.
    pub(super) fn say_last(&mut self, frames: Vec<u8>) {
        self.link.socket.lift_unsent_bound();
        if let Some(backlog) = &mut self.backlog {
            backlog.replies = frames;
        }
    }

    /// Everything has left. Where that was the end: says so, and waits for the peer to leave.
    pub(super) fn said_all(&self) {
        if matches!(self.stage, Stage::Closing(_)) {
            self.link.socket.end_writing();
        }
    }

    /// Ends it altogether, so that the reader sees its end.
    pub(super) fn give_up(&mut self) {
        self.stage = Stage::Done;
        self.backlog = None;
        self.link.over.store(true, Ordering::Relaxed);
        self.link.socket.end();
    }

    /// Whether a deadline has passed or a ping is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        match (self.stage, &self.backlog) {
            (Stage::Closing(end), _) => now >= end,
            (Stage::Done, _) => false,
            (Stage::Open(_), Some(backlog)) => now >= backlog.until.min(backlog.since + WRITE_TIMEOUT),
            (Stage::Open(Pulse::Due(at) | Pulse::Awaited(at)), None) => now >= at,
        }
    }

    /// Moves every deadline.
    pub(super) fn grant(&mut self, more: Duration) {
        match &mut self.stage {
            Stage::Open(Pulse::Due(at) | Pulse::Awaited(at)) | Stage::Closing(at) => *at += more,
            Stage::Done => {}
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.since += more;
            backlog.until += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_fits_a_cache_line() {
        assert!(size_of::<Peer>() <= 64, "{} bytes", size_of::<Peer>());
    }
}
