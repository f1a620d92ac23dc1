//! What the server says of itself: the feeds as AsyncAPI 3, HTTP as OpenAPI 3.1. Both are made of what the server is made
//! of, the types of `protocol` and the table of routes, so that they cannot tell something else.
//!
//! The schemas are exact about what *we* send: no other keys than those listed, every key always there. A client should be
//! more tolerant than that, because keys may be added.

mod asyncapi;
mod examples;
mod messages;
mod openapi;
pub mod operation;
mod schemas;

use std::fmt::Write;
use std::sync::LazyLock;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue};
use poem::{Request, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::has;

/// Path of the document about the feeds.
pub const ASYNCAPI_PATH: &str = "/api/asyncapi.json";

/// Path of the document about HTTP.
pub const OPENAPI_PATH: &str = "/api/openapi.json";

/// The version of both: the crate's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A document, written once.
struct Written {
    text: String,
    etag: String,
}

static ASYNCAPI: LazyLock<Written> = LazyLock::new(|| Written::new(&asyncapi()));
static OPENAPI: LazyLock<Written> = LazyLock::new(|| Written::new(&openapi()));

/// The feeds as AsyncAPI 3.
pub fn asyncapi() -> Value {
    asyncapi::document()
}

/// HTTP as OpenAPI 3.1.
pub fn openapi() -> Value {
    openapi::document()
}

/// Answers with the document about the feeds.
pub fn answer_asyncapi(request: &Request) -> Response {
    ASYNCAPI.answer(request.headers())
}

/// Answers with the document about HTTP.
pub fn answer_openapi(request: &Request) -> Response {
    OPENAPI.answer(request.headers())
}

impl Written {
    fn new(document: &Value) -> Written {
        let text = serde_json::to_string_pretty(document).expect("a document has string keys");
        let digest = Sha256::digest(text.as_bytes());
        let hex = digest.iter().take(16).fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes every letter");
            hex
        });
        Written { text, etag: format!("\"{hex}\"") }
    }

    fn answer(&'static self, headers: &HeaderMap) -> Response {
        let mut response = match has(headers, &self.etag) {
            true => StatusCode::NOT_MODIFIED.into(),
            false => Response::builder().header(CONTENT_TYPE, "application/json").body(self.text.as_str()),
        };
        let headers = response.headers_mut();
        let etag = HeaderValue::from_str(&self.etag).expect("hexadecimal digits can stand in a header");
        headers.insert(ETAG, etag);
        // It changes with the binary and with nothing else: ask every time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}
