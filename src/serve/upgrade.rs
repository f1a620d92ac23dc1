//! From a request for one feed or several to a feed connection.

use std::sync::Arc;

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use poem::{Request, Response};

use super::answer::{error, not_allowed, parameter, unknown_feed};
use super::auth::{Entry, SUBPROTOCOL, offers_subprotocol};
use super::conversation::Handover;
use super::documents::operation::{Access, Body, Gives, Operation};
use super::pass::Pass;
use super::track::Subscription;
use super::wire::Wire;
use super::{App, connection};
use crate::limits::REQUEST_HEAD_TIMEOUT;
use crate::protocol::Feed;
use crate::protocol::feed::FEEDS;
use crate::protocol::resume::{LAST_ID, Since};
use crate::websocket::deflate::{self, Terms};
use crate::websocket::handshake::{Refusal, accept};

/// What the route of a feed is like.
pub const ONE: Operation = Operation {
    access: Access::Reader,
    query: &[(
        LAST_ID,
        "The id of the last message that was seen: what came since follows, or it is said that it does not.",
    )],
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

/// What the route of several feeds is like.
pub const SEVERAL: Operation = Operation {
    query: &[
        (FEEDS, "Their names, with commas between them; `all` or nothing for all."),
        (
            LAST_ID,
            "The ids of the last messages that were seen: `backends:<id>,metrics:<id>`. Each feed is answered by itself.",
        ),
    ],
    fails: &[
        (400, "The handshake is broken."),
        (404, "One of the names is no feed."),
        (426, "No handshake; a header that belongs to it is missing, mostly because a proxy dropped it."),
    ],
    ..ONE
};

/// Answers `GET /api/ws/<feed>`: 101 and a connection, or what is wrong.
pub async fn one(app: Arc<App>, request: Request) -> Response {
    match request.raw_path_param("feed").unwrap_or_default().parse() {
        Ok(feed) => {
            let since = Since::one(parameter(&request, LAST_ID).as_deref());
            upgrade(app, request, vec![Subscription { feed, since }]).await
        }
        Err(unknown) => unknown_feed(&unknown),
    }
}

/// Answers `GET /api/ws?feeds=<feed>,<feed>`: several feeds on one connection.
pub async fn several(app: Arc<App>, request: Request) -> Response {
    let feeds = match Feed::several(parameter(&request, FEEDS).as_deref()) {
        Ok(feeds) => feeds,
        Err(unknown) => return unknown_feed(&unknown),
    };
    let last_id = parameter(&request, LAST_ID);
    let since = |feed| Subscription { feed, since: Since::of_several(last_id.as_deref(), feed) };
    let subscriptions = feeds.into_iter().map(since).collect();
    upgrade(app, request, subscriptions).await
}

async fn upgrade(app: Arc<App>, request: Request, subscriptions: Vec<Subscription>) -> Response {
    let feeds: Vec<Feed> = subscriptions.iter().map(|subscription| subscription.feed).collect();
    let key = match accept(request.method(), request.version(), request.headers()) {
        Ok(key) => key,
        // A browser does not say why a handshake was refused; its page asks again by a plain request, and wants to be told of
        // its token first. A ticket stays good: it may have been a proxy that has spoilt the handshake.
        Err(refusal) => {
            return match app.guard.would_open(&request, &feeds).await {
                Ok(()) => refused(refusal),
                Err(denied) => *denied,
            };
        }
    };
    let entry = match app.guard.open(&request, &feeds).await {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    let Some(handover) = request.extensions().get::<Handover>() else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "no_upgrade", "this connection cannot be upgraded");
    };
    let pass = match entry {
        Entry::Open => None,
        Entry::With(rights) => Some(Box::new(Pass::new(Arc::clone(&app), feeds, Some(rights)))),
        Entry::Unsaid => Some(Box::new(Pass::new(Arc::clone(&app), feeds, None))),
    };
    let (deflate, extensions) = deflate::accept(request.headers()).unzip();
    app.connections.spawn(connect(Arc::clone(&app), handover.clone(), subscriptions, deflate, pass));
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_ACCEPT, key)
        .finish();
    if let Some(extensions) = extensions {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, extensions);
    }
    if offers_subprotocol(request.headers()) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

/// Waits until the 101 has left, then serves the feeds until the peer is gone.
async fn connect(
    app: Arc<App>,
    handover: Handover,
    subscriptions: Vec<Subscription>,
    deflate: Option<Terms>,
    pass: Option<Box<Pass>>,
) {
    let Handover { upgrade, place } = handover;
    let Ok(Ok(upgraded)) = tokio::time::timeout(REQUEST_HEAD_TIMEOUT, upgrade).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() else {
        tracing::error!("an upgraded connection is not what was accepted");
        return;
    };
    let _counted = app.world.connections.enter();
    subscriptions.iter().for_each(|subscription| app.traffic.opened(subscription.feed));
    // Nothing, mostly. hyper's buffer keeps its 8 KiB for as long as anybody holds a piece of it, so it goes now.
    let (socket, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    drop(parts.read_buf);
    connection::serve(socket.into(), early, subscriptions, deflate, &app.hub, pass).await;
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
