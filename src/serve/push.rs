//! `POST /api/sources/<name>`: whoever knows the backends of a pushed source says what they are.

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, Response};

use super::App;
use super::act::Act;
use super::answer::{error, json};
use super::auth::Door;
use super::control::body;
use super::documents::operation::{Access, Gives, Operation, Presence, Takes, of};
use crate::access::Deed;
use crate::limits::PUSH_BYTES_MAX;
use crate::protocol::answer::PushAnswer;
use crate::sources::Listing;

/// What the route is like.
pub const PUSH: Operation = Operation {
    access: Access::Operator,
    query: &[],
    takes: Some(Takes {
        about: "All backends of the source, and perhaps what was counted.",
        shape: of::<Listing>,
        presence: Presence::Required,
    }),
    gives: &[Gives::json("It was taken.", of::<PushAnswer>)],
    fails: &[(409, "The source is one that is read and not pushed.")],
};

/// Takes a document for a source.
pub async fn push(app: Arc<App>, mut request: Request) -> Response {
    let name = request.raw_path_param("source").unwrap_or_default().to_owned();
    let act = match Act::begin(&app, &request, Door::Push, Deed::Operate, "push").await {
        Ok(act) => act.to(serde_json::json!({ "source": name })),
        Err(refusal) => return *refusal,
    };
    let Some(poller) = app.world.fleet.source(&name) else {
        let names: Vec<String> = app.world.fleet.sources().into_iter().map(|(name, _)| name).collect();
        let message = format!("there is no source `{}`; there are {}", name.escape_debug(), names.join(", "));
        act.refused(&message).await;
        return error(StatusCode::NOT_FOUND, "no_such_source", message);
    };
    let document = match body(&mut request, PUSH_BYTES_MAX).await {
        Ok(document) => document,
        Err(refusal) => return *refusal,
    };
    let (status, code, why) = match poller.spec().source().take(&document) {
        // Whoever pushes does so every few seconds: that it works is news for nobody.
        Some(Ok(accepted)) => return json(StatusCode::OK, &PushAnswer { accepted }),
        Some(Err(why)) => (StatusCode::BAD_REQUEST, "bad_document", why),
        None => {
            let why =
                format!("source `{name}` is of the kind `{}`, which is read and not pushed", poller.spec().kind());
            (StatusCode::CONFLICT, "not_pushed", why)
        }
    };
    act.refused(&why).await;
    error(status, code, why)
}
