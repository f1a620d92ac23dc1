//! The control API: what may be asked by `POST`, and what is answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Feed;

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

/// What a body of the control endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Change nothing; answer what the state is. The meaning of an empty body.
    Check,
    /// Stop sending regular messages.
    Pause(Selection),
    /// Go on.
    Resume(Selection),
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
            None => Err(BadCommand("`action` is missing; write `pause`, `resume` or `check`".to_owned())),
            Some(Value::String(word)) if word == "pause" => Ok(Command::Pause(selection()?)),
            Some(Value::String(word)) if word == "resume" => Ok(Command::Resume(selection()?)),
            Some(Value::String(word)) if word == "check" => Ok(Command::Check),
            Some(other) => Err(BadCommand(format!("`action` is {other}; write `pause`, `resume` or `check`"))),
        }
    }

    /// The body that says this command.
    pub fn body(self) -> Value {
        match self {
            Command::Check => serde_json::json!({}),
            Command::Pause(what) => serde_json::json!({"action": "pause", "type": what.name()}),
            Command::Resume(what) => serde_json::json!({"action": "resume", "type": what.name()}),
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlAnswer {
    /// Always `ok`.
    pub control: String,
    /// The feeds that are paused now.
    pub paused: Vec<Feed>,
}

/// The answer of the force-update endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceUpdateAnswer {
    /// Always `triggered`.
    pub force_update: String,
    /// The feeds that measured afresh and were sent.
    pub feeds: Vec<Feed>,
}

/// The answer of the ticket endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketAnswer {
    /// What goes into the address of one connection, as `?ticket=…`.
    pub ticket: String,
    /// For how long it does, in seconds.
    pub expires_in: u64,
}

/// Every error body: `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// The inside of an [`ErrorAnswer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
