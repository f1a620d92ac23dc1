//! Where backends and request counts come from beside the settings: a load balancer, a registry, a file, a push.
//!
//! A kind of source is one file and its row in [`KINDS`]. A source gives one whole [`Reading`] each time it is asked and
//! keeps nothing but its connection: what lasts from one reading to the next is the [`Poller`]'s (staleness) and that of
//! [`Requests`](crate::usage::Requests) (counters over resets).

mod caddy;
mod contents;
mod csv;
mod dns;
mod envoy;
mod exposition;
mod fetch;
mod file;
mod haproxy;
mod kind;
mod listing;
mod nginx;
mod options;
mod poller;
mod prometheus;
mod push;
mod questions;
mod reading;
mod spec;
mod traefik;
mod understand;

pub use kind::{Kind, Source, Telling};
pub use listing::Listing;
pub use options::SourceOptions;
pub use poller::{Outage, Poller, Seen, Standing};
pub use reading::{Asked, Finding, Reading, Record, Which, Wish};
pub use spec::{SourceSpec, kind};
pub use understand::understand;

use crate::usage::Counter;

/// Every kind of source.
pub const KINDS: &[Kind] = &[
    haproxy::KIND,
    nginx::KIND,
    caddy::KIND,
    envoy::KIND,
    traefik::KIND,
    prometheus::KIND,
    dns::KIND,
    file::KIND,
    push::KIND,
];
