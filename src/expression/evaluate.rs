//! Evaluation: what an expression says about a document. Pure; what the document has no answer to is an error.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::path::{NoItems, Path, items};
use super::tree::{Condition, Each, Operand, Operator, Root};
use super::wildcard;

/// Characters of a text that an error repeats.
const QUOTED_CHARS_MAX: usize = 40;

/// A question the document has no answer to. Another document may have one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A value stands where true or false is needed.
    #[error("{what} is {found}, neither true nor false; compare it with something")]
    NotCondition {
        /// The path, or what else was asked about.
        what: String,
        /// What it is.
        found: String,
    },
    /// The two sides of `<`, `<=`, `>` or `>=` have no order.
    #[error("`{operator}` compares two numbers or two texts, but {left} is {left_found} and {right} is {right_found}")]
    NoOrder {
        /// As it is written.
        operator: &'static str,
        /// The left side.
        left: String,
        /// What it is.
        left_found: String,
        /// The right side.
        right: String,
        /// What it is.
        right_found: String,
    },
    /// A side of `~` is no text.
    #[error("`~` matches a text with a pattern, but {what} is {found}")]
    NoText {
        /// The side.
        what: String,
        /// What it is.
        found: String,
    },
    /// `len()` of something that has none.
    #[error("`len()` counts a list, an object or a text, but `{path}` is {found}")]
    NoLength {
        /// The path.
        path: String,
        /// What it is.
        found: String,
    },
    /// `[]` behind something that has no items.
    #[error("`[]` goes over a list or an object, but `{path}` is {found}")]
    NoItems {
        /// The path.
        path: String,
        /// What it is.
        found: String,
    },
    /// `healthy` where no feed says how anything is.
    #[error("`healthy` judges the feeds backends, status and health, and none of them is followed; name one of them")]
    NothingToJudge,
}

impl From<NoItems> for EvalError {
    fn from(NoItems { path, found }: NoItems) -> Self {
        EvalError::NoItems { path, found: described(&found) }
    }
}

impl Root {
    pub(super) fn test(&self, document: &Value) -> Result<bool, EvalError> {
        let scope = Scope { document, item: &Value::Null };
        match self {
            Root::Condition(condition) => scope.test(condition),
            Root::Operand(operand) => match &*scope.value(operand)? {
                Value::Bool(value) => Ok(*value),
                other => Err(EvalError::NotCondition { what: named(operand), found: described(other) }),
            },
            Root::Many(path) => {
                Err(EvalError::NotCondition { what: format!("`{path}`"), found: "many values".to_owned() })
            }
        }
    }

    pub(super) fn select(&self, document: &Value) -> Result<Vec<Value>, EvalError> {
        let scope = Scope { document, item: &Value::Null };
        Ok(match self {
            Root::Condition(condition) => vec![Value::Bool(scope.test(condition)?)],
            Root::Operand(operand) => vec![scope.value(operand)?.into_owned()],
            Root::Many(path) => {
                items(&path.lists, document)?.into_iter().map(|item| path.rest.walk(item).clone()).collect()
            }
        })
    }
}

/// What paths are walked from.
#[derive(Clone, Copy)]
struct Scope<'a> {
    document: &'a Value,
    /// The item at hand inside a list function; the parser lets no path with `[]` be walked outside of one.
    item: &'a Value,
}

impl<'a> Scope<'a> {
    fn test(self, condition: &'a Condition) -> Result<bool, EvalError> {
        match condition {
            Condition::Or(conditions) => first(conditions, true, |condition| self.test(condition)),
            Condition::And(conditions) => first(conditions, false, |condition| self.test(condition)),
            Condition::Not(condition) => Ok(!self.test(condition)?),
            Condition::Compare(left, operator, right) => self.compare(left, *operator, right),
            Condition::Has(path) => Ok(!self.walk(path).is_null()),
            Condition::All(each) => {
                let items = self.items(each)?;
                Ok(!items.is_empty() && first(items, false, |item| item.test(&each.condition))?)
            }
            Condition::Any(each) => first(self.items(each)?, true, |item| item.test(&each.condition)),
            Condition::Healthy => healthy(self.document),
            Condition::Constant(value) => Ok(*value),
            Condition::Holds(path) => match self.walk(path) {
                Value::Bool(value) => Ok(*value),
                other => Err(EvalError::NotCondition { what: format!("`{path}`"), found: described(other) }),
            },
        }
    }

    fn value(self, operand: &'a Operand) -> Result<Cow<'a, Value>, EvalError> {
        Ok(match operand {
            Operand::Literal(value) => Cow::Borrowed(value),
            Operand::Path(path) => Cow::Borrowed(self.walk(path)),
            Operand::Len(path) => Cow::Owned(Value::from(match self.walk(path) {
                Value::Array(list) => list.len(),
                Value::Object(map) => map.len(),
                Value::String(text) => text.chars().count(),
                other => return Err(EvalError::NoLength { path: path.to_string(), found: described(other) }),
            })),
            Operand::Count(each) => {
                let mut count = 0;
                for item in self.items(each)? {
                    count += u64::from(item.test(&each.condition)?);
                }
                Cow::Owned(Value::from(count))
            }
        })
    }

    fn walk(self, path: &Path) -> &'a Value {
        path.rest.walk(if path.is_many() { self.item } else { self.document })
    }

    fn items(self, each: &Each) -> Result<Vec<Scope<'a>>, EvalError> {
        let items = items(&each.lists, self.document)?;
        Ok(items.into_iter().map(|item| Scope { document: self.document, item }).collect())
    }

    fn compare(self, left: &'a Operand, operator: Operator, right: &'a Operand) -> Result<bool, EvalError> {
        let (one, other) = (self.value(left)?, self.value(right)?);
        let order = || {
            order(&one, &other).ok_or_else(|| EvalError::NoOrder {
                operator: operator.sign(),
                left: named(left),
                left_found: described(&one),
                right: named(right),
                right_found: described(&other),
            })
        };
        Ok(match operator {
            Operator::Equal => equal(&one, &other),
            Operator::Unequal => !equal(&one, &other),
            Operator::Less => order()?.is_lt(),
            Operator::LessOrEqual => order()?.is_le(),
            Operator::Greater => order()?.is_gt(),
            Operator::GreaterOrEqual => order()?.is_ge(),
            Operator::Matches => match (&*one, &*other) {
                (Value::String(text), Value::String(pattern)) => wildcard::matches(pattern, text),
                (Value::String(_), wrong) => {
                    return Err(EvalError::NoText { what: named(right), found: described(wrong) });
                }
                (wrong, _) => return Err(EvalError::NoText { what: named(left), found: described(wrong) }),
            },
        })
    }
}

/// `wanted` if it is the answer to any of the questions, asked in order up to there; else the opposite.
fn first<T>(
    questions: impl IntoIterator<Item = T>,
    wanted: bool,
    ask: impl Fn(T) -> Result<bool, EvalError>,
) -> Result<bool, EvalError> {
    for question in questions {
        if ask(question)? == wanted {
            return Ok(wanted);
        }
    }
    Ok(!wanted)
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number_order(one, other),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Whole numbers are compared exactly: counters grow past what a float can tell apart.
fn number_order(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Equality of JSON in which `1` and `1.0` are the same number.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number_order(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}

/// The bare word `healthy`: see the head of [`super`].
fn healthy(document: &Value) -> Result<bool, EvalError> {
    let state = &document["state"];
    let is_healthy = |value: &Value| value["status"] == "healthy";
    let judged = [
        state
            .get("backends")
            .map(|backends| backends.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_healthy))),
        state.get("status").map(is_healthy),
        state.get("health").map(|health| health["healthy"] == true),
    ];
    judged.into_iter().flatten().reduce(|one, other| one && other).ok_or(EvalError::NothingToJudge)
}

/// A value's name in an error.
fn named(operand: &Operand) -> String {
    match operand {
        Operand::Literal(_) => "the other side".to_owned(),
        Operand::Path(path) => format!("`{path}`"),
        Operand::Len(path) => format!("`len({path})`"),
        Operand::Count(_) => "`count(…)`".to_owned(),
    }
}

/// What a value is, in a few words. A peer's text is escaped and cut.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null or missing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().nth(QUOTED_CHARS_MAX).is_some() => {
            format!("the text {:?}…", text.chars().take(QUOTED_CHARS_MAX).collect::<String>())
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
