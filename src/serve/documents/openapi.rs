//! What is asked over HTTP, as OpenAPI 3.1: the table of routes, each with what it says of itself.

use http::Method;
use serde_json::{Map, Value, json};

use super::VERSION;
use super::operation::{Access, Body, Gives, Operation, Presence, of};
use super::schemas::{Dialect, Schemas};
use crate::protocol::Feed;
use crate::protocol::control::ErrorAnswer;
use crate::serve::routes::{ROUTES, Row};

const ABOUT: &str = "Control, probes and pages of a veloflux server. The feeds themselves are described as AsyncAPI, at \
    `/api/asyncapi.json`. Every error is `{\"error\":{\"code\":…,\"message\":…}}`. The schemas of answers are exact about what \
    this version sends; clients should ignore keys they do not know, because such may be added.";

/// What every route may answer.
const ALWAYS: &[(u16, &str)] = &[
    (400, "What a trusted proxy says of where the request comes from contradicts itself."),
    (403, "A browser's page of an origin that is not let in, or a token without the right."),
    (405, "Another method; `Allow` names those there are."),
    (421, "The `Host` is none of this server's names."),
    (429, "Too many connections or handshakes of one address; `Retry-After` says when to come back."),
    (503, "No room for another connection; `Retry-After` says when to come back."),
];

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Schemas::new(Dialect::Draft2020);
    let error = schemas.sent(of::<ErrorAnswer>);
    let paths: Map<String, Value> =
        ROUTES.iter().map(|row| (template(row.path), path(row, &error, &mut schemas))).collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "veloflux",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{
            "url": "{scheme}://{host}:{port}",
            "variables": {
                "scheme": {"default": "http", "enum": ["http", "https"]},
                "host": {"default": "127.0.0.1"},
                "port": {"default": "8080"},
            },
        }],
        "paths": paths,
        "components": {
            "schemas": schemas.shared(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`."},
                "ticket": {
                    "type": "apiKey", "in": "query", "name": "ticket",
                    "description": "From `POST /api/ws/ticket`; opens one connection, within 30 s.",
                },
            },
        },
    })
}

/// The path as OpenAPI writes it: `:name` is `{name}`.
fn template(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn path(row: &Row, error: &Value, schemas: &mut Schemas) -> Value {
    let names = row.path.split('/').filter_map(|segment| segment.strip_prefix(':'));
    let variables: Vec<Value> = names
        .map(|name| {
            let schema = match name {
                "feed" => json!({"type": "string", "enum": Feed::ALL.map(Feed::name)}),
                _ => json!({"type": "string"}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    let mut path: Map<String, Value> = row
        .methods
        .iter()
        .map(|method| {
            let method_name = method.as_str().to_ascii_lowercase();
            let described = operation(row, method, !variables.is_empty(), error, schemas);
            (method_name, described)
        })
        .collect();
    if !variables.is_empty() {
        path.insert("parameters".to_owned(), variables.into());
    }
    path.into()
}

fn operation(row: &Row, method: &Method, has_variables: bool, error: &Value, schemas: &mut Schemas) -> Value {
    let Operation { access, query, takes, gives, fails } = row.operation;
    let mut failures: Vec<(u16, &str)> = ALWAYS.to_vec();
    if has_variables {
        failures.push((404, "There is nothing of that name."));
    }
    if *access != Access::Anyone {
        failures.push((401, "No token, or none that is good."));
        failures.push((503, "No room for another connection, or it cannot be told now whether the token is good."));
    }
    if takes.is_some() {
        failures.push((
            400,
            "The body is not as it should be; the message names the key. Or a trusted proxy contradicts itself.",
        ));
        failures.push((408, "The body did not arrive in time."));
        failures.push((413, "The body is too long."));
    }
    failures.extend_from_slice(fails);
    let failed = |(status, about): (u16, &str)| {
        let content = json!({"application/json": {"schema": error}});
        (status.to_string(), json!({"description": about, "content": content}))
    };
    let mut responses: Map<String, Value> = failures.into_iter().map(failed).collect();
    responses.extend(gives.iter().map(|gives| (gives.status.to_string(), given(gives, method, schemas))));
    let queries: Vec<Value> = query
        .iter()
        .map(|(name, about)| json!({"name": name, "in": "query", "description": about, "schema": {"type": "string"}}))
        .collect();
    let name: Vec<&str> = row.path.split(['/', '.', ':', '-']).filter(|word| !word.is_empty()).collect();
    let mut operation = json!({
        "operationId": format!("{}_{}", method.as_str().to_ascii_lowercase(), name.join("_")).trim_end_matches('_'),
        "summary": row.about,
        "responses": responses,
        "security": security(*access),
    });
    if !queries.is_empty() {
        operation["parameters"] = queries.into();
    }
    if let Some(takes) = takes {
        operation["requestBody"] = json!({
            "description": takes.about,
            "required": takes.presence == Presence::Required,
            "content": {"application/json": {"schema": schemas.taken(takes.shape)}},
        });
    }
    operation
}

fn given(gives: &Gives, method: &Method, schemas: &mut Schemas) -> Value {
    let mut response = json!({"description": gives.about});
    // The answer to HEAD has no body.
    if *method != Method::HEAD {
        match &gives.body {
            Body::Nothing => {}
            Body::Json(shape) => response["content"] = json!({"application/json": {"schema": schemas.sent(shape)}}),
            Body::Other(media) => response["content"] = json!({ *media: {} }),
        }
    }
    response
}

/// One of these is enough; `{}` is none at all.
fn security(access: Access) -> Value {
    match access {
        Access::Anyone => json!([]),
        Access::Reader => json!([{}, {"bearer": []}, {"ticket": []}]),
        Access::Holder | Access::Operator => json!([{"bearer": []}]),
    }
}
