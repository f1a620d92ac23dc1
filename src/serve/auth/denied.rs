//! Why somebody is not let in, as an answer and as a close code.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use poem::Response;

use super::tally::{Door, Reason};
use crate::limits::JWKS_PAUSE;
use crate::protocol::CloseCode;
use crate::serve::answer::error;

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// Nothing was presented.
    Missing,
    /// What was presented is not good, in words.
    Unknown(String),
    /// It was good until a while ago.
    Expired(String),
    /// It is good, and not for this.
    Forbidden(String),
    /// It cannot be told whether it is good.
    Unavailable(String),
}

impl Denied {
    /// The answer to a request that came to this door.
    pub fn response(&self, door: Door) -> Response {
        let (status, code, message) = match self {
            Denied::Missing => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                format!("{} needs the header `Authorization: Bearer <token>`", door.what()),
            ),
            Denied::Unknown(why) | Denied::Expired(why) => (StatusCode::UNAUTHORIZED, "unauthorized", why.clone()),
            Denied::Forbidden(why) => (StatusCode::FORBIDDEN, "forbidden", why.clone()),
            Denied::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", why.clone()),
        };
        let mut response = error(status, code, message);
        let bearer = |challenge| (WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        let (name, value) = match self {
            Denied::Missing => bearer("Bearer"),
            Denied::Unknown(_) | Denied::Expired(_) => bearer("Bearer error=\"invalid_token\""),
            Denied::Forbidden(_) => bearer("Bearer error=\"insufficient_scope\""),
            Denied::Unavailable(_) => (RETRY_AFTER, HeaderValue::from(JWKS_PAUSE.as_secs())),
        };
        response.headers_mut().insert(name, value);
        response
    }

    /// The code that ends a connection, and what it means in words.
    pub fn close(&self) -> (CloseCode, &str) {
        match self {
            Denied::Missing => (CloseCode::Unauthenticated, CloseCode::Unauthenticated.meaning()),
            Denied::Unknown(why) | Denied::Expired(why) => (CloseCode::Unauthenticated, why),
            Denied::Forbidden(why) => (CloseCode::Forbidden, why),
            Denied::Unavailable(why) => (CloseCode::OverCapacity, why),
        }
    }

    /// As what it is counted.
    pub fn reason(&self) -> Reason {
        match self {
            Denied::Missing => Reason::Missing,
            Denied::Unknown(_) => Reason::Unknown,
            Denied::Expired(_) => Reason::Expired,
            Denied::Forbidden(_) => Reason::Forbidden,
            Denied::Unavailable(_) => Reason::Unavailable,
        }
    }
}
