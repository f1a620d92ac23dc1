//! The journal: a watch as lines of JSON, exact enough to be watched again. Pure: text in, text out.
//!
//! The first line says what was watched; every other line is one event of one stream, with the time since the beginning.
//! A message stands there as it came. A loss is kept as it was told: its cause, its words and what could be done.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::backoff::Retry;
use super::event::{Ending, Event, Invalid, Opened, Received, Resumption, What};
use super::gap::Gap;
use super::loss::{Loss, Verdict};
use super::origin::Origin;
use crate::net::dial::Phases;
use crate::protocol::{EventId, Timestamp};

/// The version of the format. A reader refuses any other.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub veloflux_recording: u32,
    /// When it began.
    pub at: Timestamp,
    /// The streams, by the numbers that the entries carry.
    pub streams: Vec<Origin>,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the beginning.
    after_us: u64,
    at: Timestamp,
    stream: usize,
    #[serde(flatten)]
    what: Said,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Open {
        peer: SocketAddr,
        dns_us: Option<u64>,
        tcp_us: Option<u64>,
        #[serde(default)]
        proxy_us: Option<u64>,
        tls_us: Option<u64>,
        upgrade_us: u64,
    },
    Resumed {
        recovered: bool,
        replayed: u64,
    },
    Message {
        text: String,
    },
    Invalid {
        text: Option<String>,
        problem: String,
    },
    Gap {
        after: EventId,
        before: EventId,
        missed: u64,
    },
    Stale {
        silent_us: u64,
    },
    Pong {
        rtt_us: u64,
    },
    Missed {
        in_a_row: u32,
    },
    Lost {
        loss: Told,
        lived_us: u64,
    },
    Retry {
        attempt: u32,
        of: Option<u32>,
        delay_us: u64,
        loss: Told,
        lived_us: Option<u64>,
    },
    End {
        #[serde(flatten)]
        ending: End,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
enum End {
    Enough,
    Stopped,
    Done,
    GaveUp { loss: Told, lived_us: Option<u64>, attempts: u32, connected: bool },
}

#[derive(Debug, Serialize, Deserialize)]
struct Told {
    cause: String,
    words: String,
    verdict: Verdict,
}

/// A line that is none of a recording.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// Not the first line of one.
    #[error("this is no recording of `veloflux watch --record`")]
    Foreign,
    /// Of another version.
    #[error("the recording has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// No entry.
    #[error("not an entry of a recording: {0}")]
    Malformed(serde_json::Error),
    /// Of a stream that the first line does not name.
    #[error("there is no stream {0}")]
    Stream(usize),
}

impl Header {
    /// Of a recording that begins now.
    pub fn new(at: Timestamp, streams: Vec<Origin>) -> Header {
        Header { veloflux_recording: VERSION, at, streams }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        line(self)
    }

    /// Reads the line.
    ///
    /// # Errors
    /// [`BadLine::Foreign`] and [`BadLine::Version`].
    pub fn parse(text: &str) -> Result<Header, BadLine> {
        let header: Header = serde_json::from_str(text).map_err(|_| BadLine::Foreign)?;
        match header.veloflux_recording {
            VERSION => Ok(header),
            other => Err(BadLine::Version(other)),
        }
    }
}

impl Entry {
    /// Of this event, in a recording that began at `begun`.
    pub fn new(event: &Event, begun: Instant) -> Entry {
        let after = event.instant.saturating_duration_since(begun);
        Entry { after_us: micros(after), at: event.at, stream: event.stream, what: Said::from(&event.what) }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        line(self)
    }

    /// Reads the line of a recording of so many streams.
    ///
    /// # Errors
    /// [`BadLine::Malformed`] and [`BadLine::Stream`].
    pub fn parse(text: &str, streams: usize) -> Result<Entry, BadLine> {
        let entry: Entry = serde_json::from_str(text).map_err(BadLine::Malformed)?;
        if entry.stream < streams { Ok(entry) } else { Err(BadLine::Stream(entry.stream)) }
    }

    /// The event, in a replay that begins at `begun`.
    pub fn event(self, begun: Instant) -> Event {
        let instant = begun + span(self.after_us);
        Event { stream: self.stream, at: self.at, instant, what: self.what.into() }
    }
}

fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("a recording has text keys and whole numbers");
    line.push('\n');
    line
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A span of a recording, at most a century: what is written in a file must not overflow a clock.
fn span(micros: u64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
    Duration::from_micros(micros).min(LONGEST)
}

impl From<&Loss> for Told {
    fn from(loss: &Loss) -> Told {
        Told { cause: loss.cause(), words: loss.to_string(), verdict: loss.verdict() }
    }
}

impl From<Told> for Loss {
    fn from(Told { cause, words, verdict }: Told) -> Loss {
        Loss::Recorded { cause, words, verdict }
    }
}

impl From<&What> for Said {
    fn from(what: &What) -> Said {
        match what {
            What::Open(Opened { peer, phases: Phases { dns, tcp, proxy, tls }, upgrade }) => Said::Open {
                peer: *peer,
                dns_us: dns.map(micros),
                tcp_us: tcp.map(micros),
                proxy_us: proxy.map(micros),
                tls_us: tls.map(micros),
                upgrade_us: micros(*upgrade),
            },
            What::Resumed(Resumption { recovered, replayed }) => {
                Said::Resumed { recovered: *recovered, replayed: *replayed }
            }
            What::Message(received) => Said::Message { text: received.text.clone() },
            What::Invalid(Invalid { text, problem }) => Said::Invalid { text: text.clone(), problem: problem.clone() },
            What::Gap(Gap { after, before, missed }) => Said::Gap { after: *after, before: *before, missed: *missed },
            What::Stale(silent) => Said::Stale { silent_us: micros(*silent) },
            What::Pong(rtt) => Said::Pong { rtt_us: micros(*rtt) },
            What::Missed(in_a_row) => Said::Missed { in_a_row: *in_a_row },
            What::Lost(loss, lived) => Said::Lost { loss: loss.into(), lived_us: micros(*lived) },
            What::Retry(Retry { attempt, of, delay }, loss, lived) => Said::Retry {
                attempt: *attempt,
                of: *of,
                delay_us: micros(*delay),
                loss: loss.into(),
                lived_us: lived.map(micros),
            },
            What::End(ending) => Said::End {
                ending: match ending {
                    Ending::Enough => End::Enough,
                    Ending::Stopped => End::Stopped,
                    Ending::Done => End::Done,
                    Ending::GaveUp { loss, lived, attempts, connected } => End::GaveUp {
                        loss: loss.into(),
                        lived_us: lived.map(micros),
                        attempts: *attempts,
                        connected: *connected,
                    },
                },
            },
        }
    }
}

impl From<Said> for What {
    fn from(said: Said) -> What {
        match said {
            Said::Open { peer, dns_us, tcp_us, proxy_us, tls_us, upgrade_us } => {
                let (dns, tcp) = (dns_us.map(span), tcp_us.map(span));
                let phases = Phases { dns, tcp, proxy: proxy_us.map(span), tls: tls_us.map(span) };
                What::Open(Opened { peer, phases, upgrade: span(upgrade_us) })
            }
            Said::Resumed { recovered, replayed } => What::Resumed(Resumption { recovered, replayed }),
            // What was no message of a feed stands there as invalid.
            Said::Message { text } => What::Message(Box::new(Received::foreign(text))),
            Said::Invalid { text, problem } => What::Invalid(Invalid { text, problem }),
            Said::Gap { after, before, missed } => What::Gap(Gap { after, before, missed }),
            Said::Stale { silent_us } => What::Stale(span(silent_us)),
            Said::Pong { rtt_us } => What::Pong(span(rtt_us)),
            Said::Missed { in_a_row } => What::Missed(in_a_row),
            Said::Lost { loss, lived_us } => What::Lost(loss.into(), span(lived_us)),
            Said::Retry { attempt, of, delay_us, loss, lived_us } => {
                What::Retry(Retry { attempt, of, delay: span(delay_us) }, loss.into(), lived_us.map(span))
            }
            Said::End { ending } => What::End(match ending {
                End::Enough => Ending::Enough,
                End::Stopped => Ending::Stopped,
                End::Done => Ending::Done,
                End::GaveUp { loss, lived_us, attempts, connected } => {
                    Ending::GaveUp { loss: loss.into(), lived: lived_us.map(span), attempts, connected }
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Fault;
    use proptest::prelude::*;

    fn every_kind(text: &str) -> Vec<What> {
        let id = |seq| EventId { epoch: 10, seq };
        let second = Duration::from_secs(1);
        let closed = || Loss::Closed { code: 1012, reason: "retry_after_ms=20".to_owned() };
        let phases = Phases { dns: None, tcp: Some(second), proxy: Some(second), tls: None };
        vec![
            What::Open(Opened { peer: ([127, 0, 0, 1], 80).into(), phases, upgrade: second }),
            What::Resumed(Resumption { recovered: true, replayed: 3 }),
            What::Message(Box::new(Received::foreign(text.to_owned()))),
            What::Invalid(Invalid { text: Some(text.to_owned()), problem: "no `type`".to_owned() }),
            What::Gap(Gap { after: id(1), before: id(4), missed: 2 }),
            What::Stale(second * 6),
            What::Pong(Duration::from_micros(1_234)),
            What::Missed(2),
            What::Lost(Loss::Broken(Fault::Closed), second * 134),
            What::Retry(Retry { attempt: 1, of: Some(5), delay: second }, closed(), Some(second)),
            What::End(Ending::Enough),
            What::End(Ending::Stopped),
            What::End(Ending::Done),
            What::End(Ending::GaveUp { loss: closed(), lived: None, attempts: 5, connected: true }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_written_in_the_same_way(text in any::<String>(), micros in 0_u64..1_000_000_000) {
            let begun = Instant::now();
            for what in every_kind(&text) {
                let instant = begun + Duration::from_micros(micros);
                let line = Entry::new(&Event { stream: 1, at: Timestamp::now(), instant, what }, begun).line();
                prop_assert!(line.ends_with('\n') && line.trim_end_matches('\n').lines().count() <= 1);
                let entry = Entry::parse(&line, 2).expect("our own line");
                prop_assert_eq!(Entry::new(&entry.event(begun), begun).line(), line);
            }
        }

        #[test]
        fn no_line_makes_the_reader_panic(text in any::<String>()) {
            let _ = (Header::parse(&text).is_ok(), Entry::parse(&text, 1).is_ok());
        }
    }

    #[test]
    fn a_loss_means_the_same_when_it_is_told_again() {
        for loss in [
            Loss::Closed { code: 1012, reason: "retry_after_ms=20".to_owned() },
            Loss::Closed { code: 4401, reason: String::new() },
            Loss::Silent(3),
        ] {
            let told: Loss = Told::from(&loss).into();
            assert_eq!(
                (told.cause(), told.to_string(), told.verdict()),
                (loss.cause(), loss.to_string(), loss.verdict())
            );
        }
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let entry = r#"{"after_us":0,"at":"2024-01-15T10:30:00Z","stream":2,"type":"missed","in_a_row":1}"#;
        assert!(matches!(Entry::parse(entry, 2), Err(BadLine::Stream(2))));
        assert!(Entry::parse(entry, 3).is_ok());
        let far = entry.replace("\"after_us\":0", "\"after_us\":18446744073709551615");
        assert!(Entry::parse(&far, 3).expect("a number").event(Instant::now()).instant > Instant::now());
        assert!(matches!(Entry::parse("{}", 1), Err(BadLine::Malformed(_))));
        assert!(matches!(Header::parse(entry), Err(BadLine::Foreign)));
        let newer = r#"{"veloflux_recording":2,"at":"2024-01-15T10:30:00Z","streams":[]}"#;
        assert!(matches!(Header::parse(newer), Err(BadLine::Version(2))));
    }
}
