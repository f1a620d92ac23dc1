//! The parser: from lexemes to the tree, by recursive descent, one function a rule of the grammar. What can never make
//! sense is refused here, where the text can be pointed at, and not when the first message comes.

use std::ops::Range;

use serde_json::Value;

use super::lexer::{Lexeme, Token, lexemes};
use super::misplaced;
use super::mistake::Mistake;
use super::part::{Meaning, Part, comparable, many};
use super::path::{Path, Steps};
use super::tree::{Condition, Each, Operand, Root};
use crate::limits;

/// Reads any expression.
pub(super) fn parse(text: &str) -> Result<Root, Mistake> {
    Ok(match Parser::whole(text)?.meaning {
        Meaning::Condition(condition) => Root::Condition(condition),
        Meaning::Operand(operand) => Root::Operand(operand),
        Meaning::Duration(milliseconds) => Root::Operand(Operand::Literal(Value::from(milliseconds))),
        Meaning::Many(path) => Root::Many(path),
    })
}

/// Reads an expression that can be true or false.
pub(super) fn parse_condition(text: &str) -> Result<Root, Mistake> {
    Parser::whole(text)?.condition().map(Root::Condition)
}

/// The list function whose condition is being read.
struct ListFunction {
    name: &'static str,
    /// Known from the first path with `[]` on.
    lists: Option<Vec<Steps>>,
}

struct Parser<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    /// The next lexeme. Never past the last, which is the end.
    next: usize,
    depth: usize,
    inside: Option<ListFunction>,
}

impl<'a> Parser<'a> {
    fn whole(text: &'a str) -> Result<Part, Mistake> {
        if text.len() > limits::EXPRESSION_BYTES_MAX {
            let advice = format!("write at most {} bytes", limits::EXPRESSION_BYTES_MAX);
            return Err(Mistake::new(0..0, "this expression is too long", advice));
        }
        let mut parser = Parser { text, lexemes: lexemes(text)?, next: 0, depth: 0, inside: None };
        let part = parser.or()?;
        match parser.peek() {
            Token::End => Ok(part),
            _ => Err(parser.unexpected()),
        }
    }

    fn or(&mut self) -> Result<Part, Mistake> {
        self.joined("or", Self::and, Condition::Or)
    }

    fn and(&mut self) -> Result<Part, Mistake> {
        self.joined("and", Self::not, Condition::And)
    }

    /// One part, or several with the word between them.
    fn joined(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Part, Mistake>,
        join: fn(Vec<Condition>) -> Condition,
    ) -> Result<Part, Mistake> {
        let first = part(self)?;
        if !self.at_word(word) {
            return Ok(first);
        }
        let start = first.at.start;
        let mut conditions = vec![first.condition()?];
        let mut end = start;
        while self.at_word(word) {
            self.take();
            let next = part(self)?;
            end = next.at.end;
            conditions.push(next.condition()?);
        }
        Ok(Part { meaning: Meaning::Condition(join(conditions)), at: start..end })
    }

    fn not(&mut self) -> Result<Part, Mistake> {
        if !self.at_word("not") {
            return self.comparison();
        }
        let start = self.take().at.start;
        let part = self.deeper(start, Self::not)?;
        let at = start..part.at.end;
        Ok(Part { meaning: Meaning::Condition(Condition::Not(Box::new(part.condition()?))), at })
    }

    fn comparison(&mut self) -> Result<Part, Mistake> {
        let left = self.part()?;
        let Token::Operator(operator) = *self.peek() else { return Ok(left) };
        self.take();
        let right = self.part()?;
        if let Token::Operator(_) = self.peek() {
            let advice = "join two comparisons, for example `10 < .data.cpu and .data.cpu < 90`";
            return Err(Mistake::new(self.here(), "comparisons do not chain", advice));
        }
        for (one, other) in [(&left, &right), (&right, &left)] {
            if matches!(one.meaning, Meaning::Duration(_)) && !other.counts_milliseconds() {
                let problem = "a duration is compared with a path whose last key ends in `_ms`, and with nothing else";
                return Err(Mistake::new(one.at.clone(), problem, "write a number in the unit of the other side"));
            }
            comparable(operator, one)?;
        }
        let at = left.at.start..right.at.end;
        let condition = Condition::Compare(left.operand()?, operator, right.operand()?);
        Ok(Part { meaning: Meaning::Condition(condition), at })
    }

    fn part(&mut self) -> Result<Part, Mistake> {
        let operand = |operand, at| Ok(Part { meaning: Meaning::Operand(operand), at });
        let condition = |condition, at| Ok(Part { meaning: Meaning::Condition(condition), at });
        let at = self.here();
        match self.peek().clone() {
            Token::Literal(value) => {
                self.take();
                operand(Operand::Literal(value), at)
            }
            Token::Duration(milliseconds) => {
                self.take();
                Ok(Part { meaning: Meaning::Duration(milliseconds), at })
            }
            Token::Path(path) => {
                self.take();
                if path.is_many() && self.inside.is_none() {
                    return Ok(Part { meaning: Meaning::Many(path), at });
                }
                operand(Operand::Path(self.one(path, at.clone())?), at)
            }
            Token::Open => {
                self.take();
                let part = self.deeper(at.start, Self::or)?;
                Ok(Part { meaning: part.meaning, at: self.close(at)? })
            }
            Token::Word(word) => match word.as_str() {
                "true" | "false" => {
                    self.take();
                    operand(Operand::Literal(Value::Bool(word == "true")), at)
                }
                "null" => {
                    self.take();
                    operand(Operand::Literal(Value::Null), at)
                }
                "healthy" => {
                    self.take();
                    condition(Condition::Healthy, at)
                }
                "len" => {
                    let (path, at) = self.of_path("len", at)?;
                    operand(Operand::Len(path), at)
                }
                "has" => {
                    let (path, at) = self.of_path("has", at)?;
                    condition(Condition::Has(path), at)
                }
                "all" => {
                    let (each, at) = self.of_list("all", at)?;
                    condition(Condition::All(each), at)
                }
                "any" => {
                    let (each, at) = self.of_list("any", at)?;
                    condition(Condition::Any(each), at)
                }
                "count" => {
                    let (each, at) = self.of_list("count", at)?;
                    operand(Operand::Count(each), at)
                }
                _ => Err(self.unexpected()),
            },
            Token::Operator(_) | Token::Close | Token::End => Err(self.unexpected()),
        }
    }

    /// A path that is one value: without `[]`, or inside a list function, where it has to stay within the one list.
    fn one(&mut self, path: Path, at: Range<usize>) -> Result<Path, Mistake> {
        if !path.is_many() {
            return Ok(path);
        }
        let Some(function) = &mut self.inside else { return Err(many(at, &path)) };
        let lists = function.lists.get_or_insert_with(|| path.lists.clone());
        if *lists == path.lists {
            return Ok(path);
        }
        let [one, other] = [lists, &path.lists].map(|lists| Path { lists: lists.clone(), rest: Steps::default() });
        let problem = format!("`{}()` goes over one list, and these are two: `{one}` and `{other}`", function.name);
        Err(Mistake::new(at, problem, "write one list function for each, with `and` or `or` between"))
    }

    /// `len(path)`, `has(path)`.
    fn of_path(&mut self, name: &str, at: Range<usize>) -> Result<(Path, Range<usize>), Mistake> {
        self.open(name)?;
        let Lexeme { token: Token::Path(path), at: inside } = self.take() else {
            let advice = format!("write for example `{name}(.data.cpu)`");
            return Err(Mistake::new(at, format!("`{name}()` takes a path"), advice));
        };
        let path = self.one(path, inside)?;
        Ok((path, self.close(at)?))
    }

    /// `all(condition)`, `any(condition)`, `count(condition)`.
    fn of_list(&mut self, name: &'static str, at: Range<usize>) -> Result<(Each, Range<usize>), Mistake> {
        self.open(name)?;
        if let Some(outer) = self.inside.replace(ListFunction { name, lists: None }) {
            let problem = format!("`{name}()` stands inside `{}()`, and list functions do not nest", outer.name);
            return Err(Mistake::new(at, problem, "a path may have several `[]` instead: `.data[].pools[].status`"));
        }
        let body = self.deeper(at.start, Self::or)?;
        let inside = body.at.clone();
        let condition = Box::new(body.condition()?);
        let at = self.close(at)?;
        match self.inside.take().and_then(|function| function.lists) {
            Some(lists) => Ok((Each { lists, condition }, at)),
            None => Err(Mistake::new(
                inside,
                format!("`{name}()` goes over a list, and there is none"),
                format!("write a path with `[]`, for example `{name}(.data[].status == \"healthy\")`"),
            )),
        }
    }

    /// The bracket behind the name of a function.
    fn open(&mut self, name: &str) -> Result<(), Mistake> {
        let word = self.take().at;
        if *self.peek() != Token::Open {
            let example = if matches!(name, "len" | "has") { ".data.cpu" } else { ".data[].status == \"healthy\"" };
            let advice = format!("write `{name}({example})`; a text stands in quotes: `\"{name}\"`");
            return Err(Mistake::new(word, format!("`{name}` is a function"), advice));
        }
        self.take();
        Ok(())
    }

    /// The bracket that closes what started at `at`; returns the whole.
    fn close(&mut self, at: Range<usize>) -> Result<Range<usize>, Mistake> {
        match self.peek() {
            Token::Close => Ok(at.start..self.take().at.end),
            Token::End => {
                let name = self.text[at.clone()].trim_end_matches('(');
                let problem = format!("the bracket behind this `{name}` is not closed");
                let problem = if name.is_empty() { "this bracket is not closed".to_owned() } else { problem };
                Err(Mistake::new(at, problem, "write `)` where it ends"))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads what stands inside something else. Bounded, so that no text can use up the stack, here or later.
    fn deeper(&mut self, start: usize, part: fn(&mut Self) -> Result<Part, Mistake>) -> Result<Part, Mistake> {
        if self.depth == limits::EXPRESSION_DEPTH_MAX {
            let advice = format!("write at most {} brackets or `not` inside each other", limits::EXPRESSION_DEPTH_MAX);
            return Err(Mistake::new(start..start + 1, "this is nested too deeply", advice));
        }
        self.depth += 1;
        let part = part(self);
        self.depth -= 1;
        part
    }

    /// The mistake of a lexeme that cannot stand where it does.
    fn unexpected(&self) -> Mistake {
        misplaced::mistake(self.text, &self.lexemes, self.next)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found == word)
    }

    fn peek(&self) -> &Token {
        &self.lexemes[self.next].token
    }

    fn here(&self) -> Range<usize> {
        self.lexemes[self.next].at.clone()
    }

    /// Takes the next lexeme. The end stays.
    fn take(&mut self) -> Lexeme {
        let lexeme = self.lexemes[self.next].clone();
        self.next = (self.next + 1).min(self.lexemes.len() - 1);
        lexeme
    }
}
