//! Where backends and request counts come from beside the settings: a load balancer, a registry, a file, a push.
//!
//! A kind of source is one file and its row in [`KINDS`]. A source gives one whole [`Reading`] each time it is asked and
//! keeps nothing but its connection: what lasts from one reading to the next (staleness, counters over resets) is not its
//! business.

mod fetch;
mod kind;
mod options;
mod reading;

pub use kind::{Kind, Source, Telling};
pub use options::SourceOptions;
pub use reading::{Counter, Finding, Reading, Record, Which, Wish};

/// Every kind of source.
pub const KINDS: &[Kind] = &[];
