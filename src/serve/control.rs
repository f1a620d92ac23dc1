//! What is asked by POST: control, force-update, and a ticket.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use poem::error::ReadBodyError;
use poem::{Request, Response};

use super::App;
use super::act::Act;
use super::answer::{error, json};
use super::auth::Door;
use super::documents::operation::{Access, Gives, Operation, Presence, Takes, of};
use crate::access::Deed;
use crate::fleet::Refused;
use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_TIMEOUT, TICKET_TIME};
use crate::protocol::control::{
    BadCommand, Command, ControlAnswer, ForceUpdateAnswer, TicketAnswer, force_update_body, parse_force_update,
};

/// What the route of commands is like.
pub const CONTROL: Operation = Operation {
    access: Access::Operator,
    query: &[],
    takes: Some(Takes {
        about: "What to do. Without a body nothing, and the state is told.",
        shape: of::<Command>,
        presence: Presence::Optional,
    }),
    gives: &[Gives::json("It was done; this is how it is now.", of::<ControlAnswer>)],
    fails: &[
        (404, "There is no such backend."),
        (409, "It cannot be done with this backend, or the settings are wrong."),
        (502, "The source of the backend refuses."),
    ],
};

/// What the route of forced updates is like.
pub const FORCE_UPDATE: Operation = Operation {
    access: Access::Operator,
    query: &[],
    takes: Some(Takes {
        about: "Which feed; all without a body.",
        shape: force_update_body,
        presence: Presence::Optional,
    }),
    gives: &[Gives::json("The messages were handed to the connections.", of::<ForceUpdateAnswer>)],
    fails: &[],
};

/// What the route of tickets is like.
pub const TICKET: Operation = Operation {
    access: Access::Holder,
    query: &[],
    takes: None,
    gives: &[Gives::json("A ticket with the rights of the token.", of::<TicketAnswer>)],
    fails: &[],
};

/// `POST /api/ws/control`: changes what the body says, nothing without a body, and tells the state.
pub async fn control(app: Arc<App>, request: Request) -> Response {
    let (act, command) = match admit(&app, request, "control").await {
        Ok((act, body)) => match Command::parse(&body) {
            Ok(command) => (act.of(&command), command),
            Err(bad) => return bad_command(&bad),
        },
        Err(refusal) => return *refusal,
    };
    let act = match command {
        Command::Reload => match act.allowed(Deed::Administer).await {
            Ok(act) => act,
            Err(refusal) => return *refusal,
        },
        _ => act,
    };
    // Whoever asked may hang up, which drops this handler: what was begun comes to its end, and into the audit log.
    app.stopping.clone().finish(carry_out(app, act, command)).await
}

/// Does what a command says, and answers.
async fn carry_out(app: Arc<App>, act: Act, command: Command) -> Response {
    let changes_something = command != Command::Check;
    if changes_something {
        tracing::info!(?command, who = act.who(), "control");
    }
    match obey(&app, command).await {
        Ok(mut answer) => {
            if changes_something {
                act.done().await;
            }
            answer.paused = app.feeds.pauses().feeds().collect();
            json(StatusCode::OK, &answer)
        }
        Err((status, code, why)) => {
            act.refused(&why).await;
            error(status, code, why)
        }
    }
}

/// Does what a command says. Else why not: status, code and a sentence.
async fn obey(app: &App, command: Command) -> Result<ControlAnswer, (StatusCode, &'static str, String)> {
    let mut answer = ControlAnswer { control: "ok".to_owned(), paused: Vec::new(), changes: None, backend: None };
    match command {
        Command::Check => {}
        Command::Pause(what) => app.feeds.pause(what),
        Command::Resume(what) => app.feeds.resume(what),
        Command::Reload => match app.reloader.reload().await {
            Ok(changes) => answer.changes = Some(changes),
            Err(problems) => return Err((StatusCode::CONFLICT, "bad_settings", problems.join("\n"))),
        },
        Command::Backend(order) => match app.world.fleet.order(order).await {
            Ok(backend) => answer.backend = backend,
            Err(why) => {
                let (status, code) = match why {
                    Refused::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_backend"),
                    Refused::Impossible(_) => (StatusCode::CONFLICT, "impossible"),
                    Refused::BySource(_) => (StatusCode::BAD_GATEWAY, "refused"),
                };
                return Err((status, code, why.to_string()));
            }
        },
    }
    Ok(answer)
}

/// `POST /api/ws/force-update`: the selected feeds measure afresh and send. Answers when the messages have been handed to
/// the connections.
pub async fn force_update(app: Arc<App>, request: Request) -> Response {
    let (act, what) = match admit(&app, request, "force-update").await {
        Ok((act, body)) => match parse_force_update(&body) {
            Ok(what) => (act.to(serde_json::json!({"type": what.name()})), what),
            Err(bad) => return bad_command(&bad),
        },
        Err(refusal) => return *refusal,
    };
    // To its end, as with control.
    let stopping = app.stopping.clone();
    let work = async move {
        let feeds = app.feeds.force(what).await;
        act.done().await;
        json(StatusCode::OK, &ForceUpdateAnswer { force_update: "triggered".to_owned(), feeds })
    };
    stopping.finish(work).await
}

/// `POST /api/ws/ticket`: a word that opens one connection with the rights of the token that is presented here.
pub async fn ticket(app: Arc<App>, request: Request) -> Response {
    match app.guard.ticket(request.headers()).await {
        Ok(ticket) => {
            let mut response = json(StatusCode::OK, &TicketAnswer { ticket, expires_in: TICKET_TIME.as_secs() });
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(refusal) => *refusal,
    }
}

/// Checks the token, then reads the body. Nothing of the body is read for somebody who may not send it.
async fn admit(app: &Arc<App>, mut request: Request, action: &str) -> Result<(Act, Bytes), Box<Response>> {
    let act = Act::begin(app, &request, Door::Control, Deed::Operate, action).await?;
    Ok((act, body(&mut request, REQUEST_BODY_BYTES_MAX).await?))
}

/// Reads a body that is in time and not too long.
pub(super) async fn body(request: &mut Request, bytes_max: usize) -> Result<Bytes, Box<Response>> {
    let body = request.take_body().into_bytes_limit(bytes_max);
    match tokio::time::timeout(REQUEST_BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
            let message = format!("a body here is at most {bytes_max} bytes long");
            Err(Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)))
        }
        Ok(Err(_)) => Err(Box::new(error(StatusCode::BAD_REQUEST, "bad_body", "the body broke off"))),
        Err(_) => Err(Box::new(error(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time"))),
    }
}

fn bad_command(bad: &BadCommand) -> Response {
    error(StatusCode::BAD_REQUEST, "bad_command", bad.to_string())
}
