//! Lines that are wider than the terminal: broken between words, and going on below the place where their text began. Pure.
//!
//! Only a terminal has a width. In a pipe a line is a message, however long.

use std::os::fd::AsFd;

use unicode_width::UnicodeWidthChar;

/// The columns of the terminal behind a descriptor; none where there is no terminal, or it does not say.
pub(super) fn columns(of: impl AsFd) -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(of).ok()?.ws_col;
    (columns > 0).then_some(columns.into())
}

/// The same line, broken so that it fits into so many columns. What comes after a break begins at column `indent`.
///
/// Colours take no room. A word that is longer than a line is broken where the line ends.
pub(super) fn wrap(line: &str, columns: usize, indent: usize) -> String {
    // On a narrow terminal there would be room for the indent and nothing else.
    let indent = if indent * 2 > columns || indent + 2 > columns { 0 } else { indent };
    let fresh = format!("\n{:indent$}", "");
    let (mut out, mut column) = (String::with_capacity(line.len()), 0);
    // The last blanks that were written, where in the text they stand, and the column behind them.
    let mut gap: Option<(usize, usize, usize)> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => {
                out.push(letter);
                for part in letters.by_ref() {
                    out.push(part);
                    if part == 'm' {
                        break;
                    }
                }
                continue;
            }
            ' ' => {
                let start = gap.filter(|(_, end, _)| *end == out.len()).map_or(out.len(), |(start, ..)| start);
                out.push(letter);
                column += 1;
                // Blanks before the first word are no place to break.
                if column > indent && start > 0 {
                    gap = Some((start, out.len(), column));
                }
                continue;
            }
            _ => {}
        }
        let width = letter.width().unwrap_or(0);
        while column + width > columns && column > indent {
            match gap.take() {
                Some((start, end, behind)) => {
                    out.replace_range(start..end, &fresh);
                    column = indent + (column - behind);
                }
                None => {
                    out.push_str(&fresh);
                    column = indent;
                }
            }
        }
        out.push(letter);
        column += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_goes_on_below_its_text() {
        for (line, columns, broken) in [
            ("12:00  a b c", 80, "12:00  a b c"),
            ("12:00  aaa bbb", 14, "12:00  aaa bbb"),
            ("12:00  aaa bbb cc", 14, "12:00  aaa bbb\n       cc"),
            ("12:00  aaa   bbbb", 14, "12:00  aaa\n       bbbb"),
            ("12:00  aaaaaaaaaa", 14, "12:00  aaaaaaa\n       aaa"),
            ("12:00  a aaaaaaaaa", 14, "12:00  a\n       aaaaaaa\n       aa"),
            ("12:00  aaaaaaa ", 14, "12:00  aaaaaaa "),
            ("12:00  \x1b[31maaa\x1b[0m bbb c", 14, "12:00  \x1b[31maaa\x1b[0m bbb\n       c"),
            ("12:00  日本 日本", 14, "12:00  日本\n       日本"),
            ("aaaa bbbb", 8, "aaaa\nbbbb"),
            ("", 8, ""),
        ] {
            assert_eq!(wrap(line, columns, 7), broken, "{line} in {columns}");
        }
    }

    proptest! {
        #[test]
        fn every_line_fits_and_nothing_but_blanks_is_lost(
            line in "[a-z日 ]{0,80}", columns in 2_usize..40, indent in 0_usize..20,
        ) {
            let broken = wrap(&line, columns, indent);
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&line), letters(&broken));
            for part in broken.lines() {
                let width: usize = part.trim_end().chars().filter_map(UnicodeWidthChar::width).sum();
                prop_assert!(width <= columns, "{:?} is {} wide", part, width);
            }
        }
    }
}
