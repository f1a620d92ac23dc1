//! Lexemes: the words, signs and values an expression is made of.

use std::ops::Range;

use serde_json::{Number, Value};

use super::mistake::Mistake;
use super::path::{self, Path};
use super::quoted;
use super::tree::Operator;
use crate::duration;

/// One part of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number or a text.
    Literal(Value),
    /// A duration, in milliseconds.
    Duration(u64),
    Path(Path),
    Operator(Operator),
    Word(String),
    Open,
    Close,
    /// Behind the last part.
    End,
}

/// A token and the bytes it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) at: Range<usize>,
}

/// Signs of other languages, longest first, and what they are called here.
const FOREIGN: [(&str, &str); 9] = [
    ("=~", "write `~` to match a pattern"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("!", "write `not`"),
    ("=", "write `==`"),
    ("“", "texts stand in straight quotes: `\"` or `'`"),
    ("[", "a path starts with a dot and a key: `.data[0]`"),
];

/// Takes a text apart. The last lexeme is [`Token::End`].
pub(super) fn lexemes(source: &str) -> Result<Vec<Lexeme>, Mistake> {
    let mut lexemes = Vec::new();
    let mut start = 0;
    loop {
        start = source.len() - source[start..].trim_start().len();
        let (token, end) = next(source, start)?;
        let last = token == Token::End;
        lexemes.push(Lexeme { token, at: start..end });
        if last {
            return Ok(lexemes);
        }
        start = end;
    }
}

/// The token that starts at `start`, and the position behind it.
fn next(source: &str, start: usize) -> Result<(Token, usize), Mistake> {
    let rest = &source[start..];
    let Some(first) = rest.chars().next() else { return Ok((Token::End, start)) };
    if let Some(operator) = Operator::ALL.into_iter().find(|operator| rest.starts_with(operator.sign())) {
        return Ok((Token::Operator(operator), start + operator.sign().len()));
    }
    match first {
        '(' => Ok((Token::Open, start + 1)),
        ')' => Ok((Token::Close, start + 1)),
        '.' => Path::read(source, start).map(|(path, end)| (Token::Path(path), end)),
        '"' | '\'' => quoted::read(source, start).map(|(text, end)| (Token::Literal(Value::String(text)), end)),
        '-' | '0'..='9' => number(source, start),
        c if path::is_key(c) => {
            let length = rest.find(|c| !path::is_key(c)).unwrap_or(rest.len());
            Ok((Token::Word(rest[..length].to_owned()), start + length))
        }
        c => {
            let known = FOREIGN.into_iter().find(|(sign, _)| rest.starts_with(sign));
            let (length, advice) = known.map_or((c.len_utf8(), OPERATORS), |(sign, advice)| (sign.len(), advice));
            Err(Mistake::new(start..start + length, "this sign has no meaning here", advice))
        }
    }
}

const OPERATORS: &str = "the operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `~`, `and`, `or` and `not`";

/// A number as in JSON, or a duration.
fn number(source: &str, start: usize) -> Result<(Token, usize), Mistake> {
    let rest = &source[start..];
    // The sign of an exponent belongs to a number; everything else that could stand here ends it.
    let mut previous = ' ';
    let mut inside = |c: char| {
        let sign = matches!(c, '+' | '-') && matches!(previous, ' ' | 'e' | 'E');
        previous = c;
        sign || c == '.' || c.is_alphanumeric()
    };
    let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    let (text, end) = (&rest[..length], start + length);
    if let Ok(number) = text.parse::<Number>() {
        return Ok((Token::Literal(Value::Number(number)), end));
    }
    match duration::parse(text) {
        Ok(duration) => Ok((Token::Duration(duration.as_millis() as u64), end)),
        Err(duration::BadDuration::TooLong(_)) => {
            Err(Mistake::new(start..end, "this duration is too long", "write at most `366d`"))
        }
        Err(_) => Err(Mistake::new(
            start..end,
            "this is neither a number nor a duration",
            "write for example `90`, `-0.5`, `250ms` or `1h30m`; a text stands in quotes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(text: &str) -> Token {
        let lexemes = lexemes(text).expect(text);
        let [lexeme, end] = &lexemes[..] else { panic!("one token: {text}") };
        assert_eq!((lexeme.at.clone(), &end.token), (0..text.len(), &Token::End), "{text}");
        lexeme.token.clone()
    }

    #[test]
    fn numbers_and_durations_are_told_apart() {
        for (text, value) in [
            ("0", json!(0)),
            ("-5", json!(-5)),
            ("45.25", json!(45.25)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1e3", json!(1000.0)),
            ("1.5E-3", json!(0.0015)),
        ] {
            assert_eq!(token(text), Token::Literal(value), "{text}");
        }
        for (text, milliseconds) in [("250ms", 250), ("1h30m", 5_400_000), ("0s", 0)] {
            assert_eq!(token(text), Token::Duration(milliseconds), "{text}");
        }
        for text in ["-", "5.", "007", "1e", "1e999", "5x", "-5s", "1.2.3", "5and", "400d"] {
            assert_eq!(lexemes(text).map_err(|mistake| mistake.at), Err(0..text.len()), "{text}");
        }
    }

    #[test]
    fn operators_need_no_blanks() {
        let tokens: Vec<Token> =
            lexemes(".a<=1").expect("three parts").into_iter().map(|lexeme| lexeme.token).collect();
        assert_eq!(tokens[1..], [Token::Operator(Operator::LessOrEqual), Token::Literal(json!(1)), Token::End]);
        for operator in Operator::ALL {
            assert_eq!(token(operator.sign()), Token::Operator(operator));
        }
    }

    #[test]
    fn signs_of_other_languages_are_translated() {
        for (text, at, advice) in [
            (".a = 1", 3..4, "`==`"),
            (".a && .b", 3..5, "`and`"),
            ("!.a", 0..1, "`not`"),
            (".a =~ 'x'", 3..5, "`~`"),
            (".a == “x”", 6..9, "straight"),
            (".a + 1", 3..4, "operators are"),
        ] {
            let mistake = lexemes(text).expect_err(text);
            assert_eq!(mistake.at, at, "{text}");
            assert!(mistake.advice.contains(advice), "{text}: {}", mistake.advice);
        }
    }
}
