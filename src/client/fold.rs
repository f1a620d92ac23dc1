//! The fold: what a watcher knows of one server, made of the messages of the connections it has now. Pure.
//!
//! It merges as the contract tells every client to: a snapshot replaces, `backends_update` is merged by `address`. It
//! works on the server's own JSON, not on [`Message`](crate::protocol::Message), so that keys added later are there too.
//! What it knows stands under `state` in the document that expressions are asked about:
//!
//! ```json
//! {"type": "metrics", "data": {}, "id": "0000abcd-17",
//!  "state": {"backends": [], "metrics": {}, "status": null}}
//! ```
//!
//! A feed that is followed and has said nothing on its current connection is null: what an earlier connection said may
//! have changed in between, and nothing is held that nobody says. It is set aside: a server that takes up the stream where
//! it broke off sends what has changed since, and that is merged into it. A feed that is not followed is not there at all.

use serde_json::{Map, Value};

use crate::limits;
use crate::protocol::Feed;

const STATE: &str = "state";

/// What is known of one server.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The current message's keys beside `state`.
    document: Value,
    /// What lost connections said, by feed, until their feeds say something else.
    aside: Map<String, Value>,
}

impl Folded {
    /// Nothing is known yet of the feeds that are followed.
    pub fn new(feeds: impl IntoIterator<Item = Feed>) -> Self {
        let state: Map<_, _> = feeds.into_iter().map(|feed| (feed.name().to_owned(), Value::Null)).collect();
        let document = Value::Object(Map::from_iter([(STATE.to_owned(), Value::Object(state))]));
        Folded { document, aside: Map::new() }
    }

    /// Takes a message of a feed: the whole of it, `{"type":…,"data":…}`. What is no message of that feed, and an update
    /// of a backend that is not listed, changes nothing.
    pub fn apply(&mut self, feed: Feed, message: &Value) {
        let (kind, data) = (message["type"].as_str().unwrap_or_default(), &message["data"]);
        // What is set aside ends with the message before this one: nothing can be taken up there any more.
        self.aside.remove(feed.name());
        let known = &mut self.document[STATE][feed.name()];
        match (feed, kind, data) {
            (Feed::Backends, "backends", Value::Array(_)) => *known = data.clone(),
            (Feed::Backends, "backends_update", Value::Object(update)) => merge(known, update),
            (Feed::Backends, ..) => {}
            (_, _, Value::Object(_)) if kind == feed.name() => *known = data.clone(),
            _ => {}
        }
    }

    /// Whether anything is known of a feed.
    pub fn knows(&self, feed: Feed) -> bool {
        self.document[STATE].get(feed.name()).is_some_and(|known| !known.is_null())
    }

    /// A feed is over: what it said is no longer known.
    pub fn forget(&mut self, feed: Feed) {
        self.set_aside(feed);
        self.aside.remove(feed.name());
    }

    /// The connection of a feed is lost: what it said is not known until it is [taken up](Folded::take_up). A connection
    /// that was lost before it said anything leaves what the one before it said.
    pub fn set_aside(&mut self, feed: Feed) {
        let known = self.document[STATE].get_mut(feed.name()).map(Value::take);
        if let Some(known) = known.filter(|known| !known.is_null()) {
            self.aside.insert(feed.name().to_owned(), known);
        }
    }

    /// A new connection goes on where the last one was lost: what was set aside is known again.
    pub fn take_up(&mut self, feed: Feed) {
        if let Some(known) = self.aside.remove(feed.name()) {
            self.document[STATE][feed.name()] = known;
        }
    }

    /// What expressions are asked about: the keys of the current message, and `state`. A message that is no object adds
    /// none; its own `state`, if it has one, is hidden. Costs nothing for what is known already: it is not copied.
    pub fn document(&mut self, current: Value) -> &Value {
        let state = self.document[STATE].take();
        let mut keys = if let Value::Object(keys) = current { keys } else { Map::new() };
        keys.insert(STATE.to_owned(), state);
        self.document = Value::Object(keys);
        &self.document
    }
}

/// Replaces the keys of every backend with the update's address, and adds those it has not yet, up to
/// [`BACKEND_KEYS_MAX`](limits::BACKEND_KEYS_MAX). A list that is not there yet stays so.
fn merge(backends: &mut Value, update: &Map<String, Value>) {
    let Some(address) = update.get("address").filter(|address| address.is_string()) else { return };
    let list = backends.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
    for backend in list.filter(|backend| backend.get("address") == Some(address)) {
        for (key, value) in update {
            if let Some(known) = backend.get_mut(key) {
                *known = value.clone();
            } else if backend.len() < limits::BACKEND_KEYS_MAX {
                backend.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn state(folded: &mut Folded) -> Value {
        folded.document(Value::Null)["state"].clone()
    }

    fn backends(list: Value) -> Value {
        json!({ "type": "backends", "data": list })
    }

    #[test]
    fn every_feed_is_known_by_its_newest_message() {
        let mut folded = Folded::new(Feed::ALL);
        for feed in Feed::ALL.into_iter().filter(|feed| *feed != Feed::Backends) {
            for n in [1, 2] {
                folded.apply(feed, &json!({ "type": feed.name(), "data": { "n": n } }));
            }
        }
        folded.apply(Feed::Backends, &backends(json!([{ "address": "a:1" }])));
        let n = json!({ "n": 2 });
        assert_eq!(
            state(&mut folded),
            json!({ "backends": [{ "address": "a:1" }], "metrics": n, "status": n, "billing": n, "health": n })
        );
    }

    #[test]
    fn an_update_reaches_every_backend_with_its_address_and_no_other() {
        let mut folded = Folded::new([Feed::Backends]);
        folded.apply(
            Feed::Backends,
            &backends(json!([
                { "address": "a:1", "pool": "one", "status": "healthy", "new_key": 1 },
                { "address": "b:1", "pool": "one", "status": "healthy" },
                { "address": "a:1", "pool": "two", "status": "healthy" },
            ])),
        );
        let update = |address: Value| {
            let data = json!({ "address": address, "status": "unhealthy", "detail": "refused" });
            json!({ "type": "backends_update", "data": data })
        };
        for address in [json!("a:1"), json!("unknown:1"), json!(7), Value::Null] {
            folded.apply(Feed::Backends, &update(address));
        }
        let expected = json!([
            { "address": "a:1", "pool": "one", "status": "unhealthy", "detail": "refused", "new_key": 1 },
            { "address": "b:1", "pool": "one", "status": "healthy" },
            { "address": "a:1", "pool": "two", "status": "unhealthy", "detail": "refused" },
        ]);
        assert_eq!(state(&mut folded)["backends"], expected);
    }

    #[test]
    fn what_is_no_message_of_the_feed_changes_nothing() {
        let mut folded = Folded::new([Feed::Backends, Feed::Metrics]);
        folded.apply(Feed::Backends, &json!({ "type": "backends_update", "data": { "address": "a:1" } }));
        assert_eq!(state(&mut folded), json!({ "backends": null, "metrics": null }), "an update before the list");
        folded.apply(Feed::Backends, &backends(json!([])));
        folded.apply(Feed::Metrics, &json!({ "type": "metrics", "data": { "cpu": 1 } }));
        let before = folded.clone();
        for (feed, message) in [
            (Feed::Backends, json!({ "type": "backends", "data": {} })),
            (Feed::Backends, json!({ "type": "resumed", "data": [] })),
            (Feed::Backends, json!({ "type": "metrics", "data": {} })),
            (Feed::Metrics, json!({ "type": "backends", "data": [] })),
            (Feed::Metrics, json!({ "type": "pong", "data": {} })),
            (Feed::Metrics, json!({ "type": "metrics" })),
            (Feed::Metrics, json!({ "type": "metrics", "data": 5 })),
            (Feed::Metrics, json!([1])),
            (Feed::Metrics, json!("text")),
        ] {
            folded.apply(feed, &message);
            assert_eq!(folded, before, "{message}");
        }
    }

    #[test]
    fn a_lost_connection_is_forgotten_until_it_speaks_again() {
        let mut folded = Folded::new([Feed::Backends, Feed::Status]);
        folded.apply(Feed::Backends, &backends(json!([])));
        folded.apply(Feed::Status, &json!({ "type": "status", "data": { "status": "healthy" } }));
        folded.forget(Feed::Status);
        folded.forget(Feed::Billing);
        assert_eq!(state(&mut folded), json!({ "backends": [], "status": null }));
    }

    #[test]
    fn ever_new_keys_do_not_take_ever_more_memory() {
        let mut folded = Folded::new([Feed::Backends]);
        folded.apply(Feed::Backends, &backends(json!([{ "address": "a:1", "status": "healthy" }])));
        for n in 0..2 * limits::BACKEND_KEYS_MAX {
            let data = json!({ "address": "a:1", "status": format!("s{n}"), format!("k{n}"): n });
            folded.apply(Feed::Backends, &json!({ "type": "backends_update", "data": data }));
        }
        let backend = &state(&mut folded)["backends"][0];
        assert_eq!(backend.as_object().expect("a backend").len(), limits::BACKEND_KEYS_MAX);
        let last = limits::BACKEND_KEYS_MAX - 3;
        assert_eq!((&backend[&format!("k{last}")], &backend[&format!("k{}", last + 1)]), (&json!(last), &Value::Null));
        assert_eq!(backend["status"], format!("s{}", 2 * limits::BACKEND_KEYS_MAX - 1), "known keys go on");
    }

    #[test]
    fn what_was_set_aside_is_taken_up_unless_something_else_was_said() {
        let item = |status: &str| json!({ "address": "a:1", "status": status });
        let update = json!({ "type": "backends_update", "data": item("healthy") });
        let mut folded = Folded::new([Feed::Backends]);
        folded.apply(Feed::Backends, &backends(json!([item("unhealthy")])));
        // The second connection is lost before it says anything.
        for _ in 0..2 {
            folded.set_aside(Feed::Backends);
            assert!(!folded.knows(Feed::Backends));
            assert_eq!(state(&mut folded), json!({ "backends": null }));
        }
        let mut other = folded.clone();
        folded.take_up(Feed::Backends);
        assert_eq!(state(&mut folded), json!({ "backends": [item("unhealthy")] }));
        folded.apply(Feed::Backends, &update);
        folded.take_up(Feed::Backends);
        assert_eq!(state(&mut folded), json!({ "backends": [item("healthy")] }));
        assert!(folded.knows(Feed::Backends));

        other.apply(Feed::Backends, &update);
        other.take_up(Feed::Backends);
        assert_eq!(state(&mut other), json!({ "backends": null }), "an update says nothing without its list");
        folded.forget(Feed::Backends);
        folded.take_up(Feed::Backends);
        assert!(!folded.knows(Feed::Backends), "what is over is not taken up");
    }

    #[test]
    fn the_document_is_the_current_message_beside_what_is_known() {
        let mut folded = Folded::new([Feed::Status]);
        let status =
            json!({ "type": "status", "data": { "status": "healthy" }, "id": "0000000a-1", "state": "theirs" });
        folded.apply(Feed::Status, &status);
        let known = json!({ "status": { "status": "healthy" } });
        let expected = json!({ "type": "status", "data": { "status": "healthy" }, "id": "0000000a-1", "state": known });
        assert_eq!(folded.document(status), &expected);
        assert_eq!(folded.document(json!({ "type": "news" })), &json!({ "type": "news", "state": known }));
        assert_eq!(folded.document(json!([1])), &json!({ "state": known }));
    }

    fn list() -> impl Strategy<Value = Vec<(u8, Map<String, Value>)>> {
        prop::collection::vec((0_u8..6, keys()), 0..10)
    }

    fn keys() -> impl Strategy<Value = Map<String, Value>> {
        let value =
            prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), "[a-z]{0,4}".prop_map(Value::from)];
        prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|keys| keys.into_iter().collect())
    }

    fn backend((address, keys): &(u8, Map<String, Value>)) -> Value {
        let mut backend = keys.clone();
        backend.insert("address".to_owned(), format!("10.0.0.{address}:80").into());
        Value::Object(backend)
    }

    proptest! {
        #[test]
        fn updates_replace_the_keys_they_carry_and_lose_nothing(snapshot in list(), updates in list()) {
            let mut folded = Folded::new([Feed::Backends]);
            folded.apply(Feed::Backends, &backends(snapshot.iter().map(backend).collect()));
            for update in &updates {
                folded.apply(Feed::Backends, &json!({ "type": "backends_update", "data": backend(update) }));
            }
            // By definition: each key of each backend, in its old place, is the newest of those that were sent for it.
            let expected: Vec<Value> = snapshot
                .iter()
                .map(|(address, keys)| {
                    let own = updates.iter().filter(|(other, _)| other == address).map(|(_, keys)| keys);
                    let newest = [keys].into_iter().chain(own).flatten().map(|(key, value)| (key.clone(), value.clone()));
                    backend(&(*address, newest.collect()))
                })
                .collect();
            prop_assert_eq!(&state(&mut folded)["backends"], &Value::Array(expected));
        }

        #[test]
        fn a_snapshot_is_the_whole_truth(first in list(), second in list()) {
            let mut folded = Folded::new([Feed::Backends]);
            let mut fresh = folded.clone();
            let second = backends(second.iter().map(backend).collect());
            folded.apply(Feed::Backends, &backends(first.iter().map(backend).collect()));
            folded.apply(Feed::Backends, &second);
            fresh.apply(Feed::Backends, &second);
            prop_assert_eq!(folded, fresh);
        }
    }
}
