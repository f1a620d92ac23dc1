//! Points in time and spans as the contract writes them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: RFC 3339, UTC, `Z`, milliseconds, for example `2024-01-15T10:30:00.250Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The wall clock, cut to milliseconds.
    pub fn now() -> Self {
        Self::from(jiff::Timestamp::now())
    }

    /// The underlying instant, for calendar arithmetic.
    pub fn instant(self) -> jiff::Timestamp {
        self.0
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The point so long before this one, if there is one.
    pub fn before(self, span: Duration) -> Option<Timestamp> {
        jiff::SignedDuration::try_from(span).ok().and_then(|span| self.0.checked_sub(span).ok()).map(Timestamp::from)
    }

    /// The point so long after this one, if there is one.
    pub fn after(self, span: Duration) -> Option<Timestamp> {
        jiff::SignedDuration::try_from(span).ok().and_then(|span| self.0.checked_add(span).ok()).map(Timestamp::from)
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later (a clock that was set back).
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or(Duration::ZERO)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        let whole = jiff::Timestamp::from_millisecond(instant.as_millisecond());
        Timestamp(whole.expect("the milliseconds of a timestamp are in the range of a timestamp"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Timestamp(jiff::Timestamp::deserialize(deserializer)?))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A point in time: RFC 3339, UTC, milliseconds.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
            "examples": ["2024-01-15T10:30:00.250Z"],
        })
    }
}

/// An uptime in its two largest units: `42s`, `5m12s`, `1h30m`, `3d4h`.
pub fn uptime(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_shows_the_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (42, "42s"),
            (59, "59s"),
            (60, "1m0s"),
            (312, "5m12s"),
            (3_599, "59m59s"),
            (3_600, "1h0m"),
            (5_400, "1h30m"),
            (86_399, "23h59m"),
            (86_400, "1d0h"),
            (273_600, "3d4h"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn timestamps_are_written_in_utc_with_three_digits() {
        let parsed: Timestamp = serde_json::from_str("\"2024-01-15T12:30:00.25+02:00\"").expect("RFC 3339");
        assert_eq!(parsed.to_string(), "2024-01-15T10:30:00.250Z");
        let whole: Timestamp = serde_json::from_str("\"2024-01-15T10:30:00Z\"").expect("RFC 3339");
        assert_eq!(serde_json::to_string(&whole).expect("a string"), "\"2024-01-15T10:30:00.000Z\"");
    }
}
