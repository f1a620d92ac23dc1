//! From a request for a feed to a feed connection.

use std::sync::Arc;

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use poem::{Request, Response};

use super::answer::{error, not_allowed};
use super::auth::{Entry, SUBPROTOCOL, offers_subprotocol};
use super::conversation::Handover;
use super::documents::operation::{Access, Body, Gives, Operation};
use super::pass::Pass;
use super::wire::Wire;
use super::{App, connection};
use crate::limits::REQUEST_HEAD_TIMEOUT;
use crate::protocol::Feed;
use crate::websocket::handshake::{Refusal, accept};

/// What the route of a feed is like.
pub const FEED: Operation = Operation {
    access: Access::Reader,
    query: &[],
    takes: None,
    gives: &[Gives {
        status: 101,
        about: "A WebSocket. What is said on it is described as AsyncAPI, at `/api/asyncapi.json`.",
        body: Body::Nothing,
    }],
    fails: &[
        (400, "The handshake is broken."),
        (426, "No handshake; a header that belongs to it is missing, mostly because a proxy dropped it."),
    ],
};

/// Answers `GET /api/ws/<feed>`: 101 and a connection, or what is wrong.
pub async fn upgrade(app: Arc<App>, request: Request) -> Response {
    let feed: Feed = match request.raw_path_param("feed").unwrap_or_default().parse() {
        Ok(feed) => feed,
        Err(unknown) => return error(StatusCode::NOT_FOUND, "unknown_feed", format!("{unknown}")),
    };
    let entry = match app.guard.open(&request, &[feed]).await {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    let key = match accept(request.method(), request.version(), request.headers()) {
        Ok(key) => key,
        Err(refusal) => return refused(refusal),
    };
    let Some(handover) = request.extensions().get::<Handover>() else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "no_upgrade", "this connection cannot be upgraded");
    };
    let pass = match entry {
        Entry::Open => None,
        Entry::With(rights) => Some(Box::new(Pass::new(Arc::clone(&app), vec![feed], Some(rights)))),
        Entry::Unsaid => Some(Box::new(Pass::new(Arc::clone(&app), vec![feed], None))),
    };
    app.connections.spawn(connect(Arc::clone(&app), handover.clone(), feed, pass));
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_ACCEPT, key)
        .finish();
    if offers_subprotocol(request.headers()) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

/// Waits until the 101 has left, then serves the feed until the peer is gone.
async fn connect(app: Arc<App>, handover: Handover, feed: Feed, pass: Option<Box<Pass>>) {
    let Handover { upgrade, place } = handover;
    let Ok(Ok(upgraded)) = tokio::time::timeout(REQUEST_HEAD_TIMEOUT, upgrade).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() else {
        tracing::error!("an upgraded connection is not what was accepted");
        return;
    };
    let _counted = app.world.connections.enter();
    app.traffic.opened(feed);
    // Nothing, mostly. hyper's buffer keeps its 8 KiB for as long as anybody holds a piece of it, so it goes now.
    let (socket, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    drop(parts.read_buf);
    connection::serve(socket.into(), early, feed, &app.hub, pass).await;
    drop(place);
}

fn refused(refusal: Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Method => return not_allowed(&[Method::GET]),
        Refusal::Key => (StatusCode::BAD_REQUEST, "bad_handshake"),
        Refusal::HttpVersion | Refusal::NoUpgrade | Refusal::NoConnection | Refusal::WebSocketVersion => {
            (StatusCode::UPGRADE_REQUIRED, "upgrade_required")
        }
    };
    let mut response = error(status, code, refusal.to_string());
    let headers = response.headers_mut();
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    if refusal == Refusal::WebSocketVersion {
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}
