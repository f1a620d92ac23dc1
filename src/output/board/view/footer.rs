//! The last line: the keys, or what is being typed, or what an order came to. And the help, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::View;
use super::text::{clip, groups, piece, write};
use crate::output::board::controls::KEYS;
use crate::output::board::notice::Tone;

/// The keys that are always shown.
const SHORT: &[(&str, &str)] =
    &[("q", "quit"), ("p", "freeze"), ("u", "update"), ("/", "filter"), ("↑↓", "scroll"), ("?", "help")];

pub(super) fn line(view: View<'_>, width: usize) -> Line<'static> {
    let theme = view.theme;
    if view.controls.typing {
        let mut line = piece(" /", theme.strong());
        line.push_span(Span::raw(clip(&view.controls.filter, width / 2)));
        line.push_span(Span::styled(" ", theme.flag()));
        line.push_span(Span::styled("  Enter keeps it, Esc clears it", theme.faint()));
        return line;
    }
    if let Some(notice) = view.notice {
        let style = match notice.tone {
            Tone::Wait => theme.faint(),
            Tone::Good => theme.good(),
            Tone::Bad => theme.bad(),
        };
        return piece(format!(" {}", clip(&notice.text, width.saturating_sub(2))), style);
    }
    let key = |(key, what): &(&'static str, &'static str)| {
        let mut line = piece(*key, theme.strong());
        line.push_span(Span::styled(format!(" {what}"), theme.faint()));
        line
    };
    let blank = std::iter::once(Line::default());
    let what = |(keys, what): &(&'static str, &'static str)| match (*keys, view.frozen) {
        ("p", true) => ("p", "go on"),
        _ => (*keys, *what),
    };
    let mut line = Line::from(" ");
    line.extend(groups(blank.chain(SHORT.iter().map(|row| key(&what(row)))).collect(), width.saturating_sub(1)));
    line
}

/// A box in the middle with every key.
pub(super) fn help(view: View<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = view.theme;
    let column = KEYS.iter().map(|(keys, _)| keys.chars().count()).max().unwrap_or(0);
    let mut lines = vec![Line::default()];
    lines.extend(KEYS.iter().map(|(keys, what)| {
        let mut line = piece(format!("  {keys:>column$}"), theme.strong());
        line.push_span(Span::raw(format!("  {what}  ")));
        line
    }));
    lines.push(Line::default());
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 2;
    let area = area.centered(Constraint::Length(width), Constraint::Length(lines.len() as u16 + 2));
    Clear.render(area, buffer);
    let frame = Block::bordered().border_type(BorderType::Rounded).border_style(theme.name()).title(" keys ");
    let inside = frame.inner(area);
    frame.render(area, buffer);
    write(buffer, inside, &lines);
}
