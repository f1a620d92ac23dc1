//! What the user may say about a source.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// What the user may say about a source. Each kind knows some of it and refuses the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Where it is: `unix:///run/haproxy/admin.sock`, `http://127.0.0.1:8404/stats`.
    pub url: Option<String>,
    /// A file that is read instead, or beside.
    pub file: Option<PathBuf>,
    /// A ready mapping of metric names: `traefik`, `caddy`.
    pub preset: Option<String>,
    /// Where the metrics stand.
    pub metrics_url: Option<String>,
    /// The metric, with labels, that says for each backend whether it is up: `1` is healthy, `0` unhealthy.
    pub up_metric: Option<String>,
    /// The metric, with labels, that counts requests.
    pub requests_metric: Option<String>,
    /// The label that holds the pool.
    pub pool_label: Option<String>,
    /// The label that holds the address of a backend.
    pub backend_label: Option<String>,
    /// The one pool that everything belongs to, where the source knows no pools.
    pub pool: Option<String>,
    /// How long something that was pushed holds.
    pub ttl: Option<Duration>,
    /// The user for the source.
    pub user: Option<String>,
    /// The password for it, out of a file.
    pub password: Option<Secret>,
    /// A PEM file with authorities to trust beside those of the machine.
    pub cacert: Option<PathBuf>,
    /// Whether any certificate is good enough.
    pub insecure: bool,
}

impl SourceOptions {
    /// The names of the options that were given, but `url`.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("file", self.file.is_some()),
            ("preset", self.preset.is_some()),
            ("metrics_url", self.metrics_url.is_some()),
            ("up_metric", self.up_metric.is_some()),
            ("requests_metric", self.requests_metric.is_some()),
            ("pool_label", self.pool_label.is_some()),
            ("backend_label", self.backend_label.is_some()),
            ("pool", self.pool.is_some()),
            ("ttl", self.ttl.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("cacert", self.cacert.is_some()),
            ("insecure", self.insecure),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
    }
}
