//! Patterns: `*` is any characters, none included, `?` is exactly one. A pattern matches the whole of a text, with
//! upper and lower case apart. There is no escape; `==` compares a text that has a star in it.

/// Whether the text is one the pattern describes. Time grows with the product of both lengths at worst; no recursion.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Behind the newest star, and what it has not swallowed yet. An earlier star need not be tried again: whatever it
    // could give up, the newest can swallow.
    let mut star = None;
    loop {
        let (mut pattern_next, mut text_next) = (pattern.clone(), text.clone());
        match (pattern_next.next(), text_next.next()) {
            (Some('*'), _) => {
                star = Some((pattern_next.clone(), text.clone()));
                pattern = pattern_next;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (pattern, text) = (pattern_next, text_next);
            }
            (None, None) => return true,
            _ => {
                let Some((behind, left)) = &mut star else { return false };
                if left.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), left.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_describes_the_whole_text() {
        for (pattern, text, matched) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "é", true),
            ("127.0.0.*", "127.0.0.1:80", true),
            ("127.0.0.*", "127.0.0.", true),
            ("127.0.0.*", "x127.0.0.1", false),
            ("*:80", "127.0.0.1:8080", false),
            ("*:80?0", "127.0.0.1:8080", true),
            ("a*b*c", "a-b-b-c-c", true),
            ("a*b*c", "acb", false),
            ("**a**", "bab", true),
            ("A", "a", false),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        assert!(!matches(&"a*".repeat(2_000), &"a".repeat(1_999)));
        assert!(matches(&"*a".repeat(1_000), &"a".repeat(2_000)));
    }

    /// The definition, in so many words.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|swallowed| by_definition(rest, &text[swallowed..])),
            (['?', rest @ ..], [_, left @ ..]) => by_definition(rest, left),
            ([wanted, rest @ ..], [found, left @ ..]) => wanted == found && by_definition(rest, left),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), by_definition(&chars(&pattern), &chars(&text)));
        }
    }
}
