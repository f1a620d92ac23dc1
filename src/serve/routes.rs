//! The routes: one table of paths, and what every request goes through before its row answers.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, UPGRADE, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use poem::{Endpoint, EndpointExt, Request, Response, Route};

use super::admission::Why;
use super::answer::{error, json, names, not_allowed};
use super::conversation::Handover;
use super::documents::operation::{Access, Body, Gives, Operation, of};
use super::documents::{ASYNCAPI_PATH, OPENAPI_PATH};
use super::hosts::are_ours;
use super::origin::{Verdict, judge};
use super::proxies::{Client, Peer};
use super::{App, control, dashboard, documents, events, latest, push, upgrade};
use crate::protocol::Feed;
use crate::protocol::answer::{LiveAnswer, ReadyAnswer};
use crate::protocol::control::{CONTROL_PATH, FORCE_UPDATE_PATH, TICKET_PATH};
use crate::protocol::feed::SEVERAL_PATH;

/// How a row answers.
type Answer = fn(Arc<App>, Request) -> BoxFuture<'static, Response>;

/// One route.
pub struct Row {
    /// The path; `:name` matches one segment.
    pub path: &'static str,
    /// The methods it takes.
    pub methods: &'static [Method],
    /// What it is for.
    pub about: &'static str,
    /// What it is like, for the document that describes it.
    pub operation: &'static Operation,
    answer: Answer,
}

/// Where a feed is a WebSocket.
const FEED_ROUTE: &str = "/api/ws/:feed";

/// Where a feed is a stream of events.
const EVENTS_ROUTE: &str = "/api/events/:feed";

/// What pages are read with.
const READ: &[Method] = &[Method::GET, Method::HEAD];

/// What the documents are like.
const DOCUMENT: Operation = Operation::read(&[
    Gives::other("The document.", "application/json"),
    Gives { status: 304, about: "It is the one of `If-None-Match`.", body: Body::Nothing },
]);

/// What the probe of life is like.
const LIVE: Operation = Operation::read(&[Gives::json("It answers.", of::<LiveAnswer>)]);

/// What the probe of readiness is like.
const READY: Operation = Operation::read(&[
    Gives::json("Ready.", of::<ReadyAnswer>),
    Gives { status: 503, about: "Not yet, or not any more.", body: Body::Json(of::<ReadyAnswer>) },
]);

/// What the figures of the server are like.
const METRICS: Operation =
    Operation { access: Access::Reader, ..Operation::read(&[Gives::other("OpenMetrics text.", METRICS_TYPE)]) };

/// The type of OpenMetrics text.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every route.
pub const ROUTES: &[Row] = &[
    Row {
        path: "/",
        methods: READ,
        about: "the dashboard",
        operation: &dashboard::PAGE,
        answer: |_, request| done(dashboard::page(&request)),
    },
    Row {
        path: "/dashboard/:file",
        methods: READ,
        about: "its program and its style",
        operation: &dashboard::PART,
        answer: |_, request| done(dashboard::part(&request)),
    },
    Row {
        path: "/veloflux.js",
        methods: READ,
        about: "the JavaScript client",
        operation: &dashboard::CLIENT,
        answer: |_, request| done(dashboard::client(&request)),
    },
    Row {
        path: ASYNCAPI_PATH,
        methods: READ,
        about: "the feeds, as AsyncAPI",
        operation: &DOCUMENT,
        answer: |_, request| done(documents::answer_asyncapi(&request)),
    },
    Row {
        path: OPENAPI_PATH,
        methods: READ,
        about: "everything else, as OpenAPI",
        operation: &DOCUMENT,
        answer: |_, request| done(documents::answer_openapi(&request)),
    },
    Row {
        path: CONTROL_PATH,
        methods: &[Method::POST],
        about: "pause and resume feeds",
        operation: &control::CONTROL,
        answer: |app, request| Box::pin(control::control(app, request)),
    },
    Row {
        path: FORCE_UPDATE_PATH,
        methods: &[Method::POST],
        about: "measure and send now",
        operation: &control::FORCE_UPDATE,
        answer: |app, request| Box::pin(control::force_update(app, request)),
    },
    Row {
        path: TICKET_PATH,
        methods: &[Method::POST],
        about: "a ticket that opens one connection",
        operation: &control::TICKET,
        answer: |app, request| Box::pin(control::ticket(app, request)),
    },
    Row {
        path: FEED_ROUTE,
        methods: &[Method::GET],
        about: "a feed, over WebSocket",
        operation: &upgrade::ONE,
        answer: |app, request| Box::pin(upgrade::one(app, request)),
    },
    Row {
        path: SEVERAL_PATH,
        methods: &[Method::GET],
        about: "several feeds over one WebSocket",
        operation: &upgrade::SEVERAL,
        answer: |app, request| Box::pin(upgrade::several(app, request)),
    },
    Row {
        path: EVENTS_ROUTE,
        methods: &[Method::GET],
        about: "a feed, as Server-Sent Events",
        operation: &events::EVENTS,
        answer: |app, request| Box::pin(events::events(app, request)),
    },
    Row {
        path: "/api/:feed",
        methods: READ,
        about: "the latest message of a feed",
        operation: &latest::LATEST,
        answer: |app, request| Box::pin(latest::latest(app, request)),
    },
    Row {
        path: "/api/sources/:source",
        methods: &[Method::POST],
        about: "the backends of a source that is pushed",
        operation: &push::PUSH,
        answer: |app, request| Box::pin(push::push(app, request)),
    },
    Row {
        path: "/livez",
        methods: READ,
        about: "200 while the process answers",
        operation: &LIVE,
        answer: |_, _| done(json(StatusCode::OK, &LiveAnswer { live: true })),
    },
    Row {
        path: "/readyz",
        methods: READ,
        about: "200 once every feed has something to send, 503 before and while stopping",
        operation: &READY,
        answer: |app, _| done(readiness(&app)),
    },
    Row {
        path: "/metrics",
        methods: READ,
        about: "what the server counts, as OpenMetrics text",
        operation: &METRICS,
        answer: |app, request| Box::pin(telemetry(app, request)),
    },
];

/// The endpoint of all routes.
pub fn endpoint(app: &Arc<App>) -> impl Endpoint<Output = Response> + 'static {
    let route =
        ROUTES.iter().fold(Route::new(), |route, row| route.at(row.path, Guarded { app: Arc::clone(app), row }));
    route.catch_error(|_: poem::error::NotFoundError| async {
        error(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing here; the dashboard is at `/`, the feeds at `/api/ws/<feed>`",
        )
    })
}

/// A row, and what comes before it: the origin, the method.
struct Guarded {
    app: Arc<App>,
    row: &'static Row,
}

impl Endpoint for Guarded {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let client = match self.client(&mut request) {
            Ok(client) => client,
            Err(refusal) => return Ok(*refusal),
        };
        let settings = self.app.world.settings();
        let origin = judge(request.headers(), &settings.allowed_origins, client.scheme.as_deref());
        let mut response = match &origin {
            Verdict::Foreign => {
                self.app.admission.count(Why::ForeignOrigin);
                let message = "this page's origin is not let in; list it in `allowed_origins` or pass `--allow-origin`";
                error(StatusCode::FORBIDDEN, "foreign_origin", message)
            }
            Verdict::Allowed(_) if request.method() == Method::OPTIONS => self.preflight(),
            // The handshake judges its method itself, after the name of the feed.
            _ if self.row.methods.contains(request.method()) || self.row.path == FEED_ROUTE => {
                (self.row.answer)(Arc::clone(&self.app), request).await
            }
            _ => not_allowed(self.row.methods),
        };
        if let Verdict::Allowed(origin) = origin
            && let Ok(origin) = HeaderValue::try_from(origin)
        {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
            response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag, retry-after"));
        }
        Ok(response)
    }
}

impl Guarded {
    /// Who asks, which the request then carries, unless what he asks is refused whatever it is.
    fn client(&self, request: &mut Request) -> Result<Client, Box<Response>> {
        let admission = &self.app.admission;
        let refused = |code, message| Err(Box::new(error(StatusCode::BAD_REQUEST, code, message)));
        let Some(peer) = request.extensions().get::<Peer>().copied() else {
            return refused("no_peer", "this request comes from nowhere");
        };
        let Ok(client) = admission.client(peer, request.headers()) else {
            let message = "`X-Forwarded-For` and `Forwarded` say different things; have the proxy remove the one it does not write";
            return refused("contradiction", message);
        };
        let settings = self.app.world.settings();
        if admission.is_local() && !are_ours(request.headers(), &settings.hosts) {
            admission.count(Why::ForeignHost);
            let message = "this server is not called that; list the name in `hosts` of [server]";
            return Err(Box::new(error(StatusCode::MISDIRECTED_REQUEST, "foreign_host", message)));
        }
        // Both last, and so are counted as what their client has.
        if (request.headers().contains_key(UPGRADE) || self.row.path == EVENTS_ROUTE)
            && let Some(handover) = request.extensions().get::<Handover>()
            && let Err(refusal) = admission.shake_hands(&client, &handover.place)
        {
            return Err(Box::new(refusal.response()));
        }
        request.extensions_mut().insert(client.clone());
        Ok(client)
    }

    /// What a browser asks before a page of another origin may send a token.
    fn preflight(&self) -> Response {
        Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(ACCESS_CONTROL_ALLOW_METHODS, names(self.row.methods))
            .header(ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-none-match, last-event-id")
            .header(ACCESS_CONTROL_MAX_AGE, "600")
            .finish()
    }
}

fn done(response: Response) -> BoxFuture<'static, Response> {
    Box::pin(std::future::ready(response))
}

fn readiness(app: &App) -> Response {
    let waiting: Vec<Feed> = app.hub.silent();
    let stopping = app.stopping.has_begun();
    let status = if waiting.is_empty() && !stopping { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &ReadyAnswer { ready: status == StatusCode::OK, waiting_for: waiting, stopping })
}

async fn telemetry(app: Arc<App>, request: Request) -> Response {
    if let Err(refusal) = app.guard.read(&request, &Feed::ALL).await {
        return *refusal;
    }
    // It tells of all feeds.
    Response::builder().content_type(METRICS_TYPE).body(app.telemetry.text())
}
