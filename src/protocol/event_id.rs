//! The id of a message, by which whoever comes back says what it has.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The name of one message in one run of a feed: `<epoch>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Names one run of the stream.
    pub epoch: u32,
    /// Counts the feed's messages from 1.
    pub seq: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.seq)
    }
}

/// Text that is not `<epoch>-<seq>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event id of the form `<8 hex digits>-<number>`")]
pub struct BadEventId(String);

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let bad = || BadEventId(text.to_owned());
        let (epoch, seq) = text.split_once('-').ok_or_else(bad)?;
        let plain = epoch.len() == 8 && !epoch.starts_with('+') && seq.bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return Err(bad());
        }
        Ok(EventId { epoch: u32::from_str_radix(epoch, 16).map_err(|_| bad())?, seq: seq.parse().map_err(|_| bad())? })
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EventId {
    fn schema_name() -> Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which message of the feed this is: `<epoch>-<seq>`. `epoch` names one run of the stream, `seq` counts from 1.",
            "type": "string",
            "pattern": "^[0-9a-f]{8}-[1-9][0-9]*$",
            "examples": ["5f0c2a19-17"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_survive_the_wire_and_nothing_else_is_one() {
        let id = EventId { epoch: 0xabc, seq: 17 };
        assert_eq!(id.to_string(), "00000abc-17");
        assert_eq!("00000abc-17".parse(), Ok(id));
        for text in
            ["", "-", "abc-1", "00000abc-", "00000abc", "0000xabc-1", "00000abc-+1", "+0000abc-1", "00000abc-1-2"]
        {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
