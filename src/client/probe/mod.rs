//! A probe: one endpoint tried once from the name to the goodbye, every phase timed, every wait with an end.
//!
//! What was seen is kept in a [`Trial`] as it goes, so that whoever cuts a probe short still has what came before.

mod audience;
pub mod budget;
pub mod conformance;
mod http;
mod schema;
mod websocket;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::connect::Access;
use super::endpoint::Endpoint;
use super::upgrade::Terms;
use crate::expression::Expression;
use crate::net::certificate;
use crate::net::dial::{Phases, Stream};
use crate::websocket::deflate::Tally;

/// What a probe asks for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Pings to send.
    pub pings: u32,
    /// Messages to wait for. None: one of a feed, none of another WebSocket.
    pub messages: Option<u32>,
    /// What has to hold for every message.
    pub expectations: Vec<Expression>,
    /// Whether broken frames are sent, to see what becomes of them.
    pub conformance: Conformance,
}

/// Whether the server's adherence to RFC 6455 is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conformance {
    /// It is taken for granted.
    Trusted,
    /// It is tried, on connections of their own.
    Tried,
}

/// What was seen, as far as it went.
#[derive(Debug, Default)]
pub struct Trial {
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// How long dialling took.
    pub phases: Phases,
    /// The WebSocket handshake.
    pub upgrade: Option<Duration>,
    /// From the handshake to the first message.
    pub first_message: Option<Duration>,
    /// From the request to the head of the answer, over plain HTTP.
    pub response: Option<Duration>,
    /// Messages received, of the feed where there is one.
    pub messages: u32,
    /// The longest time between two messages.
    pub longest_gap: Option<Duration>,
    /// Pings sent.
    pub pings: u32,
    /// The answers to them.
    pub rtts: Vec<Duration>,
    /// The closing handshake.
    pub close: Option<Duration>,
    /// The HTTP status; 101 of a WebSocket.
    pub status: Option<u16>,
    /// What was agreed on in the WebSocket handshake.
    pub terms: Option<Terms>,
    /// What compression saved, where it was agreed on.
    pub inflated: Option<Tally>,
    /// Until when the server's certificate is valid.
    pub certificate: Option<SystemTime>,
    /// How long it took to the end, the trials of conformance left out; none when it was cut short.
    pub total: Option<Duration>,
    /// What was looked at beside the phases.
    pub findings: Vec<Finding>,
    /// Where and why it ended early.
    pub failure: Option<Failure>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub name: String,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was seen, where there is more to say than the verdict.
    pub detail: Option<String>,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Pass,
    /// It is not.
    Fail,
    /// It does not apply here.
    Skip,
}

/// Where and why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The phase.
    pub phase: &'static str,
    /// Why, in words.
    pub reason: String,
    /// What that means.
    pub kind: Kind,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It could not be reached.
    Unreachable,
    /// It let us in and did not do as it should.
    Wrong,
    /// It did not let us in.
    Denied,
    /// It went away.
    Lost,
}

impl Finding {
    fn new(name: impl Into<String>, verdict: Verdict, detail: Option<String>) -> Finding {
        Finding { name: name.into(), verdict, detail }
    }

    /// Passed unless there is a problem.
    fn of(name: impl Into<String>, problem: Option<String>) -> Finding {
        let verdict = if problem.is_none() { Verdict::Pass } else { Verdict::Fail };
        Finding::new(name, verdict, problem)
    }
}

impl Trial {
    /// Keeps what a connection shows of itself.
    fn met(&mut self, peer: SocketAddr, phases: Phases, stream: &Stream) {
        (self.peer, self.phases) = (Some(peer), phases);
        self.certificate = stream.certificate().and_then(certificate::not_after);
    }

    /// Whether it got to its end and nothing was found to be wrong.
    pub fn passed(&self) -> bool {
        self.failure.is_none() && self.findings.iter().all(|finding| finding.verdict != Verdict::Fail)
    }

    /// Whether trying again cannot help: we were not let in, or there is no such thing.
    pub fn is_hopeless(&self) -> bool {
        matches!(self.status, Some(401 | 403 | 404)) || self.failure.as_ref().is_some_and(|f| f.kind == Kind::Denied)
    }
}

/// Tries an endpoint as its URL wants it and keeps in `trial` what was seen, also when dropped at a deadline.
pub async fn run(endpoint: &Endpoint, access: &Access, plan: &Plan, trial: &mut Trial) {
    let started = Instant::now();
    trial.failure = if endpoint.is_http() {
        http::run(endpoint, access, trial).await.err()
    } else {
        websocket::run(endpoint, access, plan, trial).await.err()
    };
    trial.total = Some(started.elapsed());
    if trial.failure.is_none() && plan.conformance == Conformance::Tried {
        conformance::run(endpoint, access, &mut trial.findings).await;
    }
}
