//! A lease: what the holders of a static token stand on, until the token is taken off the roll.
//!
//! Whoever waits for its end waits for that of this one token, so that a reload wakes nobody else.

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Clones are the same lease. It does not come back: a token that is put on the roll again has another.
#[derive(Debug, Clone, Default)]
pub struct Lease(CancellationToken);

/// Two are equal: whose they are stands beside them.
impl PartialEq for Lease {
    fn eq(&self, _: &Lease) -> bool {
        true
    }
}

impl Lease {
    /// Ends it, for all who stand on it.
    pub(super) fn end(&self) {
        self.0.cancel();
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves once it has ended. Safe to drop.
    pub fn ended(self) -> WaitForCancellationFutureOwned {
        self.0.cancelled_owned()
    }
}
