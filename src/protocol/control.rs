//! The control API: what may be asked by `POST`, and what is answered.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Backend;
use super::{Admin, Feed};
use crate::duration;
use crate::limits::REASON_CHARS_MAX;

/// Path of the control endpoint.
pub const CONTROL_PATH: &str = "/api/ws/control";

/// Path of the force-update endpoint.
pub const FORCE_UPDATE_PATH: &str = "/api/ws/force-update";

/// Path of the ticket endpoint.
pub const TICKET_PATH: &str = "/api/ws/ticket";

/// One feed or all of them. On the wire the word `all` or a feed's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Every feed.
    All,
    /// This one.
    One(Feed),
}

impl Selection {
    /// The feeds it names.
    pub fn feeds(self) -> Vec<Feed> {
        match self {
            Selection::All => Feed::ALL.to_vec(),
            Selection::One(feed) => vec![feed],
        }
    }

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Selection::All => "all",
            Selection::One(feed) => feed.name(),
        }
    }
}

/// What an operator wants of one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its address, as it stands on the wire.
    pub backend: String,
    /// Its pool; needed only where the address stands in several.
    pub pool: Option<String>,
    /// Where it is known from; needed only where several sources list it in the same pool.
    pub source: Option<String>,
    /// What is wanted.
    pub wanted: Wanted,
    /// For how long; then the backend is enabled again, or has the weight it had. None: until somebody says otherwise.
    pub lasts: Option<Duration>,
    /// Why, for those who see it.
    pub reason: Option<String>,
}

/// What an operator may want of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Let it work, let it finish what it has, or take it out.
    Admin(Admin),
    /// Give it this share of the traffic.
    Weight(u32),
}

impl Wanted {
    /// The word of the action.
    pub const fn action(self) -> &'static str {
        match self {
            Wanted::Admin(Admin::Enabled) => "enable",
            Wanted::Admin(Admin::Draining) => "drain",
            Wanted::Admin(Admin::Maintenance) => "maintenance",
            Wanted::Weight(_) => "weight",
        }
    }
}

/// The largest share of traffic, as in the load balancers' own settings.
pub const WEIGHT_MAX: u32 = 65_535;

/// What a body of the control endpoint asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Change nothing; answer what the state is. The meaning of an empty body.
    Check,
    /// Stop sending regular messages.
    Pause(Selection),
    /// Go on.
    Resume(Selection),
    /// Read the settings again.
    Reload,
    /// Change what is wanted of a backend.
    Backend(Order),
}

/// A body that is no command. The text names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCommand(pub String);

impl Command {
    /// Reads the body of `POST /api/ws/control`.
    ///
    /// # Errors
    /// [`BadCommand`] with the key that is wrong and what may stand there.
    pub fn parse(body: &[u8]) -> Result<Command, BadCommand> {
        let object = object(body)?;
        let selection =
            || selection(&object)?.ok_or_else(|| BadCommand("`type` is missing; write a feed or `all`".to_owned()));
        match object.get("action") {
            None if object.is_empty() => Ok(Command::Check),
            None => Err(BadCommand(format!("`action` is missing; write {ACTIONS}"))),
            Some(Value::String(word)) if word == "pause" => Ok(Command::Pause(selection()?)),
            Some(Value::String(word)) if word == "resume" => Ok(Command::Resume(selection()?)),
            Some(Value::String(word)) if word == "check" => Ok(Command::Check),
            Some(Value::String(word)) if word == "reload" => Ok(Command::Reload),
            Some(Value::String(word)) if word == "drain" => order(&object, Wanted::Admin(Admin::Draining)),
            Some(Value::String(word)) if word == "maintenance" => order(&object, Wanted::Admin(Admin::Maintenance)),
            Some(Value::String(word)) if word == "enable" => order(&object, Wanted::Admin(Admin::Enabled)),
            Some(Value::String(word)) if word == "weight" => {
                let weight = object.get("weight").and_then(Value::as_u64);
                let weight = weight.and_then(|weight| weight.try_into().ok()).filter(|weight| *weight <= WEIGHT_MAX);
                let weight = weight.ok_or_else(|| {
                    BadCommand(format!("`weight` is missing or no whole number from 0 to {WEIGHT_MAX}"))
                })?;
                order(&object, Wanted::Weight(weight))
            }
            Some(other) => Err(BadCommand(format!("`action` is {other}; write {ACTIONS}"))),
        }
    }

    /// The body that says this command.
    pub fn body(&self) -> Value {
        match self {
            Command::Check => serde_json::json!({}),
            Command::Reload => serde_json::json!({"action": "reload"}),
            Command::Backend(order) => {
                let mut body = serde_json::json!({"action": order.wanted.action(), "backend": order.backend});
                if let Wanted::Weight(weight) = order.wanted {
                    body["weight"] = weight.into();
                }
                let lasts = order.lasts.map(duration::format);
                let texts =
                    [("pool", &order.pool), ("source", &order.source), ("for", &lasts), ("reason", &order.reason)];
                for (key, value) in texts {
                    if let Some(value) = value {
                        body[key] = value.as_str().into();
                    }
                }
                body
            }
            Command::Pause(what) => serde_json::json!({"action": "pause", "type": what.name()}),
            Command::Resume(what) => serde_json::json!({"action": "resume", "type": what.name()}),
        }
    }
}

/// The bodies that [`Command::parse`] takes.
impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let selection = generator.subschema_for::<Selection>();
        let action = |words: &[&str], more: Value, required: &[&str]| {
            let mut properties = serde_json::json!({"action": {"type": "string", "enum": words}});
            let all = more.as_object().into_iter().flatten();
            all.for_each(|(key, schema)| properties[key] = schema.clone());
            let required: Vec<&str> = ["action"].into_iter().chain(required.iter().copied()).collect();
            serde_json::json!({"type": "object", "properties": properties, "required": required})
        };
        let text = |about: &str| serde_json::json!({"type": ["string", "null"], "minLength": 1, "description": about});
        let backend = |more: Value| {
            let mut properties = serde_json::json!({
                "backend": {"type": "string", "minLength": 1, "description": "Its address, as the `backends` feed has it."},
                "pool": text("Its pool, where the address stands in several."),
                "source": text("Its source, where several list it in the same pool."),
                "for": text("For how long, such as `30m`; then it is enabled again, or has the weight it had."),
                "reason": text("Why, in one line, for those who see it."),
            });
            properties["reason"]["maxLength"] = REASON_CHARS_MAX.into();
            more.as_object().into_iter().flatten().for_each(|(key, schema)| properties[key] = schema.clone());
            properties
        };
        let weight = serde_json::json!({"weight": {"type": "integer", "minimum": 0, "maximum": WEIGHT_MAX}});
        json_schema!({
            "description": "What to do. Keys that do not belong to the action are ignored.",
            "anyOf": [
                {"type": "object", "maxProperties": 0, "description": "Nothing: the state is told."},
                action(&["check", "reload"], Value::Null, &[]),
                action(&["pause", "resume"], serde_json::json!({"type": selection}), &["type"]),
                action(&["drain", "maintenance"], backend(Value::Null), &["backend"]),
                action(&["enable"], backend(serde_json::json!({"for": {"type": "null"}})), &["backend"]),
                action(&["weight"], backend(weight), &["backend", "weight"]),
            ],
        })
    }
}

impl JsonSchema for Selection {
    fn schema_name() -> Cow<'static, str> {
        "Selection".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Feed::ALL.into_iter().map(Feed::name).chain([Selection::All.name()]).collect();
        json_schema!({"description": "A feed, or all.", "type": "string", "enum": words})
    }
}

/// The bodies that [`parse_force_update`] takes.
pub fn force_update_body(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "properties": {"type": generator.subschema_for::<Selection>()}})
}

const ACTIONS: &str = "`pause`, `resume`, `check`, `reload`, `drain`, `maintenance`, `enable` or `weight`";

fn order(object: &serde_json::Map<String, Value>, wanted: Wanted) -> Result<Command, BadCommand> {
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(other) => Err(BadCommand(format!("`{key}` is {other}; write text"))),
    };
    let backend = text("backend")?.ok_or_else(|| {
        BadCommand("`backend` is missing; write its address as the `backends` feed has it".to_owned())
    })?;
    let lasts = match text("for")? {
        Some(text) => match duration::parse(&text) {
            Ok(lasts) if !lasts.is_zero() => Some(lasts),
            Ok(_) => return Err(BadCommand("`for` is no time at all".to_owned())),
            Err(error) => return Err(BadCommand(format!("`for`: {error}"))),
        },
        None => None,
    };
    let reason = text("reason")?;
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX || reason.contains(char::is_control))
    {
        return Err(BadCommand(format!("`reason` is one line of at most {REASON_CHARS_MAX} letters")));
    }
    if lasts.is_some() && wanted == Wanted::Admin(Admin::Enabled) {
        return Err(BadCommand("`for` does not go with `enable`, which withdraws what was ordered".to_owned()));
    }
    Ok(Command::Backend(Order { backend, pool: text("pool")?, source: text("source")?, wanted, lasts, reason }))
}

/// Reads the body of `POST /api/ws/force-update`: empty, `{}` or `{"type": <feed> | "all"}`.
///
/// # Errors
/// [`BadCommand`] with the key that is wrong and what may stand there.
pub fn parse_force_update(body: &[u8]) -> Result<Selection, BadCommand> {
    Ok(selection(&object(body)?)?.unwrap_or(Selection::All))
}

fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, BadCommand> {
    if body.trim_ascii().is_empty() {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(BadCommand("the body is not a JSON object; leave it empty or send one".to_owned())),
        Err(error) => Err(BadCommand(format!("the body is not JSON: {error}"))),
    }
}

fn selection(object: &serde_json::Map<String, Value>) -> Result<Option<Selection>, BadCommand> {
    const CHOICES: &str = "backends, metrics, status, billing, health or all";
    match object.get("type") {
        None => Ok(None),
        Some(Value::String(word)) if word == "all" => Ok(Some(Selection::All)),
        Some(Value::String(word)) => match word.parse() {
            Ok(feed) => Ok(Some(Selection::One(feed))),
            Err(_) => Err(BadCommand(format!("`type` is `{word}`; write {CHOICES}"))),
        },
        Some(other) => Err(BadCommand(format!("`type` is {other}; write {CHOICES}"))),
    }
}

/// The answer of the control endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlAnswer {
    /// Always `ok`.
    #[schemars(extend("const" = "ok"))]
    pub control: String,
    /// The feeds that are paused now.
    pub paused: Vec<Feed>,
    /// What a reload has changed, in words; only there after one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// The backend after an order about it; only there after one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
}

/// The answer of the force-update endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForceUpdateAnswer {
    /// Always `triggered`.
    #[schemars(extend("const" = "triggered"))]
    pub force_update: String,
    /// The feeds that measured afresh and were sent.
    pub feeds: Vec<Feed>,
}

/// The answer of the ticket endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketAnswer {
    /// What goes into the address of one connection, as `?ticket=…`.
    pub ticket: String,
    /// For how long it does, in seconds.
    pub expires_in: u64,
}

/// Every error body: `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// The inside of an [`ErrorAnswer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_command_or_an_error_that_names_the_key() {
        let parse = |body: &str| Command::parse(body.as_bytes());
        for body in ["", "  \n", "{}", "{\"action\":\"check\"}"] {
            assert_eq!(parse(body), Ok(Command::Check), "{body}");
        }
        for command in [Command::Pause(Selection::All), Command::Resume(Selection::One(Feed::Metrics))] {
            assert_eq!(parse(&command.body().to_string()), Ok(command));
        }
        for (body, word) in [
            ("x", "not JSON"),
            ("[]", "not a JSON object"),
            ("{\"type\":\"all\"}", "`action` is missing"),
            ("{\"action\":\"pause\"}", "`type` is missing"),
            ("{\"action\":\"stop\",\"type\":\"all\"}", "`action` is \"stop\""),
            ("{\"action\":1}", "`action` is 1"),
            ("{\"action\":\"pause\",\"type\":\"metric\"}", "`type` is `metric`"),
            ("{\"action\":\"pause\",\"type\":7}", "`type` is 7"),
        ] {
            let error = parse(body).expect_err(body).to_string();
            assert!(error.contains(word), "{body}: {error}");
        }
    }

    #[test]
    fn force_update_takes_no_body_or_a_feed() {
        for (body, feeds) in
            [("", Selection::All), ("{}", Selection::All), ("{\"type\":\"billing\"}", Selection::One(Feed::Billing))]
        {
            assert_eq!(parse_force_update(body.as_bytes()), Ok(feeds), "{body}");
        }
        assert!(parse_force_update(b"{\"type\":\"bill\"}").is_err());
    }
}
