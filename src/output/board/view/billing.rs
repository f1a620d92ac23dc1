//! The bill of this month so far.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::View;
use super::text::{ago, clip, piece, rule, write};
use crate::protocol::Feed;
use crate::protocol::time::uptime;

pub(super) fn draw(view: View<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = view.theme;
    let width = usize::from(area.width.saturating_sub(3));
    let [head, body] = super::head(area);
    write(buffer, head, &[rule(theme, view.title(Feed::Billing, "billing", area.width), &[], area.width.into())]);
    let Some(billing) = &view.fleet.billing else {
        write(buffer, body, &[piece("   waiting for the bill", theme.faint())]);
        return;
    };
    let currency = clip(billing.currency.as_deref().unwrap_or_default(), 8);
    let mut cost = piece(format!("   {:.2} {currency}", billing.cost), theme.strong());
    let period = clip(&billing.period.replace('_', " "), width.saturating_sub(cost.width()));
    cost.push_span(Span::styled(format!("  {period}"), theme.faint()));
    let unit = billing.unit.as_deref().unwrap_or("unit");
    let plural = if billing.usage == 1.0 { "" } else { "s" };
    let usage = format!("   {}", clip(&format!("{} {unit}{plural}", billing.usage), width));
    let mut lines = vec![cost, piece(usage, Style::new())];
    if let Some(end) = billing.period_end {
        let left = view.fleet.until(end, view.now);
        lines.push(piece(format!("   ends in {}", uptime(left)), theme.faint()));
    }
    if billing.partial {
        lines.push(piece("   partial: not all metered", theme.warning()));
    } else {
        let age = view.fleet.age(billing.last_updated, view.now);
        lines.push(piece(format!("   read {}", ago(age)), theme.faint()));
    }
    write(buffer, body, &lines);
    view.grey(Feed::Billing, buffer, body);
}
