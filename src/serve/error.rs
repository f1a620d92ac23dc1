//! Errors as an HTTP client sees them: `{"error":{"code":…,"message":…}}`.

use http::StatusCode;
use poem::Response;

use super::routes::json;
use crate::protocol::control::{ErrorAnswer, ErrorBody};

/// An error answer: a word for programs and a sentence for people.
pub fn error(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    let error = ErrorBody { code: code.to_owned(), message: message.into() };
    json(status, &ErrorAnswer { error })
}
