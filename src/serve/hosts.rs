//! By which names this server may be called.
//!
//! A page of a stranger can have its own name resolve to 127.0.0.1 once it is loaded (DNS rebinding). To the browser this
//! server is then of the page's own origin, and everything that is open to this machine is open to the page. What the page
//! cannot do is to lie about the name: it stands in `Host`. So where only this machine is to be served, only names count
//! that nobody else can give out, beside those in the settings.

use http::HeaderMap;
use http::header::HOST;
use http::uri::Authority;
use url::Host;

/// Whether each `Host` of a request is one of ours. `named` are those of the settings. A request without any is not from a
/// browser.
pub fn are_ours(headers: &HeaderMap, named: &[String]) -> bool {
    headers.get_all(HOST).iter().all(|value| {
        let authority = value.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
        authority.is_some_and(|authority| is_ours(authority.host(), named))
    })
}

fn is_ours(host: &str, named: &[String]) -> bool {
    match Host::parse(host) {
        // An address is never looked up.
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Ok(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || named.iter().any(|ours| ours == name)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn names_that_others_can_give_out_are_not_ours() {
        let named = ["fleet.example.com".to_owned()];
        for (host, ours) in [
            (Some("127.0.0.1:8080"), true),
            (Some("[::1]:8080"), true),
            (Some("10.0.0.1"), true),
            (Some("localhost"), true),
            (Some("LOCALHOST.:8080"), true),
            (Some("app.localhost:3000"), true),
            (Some("Fleet.example.com"), true),
            (Some("evil.example:8080"), false),
            (Some("localhost.evil.example"), false),
            (Some("127.0.0.1.evil.example"), false),
            (Some("xlocalhost"), false),
            (Some(""), false),
            (Some("a b"), false),
            (None, true),
        ] {
            let value = host.map(|host| (HOST, HeaderValue::from_static(host)));
            assert_eq!(are_ours(&HeaderMap::from_iter(value), &named), ours, "{host:?}");
        }
        let mut two = HeaderMap::new();
        two.append(HOST, HeaderValue::from_static("localhost"));
        two.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!are_ours(&two, &named));
    }
}
