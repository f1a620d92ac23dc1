//! `--verify`: whether a command was done, as seen from outside.

use std::time::Duration;

use futures_util::future::{join, join_all, try_join_all};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::connect::Access;
use crate::client::endpoint::Endpoint;
use crate::client::witness::Witness;
use crate::limits;
use crate::net::fault::in_words;
use crate::output::record::milliseconds;
use crate::protocol::Feed;
use crate::protocol::control::Selection;

/// What was seen of a command that succeeded.
pub(super) enum Verified {
    /// When each feed has sent its next message after the command.
    Sent(Vec<(Feed, Option<Duration>)>),
    /// What the server says afterwards about the feeds.
    Told { what: Selection, wanted: State, paused: Option<Vec<Feed>> },
}

/// What a feed should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Paused,
    Running,
}

/// Subscribes to the feeds.
pub(super) async fn gather(feeds: &[(Feed, Endpoint)], access: &Access) -> Result<Vec<Witness>, String> {
    let attending = feeds.iter().map(|(feed, endpoint)| async move {
        let witness = Witness::attend(*feed, endpoint, access).await;
        witness.map_err(|why| format!("the feed `{feed}` of {}: {why}", endpoint.address()))
    });
    try_join_all(attending).await
}

/// Does `work` while the witnesses listen, and for a little longer where it `succeeded`. They say when they have heard
/// something.
pub(super) async fn during<T>(
    mut witnesses: Vec<Witness>,
    work: impl Future<Output = T>,
    succeeded: fn(&T) -> bool,
) -> (T, Vec<(Feed, Option<Duration>)>) {
    for witness in &mut witnesses {
        // One that has lost its connection will hear nothing, which is what is told then.
        let _ = witness.ready();
    }
    let (done, over) = watch::channel(None);
    let since = Instant::now();
    let working = async {
        let result = work.await;
        done.send_replace(Some(if succeeded(&result) { limits::VERIFY_PATIENCE } else { Duration::ZERO }));
        result
    };
    let listening = witnesses.into_iter().map(|mut witness| {
        let mut over = over.clone();
        async move {
            let given_up = async {
                let patience = over.wait_for(Option::is_some).await.ok().and_then(|patience| *patience);
                sleep(patience.unwrap_or_default()).await;
            };
            let heard = witness.answer(since, given_up).await;
            let feed = witness.feed;
            witness.leave().await;
            (feed, heard)
        }
    });
    join(working, join_all(listening)).await
}

impl Verified {
    /// What is wrong, if anything.
    pub(super) fn complaint(&self) -> Option<String> {
        match self {
            Verified::Sent(feeds) => {
                let silent: Vec<&str> =
                    feeds.iter().filter(|(_, after)| after.is_none()).map(|(feed, _)| feed.name()).collect();
                let patience = in_words(limits::VERIFY_PATIENCE);
                (!silent.is_empty()).then(|| format!("no message of {} within {patience}", silent.join(", ")))
            }
            Verified::Told { paused: None, .. } => Some("it does not say which feeds are paused".to_owned()),
            Verified::Told { what, wanted, paused: Some(paused) } => {
                let wrong = |feed: &Feed| paused.contains(feed) != (*wanted == State::Paused);
                let wrong: Vec<&str> = what.feeds().into_iter().filter(wrong).map(|feed| feed.name()).collect();
                let state = if *wanted == State::Paused { "not paused" } else { "still paused" };
                (!wrong.is_empty()).then(|| format!("{state}: {}", wrong.join(", ")))
            }
        }
    }

    /// The lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Verified::Sent(feeds) => {
                let line = |(feed, after): &(Feed, Option<Duration>)| match after {
                    Some(after) => format!("  {feed:<8}  sent after {:.1} ms", milliseconds(*after)),
                    None => format!("  {feed:<8}  nothing"),
                };
                feeds.iter().map(line).collect()
            }
            Verified::Told { .. } if self.complaint().is_none() => vec!["  verified".to_owned()],
            Verified::Told { .. } => Vec::new(),
        }
    }

    /// What stands under `verified` in JSON: whether it holds, and for feeds that were listened to, after how many
    /// milliseconds each has sent.
    pub(super) fn record(&self) -> Value {
        let ok = self.complaint().is_none();
        match self {
            Verified::Sent(feeds) => {
                let times = feeds.iter().map(|(feed, after)| (feed.to_string(), json!(after.map(milliseconds))));
                json!({ "ok": ok, "sent_after_ms": times.collect::<serde_json::Map<_, _>>() })
            }
            Verified::Told { .. } => json!({ "ok": ok, "sent_after_ms": null }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_named() {
        let told = |what, wanted, paused: &[Feed]| Verified::Told { what, wanted, paused: Some(paused.to_vec()) };
        let billing = Selection::One(Feed::Billing);
        for (verified, complaint) in [
            (told(billing, State::Paused, &[Feed::Billing]), None),
            (told(billing, State::Paused, &[]), Some("not paused: billing")),
            (told(billing, State::Running, &[Feed::Metrics]), None),
            (told(Selection::All, State::Running, &[Feed::Metrics]), Some("still paused: metrics")),
            (Verified::Sent(vec![(Feed::Health, Some(Duration::from_millis(1)))]), None),
            (Verified::Sent(vec![(Feed::Health, None)]), Some("no message of health within 2 s")),
        ] {
            assert_eq!(verified.complaint().as_deref(), complaint);
            assert_eq!(verified.record()["ok"], complaint.is_none());
        }
    }
}
