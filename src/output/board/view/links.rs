//! The links: one cell a feed, its name and whether it is alive, in a sign and in words.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

use super::View;
use super::text::{ago, clip, piece, write};
use crate::output::board::link::{News, State};
use crate::protocol::Feed;
use crate::protocol::time::uptime;

/// Columns from which on a cell says it all.
const ROOMY: u16 = 30;

pub(super) fn draw(view: View<'_>, buffer: &mut Buffer, area: Rect) {
    let cells: [Rect; Feed::ALL.len()] = Layout::horizontal([Constraint::Fill(1); Feed::ALL.len()]).areas(area);
    for (feed, cell) in Feed::ALL.into_iter().zip(cells) {
        let (sign, style, words) = told(view, feed, cell.width >= ROOMY);
        let mut name = piece(format!(" {sign} "), style);
        name.push_span(Span::styled(feed.name(), view.theme.strong()));
        let words = format!(" {}", clip(&words, usize::from(cell.width.saturating_sub(1))));
        write(buffer, cell, &[name, piece(words, style_of_words(view, style, sign))]);
    }
}

fn told(view: View<'_>, feed: Feed, roomy: bool) -> (&'static str, Style, String) {
    let (link, now, theme) = (view.fleet.link(feed), view.now.instant, view.theme);
    let age = uptime(link.age(now));
    match link.state() {
        State::Connecting => ("◌", theme.faint(), format!("connecting {age}")),
        State::Connected => match link.news(now) {
            News::Stale(silence) if roomy => ("▲", theme.warning(), format!("stale, nothing for {}", uptime(silence))),
            News::Stale(silence) => ("▲", theme.warning(), format!("stale {}", uptime(silence))),
            News::Fresh(heard) if roomy => ("●", theme.good(), format!("connected {age}, heard {}", ago(heard))),
            News::Fresh(heard) => ("●", theme.good(), format!("live, {}", ago(heard))),
            News::None | News::Old(_) => ("●", theme.good(), format!("connected {age}")),
        },
        State::Reconnecting { attempt, of, due } => {
            let of = of.map(|of| format!("/{of}")).unwrap_or_default();
            // Rounded up: the try comes when it says nought.
            let wait = due.saturating_duration_since(now).as_millis().div_ceil(1_000);
            let when = if wait == 0 { "now".to_owned() } else { format!("in {wait}s") };
            let verb = if roomy { "reconnecting" } else { "try" };
            let words = format!("{verb} {attempt}{of} {when}");
            ("↻", theme.warning(), words)
        }
        State::Lost if roomy => ("✗", theme.bad(), format!("lost {age} ago, r tries again")),
        State::Lost => ("✗", theme.bad(), format!("lost {age} ago")),
    }
}

/// What is well stays in the background.
fn style_of_words(view: View<'_>, style: Style, sign: &str) -> Style {
    if sign == "●" { view.theme.faint() } else { style }
}
