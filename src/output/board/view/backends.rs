//! The backends: each pool with how many of it pass, and below it its backends, as many as fit from where it was scrolled to.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::View;
use super::text::{ago, clip, latency, pad, pad_left, piece, rule, write};
use crate::output::board::controls::Extent;
use crate::output::board::theme::sign;
use crate::output::feed::grouped;
use crate::protocol::message::Backend;
use crate::protocol::{Admin, Feed, Health};

/// Widths of the columns, blanks between them included: sign and word, latency, age of the last check.
const STATUS: usize = 13;
const LATENCY: usize = 9;
const AGE: usize = 12;

/// What the rule around a title takes.
const RULE: usize = 5;

/// One line of the list.
enum Row<'a> {
    Pool { name: &'a str, passing: usize, total: usize },
    Backend(&'a Backend),
}

pub(super) fn draw(view: View<'_>, buffer: &mut Buffer, area: Rect) -> Extent {
    let theme = view.theme;
    let (list, filter) = (view.fleet.backends.as_deref(), view.controls.filter.as_str());
    let rows = list.map(|list| rows(list, filter)).unwrap_or_default();
    let [head, body] = super::head(area);
    let extent = Extent { lines: rows.len(), shown: body.height.into() };
    // The controls know the extent of the screen before; this one may be smaller.
    let first = view.controls.scroll().min(rows.len().saturating_sub(extent.shown));
    let shown = &rows[first..rows.len().min(first + extent.shown)];

    let mut right = Vec::new();
    if !filter.is_empty() {
        let matches = rows.iter().filter(|row| matches!(row, Row::Backend(_))).count();
        right.push(format!("{matches} with `{}`", clip(filter, 20)));
    }
    if rows.len() > extent.shown {
        right.push(format!("lines {}-{} of {}", first + 1, first + shown.len(), grouped(rows.len() as u64)));
    }
    write(buffer, head, &[rule(theme, title(view, list, area.width), &right, area.width.into())]);

    let lines: Vec<Line<'_>> = match (list, rows.is_empty()) {
        (None, _) => vec![piece("   waiting for the first list", theme.faint())],
        (Some([]), _) => vec![piece("   no backends are configured", theme.faint())],
        (Some(_), true) => vec![piece(format!("   no backend has `{}`", clip(filter, 40)), theme.faint())],
        (Some(_), false) => {
            let width = usize::from(area.width);
            let longest = rows.iter().map(|row| match row {
                Row::Backend(backend) => Span::raw(clip(&backend.address, width)).width(),
                Row::Pool { .. } => 0,
            });
            let address = longest.max().unwrap_or(0).clamp(8, width.saturating_sub(STATUS + LATENCY + AGE + 20).max(8));
            shown.iter().map(|row| row.line(view, address, width)).collect()
        }
    };
    write(buffer, body, &lines);
    view.grey(Feed::Backends, buffer, body);
    extent
}

/// How many there are, and how many of them are in which state.
fn title(view: View<'_>, list: Option<&[Backend]>, width: u16) -> Line<'static> {
    let mut line = view.title(Feed::Backends, "backends", width);
    let grey = view.is_grey(Feed::Backends);
    for health in Health::ALL {
        let count = list.unwrap_or_default().iter().filter(|backend| backend.status == health).count();
        if count > 0 {
            let style = if grey { view.theme.faint() } else { view.theme.health(health) };
            let count = Span::styled(format!("  {} {}", grouped(count as u64), health.word()), style);
            if line.width() + count.width() + RULE <= usize::from(width) {
                line.push_span(count);
            }
        }
    }
    line
}

/// The lines of the backends that match, each pool with at least one of them.
fn rows<'a>(list: &'a [Backend], filter: &str) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for pool in list.chunk_by(|one, other| one.pool == other.pool) {
        let mut matching = pool.iter().filter(|backend| matches(backend, filter)).peekable();
        if matching.peek().is_some() {
            let passing = pool.iter().filter(|backend| backend.status.passes()).count();
            rows.push(Row::Pool { name: &pool[0].pool, passing, total: pool.len() });
            rows.extend(matching.map(Row::Backend));
        }
    }
    rows
}

fn matches(backend: &Backend, filter: &str) -> bool {
    let texts = [&backend.address, &backend.pool, backend.status.word(), &backend.state];
    filter.is_empty()
        || texts.into_iter().chain(backend.detail.as_deref()).any(|text| text.to_lowercase().contains(filter))
}

impl Row<'_> {
    fn line(&self, view: View<'_>, address: usize, width: usize) -> Line<'static> {
        match self {
            Row::Pool { name, passing, total } => pool(view, name, *passing, *total),
            Row::Backend(backend) => line(view, backend, address, width),
        }
    }
}

fn pool(view: View<'_>, name: &str, passing: usize, total: usize) -> Line<'static> {
    let theme = view.theme;
    let style = match passing {
        0 => theme.bad(),
        _ if passing < total => theme.warning(),
        _ => theme.faint(),
    };
    let name = if name.is_empty() { "no pool".to_owned() } else { clip(name, 40) };
    let mut line = piece(format!("   {name}"), theme.name());
    line.push_span(Span::styled(format!("  {passing} of {total} pass"), style));
    line
}

fn line(view: View<'_>, backend: &Backend, address: usize, width: usize) -> Line<'static> {
    let theme = view.theme;
    let style = theme.health(backend.status);
    let mut line = piece(pad(&format!("   {} {}", sign(backend.status), backend.status.word()), STATUS + 3), style);
    line.push_span(Span::raw(pad(&backend.address, address)));
    let took = backend.latency_ms.filter(|_| backend.status.passes());
    let took = took.map_or_else(|| "-".to_owned(), latency);
    line.push_span(Span::raw(pad_left(&took, LATENCY + 1)));
    let age = backend.last_check.map(|time| ago(view.fleet.age(time, view.now)));
    line.push_span(Span::styled(pad_left(age.as_deref().unwrap_or("not yet"), AGE), theme.faint()));
    let mut left = width.saturating_sub(line.width());
    for (text, style) in remarks(view, backend) {
        if left > 4 {
            let span = Span::styled(format!("  {}", clip(&text, left - 3)), style);
            left = left.saturating_sub(span.width());
            line.push_span(span);
        }
    }
    line
}

/// What else there is to say, what matters most first.
fn remarks(view: View<'_>, backend: &Backend) -> Vec<(String, ratatui::style::Style)> {
    let theme = view.theme;
    let mut remarks = Vec::new();
    match backend.admin {
        Admin::Enabled => {}
        Admin::Draining => remarks.push(("draining".to_owned(), theme.warning())),
        Admin::Maintenance => remarks.push(("maintenance".to_owned(), theme.warning())),
    }
    if backend.stale {
        remarks.push(("stale source".to_owned(), theme.warning()));
    }
    if matches!(backend.state.as_str(), "failing" | "recovering" | "flapping") {
        remarks.push((backend.state.clone(), theme.warning()));
    }
    if let Some(detail) = &backend.detail {
        remarks.push((detail.clone(), ratatui::style::Style::new()));
    }
    if backend.weight != 1 {
        remarks.push((format!("weight {}", backend.weight), theme.faint()));
    }
    remarks
}
