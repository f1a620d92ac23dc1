//! Paths: where in a document something stands.

use std::fmt;

use serde_json::Value;

use super::mistake::Mistake;
use super::quoted;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From the front, or from the back when below zero.
    Index(i64),
}

/// Steps that lead to one value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Steps(Vec<Step>);

/// Where one value stands, or with `[]` in it, where many do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The steps that lead up to each `[]`.
    pub(super) lists: Vec<Steps>,
    /// The steps behind the last `[]`.
    pub(super) rest: Steps,
}

/// A `[]` behind something that has no items: which path leads there, and what stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NoItems {
    pub(super) path: String,
    pub(super) found: Value,
}

/// Whether a character may stand in a key without quotes.
pub(super) fn is_key(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

impl Steps {
    /// What stands there; null if nothing does.
    pub(super) fn walk<'a>(&self, from: &'a Value) -> &'a Value {
        let step = |value: &'a Value, step: &Step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => {
                let list = value.as_array()?;
                let back = if *index < 0 { list.len() as i64 } else { 0 };
                usize::try_from(back + index).ok().and_then(|index| list.get(index))
            }
        };
        self.0.iter().try_fold(from, step).unwrap_or(&Value::Null)
    }

    /// Whether one of the two leads to a part of what the other leads to, or to the same.
    pub(super) fn meet(&self, keys: &[&str]) -> bool {
        self.0.iter().zip(keys).all(|(step, key)| matches!(step, Step::Key(own) if own == key))
    }

    /// The last step, if it is a key.
    pub(super) fn last_key(&self) -> Option<&str> {
        match self.0.last()? {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }
}

/// The items of a list of lists …, flat and in order. None where there is no list.
pub(super) fn items<'a>(lists: &[Steps], document: &'a Value) -> Result<Vec<&'a Value>, NoItems> {
    let mut found = vec![document];
    for (depth, steps) in lists.iter().enumerate() {
        let mut next = Vec::new();
        for value in found {
            match steps.walk(value) {
                Value::Null => {}
                Value::Array(list) => next.extend(list),
                Value::Object(map) => next.extend(map.values()),
                other => {
                    let path = Path { lists: lists[..depth].to_vec(), rest: steps.clone() };
                    return Err(NoItems { path: path.to_string(), found: other.clone() });
                }
            }
        }
        found = next;
    }
    Ok(found)
}

impl Path {
    /// Whether there is a `[]` in it.
    pub(super) fn is_many(&self) -> bool {
        !self.lists.is_empty()
    }

    /// Reads the path whose first dot stands at `start`. Returns it with the position behind it.
    pub(super) fn read(source: &str, start: usize) -> Result<(Path, usize), Mistake> {
        let mut path = Path { lists: Vec::new(), rest: Steps::default() };
        let mut at = start;
        loop {
            at = match source.as_bytes().get(at) {
                Some(b'.') => path.key(source, at)?,
                Some(b'[') => path.bracket(source, at)?,
                _ => return Ok((path, at)),
            };
        }
    }

    fn key(&mut self, source: &str, dot: usize) -> Result<usize, Mistake> {
        let start = dot + 1;
        let rest = &source[start..];
        let (key, end) = if rest.starts_with(['"', '\'']) {
            quoted::read(source, start)?
        } else {
            let length = rest.find(|c| !is_key(c)).unwrap_or(rest.len());
            if length == 0 {
                let advice =
                    "write for example `.data.cpu`; a key with other characters stands in quotes: `.\"odd key\"`";
                return Err(Mistake::new(dot..start, "there is no key behind this dot", advice));
            }
            (rest[..length].to_owned(), start + length)
        };
        self.rest.0.push(Step::Key(key));
        Ok(end)
    }

    fn bracket(&mut self, source: &str, open: usize) -> Result<usize, Mistake> {
        let Some(length) = source[open + 1..].find(']') else {
            let problem = "this bracket is not closed";
            return Err(Mistake::new(open..open + 1, problem, "write `[0]` for one item or `[]` for every item"));
        };
        let (inside, end) = (&source[open + 1..open + 1 + length], open + 1 + length + 1);
        let digits = inside.strip_prefix('-').unwrap_or(inside);
        if inside.is_empty() {
            self.lists.push(std::mem::take(&mut self.rest));
        } else if let (true, Ok(index)) = (digits.bytes().all(|byte| byte.is_ascii_digit()), inside.parse()) {
            self.rest.0.push(Step::Index(index));
        } else {
            let advice =
                "write `[0]` for the first item, `[-1]` for the last, `[]` for every item, `.\"key\"` for a key";
            return Err(Mistake::new(open..end, "this is not the number of an item", advice));
        }
        Ok(end)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Key(key) if !key.is_empty() && key.chars().all(is_key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, ".{}", quoted::write(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// So that [`Path::read`] reads the same back.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for steps in &self.lists {
            write!(f, "{steps}[]")?;
        }
        write!(f, "{}", self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn path(text: &str) -> Path {
        let (path, end) = Path::read(text, 0).expect(text);
        assert_eq!(end, text.len(), "{text}");
        path
    }

    #[test]
    fn a_path_leads_to_what_stands_there_or_to_null() {
        let document = json!({ "a": [{ "b": 1 }, { "b": 2 }], "odd key": { "x-y": true }, "3": "three" });
        for (text, value) in [
            (".a[0].b", json!(1)),
            (".a[-1].b", json!(2)),
            (".a[-2].b", json!(1)),
            (".a[-3].b", Value::Null),
            (".a[2].b", Value::Null),
            (".a[9223372036854775807]", Value::Null),
            (".a[-9223372036854775808]", Value::Null),
            (".\"odd key\".x-y", json!(true)),
            (".3", json!("three")),
            (".a.b", Value::Null),
            (".3[0]", Value::Null),
            (".missing.further", Value::Null),
        ] {
            assert_eq!(path(text).rest.walk(&document), &value, "{text}");
        }
    }

    #[test]
    fn brackets_give_every_item_in_one_flat_list() {
        let document = json!({ "pools": [{ "b": [1, 2] }, {}, { "b": { "x": 3, "y": 4 } }], "n": 5 });
        let found = |text: &str| items(&path(text).lists, &document);
        assert_eq!(found(".pools[].b[]"), Ok(vec![&json!(1), &json!(2), &json!(3), &json!(4)]));
        assert_eq!(found(".missing[]"), Ok(Vec::new()));
        assert_eq!(found(".n[]"), Err(NoItems { path: ".n".to_owned(), found: json!(5) }));
        assert_eq!(found(".pools[].b[].c[]"), Ok(Vec::new()));
        assert_eq!(found(".pools[].b[][]"), Err(NoItems { path: ".pools[].b[]".to_owned(), found: json!(1) }));
    }

    #[test]
    fn a_mistake_in_a_path_is_pointed_at() {
        for (text, at) in [
            (".", 0..1),
            (".data.", 5..6),
            (".data..cpu", 5..6),
            (".data[", 5..6),
            (".data[0", 5..6),
            (".data[x]", 5..8),
            (".data[+1]", 5..9),
            (".data[-]", 5..8),
            (".data[99999999999999999999]", 5..27),
            (".\"data", 1..2),
        ] {
            assert_eq!(Path::read(text, 0).map_err(|mistake| mistake.at), Err(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(
            steps in prop::collection::vec(
                prop_oneof![
                    any::<String>().prop_map(|key| Some(Step::Key(key))),
                    "[a-z_-]{1,5}".prop_map(|key| Some(Step::Key(key))),
                    any::<i64>().prop_map(|index| Some(Step::Index(index))),
                    Just(None),
                ],
                0..8,
            ),
        ) {
            let mut path = Path { lists: Vec::new(), rest: Steps(vec![Step::Key("data".to_owned())]) };
            for step in steps {
                match step {
                    Some(step) => path.rest.0.push(step),
                    None => path.lists.push(std::mem::take(&mut path.rest)),
                }
            }
            let text = path.to_string();
            prop_assert_eq!(Path::read(&text, 0), Ok((path, text.len())));
        }
    }
}
