//! Where backends and request counts come from beside the settings: a load balancer, a registry, a file, a push.
//!
//! A kind of source is one file and its row in [`KINDS`]. A source gives one whole [`Reading`] each time it is asked and
//! keeps nothing but its connection: what lasts from one reading to the next (staleness, counters over resets) is the
//! [`Poller`]'s.

mod fetch;
mod haproxy;
mod kind;
mod options;
mod poller;
mod reading;
mod spec;
mod tally;

pub use kind::{Kind, Source, Telling};
pub use options::SourceOptions;
pub use poller::{Count, Outage, Poller, Seen, Standing};
pub use reading::{Counter, Finding, Reading, Record, Which, Wish};
pub use spec::{SourceSpec, kind};

/// Every kind of source.
pub const KINDS: &[Kind] = &[haproxy::KIND];
