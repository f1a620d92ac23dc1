//! Envoy, by its admin interface: hosts and their health from `/clusters`, completed requests from `/stats`.
//!
//! A cluster is a pool. Envoy says what is wrong with a host by flags. One without a flag is healthy where Envoy checks the
//! cluster; elsewhere Envoy calls every host healthy, and our own checks say. `DRAINING` is what somebody wants, and not what
//! was measured.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use url::Url;

use super::exposition::Sample;
use super::fetch::Fetcher;
use super::{Asked, Counter, Finding, Kind, Reading, Record, Source, SourceOptions, Telling};
use crate::protocol::{Admin, Health};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "envoy",
    schemes: &["http", "https"],
    options: &["user", "password", "cacert", "insecure"],
    telling: Telling::Impossible,
    new,
};

/// What is asked for: the requests of every connection manager, those of the admin interface (which may share its name with
/// another), and a number that only clusters have whose hosts are checked.
const WANTED: &str = r"^((listener\.admin\.)?http\..*\.downstream_rq_completed|cluster\..*\.health_check\.attempt)$";

/// What clients and whoever asks the admin interface have asked under its name, and the latter alone.
const ADMIN: [&str; 2] = ["http.admin.downstream_rq_completed", "listener.admin.http.admin.downstream_rq_completed"];

struct Envoy {
    fetcher: Fetcher,
    clusters: Url,
    stats: Url,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options
        .url
        .as_deref()
        .ok_or("a source of kind `envoy` needs a `url`; write `http://127.0.0.1:9901`".to_owned())?;
    let fetcher = Fetcher::new(url, options)?;
    let at = |path: &str, pairs: &[(&str, &str)]| {
        let mut url = fetcher.base().clone();
        url.set_path(path);
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url
    };
    let clusters = at("/clusters", &[("format", "json")]);
    let stats = at("/stats", &[("format", "json"), ("filter", WANTED)]);
    Ok(Arc::new(Envoy { clusters, stats, fetcher }))
}

impl Source for Envoy {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let clusters = self.fetcher.get(self.clusters.clone()).await?.body;
            let stats = self.fetcher.get(self.stats.clone()).await?.body;
            understand(&clusters, &stats)
        })
    }

    fn counts(&self) -> bool {
        true
    }
}

/// What the clusters and the statistics say.
pub(super) fn understand(clusters: &[u8], stats: &[u8]) -> Result<Reading, String> {
    let stats = statistics(stats)?;
    Ok(Reading { backends: hosts(clusters, &checked(&stats))?, requests: requests(stats) })
}

/// What is left out is zero, false or empty, as protobuf's JSON has it.
#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    name: String,
    /// What it is called in the statistics.
    #[serde(default)]
    observability_name: Option<String>,
    #[serde(default)]
    host_statuses: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    #[serde(default)]
    address: Address,
    #[serde(default)]
    health_status: Flags,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    hostname: String,
}

#[derive(Deserialize, Default)]
struct Address {
    #[serde(default)]
    socket_address: Option<SocketAddress>,
    #[serde(default)]
    pipe: Option<Pipe>,
}

#[derive(Deserialize)]
struct SocketAddress {
    #[serde(default)]
    address: String,
    #[serde(default)]
    port_value: u16,
}

#[derive(Deserialize)]
struct Pipe {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Flags {
    failed_active_health_check: bool,
    failed_outlier_check: bool,
    failed_active_degraded_check: bool,
    pending_active_hc: bool,
    pending_dynamic_removal: bool,
    excluded_via_immediate_hc_fail: bool,
    active_hc_timeout: bool,
    eds_health_status: String,
}

/// Every host, by the names of those clusters that Envoy checks.
fn hosts(json: &[u8], checked: &HashSet<String>) -> Result<Vec<Record>, String> {
    let clusters: Clusters =
        serde_json::from_slice(json).map_err(|error| format!("`/clusters` is not understood: {error}"))?;
    let of = |cluster: Cluster| {
        let pool = cluster.name;
        // A colon separates words elsewhere, so the statistics have none.
        let counted_as = cluster.observability_name.as_ref().unwrap_or(&pool);
        let counted_as = counted_as.replace("://", "_").replace(":/", "_").replace(':', "_");
        let trust = if checked.contains(&counted_as) { Trust::Everything } else { Trust::Complaints };
        cluster.host_statuses.into_iter().filter_map(move |host| record(&pool, host, trust))
    };
    Ok(clusters.cluster_statuses.into_iter().flat_map(of).collect())
}

/// What Envoy knows of the hosts of a cluster.
#[derive(Clone, Copy, PartialEq)]
enum Trust {
    /// It checks them.
    Everything,
    /// It does not: that it calls a host healthy means nothing.
    Complaints,
}

fn record(pool: &str, host: Host, trust: Trust) -> Option<Record> {
    // We check no sockets of the file system: there Envoy's word is all there is.
    let trust = if host.address.pipe.is_some() { Trust::Everything } else { trust };
    let address = match (host.address.socket_address, host.address.pipe) {
        (Some(socket), _) if socket.address.contains(':') => format!("[{}]:{}", socket.address, socket.port_value),
        (Some(socket), _) => format!("{}:{}", socket.address, socket.port_value),
        (None, Some(pipe)) => pipe.path,
        (None, None) => return None,
    };
    let flags = &host.health_status;
    let eds = flags.eds_health_status.as_str();
    // The first that holds decides; the state is Envoy's own word for it.
    let found = [
        // Then it has failed its health check, too.
        (flags.active_hc_timeout, "active_hc_timeout", Health::Unhealthy, "its health check ran out of time"),
        (flags.failed_active_health_check, "failed_active_health_check", Health::Unhealthy, "failed its health check"),
        (flags.failed_outlier_check, "failed_outlier_check", Health::Unhealthy, "ejected as an outlier"),
        (
            flags.excluded_via_immediate_hc_fail,
            "excluded_via_immediate_hc_fail",
            Health::Unhealthy,
            "has said that it fails",
        ),
        (matches!(eds, "UNHEALTHY" | "TIMEOUT"), eds, Health::Unhealthy, "the control plane says that it is unhealthy"),
        (flags.pending_active_hc, "pending_active_hc", Health::Unknown, "waits for its first health check"),
        (
            flags.failed_active_degraded_check,
            "failed_active_degraded_check",
            Health::Degraded,
            "says that it is degraded",
        ),
        (eds == "DEGRADED", eds, Health::Degraded, "the control plane says that it is degraded"),
    ];
    let found = found.into_iter().find(|(holds, ..)| *holds);
    let found = match found {
        Some((_, state, status, why)) => Some((state, status, Some(why))),
        None if trust == Trust::Complaints => None,
        None if eds.is_empty() => Some((Health::Healthy.word(), Health::Healthy, None)),
        None => Some((eds, Health::Healthy, None)),
    };
    let draining = eds == "DRAINING" || flags.pending_dynamic_removal;
    Some(Record {
        pool: pool.to_owned(),
        name: if host.hostname.is_empty() { address.clone() } else { host.hostname },
        address,
        weight: host.weight.unwrap_or(1),
        admin: if draining { Admin::Draining } else { Admin::Enabled },
        finding: found.map(|(state, status, detail)| Finding {
            status,
            state: state.to_owned(),
            detail: detail.map(str::to_owned),
            latency: None,
            last_change: None,
        }),
        asked: Asked::AsSet,
    })
}

#[derive(Deserialize)]
struct Stats {
    #[serde(default)]
    stats: Vec<Stat>,
}

/// Histograms have no name.
#[derive(Deserialize)]
struct Stat {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Number,
}

/// 64-bit numbers may come as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Default for Number {
    fn default() -> Self {
        Number::Plain(0)
    }
}

fn statistics(json: &[u8]) -> Result<Vec<(String, u64)>, String> {
    let stats: Stats = serde_json::from_slice(json).map_err(|error| format!("`/stats` is not understood: {error}"))?;
    let counter = |stat: Stat| match stat.value {
        Number::Plain(value) => Some((stat.name, value)),
        Number::Text(text) => Some((stat.name, text.parse().ok()?)),
        Number::Other(_) => None,
    };
    Ok(stats.stats.into_iter().filter_map(counter).collect())
}

/// The clusters that Envoy checks, as the statistics call them.
fn checked(stats: &[(String, u64)]) -> HashSet<String> {
    let name = |(name, _): &(String, u64)| {
        name.strip_prefix("cluster.")?.strip_suffix(".health_check.attempt").map(str::to_owned)
    };
    stats.iter().filter_map(name).collect()
}

fn requests(stats: Vec<(String, u64)>) -> Vec<Counter> {
    let admin = stats.iter().find(|(name, _)| name == ADMIN[1]).map(|(_, value)| *value);
    let counter = |(name, value): (String, u64)| {
        let wanted = name.starts_with("http.") && name.ends_with(".downstream_rq_completed");
        let aside = if name == ADMIN[0] { admin.unwrap_or(value) } else { 0 };
        wanted.then(|| Counter { aside, ..Counter::new(name, value) })
    };
    stats.into_iter().filter_map(counter).collect()
}

/// The same of a page of metrics, where a dot in the name of a connection manager makes another metric of it.
pub(super) fn exported(samples: &[Sample<'_>]) -> Vec<Counter> {
    let of_admin = |sample: &Sample<'_>| {
        ["envoy_http_conn_manager_prefix", "http_conn_manager_prefix"]
            .iter()
            .any(|label| sample.label(label) == Some("admin"))
    };
    let admin = samples
        .iter()
        .find(|sample| sample.name == "envoy_listener_admin_http_downstream_rq_completed" && of_admin(sample));
    let admin = admin.and_then(Sample::count);
    let counter = |sample: &Sample<'_>| {
        let value = sample.count()?;
        let rest = sample.name.strip_prefix("envoy_http_")?.strip_suffix("downstream_rq_completed")?;
        let aside = if rest.is_empty() && of_admin(sample) { admin.unwrap_or(value) } else { 0 };
        (rest.is_empty() || rest.ends_with('_')).then(|| Counter { aside, ..Counter::new(sample.series(), value) })
    };
    samples.iter().filter_map(counter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn host(health: &Value) -> (Health, Admin, Option<String>) {
        let host =
            json!({"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}, "health_status": health});
        let clusters = json!({"cluster_statuses": [{"name": "web", "host_statuses": [host]}]}).to_string();
        let record = hosts(clusters.as_bytes(), &HashSet::from(["web".to_owned()])).expect("clusters").remove(0);
        assert_eq!((record.pool.as_str(), record.address.as_str()), ("web", "10.0.0.1:80"));
        let finding = record.finding.expect("found out");
        (finding.status, record.admin, finding.detail)
    }

    #[test]
    fn flags_say_what_is_wrong_and_draining_is_not_wrong() {
        use Admin::{Draining, Enabled};
        use Health::{Degraded, Healthy, Unhealthy, Unknown};
        for (health, status, admin) in [
            (json!({}), Healthy, Enabled),
            (json!({"eds_health_status": "HEALTHY"}), Healthy, Enabled),
            (json!({"eds_health_status": "DRAINING"}), Healthy, Draining),
            (json!({"eds_health_status": "DRAINING", "failed_active_health_check": true}), Unhealthy, Draining),
            (json!({"eds_health_status": "UNHEALTHY"}), Unhealthy, Enabled),
            (json!({"eds_health_status": "TIMEOUT"}), Unhealthy, Enabled),
            (json!({"eds_health_status": "DEGRADED"}), Degraded, Enabled),
            (json!({"failed_outlier_check": true}), Unhealthy, Enabled),
            (json!({"failed_active_degraded_check": true}), Degraded, Enabled),
            (json!({"failed_active_health_check": true, "pending_active_hc": true}), Unhealthy, Enabled),
            (json!({"pending_active_hc": true}), Unknown, Enabled),
        ] {
            let (found, wanted, why) = host(&health);
            assert_eq!((found, wanted), (status, admin), "{health}");
            assert_eq!(why.is_none(), status == Healthy, "{health}");
        }
        let late = json!({"failed_active_health_check": true, "active_hc_timeout": true});
        assert_eq!(host(&late).2.as_deref(), Some("its health check ran out of time"));
    }

    #[test]
    fn nobody_is_healthy_because_nobody_looked() {
        let host = |port: u16, ejected: bool| {
            json!({"address": {"socket_address": {"address": "h", "port_value": port}},
                   "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": ejected}})
        };
        let pipe = json!({"address": {"pipe": {"path": "/s"}}, "health_status": {}});
        let clusters = json!({"cluster_statuses": [
            {"name": "a:b", "observability_name": "a:b", "host_statuses": [host(1, false)]},
            {"name": "c", "observability_name": "d://e/f", "host_statuses": [host(2, false)]},
            {"name": "d", "host_statuses": [host(3, false), host(4, true), pipe]},
        ]});
        let stats = json!({"stats": [
            {"name": "cluster.a_b.health_check.attempt", "value": 0},
            {"name": "cluster.d_e/f.health_check.attempt", "value": 7},
            {"name": "cluster.c.health_check.attempts", "value": 7},
        ]});
        let reading = understand(clusters.to_string().as_bytes(), stats.to_string().as_bytes()).expect("a reading");
        let found: Vec<_> = reading.backends.into_iter().map(|one| one.finding.map(|finding| finding.status)).collect();
        use Health::{Healthy, Unhealthy};
        assert_eq!(found, [Some(Healthy), Some(Healthy), None, Some(Unhealthy), Some(Healthy)]);
    }

    #[test]
    fn what_is_left_out_is_zero_and_our_own_questions_do_not_count() {
        assert_eq!(hosts(b"{}", &HashSet::new()), Ok(Vec::new()));
        let stats = json!({"stats": [
            {"name": "http.admin.downstream_rq_completed", "value": 9},
            {"name": "http.ingress.downstream_rq_completed", "value": "18446744073709551615"},
            {"name": "http.other.downstream_rq_completed"},
            {"histograms": {}},
        ]});
        let count = |stats: Value| -> Vec<u64> {
            let counters = requests(statistics(stats.to_string().as_bytes()).expect("statistics"));
            counters.iter().map(|counter| counter.value - counter.aside).collect()
        };
        assert_eq!(count(stats), [0, u64::MAX, 0]);
        let shared = json!({"stats": [
            {"name": "http.admin.downstream_rq_completed", "value": 9},
            {"name": "http.admin.api.downstream_rq_completed", "value": 3},
            {"name": "listener.admin.http.admin.downstream_rq_completed", "value": 7},
        ]});
        assert_eq!(count(shared), [2, 3]);
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "[\\[\\]{}\":a-z_,0-9]{0,200}") {
            let _ = understand(text.as_bytes(), text.as_bytes());
            let _ = understand(b"{}", text.as_bytes());
        }
    }
}
