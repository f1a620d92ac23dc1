//! Back-off: when to connect again, and when to give up. Pure: chance comes in as a number.
//!
//! `delay = min(base × factor^attempt, max)`, attempt from 0, then jitter, so that a thousand clients of a server that
//! restarts do not come back in the same instant. The count starts anew only after a connection that held
//! ([`held`]): a server that accepts, says a word and closes for ever is still given up on.

use std::time::Duration;

/// How to space the tries. The defaults of the command line are those of the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Tries in a row to connect again. None: for ever.
    pub max_attempts: Option<u32>,
    /// The delay of attempt 0.
    pub base_delay: Duration,
    /// No delay is longer.
    pub max_delay: Duration,
    /// What each delay is multiplied by; at least 1.
    pub factor: f64,
    /// How a delay is spread.
    pub jitter: Jitter,
}

/// How a delay is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Between half of it and all of it: `delay × (0.5 + random × 0.5)`.
    Equal,
    /// Between nothing and all of it.
    Full,
    /// Not at all.
    None,
}

/// The state of the tries of one session.
#[derive(Debug, Clone)]
pub struct Backoff {
    schedule: Schedule,
    attempt: u32,
}

/// The next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Which try in a row, from 1.
    pub attempt: u32,
    /// Of how many. None: for ever.
    pub of: Option<u32>,
    /// How long to wait first.
    pub delay: Duration,
}

impl Backoff {
    /// No try has been made.
    pub fn new(schedule: Schedule) -> Self {
        Backoff { schedule, attempt: 0 }
    }

    /// What to do now that the connection is lost or was not made. `random` is in 0..1; `hint` is what the server asked
    /// for (`Retry-After`, `retry_after_ms`): the wait is never shorter. None: give up.
    pub fn next(&mut self, random: f64, hint: Option<Duration>) -> Option<Retry> {
        let Schedule { max_attempts, base_delay, max_delay, factor, jitter } = &self.schedule;
        if max_attempts.is_some_and(|max| self.attempt >= max) {
            return None;
        }
        // Past a thousand, every factor above 1 has long reached the longest delay; infinity is cut by `min`.
        let grown = base_delay.as_secs_f64() * factor.powi(self.attempt.min(1_000) as i32);
        let whole = grown.min(max_delay.as_secs_f64());
        let share = match jitter {
            Jitter::Equal => 0.5 + random * 0.5,
            Jitter::Full => random,
            Jitter::None => 1.0,
        };
        let delay = Duration::from_secs_f64(whole * share).max(hint.unwrap_or_default());
        self.attempt = self.attempt.saturating_add(1);
        Some(Retry { attempt: self.attempt, of: *max_attempts, delay })
    }

    /// A connection held: the next loss starts at attempt 0.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// Whether a connection held: it delivered a message and lived ten seconds, or one cadence where that is shorter.
pub fn held(messages: u64, lived: Duration, cadence: Option<Duration>) -> bool {
    const STABLE_AFTER: Duration = Duration::from_secs(10);
    messages > 0 && lived >= cadence.unwrap_or(STABLE_AFTER).min(STABLE_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contract() -> Schedule {
        Schedule {
            max_attempts: Some(5),
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            factor: 2.0,
            jitter: Jitter::Equal,
        }
    }

    fn delays(schedule: Schedule, random: f64) -> Vec<u64> {
        let mut backoff = Backoff::new(schedule);
        std::iter::from_fn(|| backoff.next(random, None)).map(|retry| retry.delay.as_millis() as u64).collect()
    }

    #[test]
    fn the_contract_s_schedule() {
        assert_eq!(delays(contract(), 1.0), [1_000, 2_000, 4_000, 8_000, 16_000]);
        assert_eq!(delays(contract(), 0.0), [500, 1_000, 2_000, 4_000, 8_000]);
        assert_eq!(delays(Schedule { max_attempts: Some(7), ..contract() }, 1.0)[5..], [30_000, 30_000]);
        assert_eq!(delays(Schedule { jitter: Jitter::Full, ..contract() }, 0.0), [0; 5]);
        assert_eq!(delays(Schedule { jitter: Jitter::None, ..contract() }, 0.3), [1_000, 2_000, 4_000, 8_000, 16_000]);
        assert!(delays(Schedule { max_attempts: Some(0), ..contract() }, 1.0).is_empty());
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let mut backoff = Backoff::new(contract());
        let first = backoff.next(0.0, Some(Duration::from_secs(7))).expect("the first of five");
        assert_eq!(first, Retry { attempt: 1, of: Some(5), delay: Duration::from_secs(7) });
        let second = backoff.next(1.0, Some(Duration::from_millis(1))).expect("the second of five");
        assert_eq!(second.delay, Duration::from_secs(2));
    }

    #[test]
    fn only_a_connection_that_held_starts_the_count_anew() {
        let second = Duration::from_secs;
        let metrics = Some(second(2));
        assert!(held(1, second(2), metrics));
        assert!(!held(1, Duration::from_millis(1_999), metrics));
        assert!(!held(0, second(3_600), metrics));
        assert!(held(1, second(10), Some(second(30))));
        assert!(!held(1, Duration::from_millis(9_999), None));
        let mut backoff = Backoff::new(contract());
        backoff.next(0.5, None);
        backoff.reset();
        assert_eq!(backoff.next(1.0, None).map(|retry| retry.attempt), Some(1));
    }

    proptest! {
        #[test]
        fn no_delay_leaves_its_bounds(
            base in 1_u64..100_000, max in 1_u64..1_000_000, factor in 1.0_f64..100.0, random in 0.0_f64..1.0,
            attempts in 1_u32..50,
        ) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let schedule = Schedule { max_attempts: None, base_delay: base, max_delay: max, factor, jitter: Jitter::Equal };
            let mut backoff = Backoff::new(schedule);
            for attempt in 1..=attempts {
                let retry = backoff.next(random, None).expect("for ever");
                prop_assert_eq!(retry.attempt, attempt);
                prop_assert!(retry.delay <= max);
                prop_assert!(retry.delay + Duration::from_nanos(1) >= base.min(max) / 2);
            }
        }
    }
}
