//! How late checks begin: the worst of the last while. Pure: time goes in.
//!
//! A check that was due and waited for a permit, or for this process to get round to it, is late. What it then takes is
//! its own affair.

use std::time::Duration;

use crate::limits::LAG_WINDOW;

/// The worst lag of this window and of the one before it: what is told is never younger than one window.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// The number of the window.
    window: u128,
    worst: Duration,
    worst_before: Duration,
}

impl Lag {
    /// Notes a check that began so late.
    pub(super) fn note(&mut self, late: Duration, clock: Duration) {
        self.turn(clock);
        self.worst = self.worst.max(late);
    }

    /// The worst of one to two windows.
    pub(super) fn worst(&mut self, clock: Duration) -> Duration {
        self.turn(clock);
        self.worst.max(self.worst_before)
    }

    fn turn(&mut self, clock: Duration) {
        let window = clock.as_millis() / LAG_WINDOW.as_millis();
        self.worst_before = match window.saturating_sub(self.window) {
            0 => return,
            1 => self.worst,
            _ => Duration::ZERO,
        };
        self.worst = Duration::ZERO;
        self.window = window;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_remembered_for_one_window_and_at_most_two() {
        let late = Duration::from_millis(300);
        let mut lag = Lag::default();
        assert_eq!(lag.worst(Duration::ZERO), Duration::ZERO);
        lag.note(late, LAG_WINDOW / 2);
        lag.note(late / 2, LAG_WINDOW / 2);
        assert_eq!(lag.worst(LAG_WINDOW / 2), late);
        lag.note(late / 3, LAG_WINDOW);
        assert_eq!(lag.worst(LAG_WINDOW * 2 - Duration::from_millis(1)), late);
        assert_eq!(lag.worst(LAG_WINDOW * 2), late / 3);
        assert_eq!(lag.worst(LAG_WINDOW * 9), Duration::ZERO);
    }
}
