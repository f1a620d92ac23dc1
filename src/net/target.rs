//! A target: the address of something to ask, parsed once from a URL. It knows no protocol and opens nothing.

use std::fmt;

use url::{Host, Url};

use crate::secret::Secret;

/// The ports that go without saying, one row a scheme.
const DEFAULT_PORTS: &[(&str, u16)] = &[
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("redis", 6379),
    ("rediss", 6379),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("dns", 53),
];

/// Where something listens and how it is spoken to, with the credentials for it kept apart.
///
/// Shown without credentials and without the query, which may hold some.
#[derive(Clone)]
pub struct Target {
    /// Without user and password.
    url: Url,
    host: Host<String>,
    port: u16,
    user: Option<String>,
    password: Option<Secret>,
}

/// A text that is no target. Credentials in the text are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// `host:port` alone.
    #[error("target `{text}` has no scheme; write for example `{example}`")]
    NoScheme {
        /// The text.
        text: String,
        /// What it may have been meant to be.
        example: String,
    },
    /// Nothing between `//` and the path.
    #[error("target `{text}` has no host; write `{scheme}://HOST:PORT`")]
    NoHost {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// No port, and the scheme has none of its own.
    #[error("target `{text}` has no port, and `{scheme}` has no port of its own; write `{scheme}://{host}:PORT`")]
    NoPort {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: String,
        /// Its host.
        host: String,
    },
    /// A user or password that is not UTF-8 behind its escapes, or a password that [`Secret`] refuses.
    #[error(
        "the user or password in target `{text}` is empty, not UTF-8, or holds a control character; percent-encode what a URL reserves"
    )]
    Credentials {
        /// The text.
        text: String,
    },
    /// Anything else.
    #[error("target `{text}` is not a URL: {why}")]
    NotUrl {
        /// The text.
        text: String,
        /// What the parser objects to.
        why: String,
    },
}

impl Target {
    /// Takes a URL: scheme, host, a port where the scheme has none of its own, and what the protocol needs beyond that.
    ///
    /// # Errors
    /// [`BadTarget`] says what is missing and what to write.
    pub fn parse(text: &str) -> Result<Target, BadTarget> {
        let text = text.trim();
        let shown = without_credentials(text);
        if !text.contains("://") {
            let example = example(&shown);
            return Err(BadTarget::NoScheme { text: shown, example });
        }
        let not_url = |why: url::ParseError| BadTarget::NotUrl { text: shown.clone(), why: why.to_string() };
        let mut url = match Url::parse(text) {
            Ok(url) => url,
            Err(url::ParseError::EmptyHost) => return Err(no_host(shown, text)),
            Err(why) => return Err(not_url(why)),
        };
        let host = match url.host() {
            // A scheme the URL standard does not know leaves the host as it was typed; `http` and `tcp` shall agree on it.
            Some(Host::Domain(name)) if !name.is_empty() => Host::parse(name).map_err(not_url)?,
            Some(Host::Ipv4(address)) => Host::Ipv4(address),
            Some(Host::Ipv6(address)) => Host::Ipv6(address),
            _ => return Err(no_host(shown, text)),
        };
        let Some(port) = url.port().or_else(|| default_port(url.scheme())) else {
            return Err(BadTarget::NoPort { text: shown, scheme: url.scheme().to_owned(), host: host.to_string() });
        };
        let credentials = credentials(&url).ok_or(BadTarget::Credentials { text: shown })?;
        // Both can fail for a URL without a host only.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Target { url, host, port, user: credentials.0, password: credentials.1 })
    }

    /// The scheme, in lower case: `https`, `redis`.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The port: as written, or the one of the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The path, with its leading slash. `/` or empty when the URL has none.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The path without its slashes, unescaped: what a database calls its name. None when that is not UTF-8.
    pub fn path_text(&self) -> Option<String> {
        unescape(self.path().trim_matches('/'))
    }

    /// What follows the question mark.
    pub fn query(&self) -> Option<&str> {
        self.url.query()
    }

    /// The user, unescaped.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, unescaped.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The whole URL without user and password.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// The port of a scheme that has one.
fn default_port(scheme: &str) -> Option<u16> {
    DEFAULT_PORTS.iter().find(|(name, _)| *name == scheme).map(|(_, port)| *port)
}

fn no_host(shown: String, text: &str) -> BadTarget {
    let scheme = text.split("://").next().unwrap_or_default().to_ascii_lowercase();
    BadTarget::NoHost { text: shown, scheme }
}

/// What somebody who left out the scheme may have meant, judged by the port.
fn example(text: &str) -> String {
    let port = text.split('/').next().and_then(|authority| authority.rsplit_once(':')).map(|(_, port)| port);
    let scheme = match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(port) => DEFAULT_PORTS.iter().find(|(_, known)| *known == port).map_or("tcp", |(scheme, _)| *scheme),
        None => "http",
    };
    format!("{scheme}://{text}")
}

/// A text as it may be repeated to its author in a log: whatever may be a credential is cut out. That is all before the
/// last `@`, wherever it stands: a password with an unescaped `/` or `?` in it is why the text is no target.
fn without_credentials(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (&text[..scheme.len() + 3], rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let scheme = scheme.rsplit_once('@').map_or(scheme, |(_, rest)| rest);
    format!("{scheme}{rest}")
}

/// User and password behind their percent escapes. None: they are no text, or no [`Secret`].
fn credentials(url: &Url) -> Option<(Option<String>, Option<Secret>)> {
    let user = match url.username() {
        "" => None,
        user => Some(unescape(user)?),
    };
    let password = match url.password() {
        None => None,
        Some(password) => Some(Secret::password(&unescape(password)?).ok()?),
    };
    Some((user, password))
}

/// Replaces `%41` by `A`. None when the bytes are not UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = if byte == b'%' { tail.get(..2).and_then(hex) } else { None };
        bytes.push(escape.unwrap_or(byte));
        rest = if escape.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    match digits {
        &[high, low] => u8::try_from(value(high)? * 16 + value(low)?).ok(),
        _ => None,
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path() == "/" { "" } else { self.path() };
        write!(f, "{}://{}:{}{path}", self.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_or_repeat_a_password(
            scheme in "(http|tcp|redis|nope|)(://|:/|)", before in "\\PC{0,8}:", after in "\\PC{0,8}", rest in "\\PC{0,20}",
        ) {
            let text = format!("{scheme}{before}hunter2{after}@{rest}");
            if let Err(bad) = Target::parse(&text) {
                prop_assert!(!bad.to_string().contains("hunter2"), "{}: {}", text, bad);
            }
            let _ = Target::parse(&rest);
        }
    }

    #[test]
    fn a_target_is_taken_apart_once() {
        for (text, shown, address, host) in [
            ("http://h", "http://h:80", "h:80", "h"),
            ("HTTPS://Example.ORG/a/b", "https://example.org:443/a/b", "example.org:443", "example.org"),
            ("http://h:8081/healthz?key=1", "http://h:8081/healthz", "h:8081", "h"),
            ("tcp://H:9", "tcp://h:9", "h:9", "h"),
            ("tcp://[::1]:9", "tcp://[::1]:9", "[::1]:9", "::1"),
            ("http://[::1]", "http://[::1]:80", "[::1]:80", "::1"),
            ("redis://h", "redis://h:6379", "h:6379", "h"),
            ("rediss://h/2", "rediss://h:6379/2", "h:6379", "h"),
            ("postgres://h/db", "postgres://h:5432/db", "h:5432", "h"),
            ("postgresql://h", "postgresql://h:5432", "h:5432", "h"),
            (" tcp://127.0.0.1:1 ", "tcp://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1"),
        ] {
            let target = Target::parse(text).expect(text);
            assert_eq!(target.to_string(), shown, "{text}");
            assert_eq!(target.address(), address, "{text}");
            assert_eq!(target.host(), host, "{text}");
        }
        assert_eq!(Target::parse("http://h/?a=b").expect("a URL").query(), Some("a=b"));
    }

    #[test]
    fn a_target_keeps_its_credentials_to_itself() {
        let target = Target::parse("redis://b%6fb:p%40ss:w@h/0?x=hunter2").expect("a URL");
        assert_eq!(target.user(), Some("bob"));
        assert_eq!(target.password().expect("one is there").expose(), "p@ss:w");
        for text in [format!("{target}"), format!("{target:?}")] {
            for secret in ["bob", "p@ss", "p%40ss", "hunter2"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        assert_eq!(target.url().as_str(), "redis://h/0?x=hunter2");
        assert!(Target::parse("redis://:%zz%f@h").expect("not escapes").password().is_some());
    }

    #[test]
    fn a_bad_target_is_told_what_to_write_and_never_repeats_a_password() {
        for (text, error) in [
            ("pg:5432", "target `pg:5432` has no scheme; write for example `postgres://pg:5432`"),
            ("h:8081", "target `h:8081` has no scheme; write for example `tcp://h:8081`"),
            ("bob:hunter2@h", "target `h` has no scheme; write for example `http://h`"),
            ("tcp://h", "target `tcp://h` has no port, and `tcp` has no port of its own; write `tcp://h:PORT`"),
            ("tcp://:80", "target `tcp://:80` has no host; write `tcp://HOST:PORT`"),
            ("http://", "target `http://` has no host; write `http://HOST:PORT`"),
            ("redis:///0", "target `redis:///0` has no host; write `redis://HOST:PORT`"),
            ("http://bob:hunter2@h:99999", "target `http://h:99999` is not a URL: invalid port number"),
            ("http://bob:hunter2@a b", "target `http://a b` is not a URL: invalid international domain name"),
        ] {
            assert_eq!(Target::parse(text).expect_err(text).to_string(), error);
        }
        for text in ["redis://:%ff@h", "redis://%ff@h", "redis://:a%09b@h"] {
            let bad = Target::parse(text).expect_err(text);
            assert_eq!(bad, BadTarget::Credentials { text: "redis://h".to_owned() }, "{text}");
        }
    }
}
