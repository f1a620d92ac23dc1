//! The metrics: CPU, memory and requests, each with its figure and what it was before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Sparkline, SparklineBar, Widget};

use super::View;
use super::text::{pad, pad_left, piece, rule, write};
use crate::output::board::history::{Sample, rate};
use crate::output::feed::{grouped, plural};
use crate::protocol::message::Scope;
use crate::protocol::time::uptime;
use crate::protocol::{Feed, Health};

/// Columns of a figure.
const FIGURE: u16 = 10;

/// Lines of one sparkline: as many as leave room for a few backends, and for `least` lines in their place at least.
pub(super) fn rows(view: View<'_>, height: u16, least: u16) -> u16 {
    let backends = view.fleet.backends.as_ref().map_or(0, Vec::len).min(usize::from(height)) as u16;
    // Header, links, two rules, footer, and a line for each pool.
    let spare = height.saturating_sub(6 + (backends + backends.div_ceil(4)).max(least));
    (spare / 3).clamp(1, (height / 10).max(1))
}

/// One of the three figures.
struct Gauge {
    name: &'static str,
    figure: String,
    style: Style,
    /// What a full column stands for. None: the largest value that is shown.
    full: Option<f64>,
    of: fn(&Sample) -> f64,
    written: fn(f64) -> String,
}

pub(super) fn draw(view: View<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = view.theme;
    let [head, body] = super::head(area);
    let title = view.title(Feed::Metrics, "metrics", area.width);
    let Some(metrics) = &view.fleet.metrics else {
        write(buffer, head, &[rule(theme, title, &[], area.width.into())]);
        write(buffer, body, &[piece("   waiting for the first measurement", theme.faint())]);
        return;
    };
    let quota = |scope, plain, of_quota| if scope == Some(Scope::Cgroup) { of_quota } else { plain };
    let share: fn(f64) -> String = |value| format!("{value:.1} %");
    let gauges = [
        Gauge {
            name: quota(metrics.scope, "cpu", "cpu of quota"),
            figure: share(metrics.cpu),
            style: theme.share(metrics.cpu),
            full: Some(100.0),
            of: |sample| sample.cpu,
            written: share,
        },
        Gauge {
            name: quota(metrics.memory_scope, "memory", "memory of quota"),
            figure: share(metrics.memory),
            style: theme.share(metrics.memory),
            full: Some(100.0),
            of: |sample| sample.memory,
            written: share,
        },
        Gauge {
            name: "requests",
            figure: per_second(rate(metrics)),
            style: theme.name(),
            full: None,
            of: |sample| sample.rate,
            written: per_second,
        },
    ];
    let names = gauges.iter().map(|gauge| gauge.name.len()).max().unwrap_or(0) as u16;
    let label = 3 + names + FIGURE + 2;
    let width = area.width.saturating_sub(label + 1);
    let mut facts = vec![format!("{} in this window", plural(metrics.requests, "request"))];
    facts.extend(metrics.requests_total.map(|total| format!("{} in all", grouped(total))));
    facts.extend(metrics.connections.map(|connections| plural(connections, "connection")));
    facts.push(format!("the last {}", uptime(Feed::Metrics.cadence() * u32::from(width))));
    write(buffer, head, &[rule(theme, title, &facts, area.width.into())]);

    let samples: Vec<Option<Sample>> = view.fleet.history.newest().take(width.into()).collect();
    let step = body.height / 3;
    // Where there is room, a blank line keeps a sparkline from standing on the next.
    let rows = if step > 2 { step - 1 } else { step };
    for (gauge, top) in gauges.iter().zip([0, 1, 2].map(|index| body.y + index * step)) {
        let values: Vec<Option<f64>> = samples.iter().map(|sample| sample.as_ref().map(gauge.of)).collect();
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let mut name = piece(format!("   {}", pad(gauge.name, names.into())), Style::new());
        name.push_span(Span::styled(pad_left(&gauge.figure, FIGURE.into()), theme.strong().patch(gauge.style)));
        let most_written = pad_left(&format!("most {}", (gauge.written)(most)), usize::from(names + FIGURE));
        let label = Rect { y: top, height: rows, width: label, ..body };
        write(buffer, label, &[name, piece(format!("   {most_written}"), theme.faint())]);
        let area = Rect { x: body.x + label.width, y: top, width, height: rows };
        let full = gauge.full.unwrap_or(most);
        let bar = |value: &Option<f64>| {
            let style = if gauge.full.is_some() { value.map(|value| theme.share(value)) } else { Some(gauge.style) };
            SparklineBar::from(value.map(|value| ticks(value, full, rows))).style(style)
        };
        Sparkline::default()
            .data(values.iter().map(bar))
            .direction(ratatui::widgets::RenderDirection::RightToLeft)
            .max(u64::from(rows) * 8)
            .absent_value_symbol("·")
            .absent_value_style(theme.health(Health::Unknown))
            .render(area, buffer);
    }
    view.grey(Feed::Metrics, buffer, body);
}

fn per_second(rate: f64) -> String {
    format!("{rate:.1}/s")
}

/// The height of a column in eighths of a line. Only nothing shows nothing.
fn ticks(value: f64, full: f64, rows: u16) -> u64 {
    let most = f64::from(rows) * 8.0;
    if value > 0.0 && full > 0.0 { (value / full * most).ceil().min(most) as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nothing_shows_nothing() {
        for (value, full, ticks_of_two_rows) in
            [(0.0, 100.0, 0), (0.1, 100.0, 1), (50.0, 100.0, 8), (100.0, 100.0, 16), (250.0, 100.0, 16), (0.0, 0.0, 0)]
        {
            assert_eq!(ticks(value, full, 2), ticks_of_two_rows, "{value} of {full}");
        }
        assert_eq!(ticks(f64::NAN, 100.0, 2), 0);
    }
}
