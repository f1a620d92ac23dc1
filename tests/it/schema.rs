//! What the commands write with `--json` is as the man pages say: the keys, all of them and no others, and their JSON
//! types.

use serde_json::{Value, json};

use veloflux::output::schema::{Key, RECORD_TYPES, SHARED};

/// Holds a record of `watch` to its schema.
pub(crate) fn hold(record: &Value) {
    if let Err(wrong) = check(record) {
        panic!("{wrong}: {record}");
    }
}

/// The one document that was written, which has to be as its schema says.
pub(crate) fn document(text: &str, keys: &[Key]) -> Value {
    let document = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    if let Err(wrong) = walk("", &document, keys) {
        panic!("{wrong}: {document}");
    }
    document
}

fn check(record: &Value) -> Result<(), String> {
    let name = record["type"].as_str().ok_or("a record has a `type`")?;
    let kind = RECORD_TYPES.iter().find(|kind| kind.name == name).ok_or("an unknown type of record")?;
    let keys: Vec<Key> = SHARED.iter().chain(kind.keys).copied().collect();
    walk("", record, &keys)
}

/// Checks the value at `path`: its type, then what stands in it.
fn walk(path: &str, value: &Value, keys: &[Key]) -> Result<(), String> {
    if !path.is_empty() {
        let row = keys.iter().find(|(key, ..)| *key == path);
        let (_, kinds, _) = row.ok_or_else(|| format!("`{path}` is not in the schema"))?;
        if *kinds == "any" {
            return Ok(());
        }
        if !kinds.split('|').any(|kind| is(value, kind)) {
            return Err(format!("`{path}` is not {kinds}"));
        }
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| inside(&format!("{path}[]"), item, keys)),
        Value::Object(map) => {
            let open = keys.iter().any(|(key, ..)| *key == format!("{path}.*"));
            let step = |key: &str| match path {
                "" => key.to_owned(),
                _ if open => format!("{path}.*"),
                _ => format!("{path}.{key}"),
            };
            let below = |key: &&str| {
                let rest = if path.is_empty() { Some(*key) } else { key.strip_prefix(&format!("{path}.")) };
                rest.is_some_and(|rest| !rest.contains(['.', '[', '*']))
            };
            for key in keys.iter().map(|(key, ..)| *key).filter(below) {
                let name = key.rsplit('.').next().unwrap_or(key);
                if !map.contains_key(name) {
                    return Err(format!("`{key}` is missing"));
                }
            }
            map.iter().try_for_each(|(key, value)| walk(&step(key), value, keys))
        }
        _ => Ok(()),
    }
}

/// An item of a list: objects have their keys in the schema, anything else a row of its own.
fn inside(path: &str, item: &Value, keys: &[Key]) -> Result<(), String> {
    if !item.is_object() || keys.iter().any(|(key, ..)| *key == path) {
        return walk(path, item, keys);
    }
    let mut keys = keys.to_vec();
    let row: Key = (Box::leak(path.to_owned().into_boxed_str()), "object", "an item");
    keys.push(row);
    walk(path, item, &keys)
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let gap = json!({ "type": "gap", "feed": "metrics", "server": "h:80", "at": "x", "missed": 1, "after": "a", "before": "b" });
    assert_eq!(check(&gap), Ok(()));
    for (key, value, wrong) in [
        ("missed", json!("1"), "`missed` is not integer"),
        ("feed", json!(1), "`feed` is not string|null"),
        ("more", json!(1), "`more` is not in the schema"),
    ] {
        let mut record = gap.clone();
        record[key] = value;
        assert_eq!(check(&record), Err(wrong.to_owned()));
    }
    let mut record = gap.clone();
    record.as_object_mut().expect("an object").remove("before");
    assert_eq!(check(&record), Err("`before` is missing".to_owned()));
    let changes =
        |leaf: Value| json!({ "type": "changes", "feed": null, "server": null, "at": "x", "changes": [leaf] });
    assert_eq!(check(&changes(json!({ "path": "a", "old": null, "new": [1] }))), Ok(()));
    assert_eq!(check(&changes(json!({ "path": "a", "old": null }))), Err("`changes[].new` is missing".to_owned()));
}
