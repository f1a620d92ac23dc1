//! Durations as people write them on the command line and in the settings file: `250ms`, `2s`, `5m`, `1h30m`.
//!
//! One parser for both, so that the same text means the same everywhere. A bare number is refused: nobody can see
//! whether `5` means seconds or milliseconds.

use std::time::Duration;

/// The units, largest first: the order in which they may follow each other, each at most once.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest duration that is read: a year. Past it the number is a slip, and clocks overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// A number alone.
    #[error("`{0}` has no unit; write `{0}s`, `{0}ms` or `{0}m`")]
    Bare(String),
    /// Longer than a year.
    #[error("`{0}` is too long; write at most `366d`")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write for example `250ms`, `2s`, `5m` or `1h30m`")]
    Malformed(String),
}

/// Reads a duration: numbers with the units `d`, `h`, `m`, `s`, `ms`, largest first, nothing between them. A number may
/// have decimals (`1.5s`); what is finer than a millisecond is cut off. `0s` is a duration.
///
/// # Errors
/// [`BadDuration`], which says what to write instead.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let malformed = || BadDuration::Malformed(text.to_owned());
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadDuration::Bare(text.to_owned()));
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(malformed)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, milliseconds) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        total += decimal(number).ok_or_else(malformed)? * *milliseconds as f64;
        rest = tail;
    }
    if text.is_empty() {
        return Err(malformed());
    }
    if total > LONGEST.as_millis() as f64 {
        return Err(BadDuration::TooLong(text.to_owned()));
    }
    // Rounded to the microsecond first, so that `0.3s` is not cut to 299 ms by its binary form.
    Ok(Duration::from_millis(((total * 1_000.0).round() / 1_000.0) as u64))
}

/// Digits with at most one point inside them: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) { text.parse().ok() } else { None }
}

/// Writes a duration so that [`parse`] reads the same back: `250ms`, `2s`, `1h30m`.
pub fn format(duration: Duration) -> String {
    let mut rest = duration.as_millis() as u64;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, milliseconds) in UNITS {
        if rest >= milliseconds {
            text.push_str(&format!("{}{name}", rest / milliseconds));
            rest %= milliseconds;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("2s", 2_000),
            ("0.3s", 300),
            ("1.5s", 1_500),
            ("2s500ms", 2_500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("3d4h", 273_600_000),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_to_write() {
        assert_eq!(parse("5"), Err(BadDuration::Bare("5".to_owned())));
        assert_eq!(parse("367d"), Err(BadDuration::TooLong("367d".to_owned())));
        assert_eq!(parse("99999999999999999999s"), Err(BadDuration::TooLong("99999999999999999999s".to_owned())));
        for text in
            ["", "s", "-1s", "+1s", "1 s", "1s 2ms", "30m1h", "1s1s", "1x", "1S", "1e3s", ".5s", "5.s", "infs", "1s2"]
        {
            assert_eq!(parse(text), Err(BadDuration::Malformed(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds in 0_u64..=31_622_400_000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
