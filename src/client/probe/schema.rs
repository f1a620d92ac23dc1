//! The schema of the feeds: which keys a message has to have, and what may stand in them. The published keys are
//! required, the added ones may be missing and have to be right where they are; unknown keys are nobody's business.

use serde_json::Value;

use crate::protocol::{Envelope, Feed, Health, Timestamp};

/// What may stand in a key.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Percent,
    Whole,
    Bool,
    Time,
    Health,
    /// A list of texts.
    Texts,
    /// An object whose values are states.
    States,
    /// Any object.
    Object,
}

/// Whether a key has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Published: front ends rely on it.
    Published,
    /// Published, and null before the first check.
    Nullable,
    /// Added by us: another server may not have it.
    Added,
}

type Keys = &'static [(&'static str, Kind, Need)];

use Need::{Added, Nullable, Published};

const BACKEND: Keys = &[
    ("address", Kind::Text, Published),
    ("pool", Kind::Text, Published),
    ("weight", Kind::Whole, Published),
    ("status", Kind::Health, Published),
    ("last_check", Kind::Time, Added),
    ("state", Kind::Text, Added),
    ("admin", Kind::Text, Added),
    ("latency_ms", Kind::Number, Added),
    ("last_change", Kind::Time, Added),
    ("source", Kind::Text, Added),
    ("detail", Kind::Text, Added),
    ("stale", Kind::Bool, Added),
    ("intent", Kind::Object, Added),
];

const BACKEND_UPDATE: Keys = &[
    ("address", Kind::Text, Published),
    ("status", Kind::Health, Published),
    ("last_check", Kind::Time, Nullable),
    ("state", Kind::Text, Added),
    ("admin", Kind::Text, Added),
    ("latency_ms", Kind::Number, Added),
    ("last_change", Kind::Time, Added),
    ("detail", Kind::Text, Added),
    ("stale", Kind::Bool, Added),
    ("intent", Kind::Object, Added),
];

const METRICS: Keys = &[
    ("cpu", Kind::Percent, Published),
    ("memory", Kind::Percent, Published),
    ("requests", Kind::Whole, Published),
    ("timestamp", Kind::Time, Published),
    ("requests_total", Kind::Whole, Added),
    ("requests_per_second", Kind::Number, Added),
    ("requests_source", Kind::Text, Added),
    ("window_ms", Kind::Whole, Added),
    ("connections", Kind::Whole, Added),
];

const STATUS: Keys = &[
    ("status", Kind::Health, Published),
    ("timestamp", Kind::Time, Published),
    ("uptime", Kind::Text, Published),
    ("version", Kind::Text, Published),
    ("cluster_size", Kind::Whole, Published),
    ("reasons", Kind::Texts, Added),
    ("uptime_seconds", Kind::Whole, Added),
    ("node", Kind::Text, Added),
];

const BILLING: Keys = &[
    ("usage", Kind::Number, Published),
    ("cost", Kind::Number, Published),
    ("period", Kind::Text, Published),
    ("last_updated", Kind::Time, Published),
    ("cost_exact", Kind::Text, Added),
    ("currency", Kind::Text, Added),
    ("unit", Kind::Text, Added),
    ("period_start", Kind::Time, Added),
    ("period_end", Kind::Time, Added),
    ("partial", Kind::Bool, Added),
];

const HEALTH: Keys = &[
    ("healthy", Kind::Bool, Published),
    ("timestamp", Kind::Time, Published),
    ("checks", Kind::States, Published),
    ("details", Kind::Object, Added),
];

/// What a message is to a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// One of its own, as the contract has it.
    Good,
    /// One of its own, and this is wrong with it.
    Bad(String),
    /// Of a type the contract does not know: allowed, and counted for nothing.
    Foreign,
}

/// Judges a message of `feed`.
pub(super) fn judge(feed: Feed, message: &Value) -> Judgement {
    let kind = message["type"].as_str().unwrap_or_default();
    let data = &message["data"];
    let problem = match (feed, kind) {
        (Feed::Backends, "backends") => match data.as_array() {
            Some(list) => {
                let found = list.iter().enumerate();
                found.into_iter().find_map(|(at, item)| keys(&format!("data[{at}]"), item, BACKEND))
            }
            None => Some(format!("`data` is {}, not a list", shape(data))),
        },
        (Feed::Backends, "backends_update") => ["pool", "weight"]
            .into_iter()
            .find(|key| data.get(key).is_some())
            .map(|key| format!("`data.{key}` stands in an update, which clients merge"))
            .or_else(|| keys("data", data, BACKEND_UPDATE)),
        (Feed::Metrics, "metrics") => keys("data", data, METRICS),
        (Feed::Status, "status") => keys("data", data, STATUS),
        (Feed::Billing, "billing") => keys("data", data, BILLING),
        (Feed::Health, "health") => keys("data", data, HEALTH),
        (_, "backends_update") => Some(format!("a message of type `{kind}` on the feed `{feed}`")),
        (_, kind) if kind.parse::<Feed>().is_ok() => Some(format!("a message of type `{kind}` on the feed `{feed}`")),
        _ => return Judgement::Foreign,
    };
    // The table first: it says more. The types of the contract have the last word.
    let problem = problem.or_else(|| serde_json::from_value::<Envelope>(message.clone()).err().map(|e| e.to_string()));
    problem.map_or(Judgement::Good, Judgement::Bad)
}

/// The first key that is not as it should be.
fn keys(path: &str, value: &Value, keys: Keys) -> Option<String> {
    let Some(object) = value.as_object() else { return Some(format!("`{path}` is {}, not an object", shape(value))) };
    keys.iter().find_map(|(name, kind, need)| match object.get(*name) {
        None if *need == Added => None,
        None => Some(format!("`{path}.{name}` is missing")),
        Some(Value::Null) if *need != Published => None,
        Some(found) if kind.admits(found) => None,
        Some(found) => Some(format!("`{path}.{name}` is {}, not {}", shape(found), kind.name())),
    })
}

impl Kind {
    fn admits(self, value: &Value) -> bool {
        let state = |value: &Value| value.as_str().is_some_and(|word| Health::ALL.iter().any(|one| one.word() == word));
        match self {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Percent => value.as_f64().is_some_and(|number| (0.0..=100.0).contains(&number)),
            Kind::Whole => value.is_u64(),
            Kind::Bool => value.is_boolean(),
            Kind::Time => serde_json::from_value::<Timestamp>(value.clone()).is_ok(),
            Kind::Health => state(value),
            Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Kind::States => value.as_object().is_some_and(|object| object.values().all(state)),
            Kind::Object => value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Percent => "a number from 0 to 100",
            Kind::Whole => "a whole number",
            Kind::Bool => "true or false",
            Kind::Time => "a time in RFC 3339",
            Kind::Health => "healthy, degraded, unhealthy or unknown",
            Kind::Texts => "a list of texts",
            Kind::States => "an object of states",
            Kind::Object => "an object",
        }
    }
}

/// What a value is, short enough for a line.
fn shape(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(40) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics(change: Value) -> Value {
        let mut data = json!({"cpu": 45.2, "memory": 67.8, "requests": 156, "timestamp": "2024-01-15T10:30:00Z"});
        let object = data.as_object_mut().expect("an object");
        for (key, value) in change.as_object().expect("an object") {
            match value.as_str() {
                Some("-") => object.remove(key),
                _ => object.insert(key.clone(), value.clone()),
            };
        }
        json!({"type": "metrics", "data": data})
    }

    #[test]
    fn published_keys_are_required_and_unknown_ones_are_free() {
        for good in [json!({}), json!({"new": [1]}), json!({"requests_total": null}), json!({"cpu": 0})] {
            assert_eq!(judge(Feed::Metrics, &metrics(good.clone())), Judgement::Good, "{good}");
        }
        for (bad, words) in [
            (json!({"cpu": "-"}), "`data.cpu` is missing"),
            (json!({"cpu": "45"}), "`data.cpu` is \"45\", not a number from 0 to 100"),
            (json!({"cpu": 100.1}), "not a number from 0 to 100"),
            (json!({"cpu": null}), "`data.cpu` is null"),
            (json!({"requests": 1.5}), "`data.requests` is 1.5, not a whole number"),
            (json!({"timestamp": "yesterday"}), "not a time"),
            (json!({"requests_total": "1"}), "`data.requests_total` is \"1\""),
        ] {
            match judge(Feed::Metrics, &metrics(bad)) {
                Judgement::Bad(problem) => assert!(problem.contains(words), "{problem}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    #[test]
    fn types_are_held_to_their_feed() {
        assert_eq!(judge(Feed::Metrics, &json!({"type": "news", "data": 1})), Judgement::Foreign);
        let wrong_feed = judge(Feed::Status, &metrics(json!({})));
        assert_eq!(wrong_feed, Judgement::Bad("a message of type `metrics` on the feed `status`".to_owned()));
        let update =
            json!({"type": "backends_update", "data": {"address": "a:1", "status": "healthy", "last_check": null}});
        assert_eq!(judge(Feed::Backends, &update), Judgement::Good);
        let merged = json!({"type": "backends_update", "data": {"address": "a:1", "pool": "p"}});
        assert!(matches!(judge(Feed::Backends, &merged), Judgement::Bad(problem) if problem.contains("data.pool")));
        let list = json!({"type": "backends", "data": [{"address": "a:1", "pool": "p", "weight": 1, "status": "up"}]});
        assert!(matches!(judge(Feed::Backends, &list), Judgement::Bad(problem) if problem.contains("data[0].status")));
        assert_eq!(judge(Feed::Backends, &json!({"type": "backends", "data": []})), Judgement::Good);
        let health = |checks: Value| json!({"type": "health", "data": {"healthy": true, "timestamp": "2024-01-15T10:30:00Z", "checks": checks}});
        assert_eq!(judge(Feed::Health, &health(json!({"a": "degraded"}))), Judgement::Good);
        assert!(matches!(judge(Feed::Health, &health(json!({"a": true}))), Judgement::Bad(_)));
    }
}
