//! What HAProxy counts as a request, and what of it we do: each once, and none of our own.

use super::{More, Rig, source};
use crate::sources::{backends, becomes, counted, request, serving};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer, free_port};

/// Servers that read this HAProxy by its sockets of two levels and by its page, and have begun to count.
fn readers(rig: &Rig) -> Vec<TestServer> {
    let urls = ["user", "operator"].map(|level| format!("unix://{}", rig.socket(level)));
    let urls = urls.into_iter().chain([format!("http://{}", rig.page())]);
    let servers: Vec<_> = urls.map(|url| serving(&source(&url))).collect();
    for server in &servers {
        becomes(server, &rig.a.address(), &[("status", "healthy"), ("pool", "app")]);
    }
    servers
}

/// Waits until a source has been read so many more times.
pub(super) fn read_again(server: &TestServer, times: u64) {
    let readings = || -> u64 {
        let metrics = server.get("/metrics").body;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix("veloflux_source_readings_total{source=\"edge\"} "));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no readings in {metrics}"))
    };
    let before = readings();
    eventually(PATIENCE, || match readings() - before {
        more if more >= times => Ok(()),
        more => Err(format!("{more} more")),
    });
}

#[test]
fn a_frontend_that_lists_its_listeners_counts_each_request_once() {
    let (first, second, raw, stub) = (free_port(), free_port(), free_port(), StubBackend::start());
    let frontends = format!(
        "frontend listed\n  option socket-stats\n  bind 127.0.0.1:{first}\n  bind 127.0.0.1:{second} name a\n\
         \x20 default_backend app\n\
         listen raw\n  option socket-stats\n  mode tcp\n  bind 127.0.0.1:{raw}\n  server one {} check inter 200ms\n",
        stub.address()
    );
    let rig = Rig::with(More { statistics: "  option socket-stats\n  stats show-legends\n", backends: &frontends });
    let servers = readers(&rig);
    assert_eq!(rig.tell("show stat").matches(",OPEN,").count(), 4 + 4, "frontends and listeners");
    for (port, times) in [(first, 3), (second, 4), (raw, 2), (rig.port, 1)] {
        request(port, times);
    }
    for server in &servers {
        counted(server, 10);
        let all = backends(server);
        assert_eq!(all.len(), 4, "a listener is no backend: {all:?}");
    }
}

/// The page stands where it stands by default, at this port; counts requests of clients and not our own readings of it.
fn counts_clients_only(frontends: &str, port: u16) {
    let rig = Rig::with(More { backends: frontends, ..More::default() });
    let server = serving(&source(&format!("http://127.0.0.1:{port}/haproxy?stats")));
    becomes(&server, &rig.a.address(), &[("status", "healthy"), ("pool", "app")]);
    request(rig.port, 4);
    request(port, 3);
    counted(&server, 7);
    read_again(&server, 3);
    counted(&server, 7);
}

const PAGE: &str = "  stats enable\n  stats show-legends\n";

#[test]
fn a_page_at_its_default_place_in_a_frontend_counts_nothing_itself() {
    let port = free_port();
    counts_clients_only(&format!("frontend front\n  bind 127.0.0.1:{port}\n{PAGE}  default_backend app\n"), port);
}

#[test]
fn a_page_at_its_default_place_in_a_listen_section_counts_nothing_itself() {
    let (port, stub) = (free_port(), StubBackend::start());
    let address = stub.address();
    counts_clients_only(&format!("listen whole\n  bind 127.0.0.1:{port}\n{PAGE}  server one {address}\n"), port);
}

#[test]
fn a_page_at_its_default_place_in_a_backend_counts_nothing_itself() {
    let port = free_port();
    let frontends = format!(
        "frontend front\n  bind 127.0.0.1:{port}\n  use_backend page if {{ path /haproxy }}\n  default_backend app\n\
         backend page\n{PAGE}"
    );
    counts_clients_only(&frontends, port);
}
