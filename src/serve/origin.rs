//! Which web pages may talk to this server. Browsers say where a page comes from in `Origin`; other clients do not.
//!
//! WebSocket upgrades are not covered by the same-origin policy of browsers, so the server has to look itself.

use std::net::IpAddr;

use http::header::{HOST, HeaderMap, ORIGIN};
use url::{Host, Url};

/// What to make of a request's `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is none: not a browser, or a plain page load.
    NoBrowser,
    /// The page comes from this server.
    Same,
    /// The page comes from somewhere else that is let in.
    Allowed(String),
    /// The page comes from somewhere that is not let in.
    Foreign,
}

/// Judges a request by its headers. `listed` are origins that are let in beside loopback ones; `scheme` is what we were asked
/// by, if that is known.
pub fn judge(headers: &HeaderMap, listed: &[String], scheme: Option<&str>) -> Verdict {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Verdict::NoBrowser };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return Verdict::Foreign };
    if listed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return Verdict::Allowed(origin.to_owned());
    }
    // `null` and whatever else is no URL with a host comes from nowhere we could trust.
    let Ok(url) = Url::parse(origin) else { return Verdict::Foreign };
    if !matches!(url.scheme(), "http" | "https") {
        return Verdict::Foreign;
    }
    let Some(host) = url.host() else { return Verdict::Foreign };
    if headers.get(HOST).and_then(|value| value.to_str().ok()).is_some_and(|own| same(&url, own, scheme)) {
        return Verdict::Same;
    }
    if is_loopback(&host) { Verdict::Allowed(origin.to_owned()) } else { Verdict::Foreign }
}

/// Whether a `Host` header names the host and port of an origin. The scheme is the business of a proxy, if there may be one.
fn same(origin: &Url, host: &str, scheme: Option<&str>) -> bool {
    scheme.is_none_or(|scheme| scheme == origin.scheme())
        && Url::parse(&format!("{}://{host}", origin.scheme())).is_ok_and(|own| {
            own.host() == origin.host() && own.port_or_known_default() == origin.port_or_known_default()
        })
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn own_loopback_and_listed_origins_come_in_and_no_other() {
        let listed = ["https://ops.example.com".to_owned()];
        for (origin, host, in_) in [
            ("http://fleet.example.com", "fleet.example.com", true),
            ("https://fleet.example.com", "fleet.example.com", true),
            ("http://fleet.example.com:8080", "fleet.example.com:8080", true),
            ("http://fleet.example.com:8080", "fleet.example.com", false),
            ("http://FLEET.example.com", "fleet.example.com", true),
            ("http://localhost:3000", "fleet.example.com", true),
            ("http://127.0.0.1:5173", "10.0.0.1", true),
            ("http://[::1]:5173", "x", true),
            ("https://ops.example.com", "x", true),
            ("https://ops.example.com:444", "x", false),
            ("https://evil.example", "fleet.example.com", false),
            ("http://localhost.evil.example", "x", false),
            ("http://127.0.0.1.evil.example", "x", false),
            ("null", "x", false),
            ("", "x", false),
            ("file://localhost", "x", false),
            ("http://localhost@evil.example", "x", false),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            let verdict = judge(&headers, &listed, None);
            assert_eq!(verdict != Verdict::Foreign, in_, "{origin} at {host}: {verdict:?}");
        }
        assert_eq!(judge(&HeaderMap::new(), &listed, None), Verdict::NoBrowser);
        let mut twice = HeaderMap::new();
        twice.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        twice.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        assert_eq!(judge(&twice, &listed, None), Verdict::Foreign);
    }

    #[test]
    fn where_it_is_known_what_we_are_asked_by_the_own_origin_has_it_too() {
        for (origin, scheme, same) in [
            ("https://fleet.example.com", Some("https"), true),
            ("http://fleet.example.com", Some("https"), false),
            ("https://fleet.example.com", Some("http"), false),
            ("https://fleet.example.com", None, true),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("fleet.example.com"))]);
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(judge(&headers, &[], scheme) == Verdict::Same, same, "{origin} asked by {scheme:?}");
        }
    }
}
