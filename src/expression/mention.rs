//! Mentions: what an expression asks about, so that it need not be asked before that is known. Pure.

use super::path::Path;
use super::tree::{Condition, Each, Operand, Root};

impl Root {
    /// Whether the answer may depend on what stands under this key of `.state`.
    pub(super) fn mentions(&self, key: &str) -> bool {
        match self {
            Root::Condition(condition) => condition.mentions(key),
            Root::Operand(operand) => operand.mentions(key),
            Root::Many(path) => path.mentions(key),
        }
    }
}

impl Condition {
    fn mentions(&self, key: &str) -> bool {
        match self {
            Condition::Or(conditions) | Condition::And(conditions) => {
                conditions.iter().any(|condition| condition.mentions(key))
            }
            Condition::Not(condition) => condition.mentions(key),
            Condition::Compare(left, _, right) => left.mentions(key) || right.mentions(key),
            Condition::Has(path) | Condition::Holds(path) => path.mentions(key),
            Condition::All(each) | Condition::Any(each) => each.mentions(key),
            Condition::Healthy => matches!(key, "backends" | "status" | "health"),
            Condition::Constant(_) => false,
        }
    }
}

impl Operand {
    fn mentions(&self, key: &str) -> bool {
        match self {
            Operand::Literal(_) => false,
            Operand::Path(path) | Operand::Len(path) => path.mentions(key),
            Operand::Count(each) => each.mentions(key),
        }
    }
}

impl Each {
    fn mentions(&self, key: &str) -> bool {
        self.lists.first().is_some_and(|steps| steps.meet(&["state", key])) || self.condition.mentions(key)
    }
}

impl Path {
    fn mentions(&self, key: &str) -> bool {
        self.lists.first().unwrap_or(&self.rest).meet(&["state", key])
    }
}
