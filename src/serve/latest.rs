//! A feed as a plain document: the latest message, for whoever asks now and then instead of listening.
//!
//! Its tag is the message's id, so a client that has it already is told so in a few bytes.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use poem::{Body, Request, Response};

use super::App;
use super::answer::{error, has, unknown_feed};
use super::burst::Document;
use super::documents::operation::{Access, Body as Shape, Gives, Operation};
use crate::protocol::Feed;

/// What the route is like.
pub const LATEST: Operation = Operation {
    access: Access::Reader,
    fails: &[(503, "It has not been measured yet, or it cannot be told now whether the token is good.")],
    ..Operation::read(&[
        Gives::other(
            "The latest message, as the AsyncAPI document has it; of `backends` the list.",
            "application/json",
        ),
        Gives { status: 304, about: "It is the one of `If-None-Match`.", body: Shape::Nothing },
    ])
};

/// Answers `GET /api/<feed>`. Of `backends` it is the whole list.
pub async fn latest(app: Arc<App>, request: Request) -> Response {
    let feed: Feed = match request.raw_path_param("feed").unwrap_or_default().parse() {
        Ok(feed) => feed,
        Err(unknown) => return unknown_feed(&unknown),
    };
    if let Err(refusal) = app.guard.read(&request, &[feed]).await {
        return *refusal;
    }
    let newest = app.hub.stream(feed).newest();
    let document = newest.and_then(|burst| burst.snapshot().documents_after(0).next());
    let Some(Document { id, json, .. }) = document else {
        let mut response =
            error(StatusCode::SERVICE_UNAVAILABLE, "not_measured", format!("`{feed}` has not been measured yet"));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    let tag = format!("\"{id}\"");
    let known = has(request.headers(), &tag);
    // It may be kept, but has to be asked for each time.
    let response = Response::builder().header(ETAG, tag).header(CACHE_CONTROL, "no-cache");
    if known {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.header(CONTENT_TYPE, "application/json").body(Body::from_bytes(json))
}
