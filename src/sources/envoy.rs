//! Envoy, by its admin interface: hosts and their health from `/clusters`, completed requests from `/stats`.
//!
//! A cluster is a pool. Envoy says what is wrong with a host by flags; one without a flag is healthy as far as Envoy knows,
//! also where it checks nothing. `DRAINING` is what somebody wants, and not what was measured.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use url::Url;

use super::fetch::Fetcher;
use super::{Counter, Finding, Kind, Reading, Record, Source, SourceOptions, Telling};
use crate::protocol::{Admin, Health};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "envoy",
    schemes: &["http", "https"],
    options: &["user", "password", "cacert", "insecure"],
    telling: Telling::Impossible,
    new,
};

/// The statistics of Envoy's own admin interface, which we ask.
const OURS: &str = "http.admin.";

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
    let stats = at("/stats", &[("format", "json"), ("filter", r"^http\..*\.downstream_rq_completed$")]);
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
    Ok(Reading { backends: hosts(clusters)?, requests: requests(stats)? })
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

fn hosts(json: &[u8]) -> Result<Vec<Record>, String> {
    let clusters: Clusters =
        serde_json::from_slice(json).map_err(|error| format!("`/clusters` is not understood: {error}"))?;
    let of = |cluster: Cluster| {
        let pool = cluster.name;
        cluster.host_statuses.into_iter().filter_map(move |host| record(&pool, host))
    };
    Ok(clusters.cluster_statuses.into_iter().flat_map(of).collect())
}

fn record(pool: &str, host: Host) -> Option<Record> {
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
    let (state, status, detail) = match found {
        Some((_, state, status, why)) => (state, status, Some(why)),
        None if eds.is_empty() => (Health::Healthy.word(), Health::Healthy, None),
        None => (eds, Health::Healthy, None),
    };
    let draining = eds == "DRAINING" || flags.pending_dynamic_removal;
    Some(Record {
        pool: pool.to_owned(),
        name: if host.hostname.is_empty() { address.clone() } else { host.hostname },
        address,
        weight: host.weight.unwrap_or(1),
        admin: if draining { Admin::Draining } else { Admin::Enabled },
        finding: Some(Finding {
            status,
            state: state.to_owned(),
            detail: detail.map(str::to_owned),
            latency: None,
            last_change: None,
        }),
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

fn requests(json: &[u8]) -> Result<Vec<Counter>, String> {
    let stats: Stats = serde_json::from_slice(json).map_err(|error| format!("`/stats` is not understood: {error}"))?;
    let counter = |stat: Stat| {
        let value = match stat.value {
            Number::Plain(value) => value,
            Number::Text(text) => text.parse().ok()?,
            Number::Other(_) => return None,
        };
        let wanted = stat.name.ends_with(".downstream_rq_completed") && !stat.name.starts_with(OURS);
        wanted.then_some(Counter::new(stat.name, value))
    };
    Ok(stats.stats.into_iter().filter_map(counter).collect())
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
        let record = hosts(clusters.as_bytes()).expect("clusters").remove(0);
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
    fn what_is_left_out_is_zero_and_our_own_questions_do_not_count() {
        assert_eq!(hosts(b"{}"), Ok(Vec::new()));
        let stats = json!({"stats": [
            {"name": "http.admin.downstream_rq_completed", "value": 9},
            {"name": "http.ingress.downstream_rq_completed", "value": "18446744073709551615"},
            {"name": "http.other.downstream_rq_completed"},
            {"histograms": {}},
        ]});
        let counters = requests(stats.to_string().as_bytes()).expect("statistics");
        let values: Vec<u64> = counters.iter().map(|counter| counter.value).collect();
        assert_eq!(values, [u64::MAX, 0]);
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "[\\[\\]{}\":a-z_,0-9]{0,200}") {
            let _ = hosts(text.as_bytes());
            let _ = requests(text.as_bytes());
        }
    }
}
