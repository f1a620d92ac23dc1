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
