//! A loss: why a connection ended or was never made, and whether trying again can help.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connect::{ConnectError, Refusal};
use crate::limits;
use crate::net::Fault;
use crate::net::fault::in_words;
use crate::protocol::CloseCode;
use crate::protocol::close::Advice;

/// Why there is no connection any more.
#[derive(Debug, Clone)]
pub enum Loss {
    /// It was never made.
    NotMade(ConnectError),
    /// The server closed it and said so.
    Closed {
        /// The close code, 1005 when it gave none.
        code: u16,
        /// The reason it gave.
        reason: String,
    },
    /// It ended without a close frame: 1006.
    Broken(Fault),
    /// The server broke RFC 6455.
    Violation(String),
    /// The server announced a message of this many bytes, or began one that inflates to more.
    TooBig(usize),
    /// Pings in a row without a sign of life.
    Silent(u32),
    /// It brought nothing for this long, and was given up for that.
    Stale(Duration),
    /// A loss of the past, as a recording tells it.
    Recorded {
        /// See [`Loss::cause`].
        cause: String,
        /// In words.
        words: String,
        /// What could be done about it.
        verdict: Verdict,
    },
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It can, and the server may have asked to wait this long.
    Retry(Option<Duration>),
    /// The end was wanted.
    Done,
    /// Not without another credential.
    Denied,
    /// Not before something is changed.
    Hopeless,
}

impl Loss {
    /// Whether trying again can help.
    pub fn verdict(&self) -> Verdict {
        match self {
            Loss::NotMade(ConnectError::Dial(error)) => match error.fault {
                Fault::Tls(_) => Verdict::Hopeless,
                _ => Verdict::Retry(None),
            },
            Loss::NotMade(ConnectError::Upgrade { refusal, .. }) => match refusal {
                Refusal::Status { status: 401 | 403, .. } => Verdict::Denied,
                Refusal::Status { status: 408 | 425 | 429 | 500.., retry_after, .. } => Verdict::Retry(*retry_after),
                Refusal::Status { .. } => Verdict::Hopeless,
                Refusal::Fault(_) => Verdict::Retry(None),
            },
            Loss::Closed { code, reason } => match (*code, CloseCode::lookup(*code).map(|row| row.2)) {
                (1008 | 4401 | 4403, _) => Verdict::Denied,
                (_, Some(Advice::Stop)) => Verdict::Done,
                (_, Some(Advice::Change)) | (4400..=4499, None) => Verdict::Hopeless,
                _ => Verdict::Retry(retry_after_ms(reason)),
            },
            Loss::Broken(_) | Loss::Violation(_) | Loss::TooBig(_) | Loss::Silent(_) | Loss::Stale(_) => {
                Verdict::Retry(None)
            }
            Loss::Recorded { verdict, .. } => *verdict,
        }
    }

    /// The cause in one word or number, for counting: `dns`, `tcp`, `401`, `1006`, `silent`, `stale`.
    pub fn cause(&self) -> String {
        match self {
            Loss::NotMade(error) => {
                error.status().map_or_else(|| error.phase().to_owned(), |status| status.to_string())
            }
            Loss::Closed { code, .. } => code.to_string(),
            Loss::Broken(_) => "1006".to_owned(),
            Loss::Violation(_) => "1002".to_owned(),
            Loss::TooBig(_) => "1009".to_owned(),
            Loss::Silent(_) => "silent".to_owned(),
            Loss::Stale(_) => "stale".to_owned(),
            Loss::Recorded { cause, .. } => cause.clone(),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::NotMade(error) => write!(f, "{error}"),
            Loss::Closed { code: 1005, .. } => f.write_str("1005 closed without a code"),
            Loss::Closed { code, reason } if !reason.is_empty() => write!(f, "{code} {reason}"),
            Loss::Closed { code, .. } => match CloseCode::lookup(*code) {
                Some((_, meaning, _)) => write!(f, "{code} {meaning}"),
                None => write!(f, "{code}"),
            },
            Loss::Broken(Fault::Closed) => f.write_str("1006 no close frame"),
            Loss::Broken(fault) => write!(f, "1006 no close frame, {fault}"),
            Loss::Violation(what) => write!(f, "1002 the server broke RFC 6455: {what}"),
            Loss::TooBig(bytes) => {
                write!(f, "1009 a message of at least {bytes} bytes, more than {}", limits::CLIENT_MESSAGE_BYTES_MAX)
            }
            Loss::Silent(missed) => write!(f, "no sign of life after {missed} pings in a row"),
            Loss::Stale(silent) => write!(f, "no message for {}", passed(*silent)),
            Loss::Recorded { words, .. } => f.write_str(words),
        }
    }
}

/// The number behind `retry_after_ms` in a close reason, whatever stands around it.
fn retry_after_ms(reason: &str) -> Option<Duration> {
    let (_, behind) = reason.split_once("retry_after_ms")?;
    let digits: String =
        behind.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).take(9).collect();
    Some(Duration::from_millis(digits.parse().ok()?).min(limits::RETRY_HINT_MAX))
}

/// A time that passed, as people say it: `0.7 s`, `2m14s`.
pub fn passed(span: Duration) -> String {
    if span < Duration::from_secs(60) { in_words(round(span)) } else { crate::protocol::time::uptime(span) }
}

/// To a tenth of a second from one second on.
fn round(span: Duration) -> Duration {
    let milliseconds = span.as_millis() as u64;
    Duration::from_millis(if milliseconds < 1_000 { milliseconds } else { milliseconds / 100 * 100 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::dial::Phases;

    fn closed(code: u16, reason: &str) -> Loss {
        Loss::Closed { code, reason: reason.to_owned() }
    }

    fn answered(status: u16, retry_after: Option<Duration>) -> Loss {
        let refusal = Refusal::Status { status, retry_after, message: None };
        Loss::NotMade(ConnectError::Upgrade { phases: Phases::default(), took: Duration::ZERO, refusal })
    }

    #[test]
    fn what_a_person_has_to_change_is_not_tried_again() {
        for (loss, verdict) in [
            (closed(1000, ""), Verdict::Done),
            (closed(1001, ""), Verdict::Retry(None)),
            (closed(1005, ""), Verdict::Retry(None)),
            (closed(1008, ""), Verdict::Denied),
            (closed(1009, ""), Verdict::Hopeless),
            (closed(1011, ""), Verdict::Retry(None)),
            (closed(1012, "retry_after_ms=1500"), Verdict::Retry(Some(Duration::from_millis(1_500)))),
            (closed(1012, "{\"retry_after_ms\": 20}"), Verdict::Retry(Some(Duration::from_millis(20)))),
            (closed(1012, "retry_after_ms=99999999999999"), Verdict::Retry(Some(limits::RETRY_HINT_MAX))),
            (closed(1012, "retry_after_ms soon"), Verdict::Retry(None)),
            (closed(4008, ""), Verdict::Retry(None)),
            (closed(4401, ""), Verdict::Denied),
            (closed(4403, ""), Verdict::Denied),
            (closed(4429, ""), Verdict::Hopeless),
            (closed(4499, ""), Verdict::Hopeless),
            (closed(4500, ""), Verdict::Retry(None)),
            (answered(401, None), Verdict::Denied),
            (answered(403, None), Verdict::Denied),
            (answered(404, None), Verdict::Hopeless),
            (answered(301, None), Verdict::Hopeless),
            (answered(200, None), Verdict::Hopeless),
            (answered(429, Some(Duration::from_secs(3))), Verdict::Retry(Some(Duration::from_secs(3)))),
            (answered(503, None), Verdict::Retry(None)),
            (Loss::Silent(3), Verdict::Retry(None)),
        ] {
            assert_eq!(loss.verdict(), verdict, "{loss}");
        }
    }

    #[test]
    fn a_loss_is_told_with_its_code() {
        assert_eq!(closed(1001, "").to_string(), "1001 the server is going away");
        assert_eq!(closed(1011, "out of memory").to_string(), "1011 out of memory");
        assert_eq!(Loss::Broken(Fault::Closed).to_string(), "1006 no close frame");
        for (milliseconds, words) in [(712, "712 ms"), (1_790, "1.7 s"), (59_999, "59.9 s"), (134_000, "2m14s")] {
            assert_eq!(passed(Duration::from_millis(milliseconds)), words);
        }
    }
}
