//! Quoted text: `"…"` and `'…'`, with the escapes `\\`, `\"`, `\'`, `\n`, `\t` and `\u{…}`.

use super::mistake::Mistake;

/// Reads the text whose opening quote stands at `start`. Returns it with the position behind the closing quote.
pub(super) fn read(source: &str, start: usize) -> Result<(String, usize), Mistake> {
    let mut text = String::new();
    let mut rest = source[start..].char_indices().map(|(at, c)| (start + at, c));
    let quote = rest.next().map_or('"', |(_, c)| c);
    while let Some((at, c)) = rest.next() {
        if c == quote {
            return Ok((text, at + c.len_utf8()));
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
            Some((_, 'n')) => text.push('\n'),
            Some((_, 't')) => text.push('\t'),
            Some((_, 'u')) => {
                let (c, end) = code_point(source, at)?;
                text.push(c);
                while rest.clone().next().is_some_and(|(at, _)| at < end) {
                    rest.next();
                }
            }
            Some((end, c)) => {
                return Err(Mistake::new(
                    at..end + c.len_utf8(),
                    "this escape is not known",
                    "write `\\\\` for a backslash; the other escapes are `\\\"`, `\\'`, `\\n`, `\\t` and `\\u{…}`",
                ));
            }
            None => break,
        }
    }
    Err(Mistake::new(start..start + 1, "the text that starts here has no end", format!("close it with {quote}")))
}

/// The `\u{…}` whose backslash stands at `start`, with the position behind it. Its six digits at most end within sight.
fn code_point(source: &str, start: usize) -> Result<(char, usize), Mistake> {
    let body = source[start + 2..].strip_prefix('{');
    let length = body.and_then(|body| body.bytes().take(7).position(|byte| byte == b'}'));
    let digits = body.zip(length).map(|(body, length)| &body[..length]);
    let number = digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (number.and_then(char::from_u32), length) {
        (Some(c), Some(length)) => Ok((c, start + 3 + length + 1)),
        _ => Err(Mistake::new(
            start..start + 2,
            "this is not the number of a character",
            "write one to six hex digits in braces, for example `\\u{e9}`",
        )),
    }
}

/// Writes a text in double quotes so that [`read`] reads the same back.
pub(super) fn write(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_mean_what_they_say() {
        for (source, text, end) in [
            (r#""a" b"#, "a", 3),
            (r#"'a"b'"#, "a\"b", 5),
            (r#""\"\'\\\n\t""#, "\"'\\\n\t", 12),
            (r#""\u{e9}\u{1F600}x""#, "é😀x", 18),
        ] {
            assert_eq!(read(source, 0), Ok((text.to_owned(), end)), "{source}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for (source, at) in [
            (r#""abc"#, 0..1),
            (r#""abc'"#, 0..1),
            (r#""ab\"#, 0..1),
            (r#""\x""#, 1..3),
            (r#""\é""#, 1..4),
            (r#""\u""#, 1..3),
            (r#""\u{}""#, 1..3),
            (r#""\u{+1}""#, 1..3),
            (r#""\u{d800}""#, 1..3),
            (r#""\u{1234567}""#, 1..3),
            (r#""\u{0000041}""#, 1..3),
            (r#""\u{é}""#, 1..3),
        ] {
            assert_eq!(read(source, 0).map_err(|mistake| mistake.at), Err(at), "{source}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in any::<String>()) {
            let quoted = write(&text);
            prop_assert_eq!(read(&quoted, 0), Ok((text, quoted.len())));
        }
    }
}
