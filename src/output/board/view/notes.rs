//! The notes: why links are gone, and why the fleet is not healthy, in words a person can act on.

use ratatui::text::{Line, Span};

use super::View;
use super::text::{clip, piece};
use crate::output::board::link::State;
use crate::protocol::{Feed, Health};

/// At most `most` lines; the last one counts those that did not fit.
pub(super) fn lines(view: View<'_>, width: usize, most: usize) -> Vec<Line<'static>> {
    let theme = view.theme;
    let mut lines = Vec::new();
    let mut note = |sign: &'static str, style, text: &str| {
        let mut line = piece(format!(" {sign} "), style);
        line.push_span(Span::raw(clip(text, width.saturating_sub(4))));
        lines.push(line);
    };
    for (trouble, feeds, lost) in troubles(view) {
        let who = if feeds.len() == Feed::ALL.len() { "all feeds".to_owned() } else { feeds.join(", ") };
        let (sign, style) = if lost { ("✗", theme.bad()) } else { ("↻", theme.warning()) };
        note(sign, style, &format!("{who}: {trouble}"));
    }
    if let Some(status) = &view.fleet.status
        && !view.is_grey(Feed::Status)
    {
        let (sign, style) = match status.status {
            Health::Unhealthy => ("✗", theme.bad()),
            _ => ("▲", theme.warning()),
        };
        for reason in &status.reasons {
            note(sign, style, reason);
        }
    }
    if lines.len() > most {
        let more = lines.len() - most + 1;
        lines.truncate(most - 1);
        lines.push(piece(format!("   and {more} more; a taller window shows them"), theme.faint()));
    }
    lines
}

/// Each trouble once, with the feeds that have it.
fn troubles(view: View<'_>) -> Vec<(String, Vec<&'static str>, bool)> {
    let mut all: Vec<(String, Vec<&'static str>, bool)> = Vec::new();
    for feed in Feed::ALL {
        let link = view.fleet.link(feed);
        let Some(trouble) = link.trouble() else { continue };
        let lost = link.state() == State::Lost;
        match all.iter_mut().find(|known| known.0 == trouble && known.2 == lost) {
            Some(known) => known.1.push(feed.name()),
            None => all.push((trouble.to_owned(), vec![feed.name()], lost)),
        }
    }
    all
}
