//! The dashboard: a few files in the binary, served with a policy under which nothing else can run.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use poem::Response;

use super::documents::operation::{Gives, Operation};

/// Only our own files, and connections to where they came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// What the page is like.
pub const PAGE: Operation = Operation::read(&[Gives::other("The page.", HTML)]);

/// What its programs are like.
pub const SCRIPT: Operation = Operation::read(&[Gives::other("A JavaScript module.", JAVASCRIPT)]);

/// What its style is like.
pub const STYLE: Operation = Operation::read(&[Gives::other("A style sheet.", CSS)]);

/// The page.
pub fn page() -> Response {
    file(HTML, include_str!("dashboard/index.html"))
}

/// Its program.
pub fn script() -> Response {
    file(JAVASCRIPT, include_str!("dashboard/app.js"))
}

/// The JavaScript client, which the page uses like any other.
pub fn client() -> Response {
    file(JAVASCRIPT, include_str!("../../clients/js/veloflux.js"))
}

/// Its style.
pub fn style() -> Response {
    file(CSS, include_str!("dashboard/style.css"))
}

fn file(content_type: &str, text: &'static str) -> Response {
    let mut response = Response::builder().content_type(content_type).body(text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // The files change with the binary and with nothing else: ask every time, it is a few kilobytes.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
