//! What a client says on a feed ([`Inbound`]), and what it is answered. Published as the messages are: only add keys.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use super::control::ErrorBody;

/// The answer to a client's `ping` message.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "pong")]
pub struct Pong {
    /// What the client sent, untouched.
    #[schemars(with = "serde_json::Value")]
    pub timestamp: Box<RawValue>,
    /// The server's clock.
    pub server_time: Timestamp,
}

/// The answer to text that is no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "error")]
pub struct ErrorMessage {
    /// What was wrong.
    pub data: ErrorBody,
}

/// A client's question whether the other end is there, answered with a [`Pong`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "ping")]
pub struct Ping {
    /// Comes back in the answer, untouched.
    #[serde(default)]
    pub timestamp: serde_json::Value,
}

/// Says who a client is: as its first message, or with a fresh token in place of one that expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename = "auth")]
pub struct Auth {
    /// The token.
    pub token: String,
}

/// What a client's text message asks for.
#[derive(Debug)]
pub enum Inbound {
    /// Answer with a [`Pong`] that carries this timestamp.
    Ping(Box<RawValue>),
    /// Says who is speaking: the first message of a client that has presented nothing else, or a fresh token in place of
    /// one that expires. The token is not shown in `Debug`.
    Auth(Spoken),
    /// A JSON object of a type we do not know: ignored.
    Other,
    /// Not a JSON object: answered with an [`ErrorMessage`].
    Bad(String),
}

/// A token that was said in a message. Its `Debug` hides it.
pub struct Spoken(pub String);

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Inbound {
    /// Reads a client's text message. Never fails: what is wrong is [`Inbound::Bad`].
    pub fn parse(text: &str) -> Inbound {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(rename = "type", borrow, default)]
            kind: Option<&'a RawValue>,
            #[serde(borrow, default)]
            timestamp: Option<&'a RawValue>,
            #[serde(borrow, default)]
            token: Option<&'a RawValue>,
        }
        // serde would also read a struct from an array; only an object is a message.
        if !text.trim_start().starts_with('{') {
            return Inbound::Bad("a message is a JSON object".to_owned());
        }
        match serde_json::from_str::<Raw<'_>>(text) {
            Err(error) => Inbound::Bad(format!("a message is a JSON object: {error}")),
            Ok(Raw { kind: Some(kind), timestamp, .. }) if kind.get() == "\"ping\"" => {
                Inbound::Ping(timestamp.map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned))
            }
            Ok(Raw { kind: Some(kind), token, .. }) if kind.get() == "\"auth\"" => {
                match token.map(|token| serde_json::from_str(token.get())) {
                    Some(Ok(token)) => Inbound::Auth(Spoken(token)),
                    _ => Inbound::Bad("`token` of an `auth` message is text".to_owned()),
                }
            }
            Ok(_) => Inbound::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_answered_with_the_same_timestamp_to_the_letter() {
        for timestamp in ["1705314600000", "\"2024-01-15T10:30:00Z\"", "1.50", "{\"a\":[1, 2]}", "null"] {
            let Inbound::Ping(raw) = Inbound::parse(&format!("{{\"type\":\"ping\",\"timestamp\":{timestamp}}}")) else {
                panic!("a ping");
            };
            assert_eq!(raw.get(), timestamp);
        }
        assert!(matches!(Inbound::parse("{\"type\":\"ping\"}"), Inbound::Ping(raw) if raw.get() == "null"));
    }

    #[test]
    fn a_token_is_text_and_is_not_shown() {
        let said = Inbound::parse(r#"{"type":"auth","token":"s3cret"}"#);
        assert!(!format!("{said:?}").contains("s3cret"));
        assert!(matches!(said, Inbound::Auth(Spoken(token)) if token == "s3cret"));
        for text in [r#"{"type":"auth"}"#, r#"{"type":"auth","token":7}"#, r#"{"type":"auth","token":null}"#] {
            assert!(matches!(Inbound::parse(text), Inbound::Bad(_)), "{text}");
        }
    }

    #[test]
    fn only_a_json_object_is_a_message() {
        for text in ["", "ping", "[]", "[\"ping\",1]", "1", "null", "\"x\"", "{", "{}x", "{\"type\":}"] {
            assert!(matches!(Inbound::parse(text), Inbound::Bad(_)), "{text}");
        }
        for text in ["{}", " {\"type\":\"subscribe\"}", "{\"type\":1}", "{\"type\":null}"] {
            assert!(matches!(Inbound::parse(text), Inbound::Other), "{text}");
        }
    }
}
