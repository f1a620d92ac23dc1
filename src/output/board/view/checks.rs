//! The dependency checks, the worst first where not all of them fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::View;
use super::text::{clip, latency, pad, pad_left, piece, rule, write};
use crate::output::board::theme::sign;
use crate::protocol::message::HealthReport;
use crate::protocol::{Feed, Health};

/// Most columns of a name.
const NAME: usize = 24;

/// Lines it takes to show all of them, the title included.
pub(super) fn height(view: View<'_>) -> u16 {
    view.fleet.health.as_ref().map_or(2, |report| report.checks.len().clamp(1, 999) as u16 + 1)
}

pub(super) fn draw(view: View<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = view.theme;
    let [head, body] = super::head(area);
    let mut title = view.title(Feed::Health, "checks", area.width);
    let Some(report) = &view.fleet.health else {
        write(buffer, head, &[rule(theme, title, &[], area.width.into())]);
        write(buffer, body, &[piece("   waiting for the first report", theme.faint())]);
        return;
    };
    let (words, style) = if report.healthy { ("  healthy", theme.good()) } else { ("  not healthy", theme.bad()) };
    title.push_span(Span::styled(words, if view.is_grey(Feed::Health) { theme.faint() } else { style }));
    write(buffer, head, &[rule(theme, title, &[], area.width.into())]);

    let mut checks: Vec<(&str, Health)> = report.checks.iter().map(|(name, health)| (name.as_str(), *health)).collect();
    let rows = usize::from(body.height);
    let mut lines = Vec::new();
    if checks.is_empty() {
        lines.push(piece("   no checks are configured", theme.faint()));
    }
    if checks.len() > rows {
        checks.sort_by_key(|(_, health)| severity(*health));
        let room = rows.saturating_sub(1);
        let more = checks.len() - room;
        checks.truncate(room);
        lines.push(piece(format!("   and {more} more"), theme.faint()));
    }
    let longest = checks.iter().map(|(name, _)| name.chars().take(NAME).count()).max().unwrap_or(0);
    let shown = checks.iter().map(|(name, health)| line(view, report, name, *health, longest, area.width.into()));
    let lines: Vec<Line<'_>> = shown.chain(lines).collect();
    write(buffer, body, &lines);
    view.grey(Feed::Health, buffer, body);
}

/// The worst has the least.
fn severity(health: Health) -> u8 {
    match health {
        Health::Unhealthy => 0,
        Health::Degraded => 1,
        Health::Unknown => 2,
        Health::Healthy => 3,
    }
}

fn line(
    view: View<'_>,
    report: &HealthReport,
    name: &str,
    health: Health,
    longest: usize,
    width: usize,
) -> Line<'static> {
    let theme = view.theme;
    let mut line = piece(pad(&format!("   {} {}", sign(health), health.word()), 16), theme.health(health));
    line.push_span(Span::raw(pad(name, longest)));
    let detail = report.details.get(name);
    let took = detail.and_then(|detail| detail.latency_ms).map(latency);
    line.push_span(Span::styled(pad_left(took.as_deref().unwrap_or("-"), 10), theme.faint()));
    let left = width.saturating_sub(line.width() + 3);
    match detail.and_then(|detail| detail.error.as_deref()).filter(|_| health != Health::Healthy) {
        Some(error) if left > 3 => line.push_span(Span::raw(format!("  {}", clip(error, left)))),
        _ if left >= "critical".len() && detail.is_some_and(|detail| detail.critical) => {
            line.push_span(Span::styled("  critical", theme.faint()));
        }
        _ => {}
    }
    line
}
