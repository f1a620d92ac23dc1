//! Reading the settings again while the server runs: by SIGHUP, by a new file, by order.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;
use veloflux::protocol::Feed;
use veloflux::protocol::control::CONTROL_PATH;

use crate::support::server::home;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer};

fn pool(addresses: &[String]) -> String {
    let pool = |address: &String| format!("{{ address = \"{address}\", weight = 1 }}");
    let list = addresses.iter().map(pool).collect::<Vec<_>>().join(", ");
    format!("[[pool]]\nname = \"web\"\nbackends = [{list}]\n[pool.check]\ninterval = \"500ms\"\n")
}

fn list(server: &TestServer) -> Vec<Value> {
    server.open(Feed::Backends).json()["data"].as_array().expect("a list first").clone()
}

/// Waits until these are the backends, and all are healthy.
fn settled(server: &TestServer, addresses: &[String]) -> Vec<Value> {
    eventually(PATIENCE, || {
        let list = list(server);
        let healthy = list.iter().all(|backend| backend["status"] == "healthy");
        let same =
            list.iter().map(|backend| backend["address"].as_str()).eq(addresses.iter().map(|one| Some(one.as_str())));
        if healthy && same { Ok(list) } else { Err(format!("{list:?}\n{}", server.stderr())) }
    })
}

/// Puts a file in the place of the settings, as editors do.
fn put(server: &TestServer, text: &str) {
    let home = server.home();
    let (aside, file) = (home.path().join("aside"), home.path().join("veloflux.toml"));
    std::fs::write(&aside, text).expect("a file of ours");
    std::fs::rename(aside, file).expect("a file of ours");
}

#[test]
fn what_is_added_begins_what_stays_keeps_its_history_and_what_is_removed_goes() {
    let stubs = [StubBackend::start(), StubBackend::start(), StubBackend::start()];
    let [a, b, c] = stubs.each_ref().map(|stub| stub.address());
    let both = [a.clone(), b.clone()];
    let server = TestServer::builder_in(home()).config(&pool(&both)).start();
    let before = settled(&server, &both);
    let mut feed = server.open(Feed::Backends);
    let then = [b.clone(), c];
    put(&server, &pool(&then));
    server.signal(Signal::HUP);
    let snapshot = feed.json_until(PATIENCE, |message| {
        message["type"] == "backends" && message["data"].as_array().is_some_and(|list| list[0]["address"] == b.as_str())
    });
    assert_eq!(snapshot["data"][0]["status"], "healthy", "it was before: {snapshot}");
    assert_eq!(snapshot["data"][0]["last_change"], before[1]["last_change"], "{snapshot}");
    settled(&server, &then);
    assert!(server.stderr().contains("removed") && server.stderr().contains("added"), "{}", server.stderr());
}

#[test]
fn a_file_that_is_put_in_place_is_noticed_and_a_wrong_one_changes_nothing() {
    let stubs = [StubBackend::start(), StubBackend::start()];
    let [a, b] = stubs.each_ref().map(|stub| stub.address());
    let one = [a.clone()];
    let server = TestServer::builder_in(home()).config(&pool(&one)).start();
    settled(&server, &one);
    put(&server, &format!("{}rise = 0\n", pool(&[a.clone(), b.clone()])));
    let status = eventually(PATIENCE, || match server.open(Feed::Status).json()["data"].clone() {
        status if status["status"] == "degraded" => Ok(status),
        status => Err(status.to_string()),
    });
    let reason = status["reasons"][0].as_str().expect("a reason");
    assert!(reason.contains("still hold") && reason.contains("veloflux.toml`, line 6: `rise`"), "{reason}");
    assert_eq!(list(&server).len(), 1, "the old ones hold");
    let both = [a, b];
    put(&server, &pool(&both));
    settled(&server, &both);
    eventually(PATIENCE, || match server.open(Feed::Status).json()["data"].clone() {
        status if status["status"] == "healthy" => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn by_order_it_says_what_has_changed_and_what_cannot() {
    let stub = StubBackend::start();
    let server = TestServer::builder_in(home()).config(&pool(&[stub.address()])).start();
    settled(&server, &[stub.address()]);
    let reload = || server.post(CONTROL_PATH, r#"{"action":"reload"}"#);
    assert_eq!(reload().json()["changes"], serde_json::json!([]));
    put(
        &server,
        &format!("[server]\nlisten = \"127.0.0.1:1\"\n[billing]\nunit_price = \"2\"\n{}", pool(&[stub.address()])),
    );
    let changes = reload().json()["changes"].to_string();
    assert!(changes.contains("`[billing]` is read at the start only; restart the server for it"), "{changes}");
    let again = reload().json()["changes"].to_string();
    assert!(again.contains("`[billing]`"), "it is still to be done: {again}");
    put(&server, &pool(&[stub.address()]));
    assert_eq!(reload().json()["changes"], serde_json::json!([]), "and now it is not");
    // Whatever is another than it was is named.
    let other = pool(&[stub.address()]).replace("weight = 1", "weight = 9");
    let other = other.replace("name = \"web\"", "name = \"web\"\ncritical = false");
    put(&server, &format!("[server]\nnode = \"other\"\n{other}"));
    let address = stub.address();
    let wanted = [
        "pool `web` changed".to_owned(),
        format!("backend `{address}` of pool `web` changed"),
        "`node` is another".to_owned(),
    ];
    assert_eq!(reload().json()["changes"], serde_json::json!(wanted));
    put(&server, "[srever]\n");
    let refused = reload();
    assert_eq!(refused.status, 409);
    assert!(refused.error().1.contains("did you mean `server`?"), "{refused:?}");
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn sources_come_and_go_with_the_settings_and_what_stays_keeps_what_it_knows() {
    let home = home();
    let file = home.path().join("backends.json");
    let lists = |status: &str| {
        let text = format!(r#"{{"backends":[{{"address":"10.0.0.1:80","pool":"web","status":"{status}"}}]}}"#);
        std::fs::write(&file, text).expect("a file of ours");
    };
    lists("unhealthy");
    let listed = format!("[[source]]\nname = \"list\"\nkind = \"file\"\nfile = {file:?}\n");
    let pushed = "[[source]]\nname = \"pushed\"\nkind = \"push\"\npool = \"db\"\n";
    let server = TestServer::builder_in(home.clone()).config(&listed).start();
    let one = |status: &str| {
        eventually(PATIENCE, || match &list(&server)[..] {
            [only] if only["status"] == status => Ok(only.clone()),
            other => Err(format!("{other:?}\n{}", server.stderr())),
        })
    };
    one("unhealthy");
    lists("healthy");
    let before = one("healthy");
    assert!(before["last_change"].is_string(), "it was seen to change: {before}");

    put(&server, &format!("{pushed}{listed}"));
    server.signal(Signal::HUP);
    let body = r#"{"backends":[{"address":"10.0.0.2:80","status":"healthy"}]}"#;
    eventually(PATIENCE, || match server.post("/api/sources/pushed", body) {
        answer if answer.status == 200 => Ok(()),
        answer => Err(format!("{answer:?}")),
    });
    let both = eventually(PATIENCE, || match list(&server) {
        both if both.len() == 2 => Ok(both),
        other => Err(format!("{other:?}")),
    });
    assert_eq!((&both[0]["source"], &both[1]["source"]), (&"pushed".into(), &"list".into()));
    assert_eq!(both[1]["last_change"], before["last_change"], "it keeps its history");

    // Other settings of a source do not empty it, nor does reading the same again: what was pushed holds.
    put(&server, &format!("{pushed}ttl = \"60s\"\n{listed}"));
    let answer = server.control(r#"{"action":"reload"}"#);
    let told = format!("{answer}");
    server.control(r#"{"action":"reload"}"#);
    server.force_update(r#"{"type":"backends"}"#);
    let after = list(&server);
    let shown: Vec<_> = after.iter().map(|one| (&one["address"], &one["status"], &one["stale"])).collect();
    let wanted = |address: &'static str| (Value::from(address), Value::from("healthy"), Value::from(false));
    let (pushed_one, listed_one) = (wanted("10.0.0.2:80"), wanted("10.0.0.1:80"));
    let wanted = [&pushed_one, &listed_one].map(|(address, status, stale)| (address, status, stale));
    assert_eq!(shown, wanted, "{told}");

    put(&server, &listed);
    server.signal(Signal::HUP);
    one("healthy");
    assert_eq!(server.post("/api/sources/pushed", body).status, 404);
}

#[test]
fn a_check_keeps_its_own_kind_and_weight_when_the_settings_change_while_it_is_asked() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("bound");
    let stub = StubBackend::start();
    let once = "interval = \"600s\"\nfast_interval = \"600s\"\n";
    let slow = format!("[[check]]\nname = \"slow\"\nurl = \"tcp://{address}\"\nexpect = \"hello\"\n{once}");
    let quick = format!("[[check]]\nname = \"quick\"\nurl = \"http://{}\"\ncritical = false\n{once}", stub.address());
    let server = TestServer::builder_in(home()).config(&format!("{slow}{quick}")).start();
    let first = silent.accept().expect("the first check of all");
    let mut feed = server.open(Feed::Health);
    feed.json_until(PATIENCE, |health| health["data"]["checks"]["slow"] == "unhealthy");
    std::thread::scope(|scope| {
        let forced = scope.spawn(|| server.force_update(r#"{"type":"health"}"#));
        let second = silent.accept().expect("the one that was ordered");
        put(&server, &format!("{quick}{slow}"));
        server.control(r#"{"action":"reload"}"#);
        assert!(!forced.is_finished(), "the settings have changed while it is asked");
        forced.join().expect("no panic");
        drop(second);
    });
    drop(first);
    let kinds = |health: &Value| {
        ["slow", "quick"].map(|name| {
            let detail = &health["data"]["details"][name];
            (detail["kind"].clone(), detail["critical"].clone())
        })
    };
    let health = feed.json();
    assert_eq!(kinds(&health), [("tcp".into(), true.into()), ("http".into(), false.into())], "{health}");
}

#[test]
fn a_list_that_has_become_empty_is_missed() {
    let home = home();
    let file = home.path().join("backends.json");
    let list = |text: &str| std::fs::write(&file, text).expect("a file of ours");
    list(r#"{"backends":[{"address":"10.0.0.1:80","pool":"web","status":"healthy"}]}"#);
    let config = format!("[[source]]\nname = \"list\"\nkind = \"file\"\nfile = {file:?}\n");
    let server = TestServer::builder_in(home.clone()).config(&config).start();
    let says = |status: &str, reasons: &[&str]| {
        eventually(PATIENCE, || match server.open(Feed::Status).json()["data"].clone() {
            data if data["status"] == status && data["reasons"] == serde_json::json!(reasons) => Ok(()),
            data => Err(data.to_string()),
        });
    };
    says("healthy", &[]);
    list(r#"{"backends":[]}"#);
    says("unhealthy", &["pool `web`: 0 of 0 backends pass, 1 needed"]);
    list(r#"{"backends":[{"address":"10.0.0.2:80","pool":"other","status":"healthy"}]}"#);
    says("healthy", &[]);
}
