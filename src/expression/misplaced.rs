//! Misplaced lexemes: what to say about one that cannot stand where it does, and what was probably meant.

use super::lexer::{Lexeme, Token};
use super::mistake::Mistake;

/// The mistake of the lexeme number `next`.
pub(super) fn mistake(text: &str, lexemes: &[Lexeme], next: usize) -> Mistake {
    let Lexeme { token, at } = lexemes[next].clone();
    let shown = &text[at.clone()];
    // Behind a value comes an operator, behind everything else a value.
    let complete = next.checked_sub(1).is_some_and(|previous| match &lexemes[previous].token {
        Token::Literal(_) | Token::Duration(_) | Token::Path(_) | Token::Close => true,
        Token::Word(word) => matches!(word.as_str(), "true" | "false" | "null" | "healthy"),
        Token::Operator(_) | Token::Open | Token::End => false,
    });
    let value = "write a path such as `.data.cpu`, a number, or a text in quotes";
    match token {
        Token::End => Mistake::new(at, "something is missing at the end", value),
        Token::Word(word) if joins(&word) && complete => {
            let advice = format!("write `{}`, or `and not`", word.to_lowercase());
            Mistake::new(at, format!("`{word}` does not join two conditions"), advice)
        }
        Token::Word(word) if complete => {
            let advice = "write `and`, `or` or a comparison between the two";
            Mistake::new(at, format!("`{word}` does not belong here"), advice)
        }
        Token::Word(word) if joins(&word) => {
            Mistake::new(at, format!("there is nothing to compare before this `{word}`"), value)
        }
        Token::Word(word) => {
            let behind = &lexemes[next + 1];
            let adjacent = behind.at.start == at.end;
            let advice = match &behind.token {
                Token::Path(_) if adjacent => {
                    format!("a path starts with a dot: write `.{}`", &text[at.start..behind.at.end])
                }
                Token::Open if adjacent => "the functions are `len`, `has`, `all`, `any` and `count`".to_owned(),
                _ => format!("a text stands in quotes: `\"{word}\"`; a path starts with a dot: `.{word}`"),
            };
            Mistake::new(at, format!("`{word}` is not a word of this language"), advice)
        }
        Token::Close if complete => Mistake::new(at, "this bracket closes nothing", "leave it out"),
        Token::Close | Token::Operator(_) => Mistake::new(at, format!("a value is missing before `{shown}`"), value),
        _ => Mistake::new(at, "two values stand side by side", "write `and`, `or` or an operator between them"),
    }
}

/// Whether it is a word between conditions or in front of one, also in capitals.
fn joins(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|known| known.eq_ignore_ascii_case(word))
}
