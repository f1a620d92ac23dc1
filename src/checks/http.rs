//! The `http` check: one request over a fresh connection, judged by its status and, where asked for, by its body.
//!
//! A redirect is an answer like any other; the body is read only when something of it is wanted, or when it is a health
//! report.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use url::Position;

use super::body::Wanted;
use super::options::name;
use super::outcome::missed;
use super::probe::{Ask, Asking, Kind, Prepared};
use super::{ProbeOptions, Shared};
use crate::net::Target;
use crate::net::http::{HttpClient, Request};
use crate::net::tls::Trust;

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "http",
    schemes: &["http", "https"],
    options: &[
        name::METHOD,
        name::PATH,
        name::STATUS,
        name::BODY,
        name::BODY_MATCHES,
        name::JSON_POINTER,
        name::JSON_VALUE,
        name::HOST,
        name::SERVER_NAME,
        name::CACERT,
        name::INSECURE,
    ],
    new,
};

/// What passes when the user says nothing.
const PASSES: RangeInclusive<u16> = 200..=399;

/// What we speak, over TLS.
const ALPN: &[&str] = &["http/1.1"];

struct Http {
    client: HttpClient,
    request: Request,
    /// Method and path as they stand in messages: a query may hold a secret.
    asked: String,
    expected: Vec<RangeInclusive<u16>>,
    wanted: Arc<Wanted>,
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    if target.user().is_some() || target.password().is_some() {
        return Err(format!("a check of kind `http` sends no user and password; write `{target}`"));
    }
    let method = match &options.method {
        None => Method::GET,
        Some(word) => Method::from_bytes(word.as_bytes()).map_err(|_| format!("`{word}` is not an HTTP method"))?,
    };
    let about_body = [name::BODY, name::BODY_MATCHES, name::JSON_POINTER, name::JSON_VALUE];
    if method == Method::HEAD
        && let Some(given) = options.given().find(|given| about_body.contains(given))
    {
        return Err(format!("an answer to `HEAD` has no body; leave out `{given}` or ask with `GET`"));
    }
    let mut url = options.at_path(target)?;
    // The connection is not used again, and it is kind to say so.
    let mut headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    if let Some(host) = &options.host {
        let value = HeaderValue::from_str(host).map_err(|_| format!("`{host}` cannot stand in a `Host` header"))?;
        headers.insert(HOST, value);
    }
    let client = if target.scheme() == "https" {
        let tls = options.tls(target, shared, ALPN)?;
        if tls.name == target.host() {
            HttpClient::for_checks(&tls.config)
        } else {
            // To a client of HTTP the name in the certificate is that of the URL.
            let host = &url[Position::BeforeHost..Position::AfterPort];
            headers.entry(HOST).or_insert(HeaderValue::from_str(host).map_err(|_| unfit(target))?);
            url.set_host(Some(&tls.name)).map_err(|_| unfit(target))?;
            HttpClient::for_checks_at(target.host(), &tls.config)
        }
    } else {
        options.without_tls(target)?;
        // It is never used, as nobody follows a redirect: no reason to read the authorities of the machine.
        HttpClient::for_checks(&shared.tls(Trust::Anyone, ALPN)?)
    };
    Ok(Arc::new(Http {
        client,
        asked: format!("{method} {}", url.path()),
        request: Request { method, url, headers, body: Bytes::new() },
        expected: if options.status.is_empty() { vec![PASSES] } else { options.status.clone() },
        wanted: shared.wanted(options)?,
    }))
}

impl Ask for Http {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let answer = match self.client.send(self.request.clone()).await {
                Ok(answer) => answer,
                Err(failed) => return missed(failed.fault().clone()),
            };
            let status = answer.status();
            if !self.expected.iter().any(|range| range.contains(&status)) {
                return Err(format!("{} answered {status}, expected {}", self.asked, in_words(&self.expected)));
            }
            self.wanted.judge(answer, &format!("{} answered {status}", self.asked)).await
        })
    }
}

fn unfit(target: &Target) -> String {
    format!("`{target}` cannot stand in a request")
}

/// `200-399, 404`.
fn in_words(ranges: &[RangeInclusive<u16>]) -> String {
    let words: Vec<String> = ranges
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}-{end}"),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_said_as_they_are_written() {
        assert_eq!(in_words(&[200..=399]), "200-399");
        assert_eq!(in_words(&[200..=204, 404..=404]), "200-204, 404");
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused() {
        let none = ProbeOptions::default();
        for (url, options, error) in [
            (
                "http://u:hunter2@h/x",
                none.clone(),
                "a check of kind `http` sends no user and password; write `http://h:80/x`",
            ),
            (
                "http://h",
                ProbeOptions { method: Some("GE T".to_owned()), ..none.clone() },
                "`GE T` is not an HTTP method",
            ),
            (
                "http://h",
                ProbeOptions { method: Some("HEAD".to_owned()), body: Some("ok".to_owned()), ..none.clone() },
                "an answer to `HEAD` has no body; leave out `body` or ask with `GET`",
            ),
            (
                "http://h",
                ProbeOptions { path: Some("x".to_owned()), ..none.clone() },
                "the path `x` does not begin with `/`",
            ),
            (
                "http://h",
                ProbeOptions { host: Some("a\nb".to_owned()), ..none.clone() },
                "`a\nb` cannot stand in a `Host` header",
            ),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!(new(&target, &options, &Shared::default()).err().as_deref(), Some(error));
        }
    }
}
