//! Harmless text: what a peer sent must not steer the terminal it is shown on.

use std::borrow::Cow;
use std::fmt::Write;

/// Writes control characters as `\x1b`, and what reorders or hides text as `\u{202e}`. The result is one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| c.is_control() || disguises(c),
        |clean, c| {
            let code = u32::from(c);
            let written = if code < 0x100 { write!(clean, "\\x{code:02x}") } else { write!(clean, "\\u{{{code:x}}}") };
            written.expect("a string takes everything");
        },
    )
}

/// The same for JSON, which stays the same JSON: what is dangerous stands in strings, where `\u009b` means the same.
/// Line breaks can only stand between its parts and become blanks: the result is one line.
pub fn clean_json(json: &str) -> Cow<'_, str> {
    replace(
        json,
        |c| c.is_control() || disguises(c),
        |clean, c| {
            if c.is_ascii() && c != '\x7f' {
                clean.push(' ');
            } else {
                write!(clean, "\\u{:04x}", u32::from(c)).expect("a string takes everything");
            }
        },
    )
}

/// A text as one line, otherwise untouched: what a program reads in a pipe.
pub fn one_line(text: &str) -> Cow<'_, str> {
    replace(text, |c| matches!(c, '\n' | '\r'), |line, _| line.push(' '))
}

/// Characters that change the order of others, or show nothing. All are below U+10000.
fn disguises(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn replace(text: &str, bad: fn(char) -> bool, write: fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) {
            write(&mut result, c);
        } else {
            result.push(c);
        }
    }
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_payload_cannot_steer_the_terminal() {
        for (text, harmless) in [
            ("plain é 漢", "plain é 漢"),
            ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
            ("a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"),
            ("\u{9b}31m", "\\x9b31m"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
        ] {
            assert_eq!(clean(text), harmless);
        }
    }

    proptest! {
        #[test]
        fn clean_json_is_the_same_json_on_one_line(text in any::<String>(), pretty in any::<bool>()) {
            let value = serde_json::json!({ "key": text, "list": [1, 2] });
            let json = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let json = json.expect("plain data");
            let harmless = clean_json(&json);
            prop_assert!(!harmless.contains(|c: char| c.is_control()));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&harmless).expect("still JSON"), value);
        }

        #[test]
        fn clean_leaves_nothing_to_obey(text in any::<String>()) {
            prop_assert!(!clean(&text).contains(|c: char| c.is_control()));
            prop_assert!(!one_line(&text).contains(['\n', '\r']));
        }
    }
}
