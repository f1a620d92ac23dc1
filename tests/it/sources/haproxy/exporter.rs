//! The Prometheus exporter that is built into HAProxy, and its words for servers that are taken out or about to be.

use super::counts::read_again;
use super::{More, Rig};
use crate::sources::presets::reading;
use crate::sources::{backends, becomes, counted, request};
use crate::support::{StubBackend, free_port};

#[test]
fn its_words_for_servers_that_are_taken_out_are_understood() {
    let (port, mut leaving) = (free_port(), StubBackend::start());
    let more = format!(
        "frontend metrics\n  bind 127.0.0.1:{port}\n  option socket-stats\n  default_backend app\n\
         \x20 http-request use-service prometheus-exporter if {{ path /metrics }}\n\
         backend words\n  option httpchk GET /\n  http-check disable-on-404\n\
         \x20 server leaving {} check inter 200ms fastinter 100ms fall 2 rise 1\n",
        leaving.address()
    );
    let mut rig = Rig::with(More { backends: &more, ..More::default() });
    let server = reading("haproxy", port, "/metrics");
    for (name, pool) in [("a", "app"), ("b", "app"), ("leaving", "words")] {
        becomes(&server, name, &[("status", "healthy"), ("state", "UP"), ("admin", "enabled"), ("pool", pool)]);
    }
    becomes(&server, "spare", &[("status", "unknown"), ("state", "MAINT"), ("admin", "maintenance")]);

    leaving.answer(404);
    becomes(&server, "leaving", &[("status", "degraded"), ("state", "NOLB"), ("admin", "enabled")]);
    for (order, shown) in [
        ("drain", [("status", "healthy"), ("state", "DRAIN"), ("admin", "draining")]),
        ("maint", [("status", "unknown"), ("state", "MAINT"), ("admin", "maintenance")]),
        ("ready", [("status", "healthy"), ("state", "UP"), ("admin", "enabled")]),
    ] {
        assert_eq!(rig.tell(&format!("set server app/a state {order}")).trim(), "");
        becomes(&server, "a", &shown);
    }
    // One that has asked for no new sessions, and is taken out then; and one that was, and dies.
    rig.tell("set server words/leaving state maint");
    becomes(&server, "leaving", &[("status", "unknown"), ("state", "MAINT"), ("admin", "maintenance")]);
    rig.tell("set server app/b state drain");
    becomes(&server, "b", &[("admin", "draining")]);
    rig.b.kill();
    becomes(&server, "b", &[("status", "unhealthy"), ("state", "DOWN")]);
    leaving.kill();
    assert_eq!(backends(&server).len(), 4, "a listener is no backend");

    // The frontend that has the metrics has clients, too.
    request(rig.port, 2);
    request(port, 3);
    counted(&server, 5);
}

#[test]
fn metrics_that_stand_in_a_backend_count_nothing_themselves() {
    let port = free_port();
    let more = format!(
        "frontend front\n  bind 127.0.0.1:{port}\n  use_backend metrics if {{ path /metrics }}\n  default_backend app\n\
         backend metrics\n  http-request use-service prometheus-exporter\n"
    );
    let _rig = Rig::with(More { backends: &more, ..More::default() });
    let server = reading("haproxy", port, "/metrics");
    becomes(&server, "a", &[("status", "healthy")]);
    request(port, 4);
    counted(&server, 4);
    read_again(&server, 3);
    counted(&server, 4);
}
