//! Differences: which scalar leaves of a JSON document changed, old → new. Pure.
//!
//! Items of a list are told apart by their `address` where they have one, as clients of the contract merge them, else by
//! their position. Leaves that say no more than that time passes are left out: with them every message would be a change.

use serde_json::Value;

/// One leaf that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it stands: `cpu`, `checks.database`, `[10.0.0.5:8080].status`.
    pub path: String,
    /// What stood there before, null if nothing did.
    pub old: Value,
    /// What stands there now, null if nothing does.
    pub new: Value,
}

/// Keys whose values are the time, or grow with it.
const CLOCKS: [&str; 6] = ["timestamp", "last_check", "last_updated", "uptime", "uptime_seconds", "window_ms"];

/// The leaves that differ, in the order of the documents.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut String::new(), old, new, &mut found);
    found
}

fn compare(path: &mut String, old: &Value, new: &Value, found: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
            for key in keys.filter(|key| !CLOCKS.contains(&key.as_str())) {
                let step = if path.is_empty() { key.clone() } else { format!(".{key}") };
                descend(path, &step, before.get(key), after.get(key), found);
            }
        }
        (Value::Array(before), Value::Array(after)) if addressed(before) && addressed(after) => {
            for item in before {
                descend(path, &label(item), Some(item), after.iter().find(|other| same(other, item)), found);
            }
            for item in after.iter().filter(|item| !before.iter().any(|other| same(other, item))) {
                descend(path, &label(item), None, Some(item), found);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for index in 0..before.len().max(after.len()) {
                descend(path, &format!("[{index}]"), before.get(index), after.get(index), found);
            }
        }
        // What came or went as a whole is told leaf by leaf, against a document with nothing in it.
        (Value::Object(_), Value::Null) => compare(path, old, &Value::Object(serde_json::Map::new()), found),
        (Value::Null, Value::Object(_)) => compare(path, &Value::Object(serde_json::Map::new()), new, found),
        (Value::Array(_), Value::Null) => compare(path, old, &Value::Array(Vec::new()), found),
        (Value::Null, Value::Array(_)) => compare(path, &Value::Array(Vec::new()), new, found),
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => {
            compare(path, old, &Value::Null, found);
            compare(path, &Value::Null, new, found);
        }
        _ if old != new => found.push(Change { path: path.clone(), old: old.clone(), new: new.clone() }),
        _ => {}
    }
}

fn descend(path: &mut String, step: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    let length = path.len();
    path.push_str(step);
    compare(path, old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null), found);
    path.truncate(length);
}

/// Whether every item has an address of its own.
fn addressed(items: &[Value]) -> bool {
    let mut addresses: Vec<&str> = items.iter().filter_map(address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.len() == items.len()
}

fn address(item: &Value) -> Option<&str> {
    item.get("address")?.as_str()
}

fn same(one: &Value, other: &Value) -> bool {
    address(one) == address(other)
}

fn label(item: &Value) -> String {
    format!("[{}]", address(item).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn told(old: &Value, new: &Value) -> Vec<String> {
        changes(old, new).iter().map(|change| format!("{} {} -> {}", change.path, change.old, change.new)).collect()
    }

    #[test]
    fn only_what_changed_is_told_and_time_is_no_change() {
        let old =
            json!({ "cpu": 12.4, "memory": 38, "timestamp": "a", "checks": { "db": "healthy", "cache": "healthy" } });
        let new =
            json!({ "cpu": 13, "memory": 38, "timestamp": "b", "checks": { "db": "degraded", "queue": "healthy" } });
        assert_eq!(
            told(&old, &new),
            [
                "checks.cache \"healthy\" -> null",
                "checks.db \"healthy\" -> \"degraded\"",
                "checks.queue null -> \"healthy\"",
                "cpu 12.4 -> 13",
            ]
        );
        assert!(told(&new, &new).is_empty());
    }

    #[test]
    fn backends_are_told_apart_by_their_address() {
        let old = json!([{ "address": "a:1", "status": "healthy" }, { "address": "b:1", "status": "healthy" }]);
        let new = json!([{ "address": "b:1", "status": "unhealthy" }, { "address": "c:1", "status": "unknown" }]);
        assert_eq!(
            told(&old, &new),
            [
                "[a:1].address \"a:1\" -> null",
                "[a:1].status \"healthy\" -> null",
                "[b:1].status \"healthy\" -> \"unhealthy\"",
                "[c:1].address null -> \"c:1\"",
                "[c:1].status null -> \"unknown\"",
            ]
        );
        assert_eq!(told(&json!([1, 2]), &json!([1, 3, 4])), ["[1] 2 -> 3", "[2] null -> 4"]);
        assert_eq!(told(&json!({ "a": [1] }), &json!({ "a": "x" })), ["a[0] 1 -> null", "a null -> \"x\""]);
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn leaves(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(leaves).sum(),
            Value::Object(map) => map.values().map(leaves).sum(),
            _ => 1,
        }
    }

    proptest! {
        #[test]
        fn nothing_is_invented_and_the_way_back_is_as_long(old in document(), new in document()) {
            prop_assert!(changes(&old, &old).is_empty());
            let (there, back) = (changes(&old, &new), changes(&new, &old));
            prop_assert_eq!(there.len(), back.len());
            prop_assert!(there.len() <= leaves(&old) + leaves(&new));
            prop_assert!(there.iter().all(|change| change.old != change.new));
        }
    }
}
