//! Parts: what a stretch of the text means, before it is known whether it is to be true or false, a value, or many.

use std::ops::Range;

use serde_json::Value;

use super::mistake::Mistake;
use super::path::Path;
use super::tree::{Condition, Operand, Operator};

/// What a part of the text means, and the bytes it stands in.
pub(super) struct Part {
    pub(super) meaning: Meaning,
    pub(super) at: Range<usize>,
}

pub(super) enum Meaning {
    Condition(Condition),
    Operand(Operand),
    /// A duration, in milliseconds.
    Duration(u64),
    /// A path with `[]` outside of a list function.
    Many(Path),
}

impl Part {
    /// As something that is true or false.
    pub(super) fn condition(self) -> Result<Condition, Mistake> {
        match self.meaning {
            Meaning::Condition(condition) => Ok(condition),
            Meaning::Operand(Operand::Path(path)) => Ok(Condition::Holds(path)),
            Meaning::Operand(Operand::Literal(Value::Bool(value))) => Ok(Condition::Constant(value)),
            Meaning::Many(path) => Err(many(self.at, &path)),
            Meaning::Operand(_) | Meaning::Duration(_) => Err(Mistake::new(
                self.at,
                "this is a value, neither true nor false",
                "compare it with something, for example `.data.cpu < 90`",
            )),
        }
    }

    /// As something that can be compared.
    pub(super) fn operand(self) -> Result<Operand, Mistake> {
        match self.meaning {
            Meaning::Operand(operand) => Ok(operand),
            Meaning::Duration(milliseconds) => Ok(Operand::Literal(Value::from(milliseconds))),
            Meaning::Many(path) => Err(many(self.at, &path)),
            Meaning::Condition(Condition::Healthy) => Err(Mistake::new(
                self.at,
                "`healthy` alone is a condition, not a text",
                "a text stands in quotes: write `\"healthy\"`",
            )),
            Meaning::Condition(_) => Err(Mistake::new(
                self.at,
                "this is true or false already and is not compared",
                "leave the comparison out, or write `not` in front",
            )),
        }
    }

    /// Whether a duration may be compared with it.
    pub(super) fn counts_milliseconds(&self) -> bool {
        let Meaning::Operand(Operand::Path(path)) = &self.meaning else { return false };
        path.rest.last_key().is_some_and(|key| key.ends_with("_ms"))
    }
}

/// The mistake of a path with `[]` where one value is needed.
pub(super) fn many(at: Range<usize>, path: &Path) -> Mistake {
    let advice =
        format!("wrap the comparison, for example `all({path} == \"healthy\")` or `any(…)`, or count with `count(…)`");
    Mistake::new(at, "a path with `[]` is many values", advice)
}

/// Refuses a literal that the operator can never be asked about.
pub(super) fn comparable(operator: Operator, part: &Part) -> Result<(), Mistake> {
    let Meaning::Operand(Operand::Literal(value)) = &part.meaning else { return Ok(()) };
    let (fits, takes) = match operator {
        Operator::Equal | Operator::Unequal => (true, ""),
        Operator::Matches => {
            (value.is_string(), "matches a text with a pattern: write `.data.address ~ \"127.0.0.*\"`")
        }
        _ => (value.is_number() || value.is_string(), "compares two numbers or two texts; write `==` or `!=`"),
    };
    if fits {
        return Ok(());
    }
    let sign = operator.sign();
    Err(Mistake::new(part.at.clone(), format!("`{sign}` cannot be asked about this"), format!("`{sign}` {takes}")))
}
