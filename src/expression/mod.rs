//! Expressions: the small language of `--until`, `--fail-if`, `--expect` and `--select`.
//!
//! An expression is read once ([`Expression::parse`]) and then asked about documents, as often as wanted. It has no
//! clock, no state and no I/O. Reading takes time linear in the text, asking linear in the document.
//!
//! ```text
//! expression = or ;
//! or         = and { "or" and } ;
//! and        = not { "and" not } ;
//! not        = "not" not | comparison ;
//! comparison = operand [ operator operand ] ;                      (* does not chain: 1 < 2 < 3 is refused *)
//! operator   = "==" | "!=" | "<" | "<=" | ">" | ">=" | "~" ;
//! operand    = literal | path | function | "healthy" | "(" or ")" ;
//! function   = ( "len" | "has" ) "(" path ")"
//!            | ( "all" | "any" | "count" ) "(" or ")" ;
//! literal    = number | duration | text | "true" | "false" | "null" ;
//! path       = "." key { "." key | "[" [ [ "-" ] digits ] "]" } ;  (* no blanks inside *)
//! key        = ( letter | digit | "_" | "-" ) { letter | digit | "_" | "-" } | text ;
//! number     = (* as in JSON *) ;
//! duration   = (* numbers with the units d, h, m, s, ms, as everywhere: 250ms, 1h30m *) ;
//! text       = '"' { character | escape } '"' | "'" { character | escape } "'" ;
//! escape     = "\\" | "\"" | "\'" | "\n" | "\t" | "\u{" hex digits "}" ;
//! ```
//!
//! So `not` binds tighter than `and`, and that tighter than `or`. Blanks may stand between all parts outside of a path.
//! What is true or false (a comparison, `has`, `all`, `any`, `healthy`) is joined and negated, not compared; what is
//! compared is a value. Only a path, `true` and `false` can be either.
//!
//! **Paths.** `.data.cpu` is a key, `."odd key"` one with other characters, `[0]` the first item of a list, `[-1]` the
//! last, `[]` every item of a list or every value of an object. What is not there is null. A path with `[]` is many
//! values: it stands alone (to select them, in one flat list) or inside a list function.
//!
//! **List functions.** `all(…)`, `any(…)` and `count(…)` ask their condition about every item of the one list whose `[]`
//! path it names, in order, and stop where the answer is clear: `all(.state.backends[].status == "healthy" or
//! .state.backends[].admin == "draining")`. Over no items, or where there is no list, `all` is **false**, `any` is false
//! and `count` is 0. They do not nest.
//!
//! **Other functions.** `len(path)` counts the items of a list, the keys of an object, the characters of a text.
//! `has(path)` holds if the path leads to something other than null.
//!
//! **Comparing.** `==` and `!=` compare anything; values of different types are not equal, `1` and `1.0` are. `<`, `<=`,
//! `>`, `>=` compare two numbers or two texts (by code point, so that times in RFC 3339 sort). `~` matches a text with a
//! pattern, the whole of it: `*` is any characters, `?` is one. Anything else, null first of all, is an [`EvalError`],
//! not `false`: a misspelt path must not look like a fleet that is down, and still less like one that is up. `and` and
//! `or` go from left to right and stop where the answer is clear, so `has(.data.cpu) and .data.cpu < 50` never fails.
//!
//! **Durations** are numbers of milliseconds. They are compared with a path whose last key ends in `_ms`, and with
//! nothing else: `.state.status.uptime_seconds > 5m` would be off by a thousand.
//!
//! **`healthy`** asks what stands under `.state` in the document: `backends` (there is one at least, and each has the
//! `status` `"healthy"`), `status` (its `status` is `"healthy"`) and `health` (its `healthy` is `true`). It holds if each
//! of these keys that exist is healthy. One that is null is a feed that is followed and has not spoken yet: not healthy.
//! Where none of the three exists there is nothing to judge, an [`EvalError`].

mod evaluate;
mod lexer;
mod mention;
mod misplaced;
mod mistake;
mod parser;
mod part;
mod path;
mod quoted;
mod tree;
mod wildcard;

use std::fmt;

use serde_json::Value;

pub use evaluate::EvalError;
pub use mistake::ParseError;
use tree::Root;

/// A condition, or what to select.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    root: Root,
}

impl Expression {
    /// Reads any expression: for `--select`.
    ///
    /// # Errors
    /// [`ParseError`], which points at the mistake and says what to write.
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        let root = parser::parse(text).map_err(|mistake| ParseError::new(text, mistake))?;
        Ok(Expression { text: text.to_owned(), root })
    }

    /// Reads an expression that is to be tested: for `--until`, `--fail-if` and `--expect`. Refuses what can never be
    /// true or false, such as a number or a path with `[]`.
    ///
    /// # Errors
    /// [`ParseError`], which points at the mistake and says what to write.
    pub fn parse_condition(text: &str) -> Result<Expression, ParseError> {
        let root = parser::parse_condition(text).map_err(|mistake| ParseError::new(text, mistake))?;
        Ok(Expression { text: text.to_owned(), root })
    }

    /// Whether the condition holds for the document.
    ///
    /// # Errors
    /// [`EvalError`] when the document has no answer: a path that leads to something of the wrong type, null included.
    pub fn test(&self, document: &Value) -> Result<bool, EvalError> {
        self.root.test(document)
    }

    /// Whether the answer may depend on what stands under this key of `.state`.
    pub fn mentions(&self, key: &str) -> bool {
        self.root.mentions(key)
    }

    /// The values the expression stands for: those a path with `[]` leads to, in one flat list, else exactly one.
    ///
    /// # Errors
    /// [`EvalError`] when the document has no answer.
    pub fn select(&self, document: &Value) -> Result<Vec<Value>, EvalError> {
        self.root.select(document)
    }
}

/// As it was written.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests;
