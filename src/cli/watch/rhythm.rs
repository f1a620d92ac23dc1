//! How slow a feed may be before it is stale, and how fast it may be written.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::client::stale::Patience;
use crate::duration;

/// What is too long a silence, and what to do then.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Silence")]
pub struct StaleArgs {
    /// Silence of a feed that is too long: so many of its cadences, for example `3x`, or a duration
    #[arg(long, value_name = "Nx|DURATION", default_value = "3x", value_parser = patience)]
    pub stale_after: Patience,

    /// What to do then, beside saying so
    #[arg(long, value_name = "ACTION", value_enum, default_value_t)]
    pub on_stale: OnStale,
}

/// What to do when a feed is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnStale {
    /// Nothing more.
    #[default]
    Warn,
    /// Give the connection up and make another.
    Reconnect,
    /// Fail (1).
    Fail,
}

/// A number of messages in a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The time between two of them.
    pub every: Duration,
}

/// Longest time between two messages that are written.
const EVERY_MAX: Duration = Duration::from_secs(86_400);

impl Rate {
    pub(super) fn parse(text: &str) -> Result<Rate, String> {
        let refused = || "write a number of messages in a time, for example `2/s` or `10/m`".to_owned();
        let (count, unit) = text.split_once('/').ok_or_else(refused)?;
        let unit = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return Err(refused()),
        };
        let every = unit / positive(count).ok_or_else(refused)?;
        if every > EVERY_MAX.as_secs_f64() {
            return Err("that is less than one message a day".to_owned());
        }
        Ok(Rate { every: Duration::from_secs_f64(every) })
    }
}

fn patience(text: &str) -> Result<Patience, String> {
    if let Some(times) = text.strip_suffix('x') {
        let times = positive(times).filter(|times| *times <= 1_000.0);
        return times.map(Patience::Cadences).ok_or_else(|| "write up to 1000 cadences, for example `3x`".to_owned());
    }
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("it has to be longer than zero".to_owned()),
        Ok(span) => Ok(Patience::Span(span)),
        Err(error) => Err(format!("{error}; or a number of cadences, for example `3x`")),
    }
}

/// A decimal number above zero.
fn positive(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| plain && *number > 0.0 && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, milliseconds) in
            [("1/s", 1_000), ("4/s", 250), ("0.5/s", 2_000), ("30/m", 2_000), ("1/h", 3_600_000)]
        {
            assert_eq!(Rate::parse(text).map(|rate| rate.every), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "/s", "0/s", "-1/s", "1e3/s", "inf/s", "NaN/s", "1/d", "0.01/h", "1/s/s"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patience_is_in_cadences_or_a_span() {
        assert_eq!(patience("3x"), Ok(Patience::Cadences(3.0)));
        assert_eq!(patience("1.5x"), Ok(Patience::Cadences(1.5)));
        assert_eq!(patience("20s"), Ok(Patience::Span(Duration::from_secs(20))));
        for text in ["x", "0x", "-1x", "3", "0s", "1001x", "3 x"] {
            assert!(patience(text).is_err(), "{text}");
        }
    }
}
