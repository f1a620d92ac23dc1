//! Text in columns: made harmless, cut and padded by what it takes on the screen.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use crate::output::board::theme::Theme;
use crate::output::clean;
use crate::protocol::time::uptime;

/// What a peer or a person wrote, on at most `width` columns; what is cut off is shown by `…`.
pub(super) fn clip(text: &str, width: usize) -> String {
    // However long it is, no more of it is looked at than could be seen. Some characters take no column.
    let start = text.char_indices().nth(width.saturating_mul(4) + 16).map_or(text.len(), |(at, _)| at);
    let harmless = clean(&text[..start]);
    let columns = |c: char| c.width().unwrap_or(0);
    if start == text.len() && harmless.chars().map(columns).sum::<usize>() <= width {
        return harmless.into_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let fits = columns(*c) <= left;
        left = left.saturating_sub(columns(*c));
        fits
    };
    let mut cut: String = harmless.chars().take_while(fits).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// The same, on exactly `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let mut text = clip(text, width);
    let taken = Span::raw(text.as_str()).width();
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(taken)));
    text
}

/// The same, at the right end of `width` columns.
pub(super) fn pad_left(text: &str, width: usize) -> String {
    let text = clip(text, width);
    let taken = Span::raw(text.as_str()).width();
    format!("{}{text}", " ".repeat(width.saturating_sub(taken)))
}

/// A time that passed: `5s ago`, `2m14s ago`.
pub(super) fn ago(span: Duration) -> String {
    format!("{} ago", uptime(span))
}

/// How long something took.
pub(super) fn latency(milliseconds: f64) -> String {
    match milliseconds {
        10_000.0.. => format!("{:.1} s", milliseconds / 1_000.0),
        100.0.. => format!("{milliseconds:.0} ms"),
        _ => format!("{milliseconds:.1} ms"),
    }
}

/// A rule that begins a panel: `── title ── fact, fact ─`. Facts that do not fit are left out, the first ones first.
pub(super) fn rule(theme: Theme, title: Line<'static>, facts: &[String], width: usize) -> Line<'static> {
    let mut line = Line::from(Span::styled("── ", theme.faint()));
    line.extend(title);
    line.push_span(" ");
    let room = width.saturating_sub(line.width());
    let written = |first: usize| format!(" {} ─", facts[first..].join(", "));
    let fits = |text: &String| Span::raw(text.as_str()).width() < room;
    let right = (0..facts.len()).map(written).find(fits).unwrap_or_default();
    let taken = Span::raw(right.as_str()).width();
    line.push_span(Span::styled("─".repeat(room - taken), theme.faint()));
    line.push_span(Span::styled(right, theme.faint()));
    line
}

/// Groups of spans, two columns apart, as many as fit in `width`, the first ones first.
pub(super) fn groups(all: Vec<Line<'static>>, width: usize) -> Line<'static> {
    let mut line = Line::default();
    for group in all {
        let apart = if line.spans.is_empty() { 0 } else { 2 };
        if line.width() + apart + group.width() > width {
            break;
        }
        line.push_span(" ".repeat(apart));
        line.extend(group);
    }
    line
}

/// Writes lines from the top of an area; those that do not fit are left out.
pub(super) fn write(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>]) {
    for (line, row) in lines.iter().zip(area.rows()) {
        buffer.set_line(row.x, row.y, line, row.width);
    }
}

/// One styled piece as a line of its own.
pub(super) fn piece(text: impl Into<String>, style: Style) -> Line<'static> {
    Line::from(Span::styled(text.into(), style))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_cut_where_it_can_be_seen() {
        for (text, width, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("漢字", 4, "漢字"),
            ("漢字", 3, "漢…"),
            ("a\x1b[31m", 20, "a\\x1b[31m"),
            ("a\x1b[31m", 4, "a\\x…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(clip(text, width), cut, "{text:?} in {width}");
        }
        assert_eq!((pad("ab", 4), pad_left("ab", 4)), ("ab  ".to_owned(), "  ab".to_owned()));
    }

    #[test]
    fn a_latency_keeps_to_seven_columns() {
        for (milliseconds, text) in [(0.04, "0.0 ms"), (99.94, "99.9 ms"), (100.0, "100 ms"), (12_345.0, "12.3 s")] {
            assert_eq!(latency(milliseconds), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_column(text in any::<String>(), width in 0_usize..40) {
            prop_assert!(Span::raw(clip(&text, width)).width() <= width, "{:?}", clip(&text, width));
            prop_assert!(!clip(&text, width).contains(|c: char| c.is_control()));
        }
    }
}
