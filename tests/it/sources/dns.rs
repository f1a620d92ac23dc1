//! DNS: a real server's records of type SRV are the backends, also when they do not fit into a datagram.

use std::process::Command;

use tempfile::TempDir;

use super::{backends, becomes, serving, snippet};
use crate::support::program::Program;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};

const NAME: &str = "_http._tcp.shop.test";

/// One record: host, port, priority, weight.
type Service<'a> = (&'a str, u16, u16, u16);

/// The real `dnsmasq`, answering with these records and nothing else.
fn dnsmasq(folder: &TempDir, port: u16, services: &[Service<'_>]) -> Program {
    let mut command = Command::new("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]);
    command.args(["--listen-address=127.0.0.1", "--user=", "--group=", "--log-facility=-", "--local=/test/"]);
    command.arg(format!("--port={port}")).arg(format!("--pid-file={}", folder.path().join("pid").display()));
    for (host, port, priority, weight) in services {
        command.arg(format!("--srv-host={NAME},{host},{port},{priority},{weight}"));
    }
    Program::start(&mut command, folder.path())
}

#[test]
fn its_services_are_checked_and_followed() {
    let stub = StubBackend::start();
    let stub_port: u16 = stub.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let mut running = dnsmasq(&folder, port, &[("localhost", stub_port, 10, 30), ("spare.test", 80, 20, 5)]);
    let place = format!("127.0.0.1:{port}/{NAME}");
    let server = serving(&snippet("dns", &[("127.0.0.1:8600/_http._tcp.shop.service.consul", &place)]));
    let first = format!("localhost:{stub_port}");
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "shop"), ("source", "edge")]);
    assert_eq!(shown["weight"], 30, "{shown}");
    let (spare, _) = becomes(&server, "spare.test:80", &[("status", "unhealthy")]);
    assert_eq!(spare["weight"], 0, "it gets nothing while a better one is there: {spare}");

    // Nobody answers, then somebody who knows no such name: what was known stays, and says that it is old.
    running.kill();
    let stale = || match &backends(&server)[..] {
        [a, b] if a["stale"] == true && b["stale"] == true => Ok(()),
        other => Err(format!("{other:?}")),
    };
    eventually(PATIENCE, stale);
    let mut running = dnsmasq(&folder, port, &[]);
    eventually(PATIENCE, || match super::latest(&server, veloflux::protocol::Feed::Status) {
        status if status["reasons"].to_string().contains("the server knows no such name") => Ok(()),
        status => Err(status.to_string()),
    });
    stale().expect("nothing was dropped");

    // More than fits into a datagram comes over TCP, whole.
    running.kill();
    let hosts: Vec<String> = (0..40).map(|number| format!("host-{number}.test")).collect();
    let services: Vec<Service<'_>> = hosts.iter().map(|host| (host.as_str(), 80, 0, 0)).collect();
    let _running = dnsmasq(&folder, port, &services);
    eventually(PATIENCE, || match backends(&server) {
        list if list.len() == hosts.len() && list.iter().all(|one| one["weight"] == 1) => Ok(()),
        list => Err(format!("{} backends", list.len())),
    });
}
