//! Budgets: what a probe may cost, `tcp=50ms,loss=1%,cert_days=14`, and whether what was measured is within.

use std::str::FromStr;

use crate::duration;

/// What is measured. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Name lookup.
    Dns,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
    /// The WebSocket handshake.
    Upgrade,
    /// From the handshake to the first message; of an http URL, from the request to the answer.
    FirstMessage,
    /// Half of the pings are not slower.
    RttP50,
    /// 95 of 100 pings are not slower.
    RttP95,
    /// 99 of 100 pings are not slower.
    RttP99,
    /// The closing handshake.
    Close,
    /// All of it.
    Total,
    /// Pings without an answer.
    Loss,
    /// Days until the server's certificate expires.
    CertDays,
    /// Time until our token expires.
    TokenTtl,
    /// The longest time between two messages.
    Cadence,
}

/// In which unit a key is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A time, at most so many milliseconds.
    Milliseconds,
    /// A share, at most so many percent.
    Percent,
    /// Days left, at least so many.
    DaysLeft,
    /// Seconds left, at least so many.
    SecondsLeft,
}

/// The keys by name.
pub const KEYS: &[(&str, Key, Unit)] = &[
    ("dns", Key::Dns, Unit::Milliseconds),
    ("tcp", Key::Tcp, Unit::Milliseconds),
    ("tls", Key::Tls, Unit::Milliseconds),
    ("upgrade", Key::Upgrade, Unit::Milliseconds),
    ("first_message", Key::FirstMessage, Unit::Milliseconds),
    ("rtt_p50", Key::RttP50, Unit::Milliseconds),
    ("rtt_p95", Key::RttP95, Unit::Milliseconds),
    ("rtt_p99", Key::RttP99, Unit::Milliseconds),
    ("close", Key::Close, Unit::Milliseconds),
    ("total", Key::Total, Unit::Milliseconds),
    ("loss", Key::Loss, Unit::Percent),
    ("cert_days", Key::CertDays, Unit::DaysLeft),
    ("token_ttl", Key::TokenTtl, Unit::SecondsLeft),
    ("cadence", Key::Cadence, Unit::Milliseconds),
];

impl Key {
    fn row(self) -> (&'static str, Unit) {
        let row = KEYS.iter().find(|(_, key, _)| *key == self);
        row.map(|(name, _, unit)| (*name, *unit)).expect("every key has its row")
    }

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        self.row().1
    }
}

/// A limit for one key, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// What is limited.
    pub key: Key,
    /// The limit: the most for times and shares, the least for what is left.
    pub limit: f64,
}

/// A text that is no [`Budget`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBudget {
    /// No `=` in it.
    #[error("`{0}` is not KEY=VALUE; write for example `{0}=50ms`")]
    NoValue(String),
    /// No such key.
    #[error("there is no budget for `{0}`; the keys are {keys}", keys = names())]
    Key(String),
    /// A value that is not of the key's unit.
    #[error("`{key}={value}`: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What to write.
        why: String,
    },
}

fn names() -> String {
    KEYS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

impl Budget {
    /// Reads one `KEY=VALUE`.
    ///
    /// # Errors
    /// [`BadBudget`], which says what to write.
    pub fn parse(text: &str) -> Result<Budget, BadBudget> {
        let (name, value) = text.split_once('=').ok_or_else(|| BadBudget::NoValue(text.to_owned()))?;
        let row = KEYS.iter().find(|(known, ..)| *known == name.trim());
        let (name, key, unit) = *row.ok_or_else(|| BadBudget::Key(name.trim().to_owned()))?;
        let value = value.trim();
        let bad = |why: String| BadBudget::Value { key: name, value: value.to_owned(), why };
        let span = || duration::parse(value).map_err(|error| bad(error.to_string()));
        let limit = match unit {
            Unit::Milliseconds => span()?.as_secs_f64() * 1_000.0,
            Unit::SecondsLeft => span()?.as_secs_f64(),
            Unit::Percent => {
                let number = value.strip_suffix('%').and_then(plain::<f64>).filter(|share| *share <= 100.0);
                number.ok_or_else(|| bad("write a share from `0%` to `100%`".to_owned()))?
            }
            Unit::DaysLeft => {
                let number = plain::<u32>(value.strip_suffix('d').unwrap_or(value));
                f64::from(number.ok_or_else(|| bad("write a number of days, for example `14`".to_owned()))?)
            }
        };
        Ok(Budget { key, limit })
    }

    /// Whether `measured`, in the unit of the key, is within.
    pub fn holds(self, measured: f64) -> bool {
        match self.key.unit() {
            Unit::Milliseconds | Unit::Percent => measured <= self.limit,
            Unit::DaysLeft | Unit::SecondsLeft => measured >= self.limit,
        }
    }
}

/// A number without a sign, an exponent or a name.
fn plain<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| digits)
}

/// A value in words: `12.3 ms`, `1.5 %`, `14 days`.
pub fn in_words(key: Key, value: f64) -> String {
    let shortest = |value: f64| {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match key.unit() {
        Unit::Milliseconds => format!("{} ms", shortest(value)),
        Unit::Percent => format!("{} %", shortest(value)),
        Unit::DaysLeft => format!("{} days", shortest(value)),
        Unit::SecondsLeft => format!("{} s", shortest(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_its_unit() {
        for (text, key, limit) in [
            ("tcp=50ms", Key::Tcp, 50.0),
            ("total=1.5s", Key::Total, 1_500.0),
            ("loss=1%", Key::Loss, 1.0),
            ("loss=0%", Key::Loss, 0.0),
            ("cert_days=14", Key::CertDays, 14.0),
            ("cert_days=14d", Key::CertDays, 14.0),
            ("token_ttl=1h", Key::TokenTtl, 3_600.0),
        ] {
            assert_eq!(Budget::parse(text), Ok(Budget { key, limit }), "{text}");
        }
        for (text, words) in [
            ("tcp", "write for example `tcp=50ms`"),
            ("tcpp=1s", "there is no budget for `tcpp`; the keys are dns, tcp"),
            ("tcp=50", "`50` has no unit"),
            ("loss=1", "write a share"),
            ("loss=101%", "write a share"),
            ("loss=-1%", "write a share"),
            ("cert_days=x", "write a number of days"),
        ] {
            let error = Budget::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_budget_holds_at_its_limit_and_not_past_it() {
        for (text, at, past) in [("tcp=50ms", 50.0, 50.1), ("loss=0%", 0.0, 0.1), ("cert_days=14", 14.0, 13.0)] {
            let budget = Budget::parse(text).expect(text);
            assert!(budget.holds(at) && !budget.holds(past), "{text}");
        }
        assert_eq!(in_words(Key::Tcp, 12.5), "12.5 ms");
        assert_eq!(in_words(Key::CertDays, 14.0), "14 days");
    }
}
