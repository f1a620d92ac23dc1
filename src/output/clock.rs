//! Time as people read it: the time of day where they are, and spans.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::protocol::Timestamp;
use crate::protocol::time::uptime;

/// `20:10:02.114`, in the time zone of this machine.
pub fn time_of_day(at: Timestamp) -> String {
    at.instant().to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string()
}

/// A span, cut to a tenth of a second, from a minute on to its two largest units: `0.7 s`, `2m14s`.
pub fn span(milliseconds: u64) -> String {
    match milliseconds {
        0..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => uptime(Duration::from_millis(milliseconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_cut_and_not_rounded() {
        for (milliseconds, text) in
            [(0, "0.0 s"), (799, "0.7 s"), (12_963, "12.9 s"), (59_999, "59.9 s"), (134_500, "2m14s")]
        {
            assert_eq!(span(milliseconds), text);
        }
    }
}
