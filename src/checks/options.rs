//! What the user may say about how a target is asked, beyond its URL.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use http::uri::Authority;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use url::Url;

use super::Shared;
use crate::net::Target;
use crate::net::tls::Trust;
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
    /// The regular expression that the body has to match.
    pub body_matches: Option<String>,
    /// A place in the body, a JSON pointer (RFC 6901).
    pub json_pointer: Option<String>,
    /// What has to stand there. Default: anything but `null` and `false`.
    pub json_value: Option<String>,
    /// What is sent once the connection stands.
    pub send: Option<String>,
    /// What has to stand in the answer to that, or in the greeting.
    pub expect: Option<String>,
    /// The `type` that the first message has.
    pub message_type: Option<String>,
    /// Fewer whole days than this until a certificate expires are degraded. Default 21.
    pub warn_days: Option<u32>,
    /// Fewer whole days than this until a certificate expires are a failure. Default 7.
    pub critical_days: Option<u32>,
    /// The `Host` header, instead of the host of the URL.
    pub host: Option<String>,
    /// The name that we ask for over TLS and that the certificate has to have. Default: `host` where that is one, else the
    /// host of the URL.
    pub server_name: Option<String>,
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
    pub(in crate::checks) const BODY_MATCHES: &str = "body_matches";
    pub(in crate::checks) const JSON_POINTER: &str = "json_pointer";
    pub(in crate::checks) const JSON_VALUE: &str = "json_value";
    pub(in crate::checks) const SEND: &str = "send";
    pub(in crate::checks) const EXPECT: &str = "expect";
    pub(in crate::checks) const MESSAGE_TYPE: &str = "message_type";
    pub(in crate::checks) const WARN_DAYS: &str = "warn_days";
    pub(in crate::checks) const CRITICAL_DAYS: &str = "critical_days";
    pub(in crate::checks) const HOST: &str = "host";
    pub(in crate::checks) const SERVER_NAME: &str = "server_name";
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
            (name::BODY_MATCHES, self.body_matches.is_some()),
            (name::JSON_POINTER, self.json_pointer.is_some()),
            (name::JSON_VALUE, self.json_value.is_some()),
            (name::SEND, self.send.is_some()),
            (name::EXPECT, self.expect.is_some()),
            (name::MESSAGE_TYPE, self.message_type.is_some()),
            (name::WARN_DAYS, self.warn_days.is_some()),
            (name::CRITICAL_DAYS, self.critical_days.is_some()),
            (name::HOST, self.host.is_some()),
            (name::SERVER_NAME, self.server_name.is_some()),
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

    /// The URL of a target, with the path of the options if they have one.
    pub(super) fn at_path(&self, target: &Target) -> Result<Url, String> {
        let mut url = target.url().clone();
        if let Some(path) = &self.path {
            if !path.starts_with('/') {
                return Err(format!("the path `{path}` does not begin with `/`"));
            }
            let (path, query) = path.split_once('?').map_or((path.as_str(), None), |(path, query)| (path, Some(query)));
            url.set_path(path);
            url.set_query(query);
        }
        Ok(url)
    }

    /// For a target that is asked without TLS: whoever says whom to trust believes that there is some.
    pub(super) fn without_tls(&self, target: &Target) -> Result<(), String> {
        match self.given().find(|given| [name::SERVER_NAME, name::CACERT, name::INSECURE].contains(given)) {
            Some(option) => Err(format!("`{option}` is about TLS, and `{}://` has none", target.scheme())),
            None => Ok(()),
        }
    }

    /// How to speak TLS with a target.
    pub(super) fn tls(&self, target: &Target, shared: &Shared, alpn: &'static [&'static str]) -> Result<Tls, String> {
        self.tls_unless_told(target, shared, alpn, Trust::Platform)
    }

    /// The same, where it goes without saying that `trust` is enough.
    pub(super) fn tls_unless_told(
        &self,
        target: &Target,
        shared: &Shared,
        alpn: &'static [&'static str],
        trust: Trust,
    ) -> Result<Tls, String> {
        let trust = match (&self.cacert, self.insecure) {
            (Some(_), true) => return Err("`cacert` and `insecure` contradict each other; leave one out".to_owned()),
            (Some(path), false) => Trust::PlatformAnd(path.clone()),
            (None, true) => Trust::Anyone,
            (None, false) => trust,
        };
        Ok(Tls { config: shared.tls(trust, alpn)?, name: self.name_for(target)? })
    }

    /// The name that the certificate of a target has to have.
    fn name_for(&self, target: &Target) -> Result<String, String> {
        let is_name = |text: &str| matches!(ServerName::try_from(text), Ok(ServerName::DnsName(_)));
        if let Some(name) = &self.server_name {
            return match is_name(name) {
                true => Ok(name.clone()),
                false => Err(format!("the `server_name` `{name}` is not a name; write for example `app.example.com`")),
            };
        }
        let host = self.host.as_ref().and_then(|host| host.parse::<Authority>().ok());
        Ok(host.map(|host| host.host().to_owned()).filter(|host| is_name(host)).unwrap_or_else(|| target.host()))
    }
}

/// How TLS is spoken with a target.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    /// The name that we ask for, and that the certificate has to have.
    pub(super) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_certificate_is_the_one_given_or_that_of_the_host() {
        let target = Target::parse("https://10.0.0.5:8443").expect("a target");
        for (server_name, host, name) in [
            (None, None, "10.0.0.5"),
            (None, Some("app.example.com"), "app.example.com"),
            (None, Some("app.example.com:8443"), "app.example.com"),
            (None, Some("10.0.0.6:80"), "10.0.0.5"),
            (None, Some("[::1]:80"), "10.0.0.5"),
            (Some("one.example.com"), Some("app.example.com"), "one.example.com"),
        ] {
            let [server_name, host] = [server_name, host].map(|text| text.map(str::to_owned));
            let options = ProbeOptions { server_name, host, ..ProbeOptions::default() };
            assert_eq!(options.name_for(&target).as_deref(), Ok(name));
        }
        for bad in ["10.0.0.5", "::1", "a b", "app.example.com:443"] {
            let options = ProbeOptions { server_name: Some(bad.to_owned()), ..ProbeOptions::default() };
            let words = format!("the `server_name` `{bad}` is not a name; write for example `app.example.com`");
            assert_eq!(options.name_for(&target), Err(words));
        }
    }
}
