//! The first line: which server, how well its fleet is, since when it runs, and what time it is.

use ratatui::text::{Line, Span};

use super::View;
use super::text::{clip, groups, piece};
use crate::output::board::theme::sign;
use crate::output::feed::plural;
use crate::protocol::Feed;
use crate::protocol::time::uptime;

/// Most columns for a text of the server.
const WORD_WIDTH: usize = 24;

pub(super) fn line(view: View<'_>, width: usize) -> Line<'static> {
    let theme = view.theme;
    let right = if view.frozen {
        let span = view.shown.instant.saturating_duration_since(view.now.instant);
        piece(format!(" FROZEN for {} ", uptime(span)), theme.flag())
    } else {
        let clock = view.now.wall.instant().to_zoned(view.zone.clone()).strftime("%H:%M:%S").to_string();
        piece(clock, theme.faint())
    };
    let mut all =
        vec![piece(" veloflux", theme.name()), piece(clip(&view.fleet.server, WORD_WIDTH * 2), theme.strong())];
    if let Some(status) = &view.fleet.status {
        let grey = view.is_grey(Feed::Status);
        let style = if grey { theme.faint() } else { theme.health(status.status) };
        let mut word = piece(format!("{} {}", sign(status.status), status.status.word()), style);
        if grey {
            word.push_span(Span::styled(" (old)", theme.warning()));
        }
        all.push(word);
        let mut fact = |label: &'static str, value: String| {
            let mut line = piece(label, theme.faint());
            line.push_span(value);
            all.push(line);
        };
        fact("up ", clip(&status.uptime, WORD_WIDTH));
        fact("version ", clip(&status.version, WORD_WIDTH));
        fact("", plural(status.cluster_size.into(), "node"));
        if let Some(node) = &status.node {
            fact("node ", clip(node, WORD_WIDTH));
        }
    }
    let mut line = groups(all, width.saturating_sub(right.width() + 3));
    line.push_span(" ".repeat(width.saturating_sub(line.width() + right.width() + 1)));
    line.extend(right);
    line
}
