//! Coming back: what was missed comes exactly once and in order, or the client is told that it does not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use veloflux::limits::REPLAY_BYTES_MAX;
use veloflux::protocol::{EventId, Feed};

use crate::support::{Events, PATIENCE, Socket, StubBackend, TestServer};

#[test]
fn what_was_missed_comes_to_the_byte_as_it_came_to_those_who_stayed() {
    let server = TestServer::start();
    let mut stayed = server.open(Feed::Metrics);
    let mut leaves = server.open(Feed::Metrics);
    let last = leaves.text_within(PATIENCE);
    drop(leaves);
    let mut heard = vec![stayed.text_within(PATIENCE)];
    for _ in 0..25 {
        server.force_update(r#"{"type":"metrics"}"#);
        heard.push(stayed.text_within(PATIENCE));
    }
    let mut back = again(&server, "/api/ws/metrics", &id(&last).to_string());
    let told = told(&mut back, Feed::Metrics, true);
    let missed: Vec<&String> = heard.iter().filter(|text| id(text).seq > id(&last).seq).collect();
    assert!(told >= missed.len() as u64, "{told}: ticks may have come since");
    for text in missed {
        assert_eq!(back.text_within(PATIENCE), *text);
    }
    // And then it is like any other.
    let newest = id(heard.last().expect("some"));
    server.force_update(r#"{"type":"metrics"}"#);
    assert_eq!(id(&back.text_within(PATIENCE)).seq, newest.seq + 1);
}

#[test]
fn nothing_follows_where_nothing_was_missed() {
    let server = TestServer::start();
    let billing = server.open(Feed::Billing).text_within(PATIENCE);
    let mut back = again(&server, "/api/ws/billing", &id(&billing).to_string());
    assert_eq!(told(&mut back, Feed::Billing, true), 0);
    assert!(back.silent_for(Duration::from_millis(300)), "it has the newest message already");
    server.force_update(r#"{"type":"billing"}"#);
    assert_eq!(id(&back.text_within(PATIENCE)).seq, id(&billing).seq + 1);
}

#[test]
fn where_that_is_not_possible_it_is_said_first_and_the_snapshot_follows() {
    let server = TestServer::start();
    let now = id(&server.open(Feed::Billing).text_within(PATIENCE));
    let other_run = EventId { epoch: now.epoch.wrapping_add(1), ..now };
    let future = EventId { seq: now.seq + 1, ..now };
    let far = EventId { seq: u64::MAX, ..now };
    for last in
        [&*other_run.to_string(), &future.to_string(), &far.to_string(), "", "7", "nonsense", "%00", "billing:1"]
    {
        let mut back = again(&server, "/api/ws/billing", last);
        assert_eq!(told(&mut back, Feed::Billing, false), 0, "{last}");
        assert_eq!(id(&back.text_within(PATIENCE)), now, "{last}");
    }
    let metrics = server.get("/metrics").body;
    for (recovered, count) in [("false", 8), ("true", 0)] {
        let line = format!("veloflux_resumed_total{{feed=\"billing\",recovered=\"{recovered}\"}} {count}");
        assert!(metrics.lines().any(|found| found == line), "{line}:\n{metrics}");
    }
}

#[test]
fn the_rest_of_a_tick_follows_whose_first_updates_were_seen() {
    let backends: Vec<StubBackend> = (0..6).map(|_| StubBackend::start()).collect();
    let server =
        backends.iter().fold(TestServer::builder(), |builder, one| builder.backend("web", &one.address())).start();
    let mut stayed = server.open(Feed::Backends);
    server.force_update(r#"{"type":"backends"}"#);
    let first = id(&stayed.json_until(PATIENCE, |message| message["type"] == "backends_update").to_string());
    let rest: Vec<String> = (0..5).map(|_| stayed.text_within(PATIENCE)).collect();
    assert_eq!(id(&rest[4]).seq, first.seq + 5, "{rest:?}");
    for (index, last) in [(0, first), (3, id(&rest[2]))] {
        let mut back = again(&server, "/api/ws/backends", &last.to_string());
        assert!(told(&mut back, Feed::Backends, true) >= 5 - index as u64);
        for text in &rest[index..] {
            assert_eq!(back.text_within(PATIENCE), *text);
        }
    }
}

#[test]
fn what_the_ring_has_no_room_for_is_never_given_in_part() {
    let server = TestServer::builder().listed(1000).start();
    let mut stayed = server.open(Feed::Backends);
    let mut heard: Vec<String> = Vec::new();
    while heard.iter().map(String::len).sum::<usize>() <= REPLAY_BYTES_MAX + heard.first().map_or(0, String::len) {
        server.force_update(r#"{"type":"backends"}"#);
        let newest = heard.last().map_or(0, |text| id(text).seq);
        while heard.last().is_none_or(|text| id(text).seq <= newest) {
            let text = stayed.text_within(PATIENCE);
            // Whoever missed something is given the state, which is not what the ring has under that number.
            if heard.last().is_some_and(|last| id(&text).seq != id(last).seq + 1) {
                heard.clear();
            }
            heard.push(text);
        }
    }
    let mut back = again(&server, "/api/ws/backends", &id(&heard[0]).to_string());
    assert_eq!(told(&mut back, Feed::Backends, false), 0);
    assert!(id(&back.text_within(PATIENCE)).seq >= id(heard.last().expect("some")).seq);

    let recent = heard.len() * 3 / 4;
    let mut back = again(&server, "/api/ws/backends", &id(&heard[recent - 1]).to_string());
    assert!(told(&mut back, Feed::Backends, true) >= (heard.len() - recent) as u64);
    for text in &heard[recent..] {
        assert!(back.text_within(PATIENCE) == *text, "message {} differs", id(text));
    }
}

#[test]
fn whoever_comes_back_while_much_is_said_misses_nothing_and_hears_nothing_twice() {
    let server = TestServer::start();
    let first = id(&server.open(Feed::Metrics).text_within(PATIENCE));
    let come_back = || {
        let mut last = first;
        for _ in 0..20 {
            let mut back = again(&server, "/api/ws/metrics", &last.to_string());
            let missed = told(&mut back, Feed::Metrics, true);
            // What was missed, and some of what is being said.
            for _ in 0..missed + 2 {
                let next = id(&back.text_within(PATIENCE));
                assert_eq!(next, EventId { seq: last.seq + 1, ..last });
                last = next;
            }
        }
    };
    std::thread::scope(|scope| {
        let readers = [(); 4].map(|()| scope.spawn(come_back));
        while readers.iter().any(|reader| !reader.is_finished()) {
            server.force_update(r#"{"type":"metrics"}"#);
        }
    });
}

#[test]
fn a_client_that_is_cut_off_again_and_again_gets_every_transition_exactly_once() {
    // The first four flip; while two more stay well nobody doubts that it is them.
    let mut backends: Vec<StubBackend> = (0..6).map(|_| StubBackend::start()).collect();
    let addresses: Vec<String> = backends.iter().map(|one| format!("\"{}\"", one.address())).collect();
    let server = TestServer::builder()
        .config(&format!(
            "[[pool]]\nname = \"web\"\nbackends = [{}]\n[pool.check]\nkind = \"http\"\nrise = 1\nfall = 1",
            addresses.join(", ")
        ))
        .start();
    server.force_update(r#"{"type":"backends"}"#);
    let mut stayed = server.open(Feed::Backends);
    let mut witness = Follower::new(&stayed.json());
    let path = Feed::Backends.path();
    let begin = server.open(Feed::Backends).json();
    // One comes back over WebSocket, the other as a browser's `EventSource` does.
    let (mut socket, mut events) = (Follower::new(&begin), Follower::new(&begin));
    let events_path = "/api/events/backends";

    // Each at most five times: past that it would be called flapping.
    let mut done = Vec::new();
    for round in 0..5 {
        for (index, backend) in backends.iter_mut().take(4).enumerate() {
            let (code, status) = if round % 2 == 0 { (503, "unhealthy") } else { (200, "healthy") };
            backend.answer(code);
            server.force_update(r#"{"type":"backends"}"#);
            done.push((backend.address(), status.to_owned()));
            while witness.transitions.len() < done.len() {
                witness.hear(&stayed.json());
            }
            if (round + index) % 3 == 0 {
                // Back for a moment, and cut off in the middle of it.
                let mut back = again(&server, &path, &socket.last.to_string());
                for _ in 0..told(&mut back, Feed::Backends, true).min(1 + index as u64) {
                    socket.hear(&back.json());
                }
                let mut back = Events::after(&server, events_path, events.last);
                for _ in 0..recovered(&mut back).min(1 + index as u64) {
                    events.hear(&back.message());
                }
            }
        }
    }
    let mut back = again(&server, &path, &socket.last.to_string());
    for _ in 0..told(&mut back, Feed::Backends, true) {
        socket.hear(&back.json());
    }
    let mut back = Events::after(&server, events_path, events.last);
    for _ in 0..recovered(&mut back) {
        events.hear(&back.message());
    }
    assert_eq!((done.len(), &witness.transitions), (20, &done));
    assert_eq!(socket.transitions, done);
    assert_eq!(events.transitions, done);
}

/// Folds a `backends` feed, and asserts that no number is missing and none comes twice.
struct Follower {
    last: EventId,
    statuses: BTreeMap<String, String>,
    /// Every change of a status: which backend, and what it became.
    transitions: Vec<(String, String)>,
}

impl Follower {
    fn new(snapshot: &Value) -> Follower {
        let list = snapshot["data"].as_array().expect("a list");
        let statuses = list.iter().map(|item| (text(&item["address"]), text(&item["status"]))).collect();
        Follower { last: id(&snapshot.to_string()), statuses, transitions: Vec::new() }
    }

    fn hear(&mut self, message: &Value) {
        let next = id(&message.to_string());
        assert_eq!(next, EventId { seq: self.last.seq + 1, ..self.last });
        self.last = next;
        let items = match message["data"].as_array() {
            Some(list) => list.clone(),
            None => vec![message["data"].clone()],
        };
        for item in items {
            let (address, status) = (text(&item["address"]), text(&item["status"]));
            if self.statuses.insert(address.clone(), status.clone()).as_ref() != Some(&status) {
                self.transitions.push((address, status));
            }
        }
    }
}

/// Reads the first event, which says that what was missed follows. How many follow.
fn recovered(events: &mut Events) -> u64 {
    let first = events.message();
    assert_eq!((&first["type"], &first["data"]["recovered"]), (&json!("resumed"), &json!(true)), "{first}");
    first["data"]["replayed"].as_u64().expect("a number")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Connects again, having seen `last`.
fn again(server: &TestServer, path: &str, last: &str) -> Socket {
    Socket::open(server.address(), &format!("{path}?last_id={last}"))
}

/// Reads the first message, which says whether what was missed follows. How many follow.
fn told(socket: &mut Socket, feed: Feed, recovered: bool) -> u64 {
    let first = socket.json();
    let replayed = first["data"]["replayed"].as_u64().unwrap_or_else(|| panic!("no `replayed`: {first}"));
    let data = json!({"feed": feed, "recovered": recovered, "replayed": replayed});
    assert_eq!(first, json!({"type": "resumed", "data": data}));
    replayed
}

fn id(message: &str) -> EventId {
    let message: Value = serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}"));
    text(&message["id"]).parse().unwrap_or_else(|error| panic!("{error}: {message}"))
}
