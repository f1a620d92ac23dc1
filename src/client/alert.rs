//! Alerts: which events are worth waking somebody, and how often. Pure; the [`courier`] carries them out.
//!
//! A feed that flaps must not send a hundred mails: of one kind of event of one stream, one alert goes out in each
//! cooldown, and the next one says how many were held back. That a stream is given up is never held back: nothing comes
//! behind it.

pub mod courier;
mod exec;
mod waiting;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::event::{Ending, What};

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A connection was made.
    Open,
    /// A connection was lost, or is given up.
    Lost,
    /// A feed is silent for too long.
    Stale,
    /// Messages were never seen.
    Gap,
    /// Something arrived that is no message.
    Invalid,
    /// What was waited for holds.
    Until,
    /// What must not hold does.
    Fail,
}

impl Kind {
    /// The kind of an event, if it is of one.
    pub fn of(what: &What) -> Option<Kind> {
        match what {
            What::Open(_) => Some(Kind::Open),
            What::Lost(..) | What::End(Ending::GaveUp { .. }) => Some(Kind::Lost),
            What::Stale(_) => Some(Kind::Stale),
            What::Gap(_) => Some(Kind::Gap),
            What::Invalid(_) => Some(Kind::Invalid),
            What::Resumed(_) | What::Message(_) | What::Pong(_) | What::Missed(_) | What::Retry(..) | What::End(_) => {
                None
            }
        }
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// The event, as a JSON object on one line.
    pub json: String,
}

/// Which alerts go out.
#[derive(Debug)]
pub struct Cooldown {
    kinds: Vec<Kind>,
    span: Duration,
    last: HashMap<(Kind, Option<usize>), (Instant, u64)>,
}

impl Cooldown {
    /// Lets these kinds out, each once in `span` a stream.
    pub fn new(kinds: Vec<Kind>, span: Duration) -> Cooldown {
        Cooldown { kinds, span, last: HashMap::new() }
    }

    /// Whether an event of this kind, of a stream or of the whole watch, goes out at `now`: how many of its like were held
    /// back before it.
    pub fn admit(&mut self, kind: Kind, stream: Option<usize>, now: Instant) -> Option<u64> {
        if !self.kinds.contains(&kind) {
            return None;
        }
        match self.last.get_mut(&(kind, stream)) {
            Some((at, held_back)) if now.saturating_duration_since(*at) < self.span => {
                *held_back += 1;
                None
            }
            _ => {
                let before = self.last.insert((kind, stream), (now, 0));
                Some(before.map_or(0, |(_, held_back)| held_back))
            }
        }
    }
}

impl Cooldown {
    /// Whether it goes out at `now` that a stream is given up: always, unless the loss for which it is has gone out itself.
    /// That was told where a connection had been made, and nothing was held back since.
    pub fn conclude(&mut self, kind: Kind, stream: usize, told: Told, now: Instant) -> Option<u64> {
        if !self.kinds.contains(&kind) {
            return None;
        }
        let before = self.last.insert((kind, Some(stream)), (now, 0)).map(|(_, held_back)| held_back);
        match (told, before) {
            (Told::Lost, Some(0)) => None,
            _ => Some(before.unwrap_or_default()),
        }
    }
}

/// What was told of the loss for which a stream is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// That the connection was lost.
    Lost,
    /// Nothing: there was no connection.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stream_is_told_in_any_cooldown() {
        let now = Instant::now();
        let cooldown = || Cooldown::new(vec![Kind::Lost], Duration::from_secs(60));
        for (losses, told, admitted) in [
            (0, Told::Nothing, Some(0)),
            (1, Told::Nothing, Some(0)),
            (1, Told::Lost, None),
            (3, Told::Nothing, Some(2)),
            (3, Told::Lost, Some(2)),
        ] {
            let mut cooldown = cooldown();
            for _ in 0..losses {
                cooldown.admit(Kind::Lost, Some(0), now);
            }
            assert_eq!(cooldown.conclude(Kind::Lost, 0, told, now), admitted, "{losses} losses, told {told:?}");
        }
        assert_eq!(cooldown().conclude(Kind::Stale, 0, Told::Nothing, now), None, "nobody wants it");
    }

    #[test]
    fn a_flapping_feed_sends_one_alert_in_each_cooldown() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut cooldown = Cooldown::new(vec![Kind::Lost, Kind::Stale], Duration::from_secs(60));
        for (second, kind, stream, admitted) in [
            (0, Kind::Lost, 0, Some(0)),
            (1, Kind::Lost, 0, None),
            (1, Kind::Lost, 1, Some(0)),
            (1, Kind::Stale, 0, Some(0)),
            (2, Kind::Open, 0, None),
            (59, Kind::Lost, 0, None),
            (60, Kind::Lost, 0, Some(2)),
            (120, Kind::Lost, 0, Some(0)),
        ] {
            assert_eq!(cooldown.admit(kind, Some(stream), at(second)), admitted, "{kind:?} at {second}");
        }
    }
}
