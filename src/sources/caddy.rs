//! Caddy, by its admin API: the upstreams of every `reverse_proxy` from the configuration, their health and the request
//! counts from the metrics.
//!
//! A `reverse_proxy` is a pool; it is called by its `@id`, or by its server, host and path. Upstreams with health checks in
//! Caddy have the health that Caddy's gauge shows, which is up to 10 s late; the others are checked by us. (The list of
//! `/reverse_proxy/upstreams` is of no use: it says 0 fails of a dead host.) Requests are counted where Caddy's `servers`
//! option `metrics` is on.

mod requests;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use self::requests::Requests;
pub(super) use self::requests::of_metrics;
use super::exposition::{Sample, samples};
use super::fetch::Fetcher;
use super::{Asked, Finding, Kind, Reading, Record, Source, SourceOptions, Telling};
use crate::protocol::{Admin, Health};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "caddy",
    schemes: &["http", "https"],
    options: &["user", "password", "cacert", "insecure"],
    telling: Telling::Impossible,
    new,
};

/// How deep routes may lie in each other. Caddy's own files make three levels.
const DEPTH_MAX: usize = 32;

struct Caddy {
    fetcher: Fetcher,
    config: Url,
    metrics: Url,
    requests: Mutex<Requests>,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options
        .url
        .as_deref()
        .ok_or("a source of kind `caddy` needs a `url`; write `http://127.0.0.1:2019`".to_owned())?;
    let fetcher = Fetcher::new(url, options)?;
    let (mut config, mut metrics) = (fetcher.base().clone(), fetcher.base().clone());
    config.set_path("/config/");
    metrics.set_path("/metrics");
    Ok(Arc::new(Caddy { fetcher, config, metrics, requests: Mutex::default() }))
}

impl Source for Caddy {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let config = self.fetcher.get(self.config.clone()).await?.body;
            let metrics = self.fetcher.get(self.metrics.clone()).await?.body;
            let metrics = String::from_utf8(metrics).map_err(|_| "the metrics are not text".to_owned())?;
            let (config, samples) = (parsed(&config)?, samples(&metrics)?);
            reading(&config, &samples, &mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    fn counts(&self) -> bool {
        true
    }

    fn succeed(&self, before: &dyn Source) {
        let before = (before as &dyn Any).downcast_ref::<Caddy>();
        if let Some(before) = before.filter(|before| before.metrics == self.metrics) {
            let counted = before.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        }
    }
}

/// What the configuration and the metrics say.
pub(super) fn understand(config: &[u8], metrics: &str) -> Result<Reading, String> {
    reading(&parsed(config)?, &samples(metrics)?, &mut Requests::default())
}

fn parsed(config: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(config).map_err(|error| format!("the configuration is not JSON: {error}"))
}

fn reading(config: &Value, samples: &[Sample<'_>], counted: &mut Requests) -> Result<Reading, String> {
    let health: HashMap<&str, bool> = samples
        .iter()
        .filter(|sample| sample.name == "caddy_reverse_proxy_upstreams_healthy")
        .filter_map(|sample| Some((sample.label("upstream")?, sample.value > 0.0)))
        .collect();
    let mut backends = Vec::new();
    let servers = config.pointer("/apps/http/servers").unwrap_or(&Value::Null);
    for (name, server) in servers.as_object().into_iter().flatten() {
        routes(&server["routes"], name, 0, &health, &mut backends)?;
    }
    Ok(Reading { backends, requests: counted.take(samples, servers) })
}

fn routes(
    routes: &Value,
    path: &str,
    depth: usize,
    health: &HashMap<&str, bool>,
    out: &mut Vec<Record>,
) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("routes lie more than {DEPTH_MAX} deep in each other"));
    }
    for route in routes.as_array().into_iter().flatten() {
        let matched = |key: &str| route.pointer(&format!("/match/0/{key}/0")).and_then(Value::as_str);
        let words = [Some(path), matched("host"), matched("path").map(|path| path.trim_start_matches('/'))];
        let path = words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("/");
        let path = route["@id"].as_str().unwrap_or(&path);
        for handler in route["handle"].as_array().into_iter().flatten() {
            match handler["handler"].as_str() {
                Some("subroute") => self::routes(&handler["routes"], path, depth + 1, health, out)?,
                Some("reverse_proxy") => pool(handler, handler["@id"].as_str().unwrap_or(path), health, out),
                _ => {}
            }
        }
    }
    Ok(())
}

fn pool(handler: &Value, name: &str, health: &HashMap<&str, bool>, out: &mut Vec<Record>) {
    let checked = handler["health_checks"].as_object().is_some_and(|checks| !checks.is_empty());
    let policy = handler.pointer("/load_balancing/selection_policy");
    let weights = policy.filter(|policy| policy["policy"] == "weighted_round_robin").map(|policy| &policy["weights"]);
    for (index, upstream) in handler["upstreams"].as_array().into_iter().flatten().enumerate() {
        // One that is made up for each request has no address to tell.
        let Some(dial) = upstream["dial"].as_str().filter(|dial| !dial.contains('{')) else { continue };
        let weight = weights.and_then(|weights| weights[index].as_u64()).and_then(|weight| weight.try_into().ok());
        let finding = checked.then(|| {
            let (status, state) = match health.get(dial) {
                Some(true) => (Health::Healthy, "healthy"),
                Some(false) => (Health::Unhealthy, "unhealthy"),
                // The gauge comes with the first check.
                None => (Health::Unknown, "unchecked"),
            };
            Finding { status, state: state.to_owned(), detail: None, latency: None, last_change: None }
        });
        out.push(Record {
            pool: name.to_owned(),
            name: dial.to_owned(),
            address: dial.trim_start_matches("tcp/").to_owned(),
            weight: weight.unwrap_or(1),
            admin: Admin::Enabled,
            finding,
            asked: Asked::AsSet,
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn pools_are_named_by_where_they_stand_and_checked_by_who_checks_them() {
        let proxy = |dials: &[&str], checks: Value| {
            let upstreams: Vec<Value> = dials.iter().map(|dial| json!({ "dial": dial })).collect();
            json!({"handler": "reverse_proxy", "upstreams": upstreams, "health_checks": checks})
        };
        let nested = json!({"handler": "subroute", "routes": [
            {"match": [{"path": ["/api/*"]}], "handle": [proxy(&["a:1", "b:2", "{http.x}"], json!({"active": {}}))]},
            {"@id": "shop", "handle": [{"handler": "encode"}, proxy(&["tcp/c:3"], Value::Null)]},
        ]});
        let config = json!({"apps": {"http": {"servers": {
            "srv0": {"routes": [{"match": [{"host": ["example.com"]}], "handle": [nested]}]},
            "srv1": {"routes": Value::Null},
        }}}});
        let text = "caddy_reverse_proxy_upstreams_healthy{upstream=\"a:1\"} 1\n\
                    caddy_reverse_proxy_upstreams_healthy{upstream=\"b:2\"} 0\n\
                    caddy_http_requests_total{handler=\"encode\",server=\"srv0\"} 5\n\
                    caddy_http_requests_total{handler=\"subroute\",server=\"srv0\"} 9\n\
                    caddy_http_requests_total{handler=\"subroute\",server=\"srv1\"} 1\n";
        let reading = reading(&config, &samples(text).expect("metrics"), &mut Requests::default()).expect("a reading");
        let backends: Vec<_> = reading
            .backends
            .iter()
            .map(|one| (one.pool.as_str(), one.address.as_str(), one.finding.as_ref().map(|finding| finding.status)))
            .collect();
        assert_eq!(
            backends,
            [
                ("srv0/example.com/api/*", "a:1", Some(Health::Healthy)),
                ("srv0/example.com/api/*", "b:2", Some(Health::Unhealthy)),
                ("shop", "c:3", None),
            ]
        );
        let counts: Vec<u64> = reading.requests.iter().map(|counter| counter.value).collect();
        assert_eq!(counts, [9, 1]);
    }

    #[test]
    fn routes_without_end_are_refused() {
        let mut route = json!([]);
        for _ in 0..40 {
            route = json!([{"handle": [{"handler": "subroute", "routes": route}]}]);
        }
        let config = json!({"apps": {"http": {"servers": {"s": {"routes": route}}}}});
        assert!(reading(&config, &[], &mut Requests::default()).is_err());
        assert_eq!(
            reading(&Value::Null, &[], &mut Requests::default()),
            Ok(Reading::default()),
            "Caddy without a configuration"
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "[\\[\\]{}\":a-z,0-9]{0,200}") {
            if let Ok(config) = serde_json::from_str(&text) {
                let _ = reading(&config, &[], &mut Requests::default());
                let _ = routes(&config, "x", 0, &HashMap::new(), &mut Vec::new());
            }
        }
    }
}
