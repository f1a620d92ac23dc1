//! How everybody is sent away.
//!
//! Before a restart each client is told a moment of its own at which to come back, spread over a time that grows with their
//! number: ten thousand handshakes at the same moment would be slow for all of them.

use std::time::Duration;

use crate::limits::{RESTART_CLIENTS_PER_SECOND, RESTART_DELAY, RESTART_SPREAD_MAX, RESTART_SPREAD_MIN};
use crate::protocol::CloseCode;
use crate::websocket::frame;

/// Why the server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It stops.
    Stop,
    /// It will be back, and this is the time over which its clients return.
    Restart(Duration),
}

impl Farewell {
    /// A restart with so many clients.
    pub fn restart(clients: u64) -> Farewell {
        let spread = Duration::from_millis(clients.saturating_mul(1000) / RESTART_CLIENTS_PER_SECOND);
        Farewell::Restart(spread.clamp(RESTART_SPREAD_MIN, RESTART_SPREAD_MAX))
    }

    /// What the connections are closed with.
    pub fn code(self) -> CloseCode {
        match self {
            Farewell::Stop => CloseCode::GoingAway,
            Farewell::Restart(_) => CloseCode::Restarting,
        }
    }

    /// How long one client should wait before it comes back; none: as it likes. `share`, from 0 to 1, is its place among all,
    /// at random.
    pub fn wait(self, share: f64) -> Option<Duration> {
        match self {
            Farewell::Stop => None,
            Farewell::Restart(spread) => Some(RESTART_DELAY + spread.mul_f64(share)),
        }
    }

    /// The close frame for one connection.
    pub fn frame(self, share: f64) -> Vec<u8> {
        let code = self.code();
        match self.wait(share) {
            None => frame::close(code, code.meaning()),
            Some(wait) => frame::close(code, &format!("{}; retry_after_ms={}", code.meaning(), wait.as_millis())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_clients_there_are_the_longer_they_take_to_come_back() {
        for (clients, spread) in [
            (0, RESTART_SPREAD_MIN),
            (3 * RESTART_CLIENTS_PER_SECOND, Duration::from_secs(3)),
            (u64::MAX, RESTART_SPREAD_MAX),
        ] {
            assert_eq!(Farewell::restart(clients), Farewell::Restart(spread));
        }
        let reason = |share| String::from_utf8_lossy(&Farewell::restart(0).frame(share)[4..]).into_owned();
        assert_eq!(reason(0.0), "the server is restarting; retry_after_ms=500");
        assert_eq!(reason(1.0), "the server is restarting; retry_after_ms=1500");
    }
}
