//! Billing periods: the calendar month, in a time zone, that holds an instant.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// One calendar month of a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its stable name, `2026-11`: the same for every zone, so that changing the zone keeps the month's usage.
    pub key: String,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Period {
    /// The month that holds `instant`.
    pub fn containing(instant: Timestamp, zone: &TimeZone) -> Period {
        let first = instant.to_zoned(zone.clone()).date().first_of_month();
        let period = Period::starting(first, zone);
        // A clock set back across midnight at a month's border shows the old month again after the new one has begun.
        // The new month goes on: periods have to follow each other without overlap.
        if instant < period.end { period } else { Period::starting(month_after(first), zone) }
    }

    fn starting(first: Date, zone: &TimeZone) -> Period {
        Period {
            key: first.strftime("%Y-%m").to_string(),
            start: midnight(first, zone).unwrap_or(Timestamp::MIN),
            end: midnight(month_after(first), zone).unwrap_or(Timestamp::MAX),
        }
    }
}

fn month_after(first: Date) -> Date {
    first.saturating_add(1.month())
}

/// The start of a day: where the clock skips midnight the first moment after the gap, where it shows midnight twice the
/// first of the two. None outside the range of a timestamp.
fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_zoned(day.at(0, 0, 0, 0)).compatible().ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("RFC 3339")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone of the bundled database")
    }

    #[track_caller]
    fn check(name: &str, instant: &str, key: &str, start: &str, end: &str) {
        let expected = Period { key: key.to_owned(), start: at(start), end: at(end) };
        assert_eq!(Period::containing(at(instant), &zone(name)), expected);
    }

    #[test]
    fn months_begin_at_local_midnight() {
        let (start, end) = ("2026-02-01T03:00:00Z", "2026-03-01T03:00:00Z");
        check("America/Sao_Paulo", "2026-03-01T02:59:59.999Z", "2026-02", start, end);
        check("America/Sao_Paulo", "2026-02-01T03:00:00Z", "2026-02", start, end);
        check("America/Sao_Paulo", "2026-03-01T03:00:00Z", "2026-03", end, "2026-04-01T03:00:00Z");
    }

    #[test]
    fn a_year_ends_and_summer_time_shifts_one_border_only() {
        check("UTC", "2026-12-31T23:59:59Z", "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
        check("UTC", "2027-01-01T00:00:00Z", "2027-01", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z");
        check("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        check("Pacific/Kiritimati", "2026-11-30T10:00:00Z", "2026-12", "2026-11-30T10:00:00Z", "2026-12-31T10:00:00Z");
    }

    #[test]
    fn a_month_whose_midnight_is_skipped_begins_after_the_gap() {
        // Paraguay put the clock from 00:00 to 01:00 on 1 October 2017.
        check("America/Asuncion", "2017-10-01T04:00:00Z", "2017-10", "2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z");
        check("America/Asuncion", "2017-10-01T03:59:59Z", "2017-09", "2017-09-01T04:00:00Z", "2017-10-01T04:00:00Z");
    }

    #[test]
    fn a_month_that_has_begun_does_not_end_when_the_clock_is_set_back_into_the_old_one() {
        // Newfoundland put the clock from 00:01 on 1 November 2009 back to 23:01 on 31 October.
        for instant in ["2009-11-01T02:30:00Z", "2009-11-01T02:31:00Z", "2009-11-01T03:00:00Z", "2009-11-01T03:30:00Z"]
        {
            check("America/St_Johns", instant, "2009-11", "2009-11-01T02:30:00Z", "2009-12-01T03:30:00Z");
        }
        check("America/St_Johns", "2009-11-01T02:29:59Z", "2009-10", "2009-10-01T02:30:00Z", "2009-11-01T02:30:00Z");
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_period_and_periods_touch(
            second in -5_000_000_000i64..10_000_000_000,
            name in prop::sample::select(vec!["UTC", "America/St_Johns", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia"]),
        ) {
            let instant = Timestamp::from_second(second).expect("in range");
            let period = Period::containing(instant, &zone(name));
            prop_assert!(period.start <= instant && instant < period.end);
            let next = Period::containing(period.end, &zone(name));
            prop_assert_eq!(next.start, period.end);
            prop_assert!(next.key > period.key);
            prop_assert_eq!(Period::containing(period.start, &zone(name)), period);
        }

        #[test]
        fn no_clock_is_too_wrong(second in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()) {
            let instant = Timestamp::from_second(second).expect("in range");
            let period = Period::containing(instant, &zone("Asia/Kathmandu"));
            prop_assert!(period.start <= instant && instant <= period.end);
        }
    }
}
