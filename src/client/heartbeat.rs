//! The heartbeat: when to ping, and when a silent connection is dead. Pure: the clock comes in as an argument.
//!
//! Any frame from the server is a sign of life, not only the pong: a feed that talks is alive however late it answers.
//! A missed ping is one after which nothing at all was heard in time.

use std::time::Duration;

use tokio::time::Instant;

/// How to watch the life of a connection. The defaults of the command line are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Time between two pings.
    pub interval: Duration,
    /// Longest wait for a sign of life after a ping.
    pub timeout: Duration,
    /// Missed pings in a row that end the connection.
    pub max_missed: u32,
}

/// The heartbeat of one connection.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    pulse: Pulse,
    next_ping: Instant,
    waiting_until: Option<Instant>,
    sent: Option<(u64, Instant)>,
    number: u64,
    missed: u32,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing before [`Heartbeat::due_at`].
    Rest,
    /// Send ping number so-and-so.
    Ping(u64),
    /// A ping was missed, the so-and-so-many-th in a row; carry on.
    Missed(u32),
    /// Too many were missed: the connection is dead.
    Dead(u32),
}

impl Heartbeat {
    /// Of a connection that opened at `now`.
    pub fn new(pulse: Pulse, now: Instant) -> Self {
        Heartbeat { pulse, next_ping: now + pulse.interval, waiting_until: None, sent: None, number: 0, missed: 0 }
    }

    /// When to call [`Heartbeat::beat`] at the latest.
    pub fn due_at(&self) -> Instant {
        self.waiting_until.map_or(self.next_ping, |until| until.min(self.next_ping))
    }

    /// What is due at `now`. Ask until it says [`Beat::Rest`].
    pub fn beat(&mut self, now: Instant) -> Beat {
        if self.waiting_until.is_some_and(|until| now >= until) {
            self.waiting_until = None;
            self.missed += 1;
            return if self.missed >= self.pulse.max_missed {
                Beat::Dead(self.missed)
            } else {
                Beat::Missed(self.missed)
            };
        }
        if now >= self.next_ping {
            self.number += 1;
            self.next_ping = now + self.pulse.interval;
            // With an interval shorter than the timeout the older deadline stands, else no ping would ever be missed.
            self.waiting_until.get_or_insert(now + self.pulse.timeout);
            self.sent = Some((self.number, now));
            return Beat::Ping(self.number);
        }
        Beat::Rest
    }

    /// A frame of any kind arrived.
    pub fn heard(&mut self) {
        self.waiting_until = None;
        self.missed = 0;
    }

    /// The answer to ping `number` arrived: the time it took, if that was the last ping.
    pub fn answered(&mut self, number: u64, now: Instant) -> Option<Duration> {
        self.heard();
        let (sent, at) = self.sent.take_if(|(sent, _)| *sent == number)?;
        debug_assert_eq!(sent, number);
        Some(now - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONTRACT: Pulse = Pulse { interval: Duration::from_secs(30), timeout: Duration::from_secs(5), max_missed: 3 };

    fn seconds(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_connection_is_dead_after_95_seconds() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(CONTRACT, start);
        let mut beats = Vec::new();
        loop {
            let now = heart.due_at();
            let beat = heart.beat(now);
            beats.push(((now - start).as_secs(), beat));
            if matches!(beat, Beat::Dead(_)) {
                break;
            }
        }
        let expected = [
            (30, Beat::Ping(1)),
            (35, Beat::Missed(1)),
            (60, Beat::Ping(2)),
            (65, Beat::Missed(2)),
            (90, Beat::Ping(3)),
            (95, Beat::Dead(3)),
        ];
        assert_eq!(beats, expected);
    }

    #[test]
    fn any_frame_is_a_sign_of_life_and_only_the_pong_is_a_measurement() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(CONTRACT, start);
        assert_eq!(heart.beat(seconds(start, 29)), Beat::Rest);
        assert_eq!(heart.beat(seconds(start, 30)), Beat::Ping(1));
        heart.heard();
        assert_eq!(heart.beat(seconds(start, 35)), Beat::Rest);
        assert_eq!(heart.answered(7, seconds(start, 36)), None);
        assert_eq!(heart.answered(1, seconds(start, 36)), Some(Duration::from_secs(6)));
        assert_eq!(heart.answered(1, seconds(start, 37)), None);
    }

    #[test]
    fn a_sign_of_life_forgives_what_was_missed() {
        let start = Instant::now();
        let mut heart = Heartbeat::new(CONTRACT, start);
        for (second, beat) in [(30, Beat::Ping(1)), (35, Beat::Missed(1)), (60, Beat::Ping(2)), (65, Beat::Missed(2))] {
            assert_eq!(heart.beat(seconds(start, second)), beat);
        }
        heart.heard();
        assert_eq!(heart.beat(seconds(start, 90)), Beat::Ping(3));
        assert_eq!(heart.beat(seconds(start, 95)), Beat::Missed(1));
    }

    proptest! {
        #[test]
        fn silence_always_ends(interval in 1_u64..100, timeout in 1_u64..100, max_missed in 1_u32..10) {
            let pulse = Pulse {
                interval: Duration::from_millis(interval), timeout: Duration::from_millis(timeout), max_missed,
            };
            let start = Instant::now();
            let mut heart = Heartbeat::new(pulse, start);
            let bound = (pulse.interval + pulse.timeout) * (max_missed + 1);
            loop {
                let now = heart.due_at();
                prop_assert!(now - start <= bound, "still alive after {bound:?}");
                if matches!(heart.beat(now), Beat::Dead(_)) {
                    break;
                }
            }
        }
    }
}
