//! Envoy: the real program, by its admin interface. Its hosts come from a file, which is how it is told of drained and new
//! ones while it runs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use tempfile::TempDir;

use super::{
    Balancer, Follower, are, becomes, counted, listening, request, restarted_and_cut_off, serving, snippet, told,
};
use crate::support::http::foreign;
use crate::support::program::Program;
use crate::support::programs::packaged;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};

pub(super) struct Rig {
    folder: TempDir,
    pub(super) admin: u16,
    pub(super) port: u16,
    program: Option<Program>,
}

impl Rig {
    /// With these hosts: address, weight, and what Envoy is told of its health.
    pub(super) fn start(hosts: &[(&str, u32, &str)]) -> Rig {
        Rig::with(hosts, "")
    }

    /// The same, with more lines for the cluster.
    fn with(hosts: &[(&str, u32, &str)], cluster: &str) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Rig { folder, admin: free_port(), port: free_port(), program: None };
        rig.hosts(hosts);
        let config = format!(
            "node: {{id: test, cluster: test}}\nadmin: {{address: {}}}\nstatic_resources:\n  listeners:\n{}\
             \x20 clusters:\n  - name: app\n    type: EDS\n    connect_timeout: 1s\n\
             \x20   eds_cluster_config: {{eds_config: {{resource_api_version: V3, path_config_source: {{path: {}}}}}}}\n\
             \x20   health_checks:\n    - {{timeout: 0.5s, interval: 0.2s, no_traffic_interval: 0.2s, unhealthy_threshold: 2, \
             healthy_threshold: 1, http_health_check: {{path: /}}}}\n{cluster}",
            at(rig.admin),
            listener("in", rig.port),
            rig.folder.path().join("hosts.yaml").display(),
        );
        rig.configured(&config);
        rig
    }

    /// Starts it with this configuration.
    fn configured(&mut self, config: &str) {
        std::fs::write(self.folder.path().join("envoy.yaml"), config).expect("a file of ours");
        self.run();
    }

    /// Puts another list of hosts in the place of the one there is, which Envoy notices.
    fn hosts(&self, hosts: &[(&str, u32, &str)]) {
        let host = |(address, weight, health): &(&str, u32, &str)| {
            let (host, port) = address.rsplit_once(':').expect("host and port");
            format!(
                "  - {{endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}, \
                 load_balancing_weight: {weight}, health_status: {health}}}\n"
            )
        };
        let text = format!(
            "resources:\n- \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n\
             \x20 cluster_name: app\n  endpoints:\n  - lb_endpoints:\n{}",
            hosts.iter().map(|one| format!("  {}", host(one))).collect::<String>()
        );
        let aside = self.folder.path().join("aside");
        std::fs::write(&aside, text).expect("a file of ours");
        std::fs::rename(aside, self.folder.path().join("hosts.yaml")).expect("a file of ours");
    }

    /// Whether it says itself that a host is so.
    fn says(&self, address: &str, word: &str) -> Result<(), String> {
        let clusters = foreign(self.admin, "/clusters").expect("it answers").body;
        let wanted = format!("app::{address}::health_flags::");
        let line = clusters.lines().find(|line| line.starts_with(&wanted)).unwrap_or_default().to_owned();
        if line.contains(word) { Ok(()) } else { Err(line) }
    }
}

fn at(port: u16) -> String {
    format!("{{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}")
}

/// A listener that counts by this name, and has all it is asked answered by the cluster `app`.
fn listener(counts_as: &str, port: u16) -> String {
    let kind = |name: &str| format!("\"@type\": type.googleapis.com/envoy.extensions.filters.{name}");
    let route = "match: {prefix: /}, route: {cluster: app, retry_policy: {retry_on: connect-failure, num_retries: 5}}";
    format!(
        "\x20 - name: l{port}\n    address: {}\n    filter_chains:\n    - filters:\n\
         \x20     - name: envoy.filters.network.http_connection_manager\n        typed_config:\n\
         \x20         {}\n          stat_prefix: {counts_as}\n          route_config: {{virtual_hosts: [{{name: all, \
         domains: [\"*\"], routes: [{{{route}}}]}}]}}\n\
         \x20         http_filters: [{{name: envoy.filters.http.router, typed_config: {{{}}}}}]\n",
        at(port),
        kind("network.http_connection_manager.v3.HttpConnectionManager"),
        kind("http.router.v3.Router"),
    )
}

impl Balancer for Rig {
    fn port(&self) -> u16 {
        self.port
    }

    fn program(&mut self) -> &mut Option<Program> {
        &mut self.program
    }

    fn run(&mut self) {
        let mut command = packaged("envoy");
        command.arg("-c").arg(self.folder.path().join("envoy.yaml"));
        command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
        let program = Program::start(&mut command, self.folder.path());
        listening(self.admin, &program);
        // It lets nobody in before it knows its hosts.
        listening(self.port, &program);
        self.program = Some(program);
    }
}

#[test]
fn it_goes_through_everything() {
    let (mut a, mut b) = (StubBackend::start(), StubBackend::start());
    let (first, second) = (a.address(), b.address());
    let mut rig = Rig::start(&[(&first, 3, "HEALTHY"), (&second, 1, "HEALTHY")]);
    let server = serving(&snippet("envoy", &[("127.0.0.1:9901", &format!("127.0.0.1:{}", rig.admin))]));
    let follower = Follower::of(&server);
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "app"), ("admin", "enabled")]);
    assert_eq!(shown["weight"], 3, "{shown}");
    becomes(&server, &second, &[("status", "healthy")]);
    request(rig.port, 5);
    counted(&server, 5);

    a.kill();
    told(&server, || rig.says(&first, "/failed_active_hc"), &first, &[("status", "unhealthy")]);
    becomes(&server, &first, &[("detail", "failed its health check")]);
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);
    rig.hosts(&[(&first, 3, "HEALTHY"), (&second, 1, "DRAINING")]);
    becomes(&server, &second, &[("admin", "draining"), ("status", "healthy"), ("state", "DRAINING")]);

    rig.hosts(&[(&first, 3, "HEALTHY"), (&second, 1, "HEALTHY")]);
    becomes(&server, &second, &[("admin", "enabled"), ("status", "healthy")]);

    // Told of another list while it runs: it keeps one that was taken out for as long as it passes its checks.
    rig.hosts(&[(&first, 2, "HEALTHY")]);
    becomes(&server, &second, &[("admin", "draining"), ("status", "healthy")]);
    b.kill();
    are(&server, &[&first]);
    eventually(PATIENCE, || match becomes(&server, &first, &[("admin", "enabled")]).0 {
        shown if shown["weight"] == 2 => Ok(()),
        shown => Err(shown.to_string()),
    });
    request(rig.port, 2);
    counted(&server, 7);

    restarted_and_cut_off(&mut rig, server, follower, &first, 7);
}

/// A host that has these lines for health checks, and those for everybody else. Gives its address.
fn host(checks: &'static str, others: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Envoy keeps its connections, and would have the next ones wait.
            std::thread::spawn(move || {
                let (mut stream, mut head) = (stream.expect("it connects"), [0; 4096]);
                while let Ok(size @ 1..) = stream.read(&mut head) {
                    let asked = String::from_utf8_lossy(&head[..size]).to_ascii_lowercase();
                    let lines = if asked.contains("user-agent: envoy/hc") { checks } else { others };
                    if stream.write_all(format!("HTTP/1.1 {lines}\r\nContent-Length: 0\r\n\r\n").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn its_words_for_hosts_that_fail_are_understood() {
    let (mut late, outlier) = (StubBackend::start(), host("200 OK", "500 Internal Server Error"));
    let weary = host("200 OK\r\nx-envoy-degraded: true", "200 OK");
    let [told, spare, timed] = [(); 3].map(|()| host("200 OK", "200 OK"));
    let late_address = late.address();
    let rig = Rig::with(
        &[
            (&late_address, 1, "HEALTHY"),
            (&outlier, 1, "HEALTHY"),
            (&weary, 1, "HEALTHY"),
            (&told, 1, "UNHEALTHY"),
            (&timed, 1, "TIMEOUT"),
            (&spare, 1, "DEGRADED"),
        ],
        "    outlier_detection: {consecutive_5xx: 1, interval: 0.1s, base_ejection_time: 60s, max_ejection_percent: 100, \
         successful_active_health_check_uneject_host: false}\n\
         \x20   common_lb_config: {healthy_panic_threshold: {value: 0}}\n",
    );
    let server = serving(&snippet("envoy", &[("127.0.0.1:9901", &format!("127.0.0.1:{}", rig.admin))]));
    for (address, status, state, detail) in [
        (&weary, "degraded", "failed_active_degraded_check", "says that it is degraded"),
        (&told, "unhealthy", "UNHEALTHY", "the control plane says that it is unhealthy"),
        // Envoy does not tell this one from the other.
        (&timed, "unhealthy", "UNHEALTHY", "the control plane says that it is unhealthy"),
        (&spare, "degraded", "DEGRADED", "the control plane says that it is degraded"),
    ] {
        becomes(&server, address, &[("status", status), ("state", state), ("detail", detail), ("admin", "enabled")]);
    }
    late.delay(Duration::from_secs(1));
    let silent =
        [("status", "unhealthy"), ("state", "active_hc_timeout"), ("detail", "its health check ran out of time")];
    becomes(&server, &late_address, &silent);
    late.kill();
    let gone =
        [("status", "unhealthy"), ("state", "failed_active_health_check"), ("detail", "failed its health check")];
    becomes(&server, &late_address, &gone);

    // The degraded ones have their share of the requests; it fails the first of its own.
    becomes(&server, &outlier, &[("status", "healthy")]);
    eventually(PATIENCE, || {
        request(rig.port, 1);
        rig.says(&outlier, "/failed_outlier_check")
    });
    let ejected = [("status", "unhealthy"), ("state", "failed_outlier_check"), ("detail", "ejected as an outlier")];
    becomes(&server, &outlier, &ejected);
}

/// Two listeners, which count by the name of the admin interface and by one that begins like it; and a cluster that Envoy does
/// not check.
fn unchecked(hosts: &[&str]) -> (Rig, u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut rig, other) = (Rig { folder, admin: free_port(), port: free_port(), program: None }, free_port());
    let host = |address: &&str| {
        let (host, port) = address.rsplit_once(':').expect("host and port");
        format!("{{endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}}}")
    };
    let hosts: Vec<String> = hosts.iter().map(host).collect();
    let config = format!(
        "admin: {{address: {}}}\nstatic_resources:\n  listeners:\n{}{}  clusters:\n  - name: app\n    type: STATIC\n\
         \x20   load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{}]}}]}}\n",
        at(rig.admin),
        listener("admin", rig.port),
        listener("admin.api", other),
        hosts.join(", "),
    );
    rig.configured(&config);
    (rig, other)
}

#[test]
fn what_it_does_not_check_is_checked_and_only_our_own_questions_do_not_count() {
    let stub = StubBackend::start();
    let alive = stub.address();
    let (rig, other) = unchecked(&[&alive, "127.0.0.1:1"]);
    let server = serving(&snippet("envoy", &[("127.0.0.1:9901", &format!("127.0.0.1:{}", rig.admin))]));
    let page = format!("http://127.0.0.1:{}/stats/prometheus", rig.admin);
    let exported = serving(&format!("kind = \"prometheus\"\npreset = \"envoy\"\nurl = {page:?}\ninterval = \"500ms\""));
    becomes(&server, &alive, &[("status", "healthy"), ("state", "up")]);
    becomes(&server, "127.0.0.1:1", &[("status", "unhealthy"), ("detail", "connection refused")]);
    becomes(&exported, "app", &[("status", "healthy")]);
    request(rig.port, 2);
    request(other, 3);
    counted(&server, 5);
    counted(&exported, 5);
}
