//! The presets for pages of Prometheus metrics, each against the program whose names it knows.

use std::process::Command;

use super::{becomes, counted, envoy, listening, request, serving, traefik};
use crate::support::program::Program;
use crate::support::{StubBackend, TestServer, free_port};

pub(super) fn reading(preset: &str, port: u16, path: &str) -> TestServer {
    let url = format!("http://127.0.0.1:{port}{path}");
    serving(&format!("kind = \"prometheus\"\npreset = \"{preset}\"\nurl = \"{url}\"\ninterval = \"500ms\""))
}

#[test]
fn haproxy_exports_its_servers_and_requests() {
    let (folder, stub, port, metrics) =
        (tempfile::tempdir().expect("a folder"), StubBackend::start(), free_port(), free_port());
    let config = format!(
        "defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n\
         frontend in\n  bind 127.0.0.1:{port}\n  default_backend app\n\
         frontend metrics\n  bind 127.0.0.1:{metrics}\n  http-request use-service prometheus-exporter\n\
         backend app\n  server a {} check inter 200ms\n  server dead 127.0.0.1:1 check inter 200ms\n",
        stub.address()
    );
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(&file, config).expect("a file of ours");
    let program = Program::start(Command::new("haproxy").arg("-db").arg("-f").arg(&file), folder.path());
    listening(metrics, &program);
    let server = reading("haproxy", metrics, "/metrics");
    becomes(&server, "a", &[("status", "healthy"), ("pool", "app")]);
    becomes(&server, "dead", &[("status", "unhealthy")]);
    request(port, 4);
    // Reading the metrics is a request to HAProxy, too.
    counted(&server, 4);
}

#[test]
fn caddy_exports_its_upstreams_and_requests() {
    let (folder, stub, port, admin) =
        (tempfile::tempdir().expect("a folder"), StubBackend::start(), free_port(), free_port());
    let config = format!(
        "{{\n\tadmin 127.0.0.1:{admin}\n\tauto_https off\n\tservers {{\n\t\tmetrics\n\t}}\n}}\n\
         http://127.0.0.1:{port} {{\n\treverse_proxy {} {{\n\t\thealth_uri /\n\t\thealth_interval 200ms\n\t}}\n}}\n",
        stub.address()
    );
    let file = folder.path().join("Caddyfile");
    std::fs::write(&file, config).expect("a file of ours");
    let mut command = Command::new("caddy");
    command.arg("run").arg("--config").arg(&file).args(["--adapter", "caddyfile"]).env("HOME", folder.path());
    let program = Program::start(&mut command, folder.path());
    listening(port, &program);
    let server = reading("caddy", admin, "/metrics");
    becomes(&server, &stub.address(), &[("status", "healthy"), ("pool", "caddy")]);
    request(port, 4);
    counted(&server, 4);
}

#[test]
fn envoy_exports_its_clusters_and_requests() {
    let stub = StubBackend::start();
    let rig = envoy::Rig::start(&[(&stub.address(), 1, "HEALTHY")]);
    let server = reading("envoy", rig.admin, "/stats/prometheus");
    becomes(&server, "app", &[("status", "healthy"), ("pool", "envoy")]);
    request(rig.port, 4);
    counted(&server, 4);
}

#[test]
fn traefik_exports_its_servers_and_requests() {
    let stub = StubBackend::start();
    let rig = traefik::Rig::start(&[(&stub.address(), 1)], &stub.address());
    let server = reading("traefik", rig.api, "/metrics");
    becomes(&server, &stub.address(), &[("status", "healthy"), ("pool", "app@file")]);
    request(rig.port, 4);
    counted(&server, 4);
}
