//! The shape of every message, key by key, as the contract publishes it: an independent second reading of the contract,
//! so that a slip in the types of `veloflux::protocol` cannot hide itself.

use serde_json::Value;

/// The type of a value, and what it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// RFC 3339, UTC, `Z`, milliseconds.
    Time,
    /// 0–100 with at most one decimal.
    Percent,
    /// A number that is not negative.
    Number,
    /// A whole number that is not negative.
    Whole,
    Bool,
    /// A decimal in a string.
    Decimal,
    /// `42s`, `5m12s`, `1h30m`, `3d4h`.
    Uptime,
    /// An array of sentences.
    Sentences,
    /// An object in which every value is one of these words.
    Words(&'static [&'static str]),
    /// An object in which every value has this shape.
    Objects(&'static [(&'static str, Kind)]),
    /// One object of this shape.
    Record(&'static [(&'static str, Kind)]),
    /// `null`, or what is behind it.
    Maybe(&'static Kind),
}

const HEALTH: Kind = Kind::Word(&["healthy", "degraded", "unhealthy", "unknown"]);
const ADMIN: Kind = Kind::Word(&["enabled", "draining", "maintenance"]);

/// What was ordered of a backend.
const INTENT: &[(&str, Kind)] = &[
    ("admin", Kind::Maybe(&ADMIN)),
    ("weight", Kind::Maybe(&Kind::Whole)),
    ("state", Kind::Word(&["applied", "pending", "failed"])),
    ("error", Kind::Maybe(&Kind::Text)),
    ("since", Kind::Time),
    ("until", Kind::Maybe(&Kind::Time)),
    ("reason", Kind::Maybe(&Kind::Text)),
];

pub(crate) const BACKEND: &[(&str, Kind)] = &[
    ("address", Kind::Text),
    ("pool", Kind::Text),
    ("weight", Kind::Whole),
    ("status", HEALTH),
    ("last_check", Kind::Maybe(&Kind::Time)),
    ("state", Kind::Text),
    ("admin", ADMIN),
    ("latency_ms", Kind::Maybe(&Kind::Number)),
    ("last_change", Kind::Maybe(&Kind::Time)),
    ("source", Kind::Text),
    ("detail", Kind::Maybe(&Kind::Text)),
    ("stale", Kind::Bool),
    ("intent", Kind::Maybe(&Kind::Record(INTENT))),
];

/// A `backends_update` carries what a check may change, never `pool` or `weight`.
pub(crate) const BACKEND_UPDATE: &[(&str, Kind)] = &[
    ("address", Kind::Text),
    ("status", HEALTH),
    ("last_check", Kind::Time),
    ("state", Kind::Text),
    ("admin", ADMIN),
    ("latency_ms", Kind::Maybe(&Kind::Number)),
    ("last_change", Kind::Maybe(&Kind::Time)),
    ("detail", Kind::Maybe(&Kind::Text)),
    ("stale", Kind::Bool),
    ("intent", Kind::Maybe(&Kind::Record(INTENT))),
];

pub(crate) const METRICS: &[(&str, Kind)] = &[
    ("cpu", Kind::Percent),
    ("memory", Kind::Percent),
    ("requests", Kind::Whole),
    ("timestamp", Kind::Time),
    ("scope", Kind::Word(&["host", "cgroup"])),
    ("memory_scope", Kind::Word(&["host", "cgroup"])),
    ("requests_total", Kind::Whole),
    ("requests_per_second", Kind::Number),
    ("requests_source", Kind::Text),
    ("window_ms", Kind::Whole),
    ("connections", Kind::Whole),
];

pub(crate) const STATUS: &[(&str, Kind)] = &[
    ("status", Kind::Word(&["healthy", "degraded", "unhealthy"])),
    ("timestamp", Kind::Time),
    ("uptime", Kind::Uptime),
    ("version", Kind::Text),
    ("cluster_size", Kind::Whole),
    ("reasons", Kind::Sentences),
    ("uptime_seconds", Kind::Whole),
    ("node", Kind::Text),
];

pub(crate) const BILLING: &[(&str, Kind)] = &[
    ("usage", Kind::Number),
    ("cost", Kind::Number),
    ("period", Kind::Word(&["current_month"])),
    ("last_updated", Kind::Time),
    ("cost_exact", Kind::Decimal),
    ("currency", Kind::Text),
    ("unit", Kind::Text),
    ("period_start", Kind::Time),
    ("period_end", Kind::Time),
    ("partial", Kind::Bool),
];

const DETAIL: &[(&str, Kind)] = &[
    ("latency_ms", Kind::Maybe(&Kind::Number)),
    ("last_check", Kind::Maybe(&Kind::Time)),
    ("since", Kind::Maybe(&Kind::Time)),
    ("critical", Kind::Bool),
    ("error", Kind::Maybe(&Kind::Text)),
    ("kind", Kind::Text),
];

pub(crate) const HEALTH_REPORT: &[(&str, Kind)] = &[
    ("healthy", Kind::Bool),
    ("timestamp", Kind::Time),
    // Before its first result a check has no state of its own to publish but `unknown`.
    ("checks", Kind::Words(&["healthy", "degraded", "unhealthy", "unknown"])),
    ("details", Kind::Objects(DETAIL)),
];

/// Everything that is wrong with a feed's message.
pub(crate) fn complaints(message: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    keys("", message, &["type", "data", "id"], &mut wrong);
    let id = message["id"].as_str().unwrap_or_default();
    if id.parse::<veloflux::protocol::EventId>().is_err() {
        wrong.push(format!("`id` is {}", message["id"]));
    }
    let data = &message["data"];
    match message["type"].as_str().unwrap_or_default() {
        "backends" => match data.as_array() {
            Some(list) => list.iter().for_each(|item| object("data[]", item, BACKEND, &mut wrong)),
            None => wrong.push("`data` is no array".to_owned()),
        },
        "backends_update" => object("data", data, BACKEND_UPDATE, &mut wrong),
        "metrics" => object("data", data, METRICS, &mut wrong),
        "status" => object("data", data, STATUS, &mut wrong),
        "billing" => object("data", data, BILLING, &mut wrong),
        "health" => object("data", data, HEALTH_REPORT, &mut wrong),
        other => wrong.push(format!("`type` is {other:?}")),
    }
    wrong
}

/// A feed's message with nothing wrong with it.
pub(crate) fn valid(message: Value) -> Value {
    let wrong = complaints(&message);
    assert!(wrong.is_empty(), "{}\nin {message}", wrong.join("\n"));
    message
}

/// Whether a text is a point in time as the contract writes it.
pub(crate) fn is_time(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.len() == 24
        && [0..4, 5..7, 8..10, 11..13, 14..16, 17..19, 20..23].into_iter().all(digits)
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')]
            .into_iter()
            .all(|(at, byte)| text.as_bytes()[at] == byte)
}

fn object(path: &str, value: &Value, shape: &[(&str, Kind)], wrong: &mut Vec<String>) {
    let names: Vec<&str> = shape.iter().map(|(name, _)| *name).collect();
    keys(path, value, &names, wrong);
    for (name, kind) in shape {
        check(&format!("{path}.{name}"), &value[*name], *kind, wrong);
    }
}

/// Every key is there and no other: a new key is a change of the contract and belongs into the table above.
fn keys(path: &str, value: &Value, names: &[&str], wrong: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        wrong.push(format!("`{path}` is no object"));
        return;
    };
    let missing =
        names.iter().filter(|name| !object.contains_key(**name)).map(|name| format!("`{path}.{name}` is missing"));
    wrong.extend(missing);
    let extra =
        object.keys().filter(|key| !names.contains(&key.as_str())).map(|key| format!("`{path}.{key}` is unknown"));
    wrong.extend(extra);
}

fn check(path: &str, value: &Value, kind: Kind, wrong: &mut Vec<String>) {
    let one_decimal = |number: f64| ((number * 10.0).round() / 10.0 - number).abs() < 1e-9;
    let text = value.as_str();
    let right = match kind {
        Kind::Text => text.is_some_and(|text| !text.is_empty()),
        Kind::Word(words) => text.is_some_and(|text| words.contains(&text)),
        Kind::Time => text.is_some_and(is_time),
        Kind::Percent => value.as_f64().is_some_and(|number| (0.0..=100.0).contains(&number) && one_decimal(number)),
        Kind::Number => value.as_f64().is_some_and(|number| number >= 0.0),
        Kind::Whole => value.as_u64().is_some(),
        Kind::Bool => value.is_boolean(),
        Kind::Decimal => text.is_some_and(|text| text.parse::<f64>().is_ok() && !text.contains(['e', 'E'])),
        Kind::Uptime => text.is_some_and(is_uptime),
        Kind::Sentences => value.as_array().is_some_and(|list| {
            list.len() <= 10 && list.iter().all(|item| item.as_str().is_some_and(|text| text.len() > 5))
        }),
        Kind::Words(words) => value
            .as_object()
            .is_some_and(|object| object.values().all(|word| word.as_str().is_some_and(|word| words.contains(&word)))),
        Kind::Objects(shape) => {
            let objects = value.as_object();
            objects
                .into_iter()
                .flatten()
                .for_each(|(name, item)| object(&format!("{path}.{name}"), item, shape, wrong));
            objects.is_some()
        }
        Kind::Record(shape) => {
            object(path, value, shape, wrong);
            true
        }
        Kind::Maybe(inner) => {
            if !value.is_null() {
                check(path, value, *inner, wrong);
            }
            true
        }
    };
    if !right {
        wrong.push(format!("`{path}` is {value}, wanted {kind:?}"));
    }
}

fn is_uptime(text: &str) -> bool {
    let units: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).count();
    matches!(units.as_str(), "s" | "ms" | "hm" | "dh") && numbers == units.len()
}
