//! What requests ask, and answers as an HTTP client sees them: JSON, errors as `{"error":{"code":…,"message":…}}`.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};
use poem::{Request, Response};
use serde::Serialize;

use crate::protocol::control::{ErrorAnswer, ErrorBody};
use crate::protocol::feed::UnknownFeed;

/// An error answer: a word for programs and a sentence for people.
pub fn error(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    let error = ErrorBody { code: code.to_owned(), message: message.into() };
    json(status, &ErrorAnswer { error })
}

/// 404 with the feeds there are.
pub fn unknown_feed(unknown: &UnknownFeed) -> Response {
    error(StatusCode::NOT_FOUND, "unknown_feed", unknown.to_string())
}

/// The first value of a key in the query.
pub fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The names of methods, as they stand in a header.
pub fn names(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// 405 with the methods there are.
pub fn not_allowed(methods: &[Method]) -> Response {
    let names = names(methods);
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("this path takes {names}"));
    response.headers_mut().insert(ALLOW, HeaderValue::try_from(names).expect("method names can stand in a header"));
    response
}

/// Whether whoever asks has what bears this tag. A proxy that compresses makes it a weak one.
pub fn has(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.map(|known| known.strip_prefix("W/").unwrap_or(known)).any(|known| known == "*" || known == tag)
}

/// A JSON answer, never to be cached.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("an answer has string keys and no failing serialiser");
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_recognised_in_every_form() {
        for (known, same) in [("\"a\"", true), ("\"x\", W/\"a\" ", true), ("*", true), ("\"b\"", false), ("", false)] {
            let asked = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(known).expect("a header"))]);
            assert_eq!(has(&asked, "\"a\""), same, "{known}");
        }
        assert!(!has(&HeaderMap::new(), "\"a\""));
    }
}
