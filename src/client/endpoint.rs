//! Endpoints: which URL a feed of a server has, and to whom a token may be shown.

use crate::net::route::is_loopback;
use crate::net::{BadTarget, Target};
use crate::protocol::resume::LAST_ID;
use crate::protocol::{EventId, Feed};
use crate::secret::Secret;

/// A server, as given by `--server`.
#[derive(Debug, Clone)]
pub struct Server {
    target: Target,
}

/// A text that is no address of a server.
#[derive(Debug, thiserror::Error)]
pub enum BadServer {
    /// No URL.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A URL of something else.
    #[error("`{0}` is not an address of a server; write `http://`, `https://`, `ws://` or `wss://`")]
    Scheme(String),
    /// A user or password in it.
    #[error("`{0}` holds a user or password, which shows in the process list; use `--token-file` or `--header`")]
    Credentials(String),
}

/// Something to ask.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The feed behind it, where that is known.
    pub feed: Option<Feed>,
    /// What to show there. Set by whoever has checked [`Endpoint::confidential`].
    pub token: Option<Secret>,
    target: Target,
    path: String,
    /// Whether the URL itself was given, not that of its server.
    named: bool,
}

impl Server {
    /// Reads `--server`. `http` and `ws` mean the same, and so do `https` and `wss`; a path is kept as a prefix.
    ///
    /// # Errors
    /// [`BadServer`].
    pub fn parse(text: &str) -> Result<Server, BadServer> {
        let target = Target::parse(text)?;
        if !matches!(target.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(BadServer::Scheme(target.to_string()));
        }
        if target.user().is_some() || target.password().is_some() {
            return Err(BadServer::Credentials(target.to_string()));
        }
        Ok(Server { target })
    }

    /// The endpoint of one feed.
    pub fn feed(&self, feed: Feed) -> Endpoint {
        Endpoint { feed: Some(feed), ..self.at(&feed.path()) }
    }

    /// The endpoint at a path of this server.
    pub fn at(&self, path: &str) -> Endpoint {
        let path = format!("{}{path}", self.target.path().trim_end_matches('/'));
        Endpoint { feed: None, token: None, target: self.target.clone(), path, named: false }
    }

    /// The endpoint that the URL itself names. Its feed is known where the path ends like that of one.
    pub fn itself(&self) -> Endpoint {
        let path = match self.target.query() {
            Some(query) => format!("{}?{query}", self.target.path()),
            None => self.target.path().to_owned(),
        };
        let feed = Feed::ALL.into_iter().find(|feed| self.target.path().ends_with(&feed.path()));
        Endpoint { feed, token: None, target: self.target.clone(), path, named: true }
    }

    /// Whether both are the same host, port and protection.
    pub fn same_origin(&self, endpoint: &Endpoint) -> bool {
        self.target.address() == endpoint.target.address() && secure(&self.target) == endpoint.secure()
    }
}

impl Endpoint {
    /// Whether both are the same URL, asked in the same way.
    pub fn same(&self, other: &Endpoint) -> bool {
        self.is_http() == other.is_http() && self.url("ws") == other.url("ws")
    }

    /// Whether it speaks TLS.
    pub fn secure(&self) -> bool {
        secure(&self.target)
    }

    /// Whether it is asked by plain HTTP: an http URL that is not the server of a feed.
    pub fn is_http(&self) -> bool {
        self.named && matches!(self.target.scheme(), "http" | "https")
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> String {
        self.target.host()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.target.port()
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.target.address()
    }

    /// The same, asking for what was missed since `last`: a server that keeps it sends that first, any other its snapshot.
    pub fn resuming(&self, last: Option<EventId>) -> Endpoint {
        let mut resuming = self.clone();
        if let Some(last) = last {
            let joint = if self.path.contains('?') { '&' } else { '?' };
            resuming.path = format!("{}{joint}{LAST_ID}={last}", self.path);
        }
        resuming
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// What stands in the `Host` header: the port only where it is not that of the scheme.
    pub fn authority(&self) -> String {
        let usual = if self.secure() { 443 } else { 80 };
        let address = self.address();
        match address.strip_suffix(&format!(":{usual}")) {
            Some(host) => host.to_owned(),
            None => address,
        }
    }

    /// The URL with this scheme, `ws` or `http`; an `s` is added where it speaks TLS.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}{}://{}{}", if self.secure() { "s" } else { "" }, self.authority(), self.path())
    }

    /// The URL for people, without the query, which may hold a secret.
    pub fn shown(&self) -> String {
        let url = self.url(if self.is_http() { "http" } else { "ws" });
        url.split('?').next().unwrap_or_default().to_owned()
    }

    /// Whether what is sent there can be read by the two ends only: TLS, or it does not leave this machine.
    pub fn confidential(&self) -> bool {
        self.secure() || self.is_loopback()
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host())
    }
}

fn secure(target: &Target) -> bool {
    matches!(target.scheme(), "https" | "wss")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        Server::parse(text).expect(text)
    }

    #[test]
    fn a_feed_has_one_url_whatever_the_server_was_called() {
        for (text, url) in [
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/api/ws/metrics"),
            ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080/api/ws/metrics"),
            ("https://edge.example.com", "wss://edge.example.com/api/ws/metrics"),
            ("wss://edge.example.com:443/fleet/", "wss://edge.example.com/fleet/api/ws/metrics"),
            ("http://[::1]:80", "ws://[::1]/api/ws/metrics"),
        ] {
            assert_eq!(server(text).feed(Feed::Metrics).url("ws"), url, "{text}");
        }
    }

    #[test]
    fn a_url_keeps_its_query_but_does_not_show_it() {
        let endpoint = server("wss://h/api/ws/health?token=hunter2").itself();
        assert_eq!(endpoint.url("ws"), "wss://h/api/ws/health?token=hunter2");
        assert_eq!(endpoint.shown(), "wss://h/api/ws/health");
        assert_eq!(endpoint.feed, Some(Feed::Health));
        assert_eq!(server("ws://h/").itself().feed, None);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for (text, words) in [
            ("redis://h", "is not an address of a server"),
            ("127.0.0.1:8080", "has no scheme"),
            ("http://bob:hunter2@h", "shows in the process list"),
        ] {
            let error = Server::parse(text).expect_err(text).to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn plain_http_is_confidential_on_this_machine_only() {
        for (text, confidential) in [
            ("http://127.0.0.1:1", true),
            ("http://127.8.9.10:1", true),
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("https://example.com", true),
            ("http://example.com", false),
            ("ws://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(server(text).itself().confidential(), confidential, "{text}");
        }
        let ours = server("http://h:80");
        assert!(ours.same_origin(&server("ws://h/x").itself()));
        assert!(!ours.same_origin(&server("wss://h:80/x").itself()));
        assert!(!ours.same_origin(&server("ws://h:81/x").itself()));
    }
}
