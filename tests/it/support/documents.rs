//! What the server says of itself, as a measure: every JSON document that a test reads from a server is held to the schema
//! the server publishes for it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;
use veloflux::serve::documents;

use super::http::Response;

/// A published document, and the schemas in it, compiled once.
pub(crate) struct Document {
    pub(crate) value: Value,
    schemas: Schemas,
    /// By JSON pointer.
    compiled: BTreeMap<String, SchemaIndex>,
}

/// The feeds.
pub(crate) static FEEDS: LazyLock<Document> = LazyLock::new(|| Document::new(documents::asyncapi(), Draft::V7));

/// Everything else.
pub(crate) static HTTP: LazyLock<Document> = LazyLock::new(|| Document::new(documents::openapi(), Draft::V2020_12));

/// Where the compiler finds a document.
const PLACE: &str = "mem:///document.json";

impl Document {
    fn new(value: Value, draft: Draft) -> Document {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(draft);
        compiler.enable_format_assertions();
        compiler.add_resource(PLACE, value.clone()).expect("a document of ours");
        let mut pointers = Vec::new();
        schemas_below(&value, "", &mut pointers);
        let mut schemas = Schemas::new();
        let compiled = pointers.into_iter().map(|pointer| {
            let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
            let index = compiler.compile(&format!("{PLACE}#{fragment}"), &mut schemas);
            (pointer.clone(), index.unwrap_or_else(|error| panic!("{pointer} is no schema: {error:#}")))
        });
        let compiled = compiled.collect();
        Document { value, schemas, compiled }
    }

    /// What is wrong with `instance` by the schema at this JSON pointer.
    pub(crate) fn complaint(&self, pointer: &str, instance: &Value) -> Option<String> {
        let index = self.compiled.get(pointer).unwrap_or_else(|| panic!("there is no schema at {pointer}"));
        let wrong = self.schemas.validate(instance, *index).err()?;
        Some(format!("by {pointer}:\n{wrong:#}\nin {instance}"))
    }
}

/// Where schemas stand: under these keys, and each of the shared ones.
fn schemas_below(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let Value::Object(object) = value else { return };
    for (key, value) in object {
        let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        if matches!(key.as_str(), "schema" | "payload") || pointer == "/components/schemas" {
            found.push(below);
        } else if key != "examples" {
            schemas_below(value, &below, found);
        }
    }
}

/// What is wrong with a message on the channel at `path`; where that is not known, on any channel.
pub(crate) fn message_complaint(path: Option<&str>, message: &Value) -> Option<String> {
    let kind = message["type"].as_str().unwrap_or_default();
    let path = path.map(|path| path.split('?').next().unwrap_or(path));
    let channels = FEEDS.value["channels"].as_object().expect("channels");
    let mut known = channels.values().filter(|channel| path.is_none_or(|path| channel["address"] == path)).peekable();
    if known.peek().is_none() {
        return Some(format!("there is no channel {path:?}"));
    }
    if !known.any(|channel| !channel["messages"][kind].is_null()) {
        return Some(format!("no message `{kind}` is described for {path:?}: {message}"));
    }
    FEEDS.complaint(&format!("/components/messages/{kind}/payload"), message)
}

/// Items of a list that are looked at. All are of the same kind, and where lists are long and many, looking at each would
/// make a reader of the test a slow one.
const ITEMS: usize = 50;

/// Holds a message to its schema.
pub(crate) fn hold_message(path: Option<&str>, message: &Value) {
    let mut message = message.clone();
    if let Some(items) = message.get_mut("data").and_then(Value::as_array_mut) {
        items.truncate(ITEMS);
    }
    if let Some(complaint) = message_complaint(path, &message) {
        panic!("{complaint}");
    }
}

/// What is wrong with an answer: its status is not described for the route, or its body is not as described.
pub(crate) fn response_complaint(method: &str, path: &str, response: &Response) -> Option<String> {
    // What is refused before it is a request has no body of ours.
    if response.status >= 400 && response.body.is_empty() && response.header("content-type").is_none() {
        return None;
    }
    let path = path.split('?').next().unwrap_or(path);
    let Some((template, operations)) = route(path) else {
        return error_complaint(response, 404, path);
    };
    let Some(operation) = operations.get(method.to_ascii_lowercase()) else {
        let preflight = method == "OPTIONS" && response.status == 204;
        return if preflight || response.status == 403 { None } else { error_complaint(response, 405, path) };
    };
    let described = &operation["responses"][response.status.to_string()];
    if described.is_null() {
        return Some(format!("{method} {template} is not described to answer {}: {response:?}", response.status));
    }
    let is_json = response.header("content-type").is_some_and(|media| media == "application/json");
    if !is_json || response.body.is_empty() || described["content"]["application/json"]["schema"].is_null() {
        return None;
    }
    let pointer = format!(
        "/paths/{}/{}/responses/{}/content/application~1json/schema",
        template.replace('~', "~0").replace('/', "~1"),
        method.to_ascii_lowercase(),
        response.status
    );
    HTTP.complaint(&pointer, &response.json())
}

/// Holds an answer to what is described.
pub(crate) fn hold_response(method: &str, path: &str, response: &Response) {
    if let Some(complaint) = response_complaint(method, path, response) {
        panic!("{complaint}");
    }
}

/// Holds the answer to a request, as it was sent, to what is described.
pub(crate) fn hold_exchange(request: &[u8], response: &Response) {
    let line = request.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    let mut words = line.unwrap_or_default().split(' ');
    if let (Some(method), Some(path), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) {
        hold_response(method, path, response);
    }
}

fn error_complaint(response: &Response, status: u16, path: &str) -> Option<String> {
    let known = BTreeMap::from([(404, "nothing"), (405, "no such method"), (403, "a foreign page")]);
    if response.status != status && response.status != 403 {
        return Some(format!("{path}: {} was due, not {response:?}", known[&status]));
    }
    HTTP.complaint("/components/schemas/ErrorAnswer", &response.json())
}

/// The template that a path fits, an exact one first.
fn route(path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = HTTP.value["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        let pairs = || template.iter().zip(&path);
        template.len() == path.len()
            && pairs().all(|(wanted, segment)| wanted == segment || (wanted.starts_with('{') && !segment.is_empty()))
    };
    let exact = paths.get_key_value(path);
    let found = exact.or_else(|| paths.iter().find(|(template, _)| fits(template)));
    found.map(|(template, operations)| (template.as_str(), operations))
}
