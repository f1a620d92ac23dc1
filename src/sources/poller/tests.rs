use futures_util::future::BoxFuture;

use super::*;
use crate::protocol::Admin;
use crate::sources::{Counter, Finding, Kind, Source, SourceOptions, Telling};

/// Says what it is told to say.
#[derive(Default)]
struct Scripted(Mutex<Option<Result<Reading, String>>>);

impl Source for Scripted {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        let answer = self.0.lock().expect("no panic").clone();
        match answer {
            Some(answer) => Box::pin(async { answer }),
            None => Box::pin(std::future::pending()),
        }
    }

    fn counts(&self) -> bool {
        true
    }
}

fn reading(status: Health, requests: u64) -> Reading {
    let finding = Finding { status, state: "UP".to_owned(), detail: None, latency: None, last_change: None };
    let record = Record {
        pool: "web".to_owned(),
        name: "a".to_owned(),
        address: "127.0.0.1:1".to_owned(),
        weight: 1,
        admin: Admin::Enabled,
        finding: Some(finding),
        asked: crate::sources::Asked::AsSet,
    };
    Reading { backends: vec![record], requests: vec![Counter::new("in", requests)] }
}

struct Rig {
    source: Arc<Scripted>,
    poller: Arc<Poller>,
    changes: watch::Receiver<u64>,
    requests: Arc<Requests>,
}

fn rig() -> Rig {
    static KIND: Kind = Kind {
        name: "scripted",
        schemes: &[],
        options: &[],
        telling: Telling::Impossible,
        new: |_| Ok(Arc::<Scripted>::default()),
    };
    let source = Arc::<Scripted>::default();
    let mut spec = SourceSpec::new("edge", &KIND, SourceOptions::default()).expect("a source");
    spec.source = source.clone();
    let (changes, receiver) = watch::channel(0);
    let requests = Arc::new(Requests::default());
    requests.count_elsewhere([(spec.place(), true)]);
    let poller = Arc::new(Poller::new(spec, changes, Arc::clone(&requests)));
    Rig { source, poller, changes: receiver, requests }
}

impl Rig {
    fn say(&self, what: Option<Result<Reading, String>>) {
        *self.source.0.lock().expect("no panic") = what;
    }

    fn told(&mut self) -> bool {
        let told = self.changes.has_changed().expect("the poller is there");
        self.changes.borrow_and_update();
        told
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_makes_what_is_known_stale_and_in_the_end_lost_but_never_gone() {
    let mut rig = rig();
    rig.say(Some(Ok(reading(Health::Healthy, 100))));
    let running = tokio::spawn(rig.poller.clone().run());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(rig.told());
    rig.say(Some(Err("connection refused".to_owned())));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(rig.told());
    let standing = rig.poller.standing();
    let outage = standing.fault.expect("an outage");
    assert_eq!((outage.why.as_str(), outage.lost, standing.seen.len()), ("connection refused", false, 1));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!rig.told() && !rig.poller.standing().fault.expect("an outage").lost, "two intervals");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let standing = rig.poller.standing();
    assert!(rig.told() && standing.fault.expect("an outage").lost, "three");
    assert_eq!(standing.seen.len(), 1);
    rig.say(Some(Ok(reading(Health::Healthy, 7))));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(rig.told() && rig.poller.standing().fault.is_none());
    assert_eq!(rig.requests.metered.total(), 7, "a reset counts what it shows");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_says_nothing_is_cut_off_at_its_deadline() {
    let mut rig = rig();
    let running = tokio::spawn(rig.poller.clone().run());
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(rig.told());
    let standing = rig.poller.standing();
    assert_eq!(standing.fault.expect("an outage").why, "no answer within 2 s");
    assert!(standing.last_reading.is_none() && standing.seen.is_empty());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn other_settings_keep_what_is_known_until_the_first_reading_by_them() {
    let rig = rig();
    rig.say(Some(Ok(reading(Health::Healthy, 100))));
    let running = tokio::spawn(rig.poller.clone().run());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let other = |url: Option<&str>, answer: Result<Reading, String>| {
        let source = Arc::<Scripted>::default();
        *source.0.lock().expect("no panic") = Some(answer);
        let options = SourceOptions { url: url.map(str::to_owned), ..SourceOptions::default() };
        SourceSpec { options, source, ..(*rig.poller.spec()).clone() }
    };
    let counted = || rig.requests.metered.total();
    rig.poller.replace(other(None, Ok(reading(Health::Healthy, 130))));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(counted(), 30, "the same count goes on, at once");
    rig.poller.replace(other(Some("x"), Err("401".to_owned())));
    assert_eq!(rig.poller.standing().seen.len(), 1);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let standing = rig.poller.standing();
    assert_eq!((standing.seen.len(), standing.fault.map(|fault| fault.why)), (1, Some("401".to_owned())));
    let elsewhere = other(Some("x"), Ok(reading(Health::Unhealthy, 7_000)));
    rig.requests.count_elsewhere([(elsewhere.place(), true)]);
    rig.poller.replace(elsewhere);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(counted(), 30, "another place begins to count where it stands");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn only_what_matters_is_told_at_once_and_a_change_has_its_time() {
    let mut rig = rig();
    rig.say(Some(Ok(reading(Health::Healthy, 0))));
    rig.poller.read().await;
    assert!(rig.told());
    assert_eq!(rig.poller.standing().seen[0].last_change, None, "nobody knows since when");
    rig.poller.read().await;
    assert!(!rig.told());
    rig.say(Some(Ok(reading(Health::Unhealthy, 0))));
    rig.poller.read().await;
    assert!(rig.told());
    let changed = rig.poller.standing().seen[0].last_change;
    assert!(changed.is_some());
    rig.poller.read().await;
    assert_eq!(rig.poller.standing().seen[0].last_change, changed);
    assert_eq!(rig.poller.standing().readings, 4);
}
