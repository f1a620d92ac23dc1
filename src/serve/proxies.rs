//! Who a request really comes from. Anybody can write `X-Forwarded-For` into a request; it counts only where the connection
//! comes from a proxy that the settings trust.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether TLS is spoken with it.
    pub secured: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address, as far as anybody trusted knows it.
    pub address: IpAddr,
    /// What it was asked by, `http` or `https`. None: nobody has said, and it may be either.
    pub scheme: Option<String>,
}

/// Two headers say where a request comes from, and do not agree. A proxy writes one of them and passes the other on, which
/// is the client's, and it cannot be told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction;

/// The proxies that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those in these networks.
    pub fn new(networks: Vec<IpNet>) -> Proxies {
        Proxies(networks)
    }

    /// Whether this is the address of one.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Where a request with these headers comes from.
    ///
    /// # Errors
    /// [`Contradiction`], only from a proxy that is trusted.
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Result<Client, Contradiction> {
        let own = peer.secured.then(|| "https".to_owned());
        if !self.trusts(peer.address) {
            return Ok(Client { address: peer.address.to_canonical(), scheme: own });
        }
        let plain: Vec<Option<IpAddr>> = words(headers, &X_FORWARDED_FOR).map(address).collect();
        let standard: Vec<Option<IpAddr>> =
            words(headers, &FORWARDED).map(|hop| address(parameter(hop, "for")?)).collect();
        if !plain.is_empty() && !standard.is_empty() && plain != standard {
            return Err(Contradiction);
        }
        let proto = words(headers, &X_FORWARDED_PROTO).next_back();
        let proto = proto.or_else(|| parameter(words(headers, &FORWARDED).next_back()?, "proto"));
        let scheme = proto.map(str::to_ascii_lowercase).filter(|proto| matches!(proto.as_str(), "http" | "https"));
        let hops = if plain.is_empty() { standard } else { plain };
        Ok(Client { address: self.first_stranger(peer.address, &hops), scheme: scheme.or(own) })
    }

    /// Each proxy adds whom it was asked by, so the way goes back from the end, as far as those who said it are trusted.
    fn first_stranger(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut known = peer.to_canonical();
        for hop in hops.iter().rev() {
            let Some(hop) = hop else { break };
            known = *hop;
            if !self.trusts(known) {
                break;
            }
        }
        known
    }
}

/// The items of a header that is a list, over all its lines.
fn words<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The value of a parameter of one element of `Forwarded`, without its quotes.
fn parameter<'h>(element: &'h str, name: &str) -> Option<&'h str> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_matches('"'));
    values.next()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. None for whatever hides it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(peer: &str, lines: &[(&'static str, &'static str)]) -> Result<(String, Option<String>), Contradiction> {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect(network));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = Peer { address: peer.parse().expect(peer), secured: false };
        let client = Proxies::new(networks.to_vec()).client(peer, &headers)?;
        Ok((client.address.to_string(), client.scheme))
    }

    #[test]
    fn only_whom_a_trusted_proxy_was_asked_by_counts() {
        let xff = |value| ("x-forwarded-for", value);
        for (peer, lines, found) in [
            ("192.0.2.1", vec![xff("203.0.113.9")], "192.0.2.1"),
            ("::ffff:192.0.2.1", vec![], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![xff("203.0.113.9")], "203.0.113.9"),
            ("::ffff:10.0.0.1", vec![xff("203.0.113.9")], "203.0.113.9"),
            // What stands to the left was there before, and may be made up.
            ("10.0.0.1", vec![xff("127.0.0.1, 203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", vec![xff("203.0.113.9, 10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", vec![xff("198.51.100.1"), xff("203.0.113.9:4711")], "203.0.113.9"),
            ("10.0.0.1", vec![xff("10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", vec![xff("203.0.113.9, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", vec![xff("nonsense")], "10.0.0.1"),
            ("fd00::1", vec![xff("2001:db8::5")], "2001:db8::5"),
            ("10.0.0.1", vec![("forwarded", "for=203.0.113.9;proto=https")], "203.0.113.9"),
            ("10.0.0.1", vec![("forwarded", "For=\"[2001:db8::5]:80\", for=10.0.0.2")], "2001:db8::5"),
            ("10.0.0.1", vec![("forwarded", "for=_hidden")], "10.0.0.1"),
            ("10.0.0.1", vec![xff("203.0.113.9"), ("forwarded", "for=203.0.113.9")], "203.0.113.9"),
        ] {
            assert_eq!(client(peer, &lines).expect("no contradiction").0, found, "{peer} {lines:?}");
        }
    }

    #[test]
    fn headers_that_do_not_agree_are_not_believed() {
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(client("10.0.0.1", &both), Err(Contradiction));
        assert!(client("192.0.2.1", &both).is_ok(), "nobody listens to it");
    }

    #[test]
    fn a_trusted_proxy_says_what_it_was_asked_by() {
        for (peer, lines, scheme) in [
            ("192.0.2.1", vec![("x-forwarded-proto", "https")], None),
            ("10.0.0.1", vec![("x-forwarded-proto", "HTTPS")], Some("https")),
            ("10.0.0.1", vec![("x-forwarded-proto", "https, http")], Some("http")),
            ("10.0.0.1", vec![("forwarded", "for=203.0.113.9;proto=https")], Some("https")),
            ("10.0.0.1", vec![("x-forwarded-proto", "gopher")], None),
        ] {
            assert_eq!(client(peer, &lines).expect("no contradiction").1.as_deref(), scheme, "{lines:?}");
        }
    }
}
