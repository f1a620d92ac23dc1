//! The notes: why links are gone, and why the fleet is not healthy, in words a person can act on.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::View;
use super::text::{clip, piece};
use crate::output::board::link::State;
use crate::protocol::time::uptime;
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
    for Trouble { why, feeds, lost, age } in troubles(view) {
        let who = if feeds.len() == Feed::ALL.len() { "all feeds".to_owned() } else { feeds.join(", ") };
        let (sign, style) = if lost { ("✗", theme.bad()) } else { ("↻", theme.warning()) };
        note(sign, style, &format!("{who}, for {}: {why}", uptime(age)));
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

/// Why some feeds have no connection.
struct Trouble<'a> {
    why: &'a str,
    feeds: Vec<&'static str>,
    lost: bool,
    /// Of the feed that has had it for longest.
    age: Duration,
}

/// Each trouble once, with the feeds that have it.
fn troubles(view: View<'_>) -> Vec<Trouble<'_>> {
    let mut all: Vec<Trouble<'_>> = Vec::new();
    for feed in Feed::ALL {
        let link = view.fleet.link(feed);
        let Some(why) = link.trouble() else { continue };
        let (lost, age) = (link.state() == State::Lost, link.age(view.now.instant));
        match all.iter_mut().find(|known| known.why == why && known.lost == lost) {
            Some(known) => {
                known.feeds.push(feed.name());
                known.age = known.age.max(age);
            }
            None => all.push(Trouble { why, feeds: vec![feed.name()], lost, age }),
        }
    }
    all
}
