//! Traefik, by its API: the services with servers, of HTTP and of TCP, and their status where Traefik checks it.
//!
//! A service is a pool. Where no health check is configured Traefik has no status of its servers, so our checks say. A server
//! that gets nothing new, because its weight is 0 or it is fenced off, is draining. Request counts come from the metrics, if
//! `metrics_url` says where they are; those of entry points that lead to nothing but Traefik's own services do not count. (By
//! default Traefik 3 does not count the requests for those at all; Traefik 2 does, and 3 with `addInternals`.)

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use url::Url;

use super::exposition::samples;
use super::fetch::Fetcher;
use super::prometheus::address;
use super::{Asked, Counter, Finding, Kind, Reading, Record, Source, SourceOptions, Telling};
use crate::net::Target;
use crate::protocol::{Admin, Health};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "traefik",
    schemes: &["http", "https"],
    options: &["metrics_url", "user", "password", "cacert", "insecure"],
    telling: Telling::Impossible,
    new,
};

/// Services or routers of one page.
const PER_PAGE: &str = "100";

/// Pages that are read of each: ten thousand services.
const PAGES_MAX: u32 = 100;

/// Services that no client wants.
const OWN: [&str; 5] = ["api@internal", "dashboard@internal", "ping@internal", "prometheus@internal", "rest@internal"];

/// The entry point of the API and the metrics, unless the settings name another.
const OWN_ENTRY: &str = "traefik";

struct Traefik {
    fetcher: Fetcher,
    services: Url,
    /// Those of TCP.
    streams: Url,
    routers: Url,
    /// Where the metrics are, and who fetches them.
    metrics: Option<(Fetcher, Url)>,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options
        .url
        .as_deref()
        .ok_or("a source of kind `traefik` needs a `url`; write `http://127.0.0.1:8080`".to_owned())?;
    let metrics = options.metrics_url.as_deref().map(|text| match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(format!("`metrics_url`: `{text}` is no URL of a web server")),
    });
    let metrics = metrics.transpose()?;
    // What is about TLS goes to the one of them that has it, or to both.
    let (here, there) = (is_secured(url), metrics.as_ref().is_some_and(|metrics| is_secured(metrics.as_str())));
    let without_tls = |options: &SourceOptions| SourceOptions { cacert: None, insecure: false, ..options.clone() };
    let fetcher = Fetcher::new(url, &if there && !here { without_tls(options) } else { options.clone() })?;
    let metrics = metrics.map(|metrics| {
        let mut options = if here && !there { without_tls(options) } else { options.clone() };
        // What opens one server is nothing for another to know.
        if metrics.origin() == fetcher.base().origin() {
            let target = Target::parse(url).map_err(|error| error.to_string())?;
            options.user = options.user.or_else(|| target.user().map(str::to_owned));
            options.password = options.password.or_else(|| target.password().cloned());
        } else {
            (options.user, options.password) = (None, None);
        }
        let fetcher = Fetcher::new(metrics.as_str(), &options).map_err(|why| format!("`metrics_url`: {why}"))?;
        let url = fetcher.base().clone();
        Ok::<_, String>((fetcher, url))
    });
    let at = |path: &str| {
        let mut url = fetcher.base().clone();
        url.set_path(path);
        url
    };
    let (services, streams, routers) = (at("/api/http/services"), at("/api/tcp/services"), at("/api/http/routers"));
    Ok(Arc::new(Traefik { services, streams, routers, metrics: metrics.transpose()?, fetcher }))
}

fn is_secured(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

impl Source for Traefik {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let mut backends = Vec::new();
            for page in self.pages(&self.services).await? {
                backends.extend(services(&page, Asked::AsSet)?);
            }
            for page in self.pages(&self.streams).await? {
                backends.extend(services(&page, Asked::Connect)?);
            }
            let requests = match &self.metrics {
                None => Vec::new(),
                Some((fetcher, url)) => {
                    let mut routers = Vec::new();
                    for page in self.pages(&self.routers).await? {
                        routers.extend(self::routers(&page)?);
                    }
                    requests(&String::from_utf8_lossy(&fetcher.get(url.clone()).await?.body), &own_entries(&routers))?
                }
            };
            Ok(Reading { backends, requests })
        })
    }

    fn counts(&self) -> bool {
        self.metrics.is_some()
    }
}

impl Traefik {
    /// Every page of a list.
    async fn pages(&self, list: &Url) -> Result<Vec<Vec<u8>>, String> {
        let mut pages = Vec::new();
        let mut page = 1;
        loop {
            let mut url = list.clone();
            url.query_pairs_mut().clear().append_pair("per_page", PER_PAGE).append_pair("page", &page.to_string());
            let answer = self.fetcher.get(url).await?;
            let next = answer.headers.get("x-next-page").and_then(|next| next.to_str().ok()?.parse().ok());
            pages.push(answer.body);
            // The last page says that the first comes next.
            match next {
                Some(next) if next > page && next <= PAGES_MAX => page = next,
                _ => return Ok(pages),
            }
        }
    }
}

/// What a page of services and the metrics say.
pub(super) fn understand(page: &[u8], metrics: &str) -> Result<Reading, String> {
    Ok(Reading { backends: services(page, Asked::AsSet)?, requests: requests(metrics, &own_entries(&[]))? })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    #[serde(default)]
    service: String,
    #[serde(default)]
    entry_points: Vec<String>,
    /// The entry points that it is on, also where it names none.
    #[serde(default)]
    using: Vec<String>,
}

fn routers(json: &[u8]) -> Result<Vec<Router>, String> {
    serde_json::from_slice(json).map_err(|error| format!("the routers are not understood: {error}"))
}

/// The entry points that lead to nothing but Traefik's own services.
fn own_entries(routers: &[Router]) -> HashSet<&str> {
    let of = |own: bool| {
        let routers = routers.iter().filter(move |router| OWN.contains(&router.service.as_str()) == own);
        routers.flat_map(|router| router.using.iter().chain(&router.entry_points)).map(String::as_str)
    };
    let others: HashSet<&str> = of(false).collect();
    of(true).filter(|entry| !others.contains(entry)).chain([OWN_ENTRY]).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    name: String,
    #[serde(default)]
    load_balancer: Option<LoadBalancer>,
    #[serde(default)]
    server_status: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancer {
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    health_check: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Server {
    #[serde(default)]
    url: String,
    /// What it has in place of a URL where nothing but TCP is spoken.
    #[serde(default)]
    address: String,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    fenced: bool,
}

/// The servers of a page of services, which we ask this where Traefik does not check them.
fn services(json: &[u8], asked: Asked) -> Result<Vec<Record>, String> {
    let services: Vec<Service> =
        serde_json::from_slice(json).map_err(|error| format!("the services are not understood: {error}"))?;
    // Traefik's own: its API and dashboard.
    let theirs = services.into_iter().filter(|service| !service.name.ends_with("@internal"));
    let records = theirs.flat_map(|service| {
        let Service { name: pool, load_balancer, server_status } = service;
        let (servers, checked) = match load_balancer {
            Some(balancer) => (balancer.servers, balancer.health_check.is_some_and(|check| !check.is_null())),
            None => (Vec::new(), false),
        };
        servers.into_iter().map(move |server| {
            let name = if server.url.is_empty() { server.address } else { server.url };
            let state = server_status.get(&name).map_or("", String::as_str);
            let finding = checked.then(|| Finding {
                status: match state {
                    "UP" => Health::Healthy,
                    "DOWN" => Health::Unhealthy,
                    _ => Health::Unknown,
                },
                state: state.to_owned(),
                detail: None,
                latency: None,
                last_change: None,
            });
            Record {
                pool: pool.clone(),
                address: address(&name),
                name,
                weight: server.weight.unwrap_or(1),
                admin: if server.fenced || server.weight == Some(0) { Admin::Draining } else { Admin::Enabled },
                finding,
                asked,
            }
        })
    });
    Ok(records.collect())
}

fn requests(text: &str, own: &HashSet<&str>) -> Result<Vec<Counter>, String> {
    let samples = samples(text)?;
    let entries = samples.iter().filter(|sample| sample.name == "traefik_entrypoint_requests_total");
    let theirs = entries.filter(|sample| !sample.label("entrypoint").is_some_and(|entry| own.contains(entry)));
    Ok(theirs.filter_map(|sample| Some(Counter::new(sample.series(), sample.count()?))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_counts_where_it_was_checked() {
        let servers = json!([{"url": "http://10.0.0.1:80", "weight": 3}, {"url": "https://10.0.0.2"}, {"url": "http://10.0.0.3:8080/"}]);
        let status = json!({"http://10.0.0.1:80": "UP", "https://10.0.0.2": "DOWN"});
        let list = json!([
            {"name": "web@file", "loadBalancer": {"servers": servers, "healthCheck": {"path": "/"}}, "serverStatus": status},
            {"name": "raw@file", "loadBalancer": {"servers": [{"url": "http://h:1", "fenced": true}]}, "serverStatus": {"http://h:1": "UP"}},
            {"name": "api@internal", "status": "enabled"},
            {"name": "split@file", "weighted": {}},
        ]);
        let records = services(list.to_string().as_bytes(), Asked::AsSet).expect("services");
        let found: Vec<_> = records
            .iter()
            .map(|one| {
                (
                    one.pool.as_str(),
                    one.address.as_str(),
                    one.weight,
                    one.finding.as_ref().map(|finding| finding.status),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("web@file", "10.0.0.1:80", 3, Some(Health::Healthy)),
                ("web@file", "10.0.0.2:443", 1, Some(Health::Unhealthy)),
                ("web@file", "10.0.0.3:8080", 1, Some(Health::Unknown)),
                ("raw@file", "h:1", 1, None),
            ]
        );
        let draining: Vec<bool> = records.iter().map(|one| one.admin == Admin::Draining).collect();
        assert_eq!(draining, [false, false, false, true]);
    }

    #[test]
    fn a_server_that_speaks_anything_is_only_connected_to() {
        let list = r#"[{"name": "db@file", "loadBalancer": {"servers": [{"address": "10.0.0.1:5432"}]},
                        "serverStatus": {"10.0.0.1:5432": "UP"}},
                       {"name": "mail@file", "loadBalancer": {"servers": [{"address": "mx:25"}], "healthCheck": {}},
                        "serverStatus": {"mx:25": "DOWN"}}]"#;
        let records = services(list.as_bytes(), Asked::Connect).expect("services");
        let found: Vec<_> = records.iter().map(|one| one.finding.as_ref().map(|finding| finding.status)).collect();
        assert_eq!(found, [None, Some(Health::Unhealthy)]);
        assert_eq!((&*records[0].address, &*records[1].name), ("10.0.0.1:5432", "mx:25"));
        assert!(records.iter().all(|record| record.asked == Asked::Connect));
    }

    #[test]
    fn an_entry_point_is_traefiks_own_where_it_leads_nowhere_else() {
        let list = json!([
            {"service": "app", "entryPoints": ["web"], "using": ["web"]},
            {"service": "prometheus@internal", "entryPoints": ["metrics"], "using": ["metrics"]},
            {"service": "api@internal", "using": ["web", "secure"]},
            {"service": "ping@internal", "using": ["admin"]},
            {"service": "app", "entryPoints": ["admin"]},
            {"service": "noop@internal", "using": ["redirecting"]},
            {"service": "app", "using": ["traefik"]},
            {},
        ]);
        let routers = routers(list.to_string().as_bytes()).expect("routers");
        let own = own_entries(&routers);
        assert_eq!(own, HashSet::from(["metrics", "secure", "traefik"]));
        let entries = ["web", "metrics", "secure", "traefik", "redirecting", "admin", "unused"];
        let page: String = entries
            .iter()
            .map(|entry| format!("traefik_entrypoint_requests_total{{entrypoint=\"{entry}\"}} 1\n"))
            .collect();
        assert_eq!(requests(&page, &own).expect("metrics").len(), 4);
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "[\\[\\]{}\":a-zA-Z_,0-9]{0,200}") {
            let _ = services(text.as_bytes(), Asked::AsSet);
            let _ = routers(text.as_bytes());
        }
    }
}
