//! Orders: what operators want of HAProxy's servers is told, kept, told again when it was lost, and shown as it is.

use serde_json::Value;
use veloflux::protocol::Feed;

use super::haproxy::{Rig, settled, source};
use super::{backend, becomes, latest, serving};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, TestServer};

/// Orders something with the command line, as an operator would.
fn ordered(server: &TestServer, arguments: &[&str]) -> crate::support::command::Finished {
    let mut all = vec!["control".to_owned()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    all.extend(["--server".to_owned(), server.url()]);
    let token = server.token();
    crate::support::Veloflux::new(server.home().path(), all).env("VELOFLUX_TOKEN", &token).run()
}

#[test]
fn an_order_is_kept_through_reloads_and_restarts_until_it_is_withdrawn() {
    let mut rig = Rig::start();
    let url = format!("unix://{}", rig.socket("admin"));
    let server = serving(&source(&url));
    settled(&server, &rig);
    let a = rig.a.address();
    let drained = ordered(&server, &["drain", &a, "--reason", "new kernel"]);
    assert_eq!(
        (drained.code, drained.stdout.contains(&format!("{a} of pool app: draining: applied"))),
        (0, true),
        "{drained:?}"
    );
    let (shown, _) = becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN")]);
    assert_eq!(
        (&shown["intent"]["state"], &shown["intent"]["reason"]),
        (&"applied".into(), &"new kernel".into()),
        "{shown}"
    );
    assert!(rig.tell("show stat").contains("app,a,0,0,0"), "it is HAProxy that drains");
    // A reload forgets it, and it is told again.
    rig.reload();
    let again = |rig: &Rig| eventually(PATIENCE, || rig.says("a", "DRAIN,"));
    again(&rig);
    // So does a restart of ours, with HAProxy restarted meanwhile.
    let home = server.home();
    drop(server);
    rig.kill();
    rig.run(&[]);
    let server = TestServer::builder_in(home).config(&format!("[[source]]\nname = \"edge\"\n{}", source(&url))).start();
    again(&rig);
    becomes(&server, &a, &[("admin", "draining")]);
    let weighed = ordered(&server, &["weight", &a, "7"]);
    assert_eq!(weighed.code, 0, "{weighed:?}");
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
        shown if shown["weight"] == 7 => Ok(()),
        shown => Err(shown.to_string()),
    });
    let enabled = ordered(&server, &["enable", &a, "--pool", "app"]);
    assert!(enabled.stdout.contains(&format!("{a} of pool app: enabled")), "{enabled:?}");
    let (shown, _) = becomes(&server, &a, &[("admin", "enabled"), ("state", "UP")]);
    assert!(shown["intent"].is_null(), "{shown}");
}

#[test]
fn an_order_for_a_while_ends_by_itself_and_one_that_cannot_be_done_says_why() {
    let rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    assert_eq!(ordered(&server, &["maintenance", &b, "--for", "5s"]).code, 0);
    becomes(&server, &b, &[("admin", "maintenance"), ("status", "unknown")]);
    becomes(&server, &b, &[("admin", "enabled"), ("status", "healthy")]);
    let unknown = ordered(&server, &["drain", "127.0.0.1:9"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("there is no backend `127.0.0.1:9`"), "{unknown:?}");

    let weak = serving(&source(&format!("unix://{}", rig.socket("operator"))));
    settled(&weak, &rig);
    let refused = ordered(&weak, &["drain", &a]);
    assert!(refused.code == 1 && refused.stderr.contains("write `level admin` at its `stats socket`"), "{refused:?}");
    assert!(backend(&weak, &a).expect("it is there")["intent"].is_null(), "what was refused is not kept");
    let page = serving(&source(&format!("http://{}", rig.page())));
    becomes(&page, "a", &[("status", "healthy")]);
    let refused = ordered(&page, &["drain", "a"]);
    assert!(refused.code == 1 && refused.stderr.contains("HAProxy takes no orders over HTTP"), "{refused:?}");
}

#[test]
fn an_order_for_a_while_ends_also_where_the_server_is_down_then_and_takes_nothing_else_with_it() {
    let mut rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    // Drained, and taken down for a while, as for a new kernel.
    assert_eq!(ordered(&server, &["drain", &a, "--for", "6s"]).code, 0);
    rig.a.kill();
    let (down, _) = becomes(&server, &a, &[("state", "DOWN"), ("admin", "draining")]);
    assert_eq!(down["intent"]["state"], "applied", "{down}");
    becomes(&server, &a, &[("state", "DOWN"), ("admin", "enabled")]);
    rig.a.revive();
    let (up, _) = becomes(&server, &a, &[("state", "UP"), ("admin", "enabled")]);
    assert!(up["intent"].is_null(), "{up}");

    // The weight ends by itself, and becomes what it was; the maintenance goes on.
    assert_eq!(ordered(&server, &["maintenance", &a]).code, 0);
    assert_eq!(ordered(&server, &["weight", &a, "9", "--for", "5s"]).code, 0);
    for weight in [9, 3] {
        eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
            shown if shown["weight"] == weight && shown["admin"] == "maintenance" => Ok(()),
            shown => Err(shown.to_string()),
        });
    }
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there")["intent"].clone() {
        intent if intent["weight"].is_null() && intent["admin"] == "maintenance" => Ok(()),
        intent => Err(intent.to_string()),
    });
    assert_eq!(ordered(&server, &["weight", &b, "5"]).code, 0);
    assert_eq!(ordered(&server, &["enable", &b]).code, 0);
    eventually(PATIENCE, || match backend(&server, &b).expect("it is there") {
        shown if shown["weight"] == 1 && shown["intent"].is_null() => Ok(()),
        shown => Err(shown.to_string()),
    });
}

#[test]
fn of_two_balancers_with_the_same_servers_one_is_named_by_its_source() {
    let rigs = [Rig::start(), Rig::start()];
    let file = tempfile::tempdir().expect("a folder");
    let list = file.path().join("list.json");
    let a = rigs[0].a.address();
    let text = serde_json::json!({"backends": [{"address": a, "pool": "app", "status": "healthy"}]});
    std::fs::write(&list, text.to_string()).expect("a file of ours");
    let config = format!(
        "[[source]]\nname = \"edge\"\n{}\n[[source]]\nname = \"other\"\nkind = \"file\"\nfile = {list:?}\n",
        source(&format!("unix://{}", rigs[0].socket("admin")))
    );
    let server = TestServer::builder().config(&config).start();
    let of = |source: &str| {
        let list = latest(&server, Feed::Backends);
        let all = list.as_array().expect("a list").clone();
        all.into_iter().find(|one| one["address"] == a.as_str() && one["source"] == source).unwrap_or_default()
    };
    let becomes = |source: &str, admin: &str| {
        eventually(PATIENCE, || match of(source) {
            one if one["admin"] == admin => Ok(()),
            one => Err(one.to_string()),
        });
    };
    becomes("edge", "enabled");
    becomes("other", "enabled");
    let refused = ordered(&server, &["drain", &a]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("`app` of source `edge`") && refused.stderr.contains("--source"), "{refused:?}");
    assert_eq!(ordered(&server, &["drain", &a, "--source", "edge"]).code, 0);
    becomes("edge", "draining");
    becomes("other", "enabled");
    let unknown = ordered(&server, &["drain", &a, "--source", "none"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("from source `none`"), "{unknown:?}");
}

#[test]
fn an_order_outlives_its_source_in_the_settings_until_it_has_been_told_the_end() {
    let rig = Rig::start();
    let url = format!("unix://{}", rig.socket("admin"));
    let with_source = format!("[[source]]\nname = \"edge\"\n{}", source(&url));
    let server = serving(&source(&url));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    assert_eq!(ordered(&server, &["drain", &a, "--for", "5s"]).code, 0);
    assert_eq!(ordered(&server, &["maintenance", &b]).code, 0);
    let reload = |text: &str| {
        std::fs::write(server.home().path().join("veloflux.toml"), text).expect("a file of ours");
        server.control(r#"{"action":"reload"}"#);
    };
    reload("");
    let reason = |of: &str| {
        eventually(PATIENCE, || match latest(&server, Feed::Status) {
            status if status["reasons"].to_string().contains(of) => Ok(()),
            status => Err(status.to_string()),
        });
    };
    reason(&format!("backend {b} of pool `app` is to be maintenance, and source `edge` does not list it"));
    reason(&format!("backend {a} of pool `app` is to be enabled"));
    // What is not wanted any more of one that is gone can be withdrawn.
    let withdrawn = ordered(&server, &["enable", &b]);
    assert_eq!(withdrawn.code, 0, "{withdrawn:?}");
    reload(&with_source);
    becomes(&server, &a, &[("state", "UP"), ("admin", "enabled")]);
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
        shown if shown["intent"].is_null() => Ok(()),
        shown => Err(shown.to_string()),
    });
    let (shown, _) = becomes(&server, &b, &[("admin", "maintenance")]);
    assert!(shown["intent"].is_null(), "HAProxy was not told, as it was away: {shown}");
}

#[test]
fn an_order_to_a_balancer_that_is_away_waits_for_it() {
    let mut rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let a = rig.a.address();
    rig.kill();
    becomes(&server, &a, &[("status", "unknown")]);
    let waiting = ordered(&server, &["drain", &a]);
    assert!(waiting.code == 0 && waiting.stdout.contains("draining: pending"), "{waiting:?}");
    rig.run(&[]);
    becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN")]);
    eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
        shown if shown["intent"]["state"] == "applied" => Ok(()),
        shown => Err(shown.to_string()),
    });
}

#[test]
fn every_kind_of_order_is_told_again_after_a_reload() {
    let mut rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let (a, b) = (rig.a.address(), rig.b.address());
    for order in [&["drain", &a][..], &["weight", &a, "9"], &["maintenance", &b]] {
        assert_eq!(ordered(&server, order).code, 0, "{order:?}");
    }
    let as_ordered = |rig: &Rig| {
        eventually(PATIENCE, || {
            rig.says("a", "DRAIN,").and(rig.says("b", "MAINT,"))?;
            let weights = rig.tell("get weight app/a");
            if weights.starts_with("9 ") { Ok(()) } else { Err(weights) }
        });
    };
    as_ordered(&rig);
    rig.reload();
    as_ordered(&rig);
    for (address, key, wanted) in [(&a, "weight", Value::from(9)), (&b, "admin", Value::from("maintenance"))] {
        eventually(PATIENCE, || match backend(&server, address).expect("it is there") {
            shown if shown[key] == wanted && shown["intent"]["state"] == "applied" => Ok(()),
            shown => Err(shown.to_string()),
        });
    }
    for address in [&a, &b] {
        assert_eq!(ordered(&server, &["enable", address]).code, 0);
    }
    settled(&server, &rig);
}

#[test]
fn an_order_that_a_reload_has_lost_and_that_is_refused_now_has_failed_until_it_is_taken() {
    let mut rig = Rig::start();
    let server = serving(&source(&format!("unix://{}", rig.socket("admin"))));
    settled(&server, &rig);
    let a = rig.a.address();
    assert_eq!(ordered(&server, &["drain", &a]).code, 0);
    let state = |wanted: &str| {
        eventually(PATIENCE, || match backend(&server, &a).expect("it is there") {
            shown if shown["intent"]["state"] == wanted => Ok(shown),
            shown => Err(shown.to_string()),
        })
    };
    state("applied");
    rig.level("operator");
    rig.kill();
    rig.run(&[]);
    let failed = state("failed");
    let why = failed["intent"]["error"].as_str().expect("a reason");
    assert!(why.contains("write `level admin` at its `stats socket`") && failed["admin"] == "enabled", "{failed}");
    eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["reasons"].to_string().contains("is to be draining, and is not: ") => Ok(()),
        status => Err(status.to_string()),
    });
    rig.level("admin");
    rig.kill();
    rig.run(&[]);
    state("applied");
    becomes(&server, &a, &[("admin", "draining"), ("state", "DRAIN")]);
}
