//! The fleet as one server tells it: the newest state of every feed, and the link it came over. Pure; a lost connection
//! takes nothing away from it, only makes it old.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::history::History;
use super::link::Link;
use crate::protocol::message::{Backend, BackendUpdate, Billing, HealthReport, Metrics, Status};
use crate::protocol::{Feed, Message, Timestamp};

/// One moment by both clocks: that of the calendar, and the one that nobody sets back.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock that nobody sets back.
    pub instant: Instant,
    /// By the calendar.
    pub wall: Timestamp,
}

/// Everything known of the fleet behind one server.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// `host:port` of the server.
    pub server: String,
    /// Every backend, those of one pool next to each other. None before the first list.
    pub backends: Option<Vec<Backend>>,
    /// The newest measurements.
    pub metrics: Option<Metrics>,
    /// The measurements before.
    pub history: History,
    /// The newest roll-up.
    pub status: Option<Status>,
    /// The newest bill.
    pub billing: Option<Billing>,
    /// The newest report of the checks.
    pub health: Option<HealthReport>,
    links: [Link; Feed::ALL.len()],
    /// How far the server's clock is ahead of ours, in milliseconds.
    ahead_ms: i64,
}

impl Fleet {
    /// Nothing is known, and every link is connecting.
    pub fn new(server: String, now: Instant) -> Self {
        Fleet {
            server,
            backends: None,
            metrics: None,
            history: History::default(),
            status: None,
            billing: None,
            health: None,
            links: Feed::ALL.map(|_| Link::new(now)),
            ahead_ms: 0,
        }
    }

    /// The link of a feed.
    pub fn link(&self, feed: Feed) -> &Link {
        &self.links[feed.index()]
    }

    /// The link of a feed, to tell it what happened.
    pub fn link_mut(&mut self, feed: Feed) -> &mut Link {
        &mut self.links[feed.index()]
    }

    /// A message came at this moment. None: it says nothing that the contract knows, and is a sign of life all the same.
    pub fn hear(&mut self, feed: Feed, message: Option<Message>, at: Moment) {
        self.link_mut(feed).heard(at.instant);
        match message {
            Some(Message::Backends(list)) => self.backends = Some(by_pool(list)),
            Some(Message::BackendsUpdate(update)) => self.merge(update),
            Some(Message::Metrics(metrics)) => {
                // This feed's messages are sent as soon as they are measured, so their time tells the server's clock.
                self.ahead_ms = metrics.timestamp.as_millisecond().saturating_sub(at.wall.as_millisecond());
                self.history.take(&metrics);
                self.metrics = Some(metrics);
            }
            Some(Message::Status(status)) => self.status = Some(status),
            Some(Message::Billing(billing)) => self.billing = Some(billing),
            Some(Message::Health(report)) => self.health = Some(report),
            None => {}
        }
    }

    /// How long ago something was by the server's clock.
    pub fn age(&self, time: Timestamp, now: Moment) -> Duration {
        let there = now.wall.as_millisecond().saturating_add(self.ahead_ms);
        Duration::from_millis(there.saturating_sub(time.as_millisecond()).max(0).unsigned_abs())
    }

    /// How long it takes until something is by the server's clock.
    pub fn until(&self, time: Timestamp, now: Moment) -> Duration {
        let there = now.wall.as_millisecond().saturating_add(self.ahead_ms);
        Duration::from_millis(time.as_millisecond().saturating_sub(there).max(0).unsigned_abs())
    }

    fn merge(&mut self, update: BackendUpdate) {
        // One that stands in no list is ignored, by the contract.
        for backend in self.backends.iter_mut().flatten().filter(|backend| backend.address == update.address) {
            let update = update.clone();
            backend.status = update.status;
            backend.last_check = update.last_check;
            backend.state = update.state;
            backend.admin = update.admin;
            backend.latency_ms = update.latency_ms;
            backend.last_change = update.last_change;
            backend.detail = update.detail;
            backend.stale = update.stale;
        }
    }
}

/// Pools in the order in which they first appear, the backends of each in the order of the list.
fn by_pool(mut list: Vec<Backend>) -> Vec<Backend> {
    let mut order: HashMap<String, usize> = HashMap::new();
    for backend in &list {
        let next = order.len();
        order.entry(backend.pool.clone()).or_insert(next);
    }
    list.sort_by_key(|backend| order[&backend.pool]);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Health;

    fn moment() -> Moment {
        Moment { instant: Instant::now(), wall: "2026-01-01T00:00:10.000Z".parse_timestamp() }
    }

    trait ParseTimestamp {
        fn parse_timestamp(&self) -> Timestamp;
    }

    impl ParseTimestamp for str {
        fn parse_timestamp(&self) -> Timestamp {
            serde_json::from_value(self.into()).expect("RFC 3339")
        }
    }

    fn fleet(documents: &[&str]) -> Fleet {
        let now = moment();
        let mut fleet = Fleet::new("h:1".to_owned(), now.instant);
        for document in documents {
            let message: Message = serde_json::from_str(document).expect(document);
            fleet.hear(Feed::Backends, Some(message), now);
        }
        fleet
    }

    const LIST: &str = r#"{"type":"backends","data":[
        {"address":"a:1","pool":"web","weight":1,"status":"healthy"},
        {"address":"b:1","pool":"db","weight":2,"status":"healthy"},
        {"address":"c:1","pool":"web","weight":3,"status":"unknown"}]}"#;

    #[test]
    fn pools_stand_together_in_the_order_of_the_list() {
        let backends = fleet(&[LIST]).backends.expect("a list came");
        let addresses: Vec<&str> = backends.iter().map(|backend| backend.address.as_str()).collect();
        assert_eq!(addresses, ["a:1", "c:1", "b:1"]);
    }

    #[test]
    fn an_update_changes_what_a_check_may_change_and_nothing_else() {
        let update = r#"{"type":"backends_update","data":{"address":"b:1","status":"unhealthy",
            "last_check":"2026-01-01T00:00:00Z","detail":"refused"}}"#;
        let unknown = r#"{"type":"backends_update","data":{"address":"z:1","status":"healthy","last_check":null}}"#;
        let backends = fleet(&[unknown, LIST, update, unknown]).backends.expect("a list came");
        assert_eq!(backends.len(), 3);
        let changed = &backends[2];
        assert_eq!((changed.status, changed.detail.as_deref()), (Health::Unhealthy, Some("refused")));
        assert_eq!((changed.pool.as_str(), changed.weight), ("db", 2));
        assert_eq!((backends[0].status, backends[1].status), (Health::Healthy, Health::Unknown));
    }

    #[test]
    fn ages_are_by_the_clock_of_the_server() {
        let time = "2026-01-01T01:00:00Z".parse_timestamp();
        let behind = fleet(&[]);
        assert_eq!(behind.age(time, moment()), Duration::ZERO);
        // Its clock is an hour ahead of ours.
        let metrics =
            r#"{"type":"metrics","data":{"cpu":1,"memory":1,"requests":1,"timestamp":"2026-01-01T01:00:10Z"}}"#;
        assert_eq!(fleet(&[metrics]).age(time, moment()), Duration::from_secs(10));
    }
}
