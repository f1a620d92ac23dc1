//! What a balancer serves while veloflux is not there: billed once when it is back, however it went, and no rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;
use serde_json::Value;
use veloflux::protocol::Feed;

use super::haproxy::{Rig, settled, source};
use super::{bills, counted, latest, request};
use crate::support::server::{Home, home};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, TestServer};

fn serving(home: &Home, rig: &Rig, more: &str) -> TestServer {
    let source = source(&format!("unix://{}", rig.socket("admin")));
    let config = format!("{more}[[source]]\nname = \"edge\"\n{source}");
    TestServer::builder_in(Arc::clone(home)).config(&config).start()
}

fn billing(server: &TestServer) -> Value {
    server.force_update(r#"{"type":"billing"}"#);
    latest(server, Feed::Billing)
}

#[test]
fn it_is_billed_once_after_a_stop_after_a_kill_and_over_a_restart_of_the_balancer() {
    let (home, mut rig) = (home(), Rig::start());
    let mut server = serving(&home, &rig, "");
    settled(&server, &rig);
    request(rig.port, 4);
    counted(&server, 4);
    let mut billed = 4.0;
    for (signal, meanwhile) in [(Signal::TERM, 30), (Signal::KILL, 7)] {
        // The last of them are counted by the balancer, and perhaps read and not booked.
        request(rig.port, 3);
        server.signal(signal);
        server.exit_within(PATIENCE);
        request(rig.port, meanwhile);
        server = serving(&home, &rig, "");
        billed += 3.0 + meanwhile as f64;
        bills(&server, billed);
        let metrics = latest(&server, Feed::Metrics);
        assert_eq!((&metrics["requests_total"], &metrics["requests"]), (&0.into(), &0.into()), "no rate: {metrics}");
    }
    server.signal(Signal::KILL);
    server.exit_within(PATIENCE);
    // What it has counted since it was started again can still be known.
    request(rig.port, 5);
    rig.kill();
    rig.run(&[]);
    request(rig.port, 2);
    let server = serving(&home, &rig, "");
    settled(&server, &rig);
    bills(&server, billed + 2.0);
}

#[test]
fn killed_again_and_again_it_bills_every_request_once() {
    let (home, rig) = (home(), Rig::start());
    let mut server = serving(&home, &rig, "");
    settled(&server, &rig);
    let (port, sent, done) = (rig.port, Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let requesting = std::thread::spawn({
        let (sent, done) = (Arc::clone(&sent), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                request(port, 1);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    for _ in 0..5 {
        let before = billing(&server)["usage"].as_f64().expect("a number");
        eventually(PATIENCE, || match billing(&server)["usage"].as_f64() {
            Some(usage) if usage > before => Ok(()),
            usage => Err(format!("{usage:?} after {before}")),
        });
        server.signal(Signal::KILL);
        server.exit_within(PATIENCE);
        server = serving(&home, &rig, "");
    }
    done.store(true, Ordering::Relaxed);
    requesting.join().expect("all were answered");
    bills(&server, sent.load(Ordering::Relaxed) as f64);
}

#[test]
fn what_was_not_to_be_metered_meanwhile_is_not_billed() {
    let (home, rig) = (home(), Rig::start());
    let server = serving(&home, &rig, "");
    settled(&server, &rig);
    request(rig.port, 4);
    counted(&server, 4);
    drop(server);
    let server = serving(&home, &rig, "[server]\nrequests_source = \"self\"\n");
    settled(&server, &rig);
    request(rig.port, 9);
    let own = billing(&server)["usage"].as_f64().expect("a number");
    drop(server);
    let server = serving(&home, &rig, "");
    settled(&server, &rig);
    request(rig.port, 2);
    counted_beside(&server, 2);
    let usage = billing(&server)["usage"].as_f64().expect("a number");
    // Its last own requests were completed after `own` was asked for.
    assert!((own + 2.0..own + 2.0 + 5.0).contains(&usage), "{own}, then {usage}");
}

/// Waits until the metrics of this run have so many requests.
fn counted_beside(server: &TestServer, wanted: u64) {
    eventually(PATIENCE, || match latest(server, Feed::Metrics)["requests_total"].as_u64() {
        Some(total) if total == wanted => Ok(()),
        total => Err(format!("{total:?} of {wanted}")),
    });
}
