//! The route to a peer, where it is not simply "look the name up and connect": addresses the user has pinned, and the
//! proxies that the environment names.
//!
//! Loopback is never asked through a proxy, and neither is a pinned host: what does not have to leave this machine, a
//! token first of all, does not.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;

use super::Fault;
use super::socks::Login;

/// How peers are reached. The default is directly.
#[derive(Debug, Default)]
pub struct Route {
    pins: Vec<Pin>,
    proxies: Option<Proxies>,
}

/// The proxies of the environment, and how TLS is spoken to those that want it.
#[derive(Debug)]
struct Proxies {
    matcher: Matcher,
    tls: Arc<ClientConfig>,
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

/// A proxy on the way.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) manner: Manner,
}

/// How a proxy is asked.
#[derive(Clone)]
pub(super) enum Manner {
    /// By HTTP `CONNECT`.
    Http { authorization: Option<HeaderValue> },
    /// By HTTP `CONNECT`, inside TLS.
    Https { authorization: Option<HeaderValue>, tls: Arc<ClientConfig> },
    /// By SOCKS 5.
    Socks { login: Option<Login>, names: Names },
}

/// Who looks a name up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// We do: `socks5://`.
    Ours,
    /// The proxy does: `socks5h://`.
    Theirs,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Route {
    /// As the user pins them, else through the proxy that `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` name.
    /// `tls` is how it is spoken to a proxy that wants TLS.
    pub fn from_environment(pins: Vec<Pin>, tls: Arc<ClientConfig>) -> Route {
        Route { pins, proxies: Some(Proxies { matcher: Matcher::from_env(), tls }) }
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
        let Some(intercept) = uri.ok().and_then(|uri| proxies.matcher.intercept(&uri)) else { return Ok(None) };
        Proxy::of(&intercept, &proxies.tls).map(Some)
    }
}

impl Proxy {
    fn of(intercept: &Intercept, tls: &Arc<ClientConfig>) -> Result<Proxy, Fault> {
        let uri = intercept.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        let refused = || {
            let shown = format!("{scheme}://{}", uri.host().unwrap_or_default());
            Fault::Network(format!(
                "the proxy `{shown}` of the environment is of no kind we speak: http, https, socks5, socks5h"
            ))
        };
        let authorization = intercept.basic_auth().cloned();
        let login =
            intercept.raw_auth().map(|(user, password)| Login { user: user.to_owned(), password: password.to_owned() });
        let (usual, manner) = match scheme {
            "http" => (80, Manner::Http { authorization }),
            "https" => (443, Manner::Https { authorization, tls: Arc::clone(tls) }),
            "socks5" => (1080, Manner::Socks { login, names: Names::Ours }),
            "socks5h" => (1080, Manner::Socks { login, names: Names::Theirs }),
            _ => return Err(refused()),
        };
        let host = uri.host().ok_or_else(refused)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Proxy { host, port: uri.port_u16().unwrap_or(usual), manner })
    }
}

/// Whether the host is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{Sessions, TlsOptions, client_config};

    fn route(proxy: &str, no_proxy: &str, pins: &[&str]) -> Route {
        let pins = pins.iter().map(|pin| pin.parse().expect("a pin")).collect();
        let tls = client_config(&TlsOptions::default(), Sessions::Fresh, &[]).expect("no file is needed");
        let matcher = Matcher::builder().all(proxy).no(no_proxy).build();
        Route { pins, proxies: Some(Proxies { matcher, tls }) }
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
        let Manner::Http { authorization } = found.manner else { panic!("it is plain HTTP") };
        assert_eq!(authorization.expect("a password"), "Basic Ym9iOmh1bnRlcjI=");
        assert!(proxy("2001:db8::1").is_some());
        for host in ["a.intern.example.com", "127.0.0.1", "localhost", "::1", "pinned"] {
            assert!(proxy(host).is_none(), "{host}");
        }
    }

    #[test]
    fn every_kind_of_proxy_has_its_port_and_manner() {
        let of = |url: &str| route(url, "", &[]).proxy("example.com", 80, false).expect(url).expect("it applies");
        for (url, shown) in [
            ("http://h", "h:80"),
            ("https://h", "h:443"),
            ("socks5://[::1]", "::1:1080"),
            ("socks5h://bob:hunter2@h:9", "h:9"),
        ] {
            assert_eq!(of(url).to_string(), shown);
        }
        assert!(matches!(of("https://h").manner, Manner::Https { .. }));
        assert!(matches!(of("socks5://h").manner, Manner::Socks { login: None, names: Names::Ours }));
        let Manner::Socks { login: Some(login), names } = of("socks5h://bob:hunter2@h").manner else { panic!("SOCKS") };
        assert_eq!((login.user.as_str(), login.password.as_str(), names), ("bob", "hunter2", Names::Theirs));
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_without_its_password() {
        let fault = route("socks4://bob:hunter2@h", "", &[]).proxy("example.com", 80, false).err();
        let words = fault.expect("not spoken").to_string();
        assert!(
            words.contains("`socks4://h` of the environment is of no kind") && !words.contains("hunter2"),
            "{words}"
        );
    }
}
