//! The feeds, as AsyncAPI 3. The application it describes is the server: it *sends* news and *receives* pings.

use serde_json::{Map, Value, json};

use super::VERSION;
use super::messages::{Described, Spoken, all};
use super::schemas::{Dialect, Schemas};
use crate::protocol::close::{Advice, CLOSE_CODES};
use crate::protocol::feed::SEVERAL_PATH;
use crate::protocol::{Feed, INBOUND_MESSAGE_BYTES_MAX, SERVER_PING_INTERVAL, SERVER_PING_TIMEOUT};
use crate::serve::auth::SUBPROTOCOL;
use crate::serve::upgrade;

const ABOUT: &str = "Live, measured values of a service fleet over WebSocket (RFC 6455): one JSON document per text frame. \
    The current state comes on connecting, then one message a tick, and a change that matters at once. `id` is \
    `<epoch>-<seq>`; the numbers of one epoch are consecutive, so a gap shows. The schemas are exact about what this version \
    sends; clients should ignore keys and types they do not know, because such may be added. Feeds without a token are open \
    to whoever can connect; then no security scheme applies.";

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Schemas::new(Dialect::Draft7);
    let messages = all(&mut schemas);
    let channels: Map<String, Value> =
        Carrier::all().map(|carrier| (carrier.name().to_owned(), channel(carrier, &messages))).collect();
    let operations: Map<String, Value> = Carrier::all().flat_map(|carrier| operations(carrier, &messages)).collect();
    let described: Map<String, Value> =
        messages.iter().map(|message| (message.name.clone(), component(message))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "veloflux feeds",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": "application/json",
        "servers": {"plain": server("ws"), "encrypted": server("wss")},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": described,
            "schemas": schemas.shared(),
            "securitySchemes": schemes(),
        },
        "x-close-codes": close_codes(),
        "x-limits": {
            "inbound_message_bytes_max": INBOUND_MESSAGE_BYTES_MAX,
            "server_ping_interval_ms": SERVER_PING_INTERVAL.as_millis() as u64,
            "server_ping_timeout_ms": SERVER_PING_TIMEOUT.as_millis() as u64,
        },
    })
}

fn server(protocol: &str) -> Value {
    json!({
        "host": "{host}:{port}",
        "protocol": protocol,
        "protocolVersion": "13",
        "variables": {
            "host": {"default": "127.0.0.1", "description": "Where the server listens, or the proxy in front of it."},
            "port": {"default": "8080", "description": "Its port."},
        },
        "security": schemes().keys().map(|name| reference(&["components", "securitySchemes", name])).collect::<Vec<_>>(),
    })
}

/// How a client says who it is, where the feeds want to know. One of them is enough.
fn schemes() -> Map<String, Value> {
    let subprotocol = format!(
        "For browsers, which cannot set a header: `{SUBPROTOCOL}, bearer.<token>`. Only `{SUBPROTOCOL}` is answered. With \
         `{SUBPROTOCOL}` alone the first message is `auth`."
    );
    let schemes = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`."},
        "subprotocol": {
            "type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol", "description": subprotocol,
        },
        "ticket": {
            "type": "httpApiKey", "in": "query", "name": "ticket",
            "description": "From `POST /api/ws/ticket`; opens one connection, within 30 s.",
        },
    });
    schemes.as_object().expect("an object").clone()
}

/// What a connection carries.
#[derive(Debug, Clone, Copy)]
enum Carrier {
    One(Feed),
    /// As many feeds as its client names.
    Several,
}

impl Carrier {
    fn all() -> impl Iterator<Item = Carrier> {
        Feed::ALL.into_iter().map(Carrier::One).chain([Carrier::Several])
    }

    fn name(self) -> &'static str {
        match self {
            Carrier::One(feed) => feed.name(),
            Carrier::Several => "several",
        }
    }

    fn address(self) -> String {
        match self {
            Carrier::One(feed) => feed.path(),
            Carrier::Several => SEVERAL_PATH.to_owned(),
        }
    }

    fn about(self) -> String {
        match self {
            Carrier::One(feed) => format!(
                "The current state at once, then a message every {} s, and changes that matter at once.",
                feed.cadence().as_secs()
            ),
            Carrier::Several => {
                "Several feeds on one connection, each as it is on one of its own; all of them where none is named."
                    .to_owned()
            }
        }
    }

    /// What may stand behind the `?`.
    fn query(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Carrier::One(_) => upgrade::ONE.query,
            Carrier::Several => upgrade::SEVERAL.query,
        }
    }
}

fn channel(carrier: Carrier, messages: &[Described]) -> Value {
    let on_it: Map<String, Value> = carried(carrier, messages)
        .map(|message| (message.name.clone(), reference(&["components", "messages", &message.name])))
        .collect();
    let query = [("ticket", "See the security scheme `ticket`.")].iter().chain(carrier.query());
    let query: Map<String, Value> =
        query.map(|(name, about)| ((*name).to_owned(), json!({"type": "string", "description": about}))).collect();
    json!({
        "address": carrier.address(),
        "title": carrier.name(),
        "description": carrier.about(),
        "messages": on_it,
        "bindings": {"ws": {
            "method": "GET",
            "query": {"type": "object", "properties": query},
            "bindingVersion": "0.1.0",
        }},
    })
}

/// Every message that may stand on a connection.
fn carried(carrier: Carrier, messages: &[Described]) -> impl Iterator<Item = &Described> {
    let elsewhere = move |spoken| matches!((spoken, carrier), (Spoken::By(by), Carrier::One(feed)) if by != feed);
    messages.iter().filter(move |message| !elsewhere(message.spoken))
}

fn operations(carrier: Carrier, messages: &[Described]) -> Vec<(String, Value)> {
    let name = carrier.name();
    let on = |message: &Described| reference(&["channels", name, "messages", &message.name]);
    let of = |wanted: fn(Spoken) -> bool| {
        carried(carrier, messages).filter(move |message| wanted(message.spoken)).map(on).collect::<Vec<_>>()
    };
    let channel = reference(&["channels", name]);
    let operation = |action: &str, summary: &str, messages: Vec<Value>| json!({"action": action, "channel": channel, "summary": summary, "messages": messages});
    let news = operation("send", "News of the feed.", of(|spoken| matches!(spoken, Spoken::By(_))));
    let about = operation("send", "About the connection.", of(|spoken| spoken == Spoken::ByServer));
    let mut operations = vec![(format!("{name}.news"), news), (format!("{name}.about"), about)];
    for message in carried(carrier, messages).filter(|message| message.spoken == Spoken::ByClient) {
        let mut taken = operation("receive", &message.about, vec![on(message)]);
        if message.name == "ping" {
            let pong = reference(&["channels", name, "messages", "pong"]);
            taken["reply"] = json!({"channel": channel, "messages": [pong]});
        }
        operations.push((format!("{name}.{}", message.name), taken));
    }
    operations
}

fn component(message: &Described) -> Value {
    let examples: Vec<Value> =
        message.examples.iter().map(|example| json!({"name": message.name, "payload": example})).collect();
    json!({
        "name": message.name,
        "summary": message.about,
        "contentType": "application/json",
        "payload": message.payload,
        "examples": examples,
    })
}

fn close_codes() -> Vec<Value> {
    let advice = |advice: &Advice| match advice {
        Advice::Stop => "the end was wanted: stay away",
        Advice::Reconnect => "connect again, with back-off",
        Advice::Change => "connect again only with a new credential, or after changing what was sent",
    };
    let row = |(code, meaning, next): &(crate::protocol::CloseCode, &str, Advice)| json!({"code": code.code(), "meaning": meaning, "advice": advice(next)});
    CLOSE_CODES.iter().map(row).collect()
}

fn reference(path: &[&str]) -> Value {
    json!({"$ref": format!("#/{}", path.join("/"))})
}
