//! What reading the settings comes to: types that cannot hold an invalid choice.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::access::{Roll, Verifier};
use crate::checks::{CheckSpec, Template};
use crate::net::tls::server::ServerTls;
use crate::secret::Secret;
use crate::sources::SourceSpec;
use crate::usage::Tariff;

/// Everything `serve` is told. There is no way to hold an invalid one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Where the ledger and the generated token live.
    pub state_dir: PathBuf,
    /// The name of this node in `status`. Default: the host name.
    pub node: String,
    /// Browser origins let in beside the same origin and loopback ones, each `scheme://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// Names that a request may call this server by, beside those of this machine and of `allowed_origins`.
    pub hosts: Vec<String>,
    /// Whose word is taken for where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Longest time between being told to stop and leaving. Default 5 s.
    pub drain_timeout: Duration,
    /// The certificate, if TLS is spoken.
    pub tls: Option<ServerTls>,
    /// How many may come, and how fast.
    pub limits: Limits,
    /// Who may read and control.
    pub auth: Auth,
    /// Where it is kept who did what; none: nowhere. Default: in the state directory.
    pub audit: Option<PathBuf>,
    /// The pools, in the order of the file.
    pub pools: Vec<Pool>,
    /// The sources, in the order of the file.
    pub sources: Vec<FleetSource>,
    /// Whose requests are metered.
    pub requests_source: RequestsSource,
    /// The named dependency checks, in the order of the file.
    pub dependencies: Vec<Dependency>,
    /// What usage costs.
    pub tariff: Tariff,
    /// What works but may not be meant, as sentences for the log.
    pub warnings: Vec<String>,
}

/// How many may come, and how fast. An address is one of IPv4, or a /64 of IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all. Default: as many as there are descriptors for.
    pub connections: Option<usize>,
    /// Connections of one address. Default [`CONNECTIONS_PER_ADDRESS`](crate::limits::CONNECTIONS_PER_ADDRESS).
    pub connections_per_address: Share,
    /// WebSocket handshakes a second in all, lasting. Default
    /// [`HANDSHAKES_PER_SECOND`](crate::limits::HANDSHAKES_PER_SECOND).
    pub handshakes_per_second: u32,
    /// WebSocket handshakes a second of one address, lasting. Default
    /// [`HANDSHAKES_PER_SECOND_PER_ADDRESS`](crate::limits::HANDSHAKES_PER_SECOND_PER_ADDRESS).
    pub handshakes_per_second_per_address: Share,
}

/// What one address may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// By default: this much. This machine is not held to it, where a proxy may stand for everybody, or a test for a crowd.
    Usual(u32),
    /// This much, whoever it is.
    Set(u32),
}

/// Who may read and control.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// Where the control token comes from.
    pub control: ControlToken,
    /// Who may read the feeds.
    pub feeds: FeedAccess,
    /// Static tokens beside the two.
    pub roll: Roll,
    /// The file they stand in, if there is one.
    pub roll_file: Option<PathBuf>,
    /// JSON Web Tokens, if any are taken.
    pub jwt: Option<Arc<Verifier>>,
    /// Whether a token may stand in the address. Default false.
    pub query_tokens: bool,
}

/// Where the control token comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlToken {
    /// Given in a file (then its path is kept, so that `veloflux control` on this machine can find it) or variable.
    Given(Secret, Option<PathBuf>),
    /// Generated at first start and kept in the state directory.
    Generated,
}

/// Who may read the feeds.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedAccess {
    /// Whoever can connect.
    Public,
    /// Whoever presents a token: this one, if there is one, or any other that is known.
    Restricted(Option<Secret>),
}

/// A pool of backends.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name, unique.
    pub name: String,
    /// How many enabled backends have to pass. Default 1.
    pub min_healthy: usize,
    /// Whether the fleet is unhealthy with fewer than `min_healthy`; else degraded. Default true.
    pub critical: bool,
    /// Its backends, in the order of the file.
    pub backends: Vec<Backend>,
}

/// One backend of a pool.
#[derive(Debug, Clone)]
pub struct Backend {
    /// `host:port` as it stands on the wire, unique within its pool.
    pub address: String,
    /// Its share of traffic. Default 1.
    pub weight: u32,
    /// How it is checked. The name is `pool/address`.
    pub check: CheckSpec,
}

/// A source of backends, and what its pools have to be like.
#[derive(Debug, Clone)]
pub struct FleetSource {
    /// What is read, and how often.
    pub spec: SourceSpec,
    /// How many enabled backends of each of its pools have to pass. Default 1.
    pub min_healthy: usize,
    /// Whether the fleet is unhealthy with fewer than `min_healthy`; else degraded. Default true.
    pub critical: bool,
    /// How backends are checked that the source does not check itself. Default: a tcp connect.
    pub check: Template,
}

/// Whose requests are metered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequestsSource {
    /// Those of every source that counts any; our own where there is none.
    #[default]
    Sources,
    /// Our own.
    Own,
    /// Those of the source of this name.
    One(String),
}

/// A named dependency.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Whether the fleet is unhealthy without it. Default true.
    pub critical: bool,
    /// How it is checked. The name is the name of the dependency.
    pub check: CheckSpec,
}
