//! `[limits]`: how many may come, and how fast.

use super::report::Report;
use super::section::{Item, Section};
use super::{Limits, Share};
use crate::limits::{CONNECTIONS_PER_ADDRESS, HANDSHAKES_PER_SECOND, HANDSHAKES_PER_SECOND_PER_ADDRESS, LIMIT_MAX};

pub(super) fn read<'t>(root: &mut Section<'t>, report: &mut Report<'t>) -> Limits {
    let mut section = root.table(report, "limits", "[limits]");
    let mut number = |key| section.read(report, key, |raw| raw.number(1, LIMIT_MAX)).map(|Item { value, .. }| value);
    let limits = Limits {
        connections: number("connections").map(|number| number as usize),
        connections_per_address: share(number("connections_per_address"), CONNECTIONS_PER_ADDRESS),
        handshakes_per_second: number("handshakes_per_second").unwrap_or(HANDSHAKES_PER_SECOND),
        handshakes_per_second_per_address: share(
            number("handshakes_per_second_per_address"),
            HANDSHAKES_PER_SECOND_PER_ADDRESS,
        ),
    };
    section.finish(report);
    limits
}

fn share(set: Option<u32>, usual: u32) -> Share {
    set.map_or(Share::Usual(usual), Share::Set)
}
