//! The wire contract over a real socket: shapes, cadences, answers, and values that agree with what the kernel says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use veloflux::protocol::{EventId, Feed, Timestamp};

use crate::support::shape::{self, valid};
use crate::support::{PATIENCE, Socket, StubBackend, TestServer, eventually};

/// With the default timing of checks: 5.5 s at worst until the next check, two more a second apart, and their time.
const FLIP: Duration = Duration::from_secs(9);

/// An address where nobody listens.
const CLOSED: &str = "127.0.0.1:1";

#[test]
fn every_message_has_its_fields_in_their_types() {
    let backend = StubBackend::start();
    let server = TestServer::builder()
        .config(&format!(
            "[[pool]]\nname = \"web\"\nbackends = [{{ address = \"{}\", weight = 3 }}, \"{CLOSED}\"]\n\
             [[pool]]\nname = \"batch\"\nbackends = [\"127.0.0.2:1\"]\n\
             [[check]]\nname = \"database\"\nurl = \"tcp://{}\"\n\
             [[check]]\nname = \"redis\"\nurl = \"redis://{CLOSED}\"\ncritical = false\n",
            backend.address(),
            backend.address(),
        ))
        .start();
    let mut kinds = BTreeSet::new();
    for feed in Feed::ALL {
        let mut socket = server.open(feed);
        let snapshot = valid(socket.json());
        assert_eq!(snapshot["type"], feed.name(), "the first message is the snapshot");
        server.force_update(&json!({"type": feed}).to_string());
        let forced = valid(socket.json());
        for message in [snapshot, forced] {
            kinds.insert(message["type"].as_str().unwrap_or_default().to_owned());
        }
        socket.close();
    }
    // Forced, three backends were checked: three updates, each in its own frame.
    let all = ["backends", "backends_update", "billing", "health", "metrics", "status"];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn the_values_are_those_of_this_server() {
    let backend = StubBackend::start();
    let server = TestServer::builder()
        .config(&format!(
            "[server]\nnode = \"edge-7\"\n\
             [[pool]]\nname = \"web\"\nbackends = [{{ address = \"{}\", weight = 3 }}]\n\
             [[pool]]\nname = \"idle\"\nmin_healthy = 0\nbackends = [\"{CLOSED}\"]\n\
             [[check]]\nname = \"database\"\nurl = \"tcp://{}\"\n\
             [[check]]\nname = \"search\"\nurl = \"http://{CLOSED}/\"\ncritical = false\n",
            backend.address(),
            backend.address(),
        ))
        .start();
    server.force_update("");

    let list = snapshot(&server, Feed::Backends)["data"].clone();
    let item = |address: &str| {
        let items = list.as_array().into_iter().flatten();
        items.filter(|item| item["address"] == address).collect::<Vec<_>>()
    };
    let [up] = item(&backend.address())[..] else { panic!("one item for each backend: {list}") };
    assert_eq!((&up["pool"], &up["weight"], &up["status"]), (&json!("web"), &json!(3), &json!("healthy")));
    assert_eq!((&up["admin"], &up["stale"], &up["detail"]), (&json!("enabled"), &json!(false), &Value::Null));
    assert!(age(&up["last_check"]) < Duration::from_secs(6), "{up}");
    assert!(up["latency_ms"].as_f64().is_some_and(|latency| latency < 2_000.0), "{up}");
    let [down] = item(CLOSED)[..] else { panic!("one item for each backend: {list}") };
    assert_eq!((&down["pool"], &down["weight"], &down["status"]), (&json!("idle"), &json!(1), &json!("unhealthy")));
    assert!(down["detail"].as_str().is_some_and(|why| why.contains("refused")), "{down}");

    let status = snapshot(&server, Feed::Status)["data"].clone();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["node"], &status["cluster_size"]), (&json!("edge-7"), &json!(1)));
    assert!(status["uptime_seconds"].as_u64().is_some_and(|up| up <= server.started().elapsed().as_secs()));

    let health = snapshot(&server, Feed::Health)["data"].clone();
    assert_eq!(health["checks"], json!({"database": "healthy", "search": "unhealthy"}));
    assert_eq!(health["healthy"], true, "no critical check is unhealthy");
    assert_eq!(health["details"]["database"]["critical"], true);
    assert_eq!(health["details"]["search"]["critical"], false);
    assert_eq!(health["details"]["database"]["kind"], "tcp");
    assert!(health["details"]["search"]["error"].as_str().is_some_and(|why| why.contains("refused")), "{health}");
}

#[test]
fn with_nothing_configured_every_feed_is_true_and_invents_nothing() {
    let server = TestServer::start();
    assert_eq!(snapshot(&server, Feed::Backends)["data"], json!([]));
    let health = snapshot(&server, Feed::Health)["data"].clone();
    let checks = health["checks"].as_object().cloned().unwrap_or_default();
    assert!(!checks.is_empty(), "the server's own vital signs: {health}");
    assert!(!checks.contains_key("database") && !checks.contains_key("redis"), "nobody measured those: {health}");
    let details = health["details"].as_object().cloned().unwrap_or_default();
    assert_eq!(checks.keys().collect::<Vec<_>>(), details.keys().collect::<Vec<_>>());
    assert!(details.values().all(|detail| detail["kind"] == "self"), "{health}");
    let metrics = snapshot(&server, Feed::Metrics)["data"].clone();
    assert_eq!(metrics["requests_source"], "self");
    assert!(metrics["memory"].as_f64().is_some_and(|memory| memory > 0.0), "{metrics}");
}

#[test]
fn after_a_pause_metrics_cover_a_cadence_and_not_the_pause() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Metrics);
    server.control(r#"{"action":"pause","type":"metrics"}"#);
    // As long a pause as tells the two apart.
    std::thread::sleep(Feed::Metrics.cadence() * 5 / 2);
    server.force_update(r#"{"type":"metrics"}"#);
    let ordered = server.get("/api/metrics").json();
    server.control(r#"{"action":"resume","type":"metrics"}"#);
    let resumed = loop {
        let message = socket.json();
        if id(&message).seq > id(&ordered).seq {
            break message;
        }
    };
    for message in [ordered, resumed] {
        let window = message["data"]["window_ms"].as_u64().expect("a window");
        assert!(window < Feed::Metrics.cadence().as_millis() as u64 * 3 / 2, "{message}");
    }
}

#[test]
fn ids_are_consecutive_within_one_run_of_a_feed() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Metrics);
    let mut last = id(&socket.json());
    for _ in 0..20 {
        server.force_update(r#"{"type":"metrics"}"#);
    }
    // Twenty forced ones, and two of the tick.
    for _ in 0..22 {
        let next = id(&socket.json());
        assert_eq!((next.epoch, next.seq), (last.epoch, last.seq + 1));
        last = next;
    }
    let other = id(&snapshot(&server, Feed::Metrics));
    assert!(other.epoch == last.epoch && other.seq >= last.seq, "a snapshot carries the id of what it shows");
}

#[test]
fn another_run_has_another_epoch() {
    let first = TestServer::start();
    let before = id(&snapshot(&first, Feed::Status));
    let home = first.home();
    drop(first);
    let second = TestServer::builder_in(home).start();
    assert_ne!(before.epoch, id(&snapshot(&second, Feed::Status)).epoch);
}

#[test]
fn the_first_snapshot_of_every_feed_is_there_half_a_second_after_the_start() {
    // What is claimed is the program's time, not that of a machine with other things to do: the best of five starts.
    let mut took = [Duration::MAX; 5];
    for _ in 0..5 {
        let backend = StubBackend::start();
        backend.delay(Duration::from_secs(1));
        let server = TestServer::builder().backend("web", &format!("http://{}/", backend.address())).start();
        took = Feed::ALL.map(|feed| {
            server.open(feed).json();
            server.started().elapsed()
        });
        if took.iter().all(|time| *time < Duration::from_millis(500)) {
            return;
        }
    }
    panic!("the first snapshots took {took:?}");
}

#[test]
fn two_clients_of_a_feed_get_equal_bytes() {
    let server = TestServer::builder().backend("web", CLOSED).start();
    for feed in Feed::ALL {
        let (mut one, mut two) = (server.open(feed), server.open(feed));
        let read = |socket: &mut Socket| {
            let text = socket.text_within(PATIENCE);
            let id = id(&serde_json::from_str(&text).expect("JSON"));
            (id.seq, text)
        };
        let (mut first, mut second) = (BTreeMap::from([read(&mut one)]), BTreeMap::from([read(&mut two)]));
        for _ in 0..3 {
            server.force_update(&json!({"type": feed}).to_string());
            first.extend([read(&mut one)]);
            second.extend([read(&mut two)]);
        }
        // One may have come a message earlier than the other; the first it has is then its own snapshot.
        let both: Vec<&u64> =
            first.keys().skip(1).filter(|seq| second.keys().skip(1).any(|other| other == *seq)).collect();
        assert!(both.len() >= 2, "{first:#?}\n{second:#?}");
        assert!(both.iter().all(|seq| first[seq] == second[seq]), "{first:#?}\n{second:#?}");
    }
}

#[test]
fn a_message_comes_every_cadence() {
    let server = TestServer::builder().backend("web", CLOSED).start();
    std::thread::scope(|scope| {
        for feed in [Feed::Metrics, Feed::Backends, Feed::Status] {
            let server = &server;
            scope.spawn(move || {
                let mut socket = server.open(feed);
                socket.json();
                socket.json_within(feed.cadence() * 2);
                let mut last = Instant::now();
                let wanted = if feed == Feed::Metrics { 4 } else { 1 };
                for _ in 0..wanted {
                    socket.json_within(feed.cadence() * 2);
                    let gap = last.elapsed();
                    last = Instant::now();
                    let early = feed != Feed::Metrics || gap > feed.cadence() / 2;
                    assert!(early && gap < feed.cadence() * 3 / 2, "{feed}: {gap:?}");
                }
            });
        }
    });
}

#[test]
fn a_ping_message_is_answered_with_its_timestamp_on_every_feed_also_a_paused_one() {
    let server = TestServer::start();
    for paused in [false, true] {
        if paused {
            server.control(r#"{"action":"pause","type":"all"}"#);
        }
        for feed in Feed::ALL {
            let mut socket = server.open(feed);
            assert_eq!(socket.json()["type"], feed.name(), "the snapshot comes, paused or not");
            for timestamp in ["1705314600000", "\"2024-01-15T10:30:00Z\"", "null", "1.50", "{\"a\":[1, 2]}"] {
                let asked = Instant::now();
                socket.send_text(&format!(r#"{{"type":"ping","timestamp":{timestamp}}}"#));
                let text = loop {
                    let text = socket.text_within(PATIENCE);
                    if text.contains("\"pong\"") {
                        break text;
                    }
                };
                assert!(asked.elapsed() < Duration::from_secs(2), "at once: {:?}", asked.elapsed());
                assert!(text.contains(&format!("\"timestamp\":{timestamp}")), "to the letter: {text}");
                let pong: Value = serde_json::from_str(&text).expect("JSON");
                assert!(age(&pong["server_time"]) < Duration::from_secs(2), "{pong}");
                let keys: Vec<&String> = pong.as_object().expect("an object").keys().collect();
                assert_eq!(keys.len(), 3, "{pong}");
            }
            socket.close();
        }
    }
}

#[test]
fn text_that_is_no_message_is_told_so_and_the_connection_stays() {
    let server = TestServer::start();
    for feed in Feed::ALL {
        let mut socket = server.open(feed);
        socket.json();
        for text in ["", "ping", "[]", "{", "null", "{}x", "{\"type\":\"ping\""] {
            socket.send_text(text);
            let answer = socket.json_until(PATIENCE, |message| message["type"] == "error");
            assert_eq!(answer["data"]["code"], "bad_message", "{text}: {answer}");
            assert!(answer["data"]["message"].as_str().is_some_and(|why| why.contains("JSON object")), "{answer}");
        }
        socket.close();
    }
}

/// Our own reading of `/proc`, over the same seconds. Tolerance: 12 points of CPU, as the two windows are not the same
/// to the millisecond and one core in two is 50 points; 3 points of memory.
#[test]
fn cpu_and_memory_agree_with_the_kernel() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Metrics);
    socket.json();
    socket.json_within(Feed::Metrics.cadence() * 2);
    let mut apart = Vec::new();
    for _ in 0..4 {
        let before = cpu_times();
        let metrics = valid(socket.json_within(Feed::Metrics.cadence() * 2))["data"].clone();
        let after = cpu_times();
        assert_eq!(metrics["scope"], "host", "the tests run without a quota");
        let busy = 100.0 * (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
        let cpu = metrics["cpu"].as_f64().expect("a number");
        let memory = metrics["memory"].as_f64().expect("a number");
        let used = memory_used();
        assert!((memory - used).abs() < 3.0, "memory {memory}, by /proc/meminfo {used}");
        apart.push((cpu - busy).abs());
    }
    // One window may be cut differently; most are not.
    let close = apart.iter().filter(|distance| **distance < 12.0).count();
    assert!(close >= 3, "points between `cpu` and /proc/stat: {apart:?}");
}

#[test]
fn requests_are_counted_exactly() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Metrics);
    let total = |message: &Value| message["data"]["requests_total"].as_u64().expect("a number");
    socket.json();
    let before = socket.json();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(server.get("/livez").status, 200)));
        }
    });
    let (mut sum, mut last) = (0, total(&before));
    let after = eventually(PATIENCE, || {
        let message = socket.json();
        sum += message["data"]["requests"].as_u64().expect("a number");
        let now = total(&message);
        assert!(now >= last, "the total never goes back");
        let quiet = now == last && sum >= 200;
        last = now;
        if quiet { Ok(now) } else { Err(format!("the total is {now}")) }
    });
    assert_eq!(after - total(&before), 200);
    assert_eq!(sum, 200, "the windows add up to the total");
}

#[test]
fn a_killed_backend_is_unhealthy_and_a_revived_one_healthy_within_nine_seconds() {
    let mut backend = StubBackend::start();
    let server = TestServer::builder().backend("web", &format!("http://{}/", backend.address())).start();
    let mut socket = server.open(Feed::Backends);
    let says = |status: &'static str| {
        move |message: &Value| match message["data"].as_array() {
            Some(list) => list.iter().any(|item| item["status"] == status),
            None => message["data"]["status"] == status,
        }
    };
    socket.json_until(PATIENCE, says("healthy"));

    let killed = Instant::now();
    backend.kill();
    let update = valid(socket.json_until(FLIP, says("unhealthy")));
    assert!(killed.elapsed() < FLIP);
    assert_eq!(update["type"], "backends_update");
    assert_eq!(update["data"]["address"], backend.address());
    assert!(update["data"]["detail"].as_str().is_some_and(|why| why.contains("refused")), "{update}");

    // The only backend of a critical pool is gone: the roll-up says so at once, not at its next tick.
    server.open(Feed::Status).json_until(Duration::from_secs(2), |message| message["data"]["status"] == "unhealthy");

    let revived = Instant::now();
    backend.revive();
    let update = valid(socket.json_until(FLIP, says("healthy")));
    assert!(revived.elapsed() < FLIP);
    assert_eq!(update["data"]["detail"], Value::Null);
}

#[test]
fn a_backend_that_answers_wrongly_is_unhealthy_and_told_with_its_answer() {
    let backend = StubBackend::start();
    backend.answer(503);
    let server = TestServer::builder().backend("web", &format!("http://{}/", backend.address())).start();
    server.force_update(r#"{"type":"backends"}"#);
    let item = snapshot(&server, Feed::Backends)["data"][0].clone();
    assert_eq!(item["status"], "unhealthy");
    assert!(item["detail"].as_str().is_some_and(|why| why.contains("503")), "{item}");
}

#[test]
fn last_check_is_the_end_of_a_check_and_never_now() {
    let backend = StubBackend::start();
    let server = TestServer::builder().backend("web", &format!("http://{}/", backend.address())).start();
    let mut socket = server.open(Feed::Backends);
    socket.json_until(PATIENCE, |message| message["type"] == "backends_update");
    // Between two checks nothing is confirmed: a snapshot a second later carries the same time.
    let read = || snapshot(&server, Feed::Backends)["data"][0]["last_check"].clone();
    let answered = backend.answered();
    let (first, second) = (read(), {
        std::thread::sleep(Duration::from_secs(1));
        read()
    });
    if backend.answered() == answered {
        assert_eq!(first, second);
    }
}

#[test]
fn an_address_in_two_pools_is_told_by_the_whole_list() {
    let server = TestServer::builder().backend("blue", CLOSED).backend("green", CLOSED).start();
    let mut socket = server.open(Feed::Backends);
    socket.json();
    for _ in 0..2 {
        server.force_update(r#"{"type":"backends"}"#);
        let message = valid(socket.json());
        assert_eq!(message["type"], "backends", "an update would hit both pools");
        assert_eq!(message["data"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn up_to_fifty_changes_are_updates_and_past_that_the_whole_list() {
    for (count, kind, messages) in [(50, "backends_update", 50), (51, "backends", 1)] {
        let addresses: Vec<String> = (1..=count).map(|n| format!("\"127.0.0.{n}:1\"")).collect();
        let config = format!("[[pool]]\nname = \"web\"\nbackends = [{}]", addresses.join(", "));
        let server = TestServer::builder().config(&config).start();
        let mut socket = server.open(Feed::Backends);
        socket.json();
        // The first results of so many are a burst of changes; the forced round after it is one.
        server.force_update(r#"{"type":"backends"}"#);
        while !socket.silent_for(Duration::from_millis(300)) {
            socket.json();
        }
        let answer = server.force_update(r#"{"type":"backends"}"#);
        assert_eq!(answer["feeds"], json!(["backends"]));
        for _ in 0..messages {
            assert_eq!(valid(socket.json())["type"], kind, "{count} backends");
        }
    }
}

#[test]
fn a_force_update_pushes_every_feed_within_a_second_and_a_named_one_alone() {
    let server = TestServer::builder().backend("web", CLOSED).start();
    let mut sockets: Vec<Socket> = Feed::ALL.iter().map(|feed| server.open(*feed)).collect();
    for socket in &mut sockets {
        socket.json();
    }
    server.control(r#"{"action":"pause","type":"all"}"#);
    quiet(&mut sockets);

    let asked = Instant::now();
    let answer = server.force_update("");
    let answered = asked.elapsed();
    let names: Vec<&str> = Feed::ALL.iter().map(|feed| feed.name()).collect();
    assert_eq!(answer["feeds"], json!(names));
    for (feed, socket) in Feed::ALL.iter().zip(&mut sockets) {
        let message = valid(socket.json());
        assert!(message["type"].as_str().is_some_and(|kind| kind.starts_with(feed.name())), "{feed}: {message}");
    }
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "answered after {answered:?}, all there after {:?}",
        asked.elapsed()
    );

    for one in Feed::ALL {
        quiet(&mut sockets);
        let answer = server.force_update(&json!({"type": one}).to_string());
        assert_eq!(answer["feeds"], json!([one]));
        for (feed, socket) in Feed::ALL.iter().zip(&mut sockets) {
            if *feed == one {
                valid(socket.json());
            } else {
                assert!(socket.silent_for(Duration::from_millis(50)), "{feed} spoke when {one} was asked");
            }
        }
    }
}

#[test]
fn a_forced_message_is_measured_afresh() {
    let backend = StubBackend::start();
    let server = TestServer::builder().backend("web", &format!("http://{}/", backend.address())).start();
    let mut socket = server.open(Feed::Backends);
    socket.json();
    for _ in 0..5 {
        let before = backend.answered();
        server.force_update(r#"{"type":"backends"}"#);
        assert!(backend.answered() > before, "asked again for it");
        let message = socket.json();
        let last_check =
            if message["data"].is_array() { &message["data"][0]["last_check"] } else { &message["data"]["last_check"] };
        assert!(age(last_check) < Duration::from_secs(2), "{message}");
    }
}

#[test]
fn a_paused_feed_is_silent_until_it_is_forced_or_resumed() {
    let server = TestServer::start();
    let mut metrics = server.open(Feed::Metrics);
    let mut status = server.open(Feed::Status);
    metrics.json();
    status.json();

    let answer = server.control(r#"{"action":"pause","type":"metrics"}"#);
    assert_eq!(answer["paused"], json!(["metrics"]));
    let told = status.json_within(Duration::from_secs(2));
    assert_eq!(told["data"]["status"], "degraded", "a pause is told at once: {told}");
    let reasons = told["data"]["reasons"].to_string();
    assert!(reasons.contains("metrics") && reasons.contains("paused"), "{reasons}");
    drain(&mut metrics);
    assert!(metrics.silent_for(Feed::Metrics.cadence() * 2 + Duration::from_millis(500)), "two ticks would have come");

    server.force_update(r#"{"type":"metrics"}"#);
    valid(metrics.json_within(Duration::from_secs(1)));
    server.force_update("");
    valid(metrics.json_within(Duration::from_secs(1)));

    assert_eq!(server.control("")["paused"], json!(["metrics"]), "asking changes nothing");
    assert_eq!(server.control(r#"{"action":"resume","type":"metrics"}"#)["paused"], json!([]));
    for _ in 0..3 {
        valid(metrics.json_within(Feed::Metrics.cadence() * 2));
    }
    let told = status.json_until(PATIENCE, |message| message["data"]["status"] == "healthy");
    assert_eq!(told["data"]["reasons"], json!([]));
}

#[test]
fn the_status_has_a_reason_whenever_it_is_not_healthy() {
    let backend = StubBackend::start();
    let good = backend.address();
    let pool = |more: &str, backends: &str| format!("[[pool]]\nname = \"web\"\n{more}\nbackends = [{backends}]");
    let check = |more: &str| format!("[[check]]\nname = \"search\"\nurl = \"tcp://{CLOSED}\"\n{more}");
    for (config, status, words) in [
        (pool("", &format!("\"{good}\"")), "healthy", &[][..]),
        (pool("", &format!("\"{CLOSED}\"")), "unhealthy", &["web"]),
        (pool("critical = false", &format!("\"{CLOSED}\"")), "degraded", &["web"]),
        (pool("", &format!("\"{good}\", \"{CLOSED}\"")), "degraded", &["web", CLOSED]),
        (pool("min_healthy = 2", &format!("\"{good}\", \"{CLOSED}\"")), "unhealthy", &["web"]),
        (pool("min_healthy = 0", &format!("\"{CLOSED}\"")), "degraded", &[CLOSED]),
        (check(""), "unhealthy", &["search"]),
        (check("critical = false"), "degraded", &["search"]),
    ] {
        let server = TestServer::builder().config(&config).start();
        server.force_update("");
        let told = valid(snapshot(&server, Feed::Status))["data"].clone();
        assert_eq!(told["status"], status, "{config}: {told}");
        let reasons = told["reasons"].to_string();
        assert_eq!(told["reasons"].as_array().is_some_and(Vec::is_empty), status == "healthy", "{config}: {reasons}");
        assert!(words.iter().all(|word| reasons.contains(word)), "{config}: {reasons}");
    }
}

#[test]
fn many_reasons_are_cut_at_ten() {
    let addresses: Vec<String> = (1..=30).map(|n| format!("\"127.0.0.{n}:1\"")).collect();
    let config = format!("[[pool]]\nname = \"web\"\nbackends = [{}]", addresses.join(", "));
    let server = TestServer::builder().config(&config).start();
    server.force_update("");
    let told = valid(snapshot(&server, Feed::Status));
    assert_eq!(told["data"]["reasons"].as_array().map(Vec::len), Some(10), "{told}");
}

#[test]
fn a_check_that_flips_is_told_at_once_on_health_and_status() {
    let mut backend = StubBackend::start();
    let server = TestServer::builder()
        .config(&format!(
            "[[check]]\nname = \"database\"\nurl = \"tcp://{}\"\ninterval = \"1s\"\nfast_interval = \"100ms\"",
            backend.address()
        ))
        .start();
    let (mut health, mut status) = (server.open(Feed::Health), server.open(Feed::Status));
    health.json_until(PATIENCE, |message| message["data"]["checks"]["database"] == "healthy");
    backend.kill();
    // 1.1 s to the next check and two more: long before the ticks of 10 s and 15 s.
    let told = health.json_within(Duration::from_secs(4));
    assert_eq!((&told["data"]["healthy"], &told["data"]["checks"]["database"]), (&json!(false), &json!("unhealthy")));
    let told = status.json_until(Duration::from_secs(4), |message| message["data"]["status"] == "unhealthy");
    assert!(told["data"]["reasons"].to_string().contains("database"), "{told}");
}

/// What a new client is shown first.
fn snapshot(server: &TestServer, feed: Feed) -> Value {
    valid(server.open(feed).json())
}

fn id(message: &Value) -> EventId {
    message["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {message}"))
}

fn age(time: &Value) -> Duration {
    assert!(time.as_str().is_some_and(shape::is_time), "{time}");
    let time: Timestamp = serde_json::from_value(time.clone()).expect("a point in time");
    Timestamp::now().since(time)
}

/// Drops what has come already.
fn drain(socket: &mut Socket) {
    while !socket.silent_for(Duration::from_millis(200)) {
        socket.json();
    }
}

fn quiet(sockets: &mut [Socket]) {
    sockets.iter_mut().for_each(drain);
}

/// Busy and all ticks of every CPU since the machine started.
fn cpu_times() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").expect("Linux");
    let line = stat.lines().next().expect("the line of all CPUs");
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let all: u64 = ticks.iter().take(8).sum();
    (all - ticks[3] - ticks[4], all)
}

fn memory_used() -> f64 {
    let info = std::fs::read_to_string("/proc/meminfo").expect("Linux");
    let read = |key: &str| -> f64 {
        let line = info.lines().find(|line| line.starts_with(key)).expect("a line of /proc/meminfo");
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of KiB")
    };
    100.0 * (read("MemTotal:") - read("MemAvailable:")) / read("MemTotal:")
}
