//! The tree: what an expression means, once it is read. Conditions and values are different types, so nothing that was
//! read can compare a condition or negate a number. As deep as [`EXPRESSION_DEPTH_MAX`](crate::limits::EXPRESSION_DEPTH_MAX)
//! at most: `and` and `or` are lists.

use serde_json::Value;

use super::path::{Path, Steps};

/// A whole expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Root {
    Condition(Condition),
    Operand(Operand),
    /// A path with `[]` that stands alone.
    Many(Path),
}

/// True or false.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Operator, Operand),
    Has(Path),
    All(Each),
    Any(Each),
    Healthy,
    Constant(bool),
    /// A value that has to be `true` or `false`.
    Holds(Path),
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Literal(Value),
    /// Inside a list function a path with `[]` is one value: what its last part leads to from the item at hand.
    Path(Path),
    Len(Path),
    Count(Each),
}

/// A condition that is asked about every item of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Each {
    /// The steps up to each `[]`.
    pub(super) lists: Vec<Steps>,
    pub(super) condition: Box<Condition>,
}

/// What two values are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
}

impl Operator {
    /// Every operator, one that starts with another before that one.
    pub(super) const ALL: [Operator; 7] = [
        Operator::Equal,
        Operator::Unequal,
        Operator::LessOrEqual,
        Operator::Less,
        Operator::GreaterOrEqual,
        Operator::Greater,
        Operator::Matches,
    ];

    /// As it is written.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::Unequal => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Matches => "~",
        }
    }
}
