//! What the user may say about how a target is asked, beyond its URL.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::net::Target;
use crate::net::tls::{self, Sessions, TlsOptions, Trust};
use crate::secret::Secret;

/// What the user may say about how a target is asked. Each kind of check knows some of it and refuses the rest.
#[derive(Debug, Clone, Default)]
pub struct ProbeOptions {
    /// The method of the request. Default `GET`.
    pub method: Option<String>,
    /// Path and query of the request, instead of those of the URL.
    pub path: Option<String>,
    /// The statuses that pass. Default, when empty: 200 to 399.
    pub status: Vec<RangeInclusive<u16>>,
    /// What the body has to contain.
    pub body: Option<String>,
    /// The `Host` header, instead of the host of the URL.
    pub host: Option<String>,
    /// A PEM file with authorities to trust beside those of the machine.
    pub cacert: Option<PathBuf>,
    /// Whether any certificate is good enough.
    pub insecure: bool,
    /// The password, when it does not stand in the URL.
    pub password: Option<Secret>,
}

/// The name of an option in messages and in the tables of the kinds.
pub(super) mod name {
    pub(in crate::checks) const METHOD: &str = "method";
    pub(in crate::checks) const PATH: &str = "path";
    pub(in crate::checks) const STATUS: &str = "status";
    pub(in crate::checks) const BODY: &str = "body";
    pub(in crate::checks) const HOST: &str = "host";
    pub(in crate::checks) const CACERT: &str = "cacert";
    pub(in crate::checks) const INSECURE: &str = "insecure";
    pub(in crate::checks) const PASSWORD: &str = "password";
}

impl ProbeOptions {
    /// The names of the options that were given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            (name::METHOD, self.method.is_some()),
            (name::PATH, self.path.is_some()),
            (name::STATUS, !self.status.is_empty()),
            (name::BODY, self.body.is_some()),
            (name::HOST, self.host.is_some()),
            (name::CACERT, self.cacert.is_some()),
            (name::INSECURE, self.insecure),
            (name::PASSWORD, self.password.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
    }

    /// The password: of the URL or of the options, not of both.
    pub(super) fn password_for(&self, target: &Target) -> Result<Option<Secret>, String> {
        match (target.password(), &self.password) {
            (Some(_), Some(_)) => Err(format!("`{target}` has two passwords; take it out of the URL")),
            (in_url, given) => Ok(in_url.or(given.as_ref()).cloned()),
        }
    }

    /// For a target that is asked without TLS: whoever says whom to trust believes that there is some.
    pub(super) fn without_tls(&self, target: &Target) -> Result<(), String> {
        match self.given().find(|given| [name::CACERT, name::INSECURE].contains(given)) {
            Some(option) => Err(format!("`{option}` is about TLS, and `{}://` has none", target.scheme())),
            None => Ok(()),
        }
    }

    /// How to speak TLS. A check wants to see the certificate each time, so no session is resumed.
    pub(super) fn tls(&self, alpn: &[&str]) -> Result<Arc<ClientConfig>, String> {
        let trust = match (&self.cacert, self.insecure) {
            (Some(_), true) => return Err("`cacert` and `insecure` contradict each other; leave one out".to_owned()),
            (Some(path), false) => Trust::PlatformAnd(path.clone()),
            (None, true) => Trust::Anyone,
            (None, false) => Trust::Platform,
        };
        trusting(trust, alpn)
    }
}

/// A TLS configuration of a check.
pub(super) fn trusting(trust: Trust, alpn: &[&str]) -> Result<Arc<ClientConfig>, String> {
    tls::client_config(&TlsOptions { trust, identity: None }, Sessions::Fresh, alpn).map_err(|bad| bad.to_string())
}
