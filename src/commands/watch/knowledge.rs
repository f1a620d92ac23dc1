//! What is known of each server at the moment: what its feeds said on the connections they have now. Pure.
//!
//! Expressions are asked about it. A server is *known* once every feed of it that is watched has spoken on its current
//! connection and is not stale: before that, no condition is judged, because nobody has said what it is about. A feed that
//! takes up an earlier connection has spoken when all that was missed has come: before that, it tells of the past. An update
//! of what is not known says nothing.

use serde_json::Value;

use super::label::Label;
use crate::client::event::{Ending, Event, Resumption, What};
use crate::client::fold::Folded;
use crate::protocol::Feed;

/// What is known of all servers.
#[derive(Debug)]
pub(super) struct Knowledge {
    servers: Vec<Folded>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    server: usize,
    feed: Option<Feed>,
    spoken: bool,
    /// How many messages are still to come that were missed.
    behind: u64,
}

/// What an event means for what is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum News<'a> {
    /// Nothing.
    None,
    /// This server is not known any more.
    Unknown(usize),
    /// A feed of this server has spoken, others have not; this is what expressions are asked about.
    Partly(usize, &'a Value),
    /// This server is known, and this is what expressions are asked about.
    Known(usize, &'a Value),
}

impl<'a> News<'a> {
    /// What expressions are asked about, after a message.
    pub(super) fn document(self) -> Option<&'a Value> {
        match self {
            News::Partly(_, document) | News::Known(_, document) => Some(document),
            News::None | News::Unknown(_) => None,
        }
    }
}

impl Knowledge {
    /// Nothing is known.
    pub(super) fn new(labels: &[Label]) -> Knowledge {
        let stream = |label: &Label| Stream { server: label.place, feed: label.feed, spoken: false, behind: 0 };
        let streams: Vec<Stream> = labels.iter().map(stream).collect();
        let servers = streams.iter().map(|stream| stream.server + 1).max().unwrap_or_default();
        let feeds = |server| streams.iter().filter(move |stream: &&Stream| stream.server == server);
        let folded = |server| Folded::new(feeds(server).filter_map(|stream| stream.feed));
        Knowledge { servers: (0..servers).map(folded).collect(), streams }
    }

    /// How many servers there are.
    pub(super) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event) -> News<'_> {
        let stream = &mut self.streams[event.stream];
        let (server, feed) = (stream.server, stream.feed);
        match &event.what {
            What::Message(received) => {
                // A text that is no JSON, of a URL that is no feed, has no keys to ask about.
                let message: Value = serde_json::from_str(&received.text).unwrap_or_default();
                if let Some(feed) = feed {
                    self.servers[server].apply(feed, &message);
                }
                stream.behind = stream.behind.saturating_sub(1);
                stream.spoken = stream.behind == 0 && feed.is_none_or(|feed| self.servers[server].knows(feed));
                let known = self.streams.iter().filter(|stream| stream.server == server).all(|stream| stream.spoken);
                let document = self.servers[server].document(message);
                if known { News::Known(server, document) } else { News::Partly(server, document) }
            }
            What::Resumed(Resumption { recovered, replayed }) => {
                if let Some(feed) = feed.filter(|_| *recovered) {
                    self.servers[server].take_up(feed);
                    stream.behind = *replayed;
                    stream.spoken = *replayed == 0 && self.servers[server].knows(feed);
                }
                // It is no message, which a condition may be about: the next one is judged.
                News::None
            }
            What::Lost(..) => {
                (stream.spoken, stream.behind) = (false, 0);
                if let Some(feed) = feed {
                    self.servers[server].set_aside(feed);
                }
                News::Unknown(server)
            }
            What::End(Ending::Done | Ending::GaveUp { .. }) => {
                (stream.spoken, stream.behind) = (false, 0);
                if let Some(feed) = feed {
                    self.servers[server].forget(feed);
                }
                News::Unknown(server)
            }
            What::Stale(_) => {
                stream.spoken = false;
                News::Unknown(server)
            }
            // Who has sent what was asked of it has not been lost: what it said stands.
            What::End(Ending::Enough | Ending::Stopped) => News::None,
            What::Open(_) | What::Invalid(_) | What::Gap(_) | What::Pong(_) | What::Missed(_) | What::Retry(..) => {
                News::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Received;
    use crate::client::loss::Loss;
    use crate::client::origin::Origin;
    use crate::net::Fault;
    use crate::protocol::Timestamp;
    use std::time::Duration;
    use tokio::time::Instant;

    fn message(text: &str) -> What {
        What::Message(Box::new(Received { text: text.to_owned(), kind: None, id: None, message: None }))
    }

    #[test]
    fn a_server_is_known_when_all_its_feeds_have_spoken_on_the_connections_of_now() {
        let origin = |feed, server: &str| Origin { feed: Some(feed), server: server.to_owned(), url: String::new() };
        let origins = [origin(Feed::Metrics, "a:1"), origin(Feed::Status, "a:1"), origin(Feed::Metrics, "b:1")];
        let mut knowledge = Knowledge::new(&Label::all(&origins));
        assert_eq!(knowledge.servers(), 2);
        let metrics = r#"{"type":"metrics","data":{"cpu":1}}"#;
        let status = r#"{"type":"status","data":{"status":"healthy"}}"#;
        let lost = || What::Lost(Loss::Broken(Fault::Closed), Duration::ZERO);
        tell(
            &mut knowledge,
            [
                (0, message(metrics), "partly 0 {\"metrics\":{\"cpu\":1},\"status\":null}"),
                (2, message(metrics), "known 1 {\"metrics\":{\"cpu\":1}}"),
                (1, message(status), "known 0 {\"metrics\":{\"cpu\":1},\"status\":{\"status\":\"healthy\"}}"),
                (0, lost(), "unknown 0"),
                (1, message(status), "partly 0 {\"metrics\":null,\"status\":{\"status\":\"healthy\"}}"),
                (1, What::Pong(Duration::ZERO), "nothing"),
                (2, What::Stale(Duration::ZERO), "unknown 1"),
                (2, message(metrics), "known 1 {\"metrics\":{\"cpu\":1}}"),
                (2, What::End(Ending::Enough), "nothing"),
                (2, What::End(Ending::Done), "unknown 1"),
            ],
        );
    }

    #[test]
    fn what_a_lost_connection_said_is_known_again_when_all_that_was_missed_has_come() {
        let origin = Origin { feed: Some(Feed::Backends), server: "a:1".to_owned(), url: String::new() };
        let mut knowledge = Knowledge::new(&Label::all(&[origin]));
        let list = r#"{"type":"backends","data":[{"address":"b:1","status":"unhealthy"}]}"#;
        let update = |status| {
            message(&format!(r#"{{"type":"backends_update","data":{{"address":"b:1","status":"{status}"}}}}"#))
        };
        let known = |status: &str| format!(r#" 0 {{"backends":[{{"address":"b:1","status":"{status}"}}]}}"#);
        let lost = || What::Lost(Loss::Broken(Fault::Closed), Duration::ZERO);
        let resumed = |recovered, replayed| What::Resumed(Resumption { recovered, replayed });
        tell(
            &mut knowledge,
            [
                (0, message(list), &format!("known{}", known("unhealthy"))),
                (0, lost(), "unknown 0"),
                (0, resumed(true, 2), "nothing"),
                (0, update("degraded"), &format!("partly{}", known("degraded"))),
                (0, update("healthy"), &format!("known{}", known("healthy"))),
                (0, lost(), "unknown 0"),
                (0, resumed(true, 0), "nothing"),
                (0, update("healthy"), &format!("known{}", known("healthy"))),
                (0, lost(), "unknown 0"),
                (0, resumed(false, 0), "nothing"),
                (0, update("healthy"), "partly 0 {\"backends\":null}"),
                (0, message(list), &format!("known{}", known("unhealthy"))),
            ],
        );
    }

    fn tell<const N: usize>(knowledge: &mut Knowledge, course: [(usize, What, &str); N]) {
        for (stream, what, told) in course {
            let event = Event { stream, at: Timestamp::now(), instant: Instant::now(), what };
            let news = match knowledge.take(&event) {
                News::None => "nothing".to_owned(),
                News::Unknown(server) => format!("unknown {server}"),
                News::Partly(server, document) => format!("partly {server} {}", document["state"]),
                News::Known(server, document) => format!("known {server} {}", document["state"]),
            };
            assert_eq!(news, told, "stream {stream}");
        }
    }
}
