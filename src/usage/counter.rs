//! The counts of requests: those that this server has completed, and those that are metered, which may be others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is counted, and what of it is metered.
#[derive(Debug, Default)]
pub struct Requests {
    /// Requests completed at this server's own HTTP layer.
    pub served: RequestCounter,
    /// What metrics and billing are made from: our own requests, or what sources count.
    pub metered: Arc<RequestCounter>,
    /// Whether sources count in place of us.
    elsewhere: AtomicBool,
}

impl Requests {
    /// Counts one request that this server has completed.
    pub fn complete(&self) {
        self.served.add(1);
        if !self.elsewhere.load(Ordering::Relaxed) {
            self.metered.add(1);
        }
    }

    /// Says whether sources count from now on in place of us. What was counted stays.
    pub fn count_elsewhere(&self, elsewhere: bool) {
        self.elsewhere.store(elsewhere, Ordering::Relaxed);
    }
}

/// Requests since the start of this process; never goes back.
#[derive(Debug, Default)]
pub struct RequestCounter(AtomicU64);

impl RequestCounter {
    /// Counts so many more.
    pub fn add(&self, more: u64) {
        // Nothing else is published through this number, so no ordering is needed.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// All requests counted so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
