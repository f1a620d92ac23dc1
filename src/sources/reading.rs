//! What a source says: the common record that every kind of source is mapped to.

use std::time::Duration;

use crate::protocol::{Admin, Health, Timestamp};
use crate::usage::Counter;

/// All that a source knows at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Its backends, in its own order. A pair of pool and address stands here once.
    pub backends: Vec<Record>,
    /// What it has counted. Empty where it counts no requests: see [`Source::counts`](super::Source::counts).
    pub requests: Vec<Counter>,
}

/// One backend as a source sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The pool (HAProxy's backend, Envoy's cluster, Traefik's service).
    pub pool: String,
    /// What the source calls it: with the pool the key by which it is told something.
    pub name: String,
    /// `host:port`; the name, where the source does not tell the address.
    pub address: String,
    /// Its configured share of the pool's traffic.
    pub weight: u32,
    /// What an operator wants of it.
    pub admin: Admin,
    /// What the source has found out. None: it does not check; our own checks say.
    pub finding: Option<Finding>,
    /// What our own check asks of it, where there is one.
    pub asked: Asked,
}

/// What our own check asks of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What the settings say for its source.
    AsSet,
    /// To accept a connection. The balancer hands on what it does not understand, so nobody knows what it speaks.
    Connect,
}

/// What a source has found out about one backend.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The status in our words. `unknown` where the source checks, but has no result.
    pub status: Health,
    /// The status in the source's own words: `UP 1/3`, `MAINT (resolution)`.
    pub state: String,
    /// Why it is not healthy, if the source says so.
    pub detail: Option<String>,
    /// How long the source's last check took, if it says so.
    pub latency: Option<Duration>,
    /// When the status last changed, if the source says so.
    pub last_change: Option<Timestamp>,
}

/// One backend of a source, as the source itself names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Which {
    /// [`Record::pool`].
    pub pool: String,
    /// [`Record::name`].
    pub name: String,
}

/// What a source may be told about a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Take it in, let it finish what it has, or take it out.
    Admin(Admin),
    /// Give it this share of the traffic.
    Weight(u32),
}
