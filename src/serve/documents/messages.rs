//! Every message there is, with its schema and examples.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::examples;
use super::operation::of;
use super::schemas::{Schemas, inline};
use crate::protocol::control::ErrorBody;
use crate::protocol::inbound::{Auth, ErrorMessage, Ping, Pong};
use crate::protocol::resume::{Resumed, ResumedMessage};
use crate::protocol::{EventId, Feed, Message};

/// One kind of message.
pub struct Described {
    /// Its `type`.
    pub name: String,
    /// What it says.
    pub about: String,
    /// Its schema.
    pub payload: Value,
    /// As it may look like.
    pub examples: Vec<Value>,
    /// Who sends it.
    pub spoken: Spoken,
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// A feed, as news of it.
    By(Feed),
    /// The server, about the connection.
    ByServer,
    /// The client.
    ByClient,
}

/// All of them.
pub fn all(schemas: &mut Schemas) -> Vec<Described> {
    let examples = examples::of_feeds();
    let news = schemas.sent(inline::<Message>);
    let variants = news["oneOf"].as_array().expect("a message is one of several").clone();
    let id = schemas.sent(of::<EventId>);
    let news = variants.into_iter().map(|mut payload| {
        let name = payload["properties"]["type"]["const"].as_str().expect("the type of a message is fixed").to_owned();
        let of_it = || examples.iter().filter(|(_, example)| example["type"] == name.as_str());
        let (feed, _) = of_it().next().expect("there is an example of every message");
        payload["properties"]["id"] = id.clone();
        payload["required"].as_array_mut().expect("keys that are always there").push("id".into());
        let about = payload.as_object_mut().and_then(|payload| payload.remove("description"));
        Described {
            about: about.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            examples: of_it().map(|(_, example)| example.clone()).collect(),
            spoken: Spoken::By(*feed),
            name,
            payload,
        }
    });
    let mut all: Vec<Described> = news.collect();
    let pong = Pong { timestamp: number(), server_time: examples::noon() };
    let error = ErrorMessage {
        data: ErrorBody { code: "bad_message".to_owned(), message: "a message is a JSON object".to_owned() },
    };
    all.push(described(schemas.sent(inline::<Pong>), &pong, Spoken::ByServer));
    all.push(described(schemas.sent(inline::<ErrorMessage>), &error, Spoken::ByServer));
    let resumed = ResumedMessage { data: Resumed { feed: Feed::Metrics, recovered: true, replayed: 3 } };
    all.push(described(schemas.sent(inline::<ResumedMessage>), &resumed, Spoken::ByServer));
    let ping = Ping { timestamp: 1_705_314_600_000_u64.into() };
    let auth = Auth { token: "<a token>".to_owned() };
    all.push(described(schemas.taken(inline::<Ping>), &ping, Spoken::ByClient));
    all.push(described(schemas.taken(inline::<Auth>), &auth, Spoken::ByClient));
    all
}

/// A message whose `type` says which it is. (Its schema does not know the `type`, because that is no field.)
fn described(mut payload: Value, example: &impl Serialize, spoken: Spoken) -> Described {
    let example = serde_json::to_value(example).expect("a message has string keys and no failing serialiser");
    let name = example["type"].as_str().expect("a message has a type").to_owned();
    payload["properties"]["type"] = json!({"type": "string", "const": name});
    let object = payload.as_object_mut().expect("the schema of an object");
    match object.entry("required").or_insert_with(|| json!([])) {
        Value::Array(required) => required.insert(0, "type".into()),
        _ => unreachable!("`required` is a list"),
    }
    let about = object.remove("description");
    let about = about.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    Described { name, about, payload, examples: vec![example], spoken }
}

/// Milliseconds, as pages send them.
fn number() -> Box<RawValue> {
    RawValue::from_string("1705314600000".to_owned()).expect("a number")
}
