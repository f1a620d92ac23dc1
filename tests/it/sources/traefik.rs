//! Traefik: the real program, by its API and its metrics. Its services come from a file that it watches.

use serde_json::Value;
use tempfile::TempDir;

use super::{Balancer, Follower, becomes, counted, listening, request, restarted_and_cut_off, serving, snippet, told};
use crate::support::http::foreign;
use crate::support::program::Program;
use crate::support::programs::packaged;
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, free_port};

pub(super) struct Rig {
    folder: TempDir,
    pub(super) api: u16,
    pub(super) port: u16,
    program: Option<Program>,
}

impl Rig {
    /// With a service `app`, which Traefik checks, of these servers and weights, and a service `raw`, which nobody checks.
    pub(super) fn start(app: &[(&str, u32)], raw: &str) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Rig { folder, api: free_port(), port: free_port(), program: None };
        rig.services(app, raw);
        let config = format!(
            "[global]\ncheckNewVersion = false\nsendAnonymousUsage = false\n\
             [entryPoints.web]\naddress = \"127.0.0.1:{}\"\n[entryPoints.traefik]\naddress = \"127.0.0.1:{}\"\n\
             [api]\ninsecure = true\n[metrics.prometheus]\n[providers.file]\nfilename = {:?}\n",
            rig.port,
            rig.api,
            rig.folder.path().join("services.toml"),
        );
        std::fs::write(rig.folder.path().join("traefik.toml"), config).expect("a file of ours");
        rig.run();
        rig
    }

    /// The same, but it counts what it is asked for itself, too: its metrics at one entry point, whose port this gives, and its
    /// API at another.
    fn counting_all(app: &str) -> (Rig, u16) {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut rig, metrics) = (Rig { folder, api: free_port(), port: free_port(), program: None }, free_port());
        let at = |name: &str, port: u16| format!("[entryPoints.{name}]\naddress = \"127.0.0.1:{port}\"\n");
        rig.services(&[(app, 1)], app);
        let file = rig.folder.path().join("services.toml");
        let services = std::fs::read_to_string(&file).expect("a file of ours");
        let tcp = "[[tcp.services.db.loadBalancer.servers]]\naddress = \"127.0.0.1:1\"\n";
        let api = "[http.routers.api]\nrule = \"PathPrefix(`/api`)\"\nservice = \"api@internal\"\nentryPoints = [\"inside\"]\n";
        std::fs::write(&file, format!("{api}{services}{tcp}")).expect("a file of ours");
        let config = format!(
            "[global]\ncheckNewVersion = false\nsendAnonymousUsage = false\n{}{}{}[api]\n[providers.file]\nfilename = {file:?}\n\
             [metrics]\naddInternals = true\n[metrics.prometheus]\nentryPoint = \"metrics\"\n",
            at("web", rig.port),
            at("inside", rig.api),
            at("metrics", metrics),
        );
        std::fs::write(rig.folder.path().join("traefik.toml"), config).expect("a file of ours");
        rig.run();
        (rig, metrics)
    }

    fn services(&self, app: &[(&str, u32)], raw: &str) {
        let server = |(address, weight): &(&str, u32)| {
            format!("[[http.services.app.loadBalancer.servers]]\nurl = \"http://{address}\"\nweight = {weight}\n")
        };
        let text = format!(
            "[http.routers.all]\nrule = \"PathPrefix(`/`)\"\nservice = \"app\"\nentryPoints = [\"web\"]\n\
             [http.services.app.loadBalancer.healthCheck]\npath = \"/\"\ninterval = \"200ms\"\ntimeout = \"100ms\"\n\
             {}[[http.services.raw.loadBalancer.servers]]\nurl = \"http://{raw}\"\n",
            app.iter().map(server).collect::<String>()
        );
        let aside = self.folder.path().join("aside");
        std::fs::write(&aside, text).expect("a file of ours");
        std::fs::rename(aside, self.folder.path().join("services.toml")).expect("a file of ours");
    }

    /// What it says itself of the service it checks.
    fn service(&self) -> Result<Value, String> {
        let answer = foreign(self.api, "/api/http/services/app@file").map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
    }

    fn says(&self, address: &str, word: &str) -> Result<(), String> {
        let service = self.service()?;
        let found = service["serverStatus"][format!("http://{address}")] == word;
        if found { Ok(()) } else { Err(service.to_string()) }
    }
}

impl Balancer for Rig {
    fn port(&self) -> u16 {
        self.port
    }

    fn program(&mut self) -> &mut Option<Program> {
        &mut self.program
    }

    fn run(&mut self) {
        let mut command = packaged("traefik");
        command.arg(format!("--configFile={}", self.folder.path().join("traefik.toml").display()));
        let program = Program::start(&mut command, self.folder.path());
        listening(self.api, &program);
        self.program = Some(program);
        // It listens before it knows its services.
        eventually(PATIENCE, || match self.service() {
            Ok(service) if service["status"] == "enabled" => Ok(()),
            other => Err(format!("{other:?}: {}", self.program.as_ref().expect("started").log())),
        });
    }
}

#[test]
fn it_goes_through_everything() {
    let (mut a, b, c) = (StubBackend::start(), StubBackend::start(), StubBackend::start());
    let (first, second, unchecked) = (a.address(), b.address(), c.address());
    let mut rig = Rig::start(&[(&first, 3), (&second, 1)], &unchecked);
    // Its API, and its metrics.
    let server = serving(&snippet("traefik", &[("127.0.0.1:8080", &format!("127.0.0.1:{}", rig.api))]));
    let follower = Follower::of(&server);
    let (shown, _) = becomes(&server, &first, &[("status", "healthy"), ("pool", "app@file"), ("state", "UP")]);
    assert_eq!(shown["weight"], 3, "{shown}");
    becomes(&server, &second, &[("status", "healthy")]);
    becomes(&server, &unchecked, &[("status", "healthy"), ("pool", "raw@file"), ("state", "up")]);
    request(rig.port, 5);
    counted(&server, 5);

    a.kill();
    told(&server, || rig.says(&first, "DOWN"), &first, &[("status", "unhealthy"), ("state", "DOWN")]);
    a.revive();
    becomes(&server, &first, &[("status", "healthy")]);
    // Drained, and reloaded: both by another file.
    rig.services(&[(&first, 3), (&second, 0)], &unchecked);
    becomes(&server, &second, &[("admin", "draining"), ("status", "healthy")]);
    rig.services(&[(&first, 2)], &unchecked);
    super::are(&server, &[&first, &unchecked]);
    becomes(&server, &first, &[("status", "healthy"), ("admin", "enabled")]);
    request(rig.port, 2);
    counted(&server, 7);

    restarted_and_cut_off(&mut rig, server, follower, &first, 7);
}

#[test]
fn what_it_is_asked_for_itself_does_not_count_wherever_it_is_asked() {
    let stub = StubBackend::start();
    let (rig, metrics) = Rig::counting_all(&stub.address());
    let places = [
        ("http://127.0.0.1:8080/metrics", format!("http://127.0.0.1:{metrics}/metrics")),
        ("\"http://127.0.0.1:8080\"", format!("\"http://127.0.0.1:{}\"", rig.api)),
    ];
    let server = serving(&snippet("traefik", &places.each_ref().map(|(theirs, ours)| (*theirs, ours.as_str()))));
    becomes(&server, &stub.address(), &[("status", "healthy")]);
    becomes(&server, "127.0.0.1:1", &[("status", "unhealthy"), ("pool", "db@file"), ("detail", "connection refused")]);
    // It counts them, and for all the world to see.
    eventually(PATIENCE, || {
        let page = foreign(metrics, "/metrics").expect("it answers").body;
        let counts = |entry: &str| page.contains(&format!("requests_total{{code=\"200\",entrypoint=\"{entry}\""));
        if counts("inside") && counts("metrics") { Ok(()) } else { Err(page) }
    });
    request(rig.port, 4);
    counted(&server, 4);
}
