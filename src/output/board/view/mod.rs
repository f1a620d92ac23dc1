//! The view: what is known, as a screen. Pure: the same fleet, controls and moment are the same screen.
//!
//! Header, links, notes (why something is wrong), metrics, backends, checks, billing, footer. From 120 columns on checks and
//! billing stand beside the backends, else below them. What is stale or old is greyed, and says so in words.

mod backends;
mod billing;
mod checks;
mod footer;
mod header;
mod links;
mod metrics;
mod notes;
mod text;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::controls::{Controls, Extent};
use super::fleet::{Fleet, Moment};
use super::link::News;
use super::notice::Notice;
use super::theme::Theme;
use crate::protocol::Feed;
use crate::protocol::time::uptime;
use text::{piece, write};

/// The smallest screen that makes sense.
const SMALLEST: (u16, u16) = (70, 20);

/// From this many columns on, checks and billing stand beside the backends.
const WIDE: u16 = 120;

/// Lines that checks and billing take beside the backends.
const BESIDE: u16 = 9;

/// Below this many columns a panel says things in one word.
const NARROW: u16 = 40;

/// Everything a screen is made of.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) controls: &'a Controls,
    pub(super) theme: Theme,
    /// Whose clock is shown.
    pub(super) zone: &'a TimeZone,
    /// The moment that is shown.
    pub(super) now: Moment,
    /// The moment at which it is shown; later, if the screen stands still.
    pub(super) shown: Moment,
    pub(super) frozen: bool,
    pub(super) notice: Option<&'a Notice>,
}

/// Draws the screen. Tells how much of the backends there is to scroll.
pub(super) fn draw(view: View<'_>, buffer: &mut Buffer) -> Extent {
    let area = buffer.area;
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let words =
            format!("the dashboard needs {}x{}, this is {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
        write(buffer, area, &[piece(words, Style::new()), piece("make the window larger, or press q", Style::new())]);
        return Extent::default();
    }
    let wide = area.width >= WIDE;
    let notes = notes::lines(view, area.width.into(), usize::from(area.height / 3).clamp(8, 15) - 5);
    let below = if wide { 0 } else { 5 + (area.height.saturating_sub(30) / 4) };
    // Two notes are always reckoned with, so that the sparklines do not jump at each of them.
    let noted = notes.len().max(2) as u16;
    let rows = metrics::rows(view, area.height.saturating_sub(below + noted), if wide { BESIDE } else { 1 });
    let [top, links, why, measured, middle, bottom, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(notes.len() as u16),
        Constraint::Length(1 + 3 * rows),
        Constraint::Min(2),
        Constraint::Length(below),
        Constraint::Length(1),
    ])
    .areas(area);
    write(buffer, top, &[header::line(view, top.width.into())]);
    links::draw(view, buffer, links);
    write(buffer, why, &notes);
    metrics::draw(view, buffer, measured);
    let extent = if wide {
        let [left, _, right] =
            Layout::horizontal([Constraint::Min(70), Constraint::Length(2), Constraint::Length(middle.width / 3)])
                .areas(middle);
        let [checked, _, billed] = Layout::vertical([
            Constraint::Length(checks::height(view).min(right.height.saturating_sub(6))),
            Constraint::Length(1),
            Constraint::Length(5),
        ])
        .areas(right);
        checks::draw(view, buffer, checked);
        billing::draw(view, buffer, billed);
        backends::draw(view, buffer, left)
    } else {
        let [checked, _, billed] =
            Layout::horizontal([Constraint::Min(30), Constraint::Length(2), Constraint::Length(28)]).areas(bottom);
        checks::draw(view, buffer, checked);
        billing::draw(view, buffer, billed);
        backends::draw(view, buffer, middle)
    };
    write(buffer, foot, &[footer::line(view, foot.width.into())]);
    if view.controls.help {
        footer::help(view, buffer, area);
    }
    extent
}

/// The line of the rule, and what is below it.
fn head(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area)
}

impl View<'_> {
    /// The title of a feed's panel, with what makes its news worth less.
    fn title(&self, feed: Feed, title: &'static str, width: u16) -> Line<'static> {
        let mut line = piece(title, self.theme.strong());
        let words = match self.fleet.link(feed).news(self.now.instant) {
            News::None | News::Fresh(_) => return line,
            News::Stale(age) if width < NARROW => format!("  stale, {}", uptime(age)),
            News::Old(age) if width < NARROW => format!("  old, {}", uptime(age)),
            News::Stale(age) => format!("  stale: nothing heard for {}", uptime(age)),
            News::Old(age) => format!("  old: last heard {}", text::ago(age)),
        };
        line.push_span(Span::styled(words, self.theme.warning()));
        line
    }

    /// Greys the part of the screen that shows what is no longer true for sure.
    fn grey(&self, feed: Feed, buffer: &mut Buffer, area: Rect) {
        if self.is_grey(feed) {
            buffer.set_style(area, Style::reset().patch(self.theme.faint()));
        }
    }

    fn is_grey(&self, feed: Feed) -> bool {
        matches!(self.fleet.link(feed).news(self.now.instant), News::Stale(_) | News::Old(_))
    }
}
