//! Mistakes in the text of an expression, shown with the text and a caret under the mistake.

use std::fmt;
use std::ops::Range;

/// Characters of the text that are shown before the mistake, and from its start on. The whole stays within 80 columns.
const BEFORE: usize = 40;
const FROM: usize = 32;

/// What is wrong at which bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) problem: String,
    pub(super) advice: String,
}

impl Mistake {
    pub(super) fn new(at: Range<usize>, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Mistake { at, problem: problem.into(), advice: advice.into() }
    }
}

/// Text that is no expression. Shown as four lines: what is wrong, the text around it, carets under the mistake, and
/// what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    problem: String,
    excerpt: String,
    /// Characters of the excerpt before the mistake.
    indent: usize,
    /// Characters of the mistake that are shown; at least 1.
    width: usize,
    advice: String,
}

impl ParseError {
    pub(super) fn new(text: &str, mistake: Mistake) -> Self {
        let (before, rest) = text.split_at(mistake.at.start);
        let width = rest[..mistake.at.end - mistake.at.start].chars().count().clamp(1, FROM);
        let cut = before.chars().count().saturating_sub(BEFORE);
        let mut excerpt = String::new();
        if cut > 0 {
            excerpt.push('…');
        }
        // One column each, or the caret would be elsewhere.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        excerpt.extend(before.chars().skip(cut).map(plain));
        let indent = excerpt.chars().count();
        excerpt.extend(rest.chars().take(FROM).map(plain));
        if rest.chars().nth(FROM).is_some() {
            excerpt.push('…');
        }
        ParseError { problem: mistake.problem, excerpt, indent, width, advice: mistake.advice }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseError { problem, excerpt, indent, width, advice } = self;
        let (blanks, carets) = (" ".repeat(*indent), "^".repeat(*width));
        write!(f, "{problem}\n    {excerpt}\n    {blanks}{carets}\n{advice}")
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, at: Range<usize>) -> Vec<String> {
        let error = ParseError::new(text, Mistake::new(at, "wrong", "write right"));
        error.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_carets_stand_under_the_mistake() {
        assert_eq!(shown("äb == cd", 7..9), ["wrong", "    äb == cd", "          ^^", "write right"]);
        assert_eq!(shown("a <", 3..3)[1..3], ["    a <", "       ^"]);
        assert_eq!(shown("a\n\x1b b", 4..5)[1..3], ["    a   b", "        ^"]);
    }

    #[test]
    fn a_long_text_is_shown_around_the_mistake() {
        let text = format!("{}!{}", "é".repeat(100), "z".repeat(100));
        let lines = shown(&text, 200..301);
        assert_eq!(lines[1], format!("    …{}!{}…", "é".repeat(BEFORE), "z".repeat(FROM - 1)));
        assert_eq!(lines[2], format!("    {}{}", " ".repeat(BEFORE + 1), "^".repeat(FROM)));
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }
}
