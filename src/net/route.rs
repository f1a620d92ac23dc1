//! The route to a peer, where it is not simply "look the name up and connect": addresses the user has pinned, and the
//! proxies that the environment names.
//!
//! Loopback is never asked through a proxy, and neither is a pinned host: what does not have to leave this machine, a
//! token first of all, does not.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::Fault;

/// How peers are reached. The default is directly.
#[derive(Debug, Default)]
pub struct Route {
    pins: Vec<Pin>,
    proxies: Option<Matcher>,
}

/// A host and port, and the address to connect to in place of what its name resolves to: `HOST:PORT:ADDRESS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    host: String,
    port: u16,
    address: IpAddr,
}

/// A text that is no [`Pin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST:PORT:ADDRESS; write for example `edge-1.example.com:443:10.0.0.5`")]
pub struct BadPin(String);

impl FromStr for Pin {
    type Err = BadPin;

    fn from_str(text: &str) -> Result<Pin, BadPin> {
        let bad = || BadPin(text.to_owned());
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?;
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Pin { host: host.to_ascii_lowercase(), port, address: address.parse().map_err(|_| bad())? })
    }
}

/// A proxy that speaks HTTP `CONNECT`.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authorization: Option<HeaderValue>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Route {
    /// As the user pins them, else through the proxy that `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` name.
    pub fn from_environment(pins: Vec<Pin>) -> Route {
        Route { pins, proxies: Some(Matcher::from_env()) }
    }

    /// Where `host:port` was pinned to.
    pub(super) fn pinned(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let pin = self.pins.iter().find(|pin| pin.port == port && pin.host.eq_ignore_ascii_case(host))?;
        Some(SocketAddr::new(pin.address, port))
    }

    /// Whether `host:port` is connected to without a proxy, whatever the environment says.
    pub(super) fn is_direct(&self, host: &str, port: u16) -> bool {
        self.pinned(host, port).is_some() || is_loopback(host)
    }

    /// The proxy on the way to `host:port`.
    ///
    /// # Errors
    /// When it is of a kind we do not speak.
    pub(super) fn proxy(&self, host: &str, port: u16, secure: bool) -> Result<Option<Proxy>, Fault> {
        let Some(proxies) = &self.proxies else { return Ok(None) };
        if self.is_direct(host, port) {
            return Ok(None);
        }
        let scheme = if secure { "https" } else { "http" };
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        let Some(intercept) = uri.ok().and_then(|uri| proxies.intercept(&uri)) else { return Ok(None) };
        Proxy::of(&intercept).map(Some)
    }
}

impl Proxy {
    fn of(intercept: &Intercept) -> Result<Proxy, Fault> {
        let uri = intercept.uri();
        let refused = || {
            let shown = format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
            Fault::Network(format!("the proxy `{shown}` of the environment is not an http:// proxy"))
        };
        if uri.scheme_str() != Some("http") {
            return Err(refused());
        }
        let host = uri.host().ok_or_else(refused)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Proxy { host, port: uri.port_u16().unwrap_or(80), authorization: intercept.basic_auth().cloned() })
    }
}

/// Whether the host is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(proxy: &str, no_proxy: &str, pins: &[&str]) -> Route {
        let pins = pins.iter().map(|pin| pin.parse().expect("a pin")).collect();
        Route { pins, proxies: Some(Matcher::builder().all(proxy).no(no_proxy).build()) }
    }

    #[test]
    fn a_pin_is_a_host_a_port_and_an_address() {
        let pin = |text: &str| text.parse::<Pin>();
        assert_eq!(route("", "", &["H:443:::1"]).pinned("h", 443), Some("[::1]:443".parse().expect("an address")));
        assert_eq!(pin("h:443:[::1]"), pin("h:443:::1"));
        for text in ["", "h", "h:1", "h:0:10.0.0.1", "h:1:name", ":1:10.0.0.1", "h:70000:10.0.0.1"] {
            assert!(pin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_proxy_is_taken_where_it_applies_and_never_for_this_machine() {
        let route = route("http://bob:hunter2@proxy:3128", "intern.example.com", &["pinned:443:10.0.0.1"]);
        let proxy = |host: &str| route.proxy(host, 443, true).expect("an http proxy");
        let found = proxy("example.com").expect("it applies");
        assert_eq!(found.to_string(), "proxy:3128");
        assert_eq!(found.authorization.expect("a password"), "Basic Ym9iOmh1bnRlcjI=");
        assert!(proxy("2001:db8::1").is_some());
        for host in ["a.intern.example.com", "127.0.0.1", "localhost", "::1", "pinned"] {
            assert!(proxy(host).is_none(), "{host}");
        }
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_without_its_password() {
        for url in ["socks5://bob:hunter2@h:1080", "https://bob:hunter2@h"] {
            let fault = route(url, "", &[]).proxy("example.com", 80, false).err().expect("not spoken").to_string();
            assert!(fault.contains("is not an http:// proxy") && !fault.contains("hunter2"), "{fault}");
        }
    }
}
