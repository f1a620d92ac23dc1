//! How fast somebody may go: a steady rate with room for a burst. Pure; time goes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// The generic cell rate algorithm: one point in time says how much of the burst is used up.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time one unit takes at the steady rate.
    unit: Duration,
    /// Time a full burst takes at the steady rate.
    burst: Duration,
    /// When everything taken so far would have been taken at the steady rate; `None` before the first.
    paid_until: Option<Instant>,
}

impl Pace {
    /// `rate` units a second, lasting, and `burst` at once.
    pub const fn new(rate: u32, burst: u32) -> Pace {
        let unit = Duration::from_nanos(1_000_000_000 / rate as u64);
        Pace { unit, burst: unit.saturating_mul(burst), paid_until: None }
    }

    /// Takes one unit if it is within the pace, else nothing: whoever is refused is not put off further by asking.
    ///
    /// # Errors
    /// The time after which it will be within the pace.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let before = *self;
        match self.take(1, now) {
            None => Ok(()),
            Some(delay) => {
                *self = before;
                Err(delay)
            }
        }
    }

    /// Whether nothing of the burst is used up.
    pub fn is_rested(&self, now: Instant) -> bool {
        self.paid_until.is_none_or(|paid| paid <= now)
    }

    /// Takes units. `None`: within the pace. Else the time after which they would have been; they are taken all the same.
    pub fn take(&mut self, units: u32, now: Instant) -> Option<Duration> {
        let from = self.paid_until.map_or(now, |paid| paid.max(now));
        let paid = from + self.unit.saturating_mul(units);
        self.paid_until = Some(paid);
        paid.checked_duration_since(now + self.burst).filter(|delay| !delay.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_refused_may_come_back_after_the_time_he_was_told() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 2);
        assert!(pace.is_rested(start));
        assert!(pace.admit(start).is_ok() && pace.admit(start).is_ok());
        for _ in 0..100 {
            assert_eq!(pace.admit(start), Err(Duration::from_millis(100)));
        }
        assert_eq!(pace.admit(start + Duration::from_millis(100)), Ok(()));
        assert!(!pace.is_rested(start + Duration::from_millis(299)));
        assert!(pace.is_rested(start + Duration::from_millis(300)));
    }

    #[test]
    fn a_burst_passes_and_past_it_the_rate_holds() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 5);
        assert!((0..5).all(|_| pace.take(1, start).is_none()));
        assert_eq!(pace.take(1, start), Some(Duration::from_millis(100)));
        let later = start + Duration::from_millis(300);
        assert!(pace.take(5, later).is_some());
        let rested = start + Duration::from_secs(60);
        assert!(pace.take(5, rested).is_none());
        assert!(pace.take(1, rested).is_some());
    }
}
