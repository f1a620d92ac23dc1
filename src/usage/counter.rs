//! The count of completed requests: written by the HTTP layer, read by metrics and billing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Requests completed since the start of this process; never goes back.
#[derive(Debug, Default)]
pub struct RequestCounter(AtomicU64);

impl RequestCounter {
    /// Counts one completed request.
    pub fn increment(&self) {
        // Nothing else is published through this number, so no ordering is needed.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// All requests counted so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
