//! Moments as people read them: the time of day where they are.

use jiff::tz::TimeZone;

use crate::protocol::Timestamp;

/// `20:10:02.114`, in the time zone of this machine.
pub fn time_of_day(at: Timestamp) -> String {
    at.instant().to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string()
}
