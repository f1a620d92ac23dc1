//! What a body has to say: a piece of text, a regular expression, a value in JSON. Pure but for the reading itself.
//!
//! A body of the type `application/health+json` is read without being asked for: its `status` of `warn` is degraded, one
//! of `fail` fails, whatever the status line says.

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use super::ProbeOptions;
use super::outcome::{Found, Outcome};
use super::probe::peer_words;
use crate::limits::{CHECK_BODY_BYTES_MAX, CHECK_REGEX_BYTES_MAX};
use crate::net::http::Answer;

/// The type of a report that says more than the status line, by the draft of the IETF.
const HEALTH_REPORT: &str = "application/health+json";

/// What is wanted of a body. Empty: nothing.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    text: Option<String>,
    pattern: Option<Regex>,
    json: Option<Field>,
}

/// A place in a JSON document, and what has to stand there.
#[derive(Debug)]
struct Field {
    pointer: String,
    /// As it is written there; text without its quotes. None: anything but `null` and `false`.
    value: Option<String>,
}

impl Wanted {
    pub(super) fn new(options: &ProbeOptions) -> Result<Wanted, String> {
        let pattern = options.body_matches.as_deref().map(|pattern| {
            let regex = RegexBuilder::new(pattern).size_limit(CHECK_REGEX_BYTES_MAX).build();
            // The first lines of the error draw a picture of the pattern.
            regex.map_err(|error| {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("`body_matches` is not a regular expression: {why}")
            })
        });
        let json = match (&options.json_pointer, &options.json_value) {
            (Some(pointer), _) if !pointer.starts_with('/') => {
                return Err(format!(
                    "the `json_pointer` `{pointer}` does not begin with `/`; write for example `/status`"
                ));
            }
            (Some(pointer), value) => Some(Field { pointer: pointer.clone(), value: value.clone() }),
            (None, Some(_)) => {
                return Err("`json_value` stands alone; say with `json_pointer` where to look".to_owned());
            }
            (None, None) => None,
        };
        Ok(Wanted { text: options.body.clone(), pattern: pattern.transpose()?, json })
    }

    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_none() && self.needs_no_more_than_text()
    }

    /// Whether it is enough to have found the text: the others need the whole body.
    fn needs_no_more_than_text(&self) -> bool {
        self.pattern.is_none() && self.json.is_none()
    }

    /// Reads as much of a body as it takes to judge it, and at most [`CHECK_BODY_BYTES_MAX`] bytes of it: of a document that
    /// is longer nobody can tell what it says. `answered` begins the sentence that ends with what is missing.
    pub(super) async fn judge(&self, mut answer: Answer, answered: &str) -> Found {
        let report = is_health_report(&answer);
        if self.is_empty() && !report {
            return Ok(Outcome::Good);
        }
        let text_is_enough = self.needs_no_more_than_text() && !report;
        let (mut body, mut cut_off) = (Vec::new(), false);
        while !cut_off {
            // What was searched before needs no second look, except for where the two pieces meet.
            let overlap = self.text.as_ref().map_or(0, |text| text.len().saturating_sub(1));
            let searched = body.len().saturating_sub(overlap);
            let room = CHECK_BODY_BYTES_MAX - body.len();
            let Some(chunk) = answer.chunk().await.map_err(|fault| fault.to_string())? else { break };
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            cut_off = chunk.len() > room;
            if text_is_enough && self.text.as_ref().is_some_and(|text| contains(&body[searched..], text.as_bytes())) {
                return Ok(Outcome::Good);
            }
        }
        let missing = |missing| format!("{answered} {missing}");
        self.missing_text(&body).map_err(missing)?;
        if cut_off && (report || self.json.is_some()) {
            let what = if report { "report" } else { "body" };
            return Ok(Outcome::Degraded(format!("its {what} is longer than {} KiB", CHECK_BODY_BYTES_MAX / 1024)));
        }
        self.missing_value(&body).map_err(missing)?;
        if report { health_report(&body) } else { Ok(Outcome::Good) }
    }

    /// The first thing that is not in the text as it should be, as it follows `GET / answered 200 `.
    fn missing_text(&self, body: &[u8]) -> Result<(), String> {
        if let Some(text) = self.text.as_ref().filter(|text| !contains(body, text.as_bytes())) {
            return Err(format!("without `{text}` in its body"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(body)) {
            return Err(format!("with a body that does not match `{pattern}`"));
        }
        Ok(())
    }

    /// The same for the value in the document.
    fn missing_value(&self, body: &[u8]) -> Result<(), String> {
        match &self.json {
            Some(field) => field.missing(body),
            None => Ok(()),
        }
    }
}

impl Field {
    fn missing(&self, body: &[u8]) -> Result<(), String> {
        let pointer = &self.pointer;
        let document: Value = serde_json::from_slice(body).map_err(|_| "with a body that is not JSON".to_owned())?;
        let there = match document.pointer(pointer) {
            None => return Err(format!("without `{pointer}` in its body")),
            Some(there) => there,
        };
        let written = as_written(there);
        match &self.value {
            Some(wanted) if *wanted != written => {
                Err(format!("with `{}` at `{pointer}`, expected `{wanted}`", peer_words(&written)))
            }
            None if matches!(there, Value::Null | Value::Bool(false)) => {
                Err(format!("with `{written}` at `{pointer}`"))
            }
            _ => Ok(()),
        }
    }
}

/// A value as its author sees it: text without quotes.
fn as_written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|window| window == wanted)
}

fn is_health_report(answer: &Answer) -> bool {
    let content_type = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(HEALTH_REPORT)
}

/// What a health report says about its author. One that is no JSON, or without a status, says nothing.
fn health_report(body: &[u8]) -> Found {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = |word: &str| match ["output", "description"].iter().find_map(|key| document[key].as_str()) {
        Some(why) => format!("reports `{word}`: {}", peer_words(why)),
        None => format!("reports `{word}`"),
    };
    match document["status"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("warn") => Ok(Outcome::Degraded(said("warn"))),
        // The words that the draft takes from other programs.
        Some(word @ ("fail" | "error" | "down")) => Err(said(word)),
        _ => Ok(Outcome::Good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: ProbeOptions) -> String {
        Wanted::new(&options).expect_err("it makes no sense")
    }

    fn missing(options: ProbeOptions, body: &str) -> Option<String> {
        let wanted = Wanted::new(&options).expect("it makes sense");
        wanted.missing_text(body.as_bytes()).and_then(|()| wanted.missing_value(body.as_bytes())).err()
    }

    fn json(pointer: &str, value: Option<&str>) -> ProbeOptions {
        ProbeOptions {
            json_pointer: Some(pointer.to_owned()),
            json_value: value.map(str::to_owned),
            ..ProbeOptions::default()
        }
    }

    fn matching(pattern: &str) -> ProbeOptions {
        ProbeOptions { body_matches: Some(pattern.to_owned()), ..ProbeOptions::default() }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(
            refusal(json("status", None)),
            "the `json_pointer` `status` does not begin with `/`; write for example `/status`"
        );
        let alone = ProbeOptions { json_value: Some("x".to_owned()), ..ProbeOptions::default() };
        assert_eq!(refusal(alone), "`json_value` stands alone; say with `json_pointer` where to look");
        assert_eq!(refusal(matching("(")), "`body_matches` is not a regular expression: unclosed group");
        assert!(refusal(matching(r"\w{1000}{1000}")).contains("size limit"));
    }

    #[test]
    fn a_value_in_json_is_compared_as_it_is_written() {
        let body = r#"{"status":"up","queue":{"depth":3,"open":true,"paused":false},"parts":[{"ok":null}]}"#;
        for (pointer, value, error) in [
            ("/status", Some("up"), None),
            ("/status", Some("down"), Some("with `up` at `/status`, expected `down`")),
            ("/queue/depth", Some("3"), None),
            ("/queue/open", Some("true"), None),
            ("/queue/open", None, None),
            ("/queue/paused", None, Some("with `false` at `/queue/paused`")),
            ("/queue/paused", Some("false"), None),
            ("/parts/0/ok", None, Some("with `null` at `/parts/0/ok`")),
            ("/parts/1", None, Some("without `/parts/1` in its body")),
        ] {
            assert_eq!(missing(json(pointer, value), body).as_deref(), error, "{pointer}");
        }
        assert_eq!(missing(json("/x", None), "<html>").as_deref(), Some("with a body that is not JSON"));
    }

    #[test]
    fn a_pattern_is_searched_for_in_bytes() {
        assert_eq!(missing(matching("^ready: [0-9]+$"), "ready: 12"), None);
        let error = missing(matching("(?i)READY"), "no\u{1b}pe").expect("it does not match");
        assert_eq!(error, "with a body that does not match `(?i)READY`");
        assert!(Wanted::new(&matching("b+")).expect("a pattern").missing_text(b"\xff\xfeb").is_ok());
    }

    #[test]
    fn a_health_report_warns_and_fails() {
        for (body, found) in [
            (r#"{"status":"pass"}"#, Ok(Outcome::Good)),
            (r#"{"status":"warn"}"#, Ok(Outcome::Degraded("reports `warn`".to_owned()))),
            (
                r#"{"status":"WARN","output":"disk 91 %"}"#,
                Ok(Outcome::Degraded("reports `warn`: disk 91 %".to_owned())),
            ),
            (r#"{"status":"fail","output":"no\u001b[2J"}"#, Err("reports `fail`: no?[2J".to_owned())),
            (r#"{"status":7}"#, Ok(Outcome::Good)),
            ("[]", Ok(Outcome::Good)),
            ("not json", Ok(Outcome::Good)),
        ] {
            assert_eq!(health_report(body.as_bytes()), found, "{body}");
        }
    }
}
