//! Changes: what each stream said last, and what has changed since it was last written. Pure.
//!
//! A loss is no break: what changed while the connection was gone is told when it is back.

use serde_json::Value;

use super::label::Label;
use crate::client::diff::{self, Change};
use crate::client::event::Received;
use crate::client::fold::Folded;
use crate::protocol::Feed;

/// What all streams said.
#[derive(Debug)]
pub(super) struct Changes(Vec<Stream>);

#[derive(Debug)]
struct Stream {
    feed: Option<Feed>,
    folded: Folded,
    now: Value,
    /// What was told. None before anything was: the first state is no change.
    told: Option<Value>,
}

impl Changes {
    /// Nothing has been said.
    pub(super) fn new(labels: &[Label]) -> Changes {
        let stream =
            |label: &Label| Stream { feed: label.feed, folded: Folded::new(label.feed), now: Value::Null, told: None };
        Changes(labels.iter().map(stream).collect())
    }

    /// Takes a message of a stream.
    pub(super) fn take(&mut self, stream: usize, received: &Received) {
        let Stream { feed, folded, now, .. } = &mut self.0[stream];
        // A text that is no JSON, of a URL that is no feed, has no leaves.
        let message: Value = serde_json::from_str(&received.text).unwrap_or_default();
        *now = match feed {
            Some(feed) => {
                folded.apply(*feed, &message);
                folded.document(Value::Null)["state"][feed.name()].clone()
            }
            None => message,
        };
    }

    /// What has changed since the last time.
    pub(super) fn since(&mut self, stream: usize) -> Vec<Change> {
        let Stream { now, told, .. } = &mut self.0[stream];
        let changes = told.as_ref().map(|told| diff::changes(told, now)).unwrap_or_default();
        *told = Some(now.clone());
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::origin::Origin;

    #[test]
    fn an_update_is_told_as_the_change_it_makes() {
        let origin = Origin { feed: Some(Feed::Backends), server: "h:80".to_owned(), url: "ws://h/".to_owned() };
        let mut changes = Changes::new(&Label::all(&[origin]));
        let mut say = |text: &str| {
            let message = Received { text: text.to_owned(), kind: None, id: None, message: None };
            changes.take(0, &message);
            changes
                .since(0)
                .iter()
                .map(|change| format!("{} {} {}", change.path, change.old, change.new))
                .collect::<Vec<_>>()
        };
        let none: Vec<String> = Vec::new();
        let snapshot = r#"{"type":"backends","data":[{"address":"a:1","pool":"web","status":"healthy"}]}"#;
        let update = r#"{"type":"backends_update","data":{"address":"a:1","status":"unhealthy","last_check":"x"}}"#;
        assert_eq!(say(snapshot), none, "the first state is no change");
        assert_eq!(say(update), ["[a:1].status \"healthy\" \"unhealthy\""]);
        assert_eq!(say(update), none);
        assert_eq!(say(snapshot), ["[a:1].status \"unhealthy\" \"healthy\""]);
    }
}
