//! The alerts that wait for their turn. Pure. Losses go first: who is cut off wants to know that before anything else.

use std::collections::VecDeque;

use super::{Alert, Kind};
use crate::limits;

/// A queue of at most [`limits::ALERTS_WAITING_MAX`].
#[derive(Debug, Default)]
pub(super) struct Waiting {
    alerts: VecDeque<Alert>,
}

impl Waiting {
    /// Queues an alert. The one that is dropped for it, where there is no room: the oldest that is no loss, else the oldest.
    pub(super) fn push(&mut self, alert: Alert) -> Option<Alert> {
        let losses = self.alerts.iter().take_while(|waiting| waiting.kind == Kind::Lost).count();
        let place = if alert.kind == Kind::Lost { losses } else { self.alerts.len() };
        self.alerts.insert(place, alert);
        if self.alerts.len() <= limits::ALERTS_WAITING_MAX {
            return None;
        }
        let oldest = self.alerts.iter().position(|waiting| waiting.kind != Kind::Lost).unwrap_or(0);
        self.alerts.remove(oldest)
    }

    /// The next alert.
    pub(super) fn pop(&mut self) -> Option<Alert> {
        self.alerts.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: Kind, number: usize) -> Alert {
        Alert { kind, json: number.to_string() }
    }

    #[test]
    fn losses_go_first_and_otherwise_the_order_stays() {
        let mut waiting = Waiting::default();
        for (number, kind) in [Kind::Gap, Kind::Lost, Kind::Open, Kind::Lost].into_iter().enumerate() {
            assert_eq!(waiting.push(alert(kind, number)), None);
        }
        let order: Vec<String> = std::iter::from_fn(|| waiting.pop()).map(|alert| alert.json).collect();
        assert_eq!(order, ["1", "3", "0", "2"]);
    }

    #[test]
    fn where_there_is_no_room_the_oldest_that_is_no_loss_goes() {
        let mut waiting = Waiting::default();
        let max = limits::ALERTS_WAITING_MAX;
        for number in 0..max {
            assert_eq!(waiting.push(alert(Kind::Gap, number)), None);
        }
        for number in 0..max {
            assert_eq!(waiting.push(alert(Kind::Lost, number)), Some(alert(Kind::Gap, number)));
        }
        assert_eq!(waiting.push(alert(Kind::Lost, max)), Some(alert(Kind::Lost, 0)));
        assert_eq!(waiting.push(alert(Kind::Gap, max)), Some(alert(Kind::Gap, max)));
        assert_eq!(std::iter::from_fn(|| waiting.pop()).count(), max);
    }
}
