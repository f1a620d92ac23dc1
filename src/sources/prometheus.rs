//! Any page of Prometheus metrics: one metric says for each backend whether it is up, another counts requests.
//!
//! Which they are stands in the settings, or in a preset that knows a program's names. A source without `up_metric` counts
//! requests only. A preset also knows which requests are not those of clients: those for the metrics themselves, ours first
//! of all.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::Url;

use super::exposition::{Sample, Selector, samples};
use super::fetch::Fetcher;
use super::questions::Asking;
use super::{Asked, Counter, Finding, Kind, Reading, Record, Source, SourceOptions, Telling, caddy, envoy};
use crate::protocol::{Admin, Health};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "prometheus",
    schemes: &["http", "https"],
    options: &[
        "preset",
        "up_metric",
        "requests_metric",
        "pool_label",
        "backend_label",
        "pool",
        "user",
        "password",
        "cacert",
        "insecure",
    ],
    telling: Telling::Impossible,
    new,
};

/// How requests are counted on a page of samples.
type Counting = fn(&[Sample<'_>]) -> Vec<Counter>;

/// What a program calls its metrics.
struct Preset {
    name: &'static str,
    up: &'static str,
    requests: &'static str,
    /// A metric with the same labels that counts which of those requests do not count.
    aside: Option<&'static str>,
    /// How they are counted, where that is not one by one.
    count: Option<Counting>,
    /// The label that holds a word for the state, where each has a sample and 1 stands at the one that is so.
    state_label: Option<&'static str>,
    pool_label: &'static str,
    backend_label: &'static str,
}

const PRESETS: &[Preset] = &[
    Preset {
        name: "traefik",
        up: "traefik_service_server_up",
        // Its metrics and API stand behind an entry point of their own, by default of this name.
        requests: "traefik_entrypoint_requests_total{entrypoint!=\"traefik\"}",
        aside: None,
        count: None,
        state_label: None,
        pool_label: "service",
        backend_label: "url",
    },
    Preset {
        name: "caddy",
        up: "caddy_reverse_proxy_upstreams_healthy",
        requests: "caddy_http_requests_total",
        aside: None,
        count: Some(caddy::of_metrics),
        state_label: None,
        pool_label: "",
        backend_label: "upstream",
    },
    Preset {
        name: "envoy",
        up: "envoy_cluster_membership_healthy",
        requests: "envoy_http_downstream_rq_completed",
        aside: None,
        count: Some(envoy::exported),
        state_label: None,
        pool_label: "",
        backend_label: "envoy_cluster_name",
    },
    Preset {
        name: "haproxy",
        up: "haproxy_server_status",
        requests: "haproxy_frontend_http_requests_total",
        // The statistics page and the metrics are answered by the frontend itself.
        aside: Some("haproxy_frontend_intercepted_requests_total"),
        count: None,
        state_label: Some("state"),
        pool_label: "proxy",
        backend_label: "server",
    },
];

struct Prometheus {
    fetcher: Fetcher,
    url: Url,
    mapping: Mapping,
    asking: Asking,
}

/// What of a page means what.
struct Mapping {
    up: Option<Selector>,
    requests: Option<Selector>,
    aside: Option<&'static str>,
    count: Option<Counting>,
    state_label: Option<&'static str>,
    pool_label: Option<String>,
    backend_label: Option<String>,
    /// Where there is no label for it.
    pool: String,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options.url.as_deref().ok_or("a source of kind `prometheus` needs a `url`".to_owned())?;
    let fetcher = Fetcher::new(url, options)?;
    let url = fetcher.base().clone();
    Ok(Arc::new(Prometheus { url, fetcher, mapping: Mapping::new(options)?, asking: Asking::default() }))
}

impl Mapping {
    fn new(options: &SourceOptions) -> Result<Mapping, String> {
        let preset = match &options.preset {
            None => None,
            Some(name) => {
                let names = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
                let known = PRESETS.iter().find(|preset| preset.name == name);
                Some(known.ok_or_else(|| format!("there is no `preset` `{name}`; there are {}", names()))?)
            }
        };
        let text = |given: &Option<String>, preset: Option<&str>| {
            given.clone().or_else(|| preset.map(str::to_owned)).filter(|text| !text.is_empty())
        };
        let selector = |text: Option<String>| text.as_deref().map(Selector::parse).transpose();
        let mapping = Mapping {
            up: selector(text(&options.up_metric, preset.map(|preset| preset.up)))?,
            requests: selector(text(&options.requests_metric, preset.map(|preset| preset.requests)))?,
            // Whoever names another metric knows what it counts, and what it says.
            aside: preset.filter(|_| options.requests_metric.is_none()).and_then(|preset| preset.aside),
            count: preset.filter(|_| options.requests_metric.is_none()).and_then(|preset| preset.count),
            state_label: preset.filter(|_| options.up_metric.is_none()).and_then(|preset| preset.state_label),
            pool_label: text(&options.pool_label, preset.map(|preset| preset.pool_label)),
            backend_label: text(&options.backend_label, preset.map(|preset| preset.backend_label)),
            pool: options.pool.clone().or_else(|| options.preset.clone()).unwrap_or_else(|| "metrics".to_owned()),
        };
        match (&mapping.up, &mapping.requests, &mapping.backend_label) {
            (None, None, _) => {
                Err("a source of kind `prometheus` needs a `preset`, an `up_metric` or a `requests_metric`".to_owned())
            }
            (Some(_), _, None) => Err("`up_metric` needs a `backend_label`: which label holds the address?".to_owned()),
            _ => Ok(mapping),
        }
    }

    fn reading(&self, text: &str) -> Result<Reading, String> {
        let samples = samples(text)?;
        let wanted = |selector: &Option<Selector>| {
            let selector = selector.clone();
            samples.iter().filter(move |sample| selector.as_ref().is_some_and(|selector| selector.matches(sample)))
        };
        let backends: Vec<Record> = wanted(&self.up).filter_map(|sample| self.record(sample)).collect();
        let asides: HashMap<String, u64> = samples
            .iter()
            .filter(|sample| self.aside == Some(sample.name))
            .filter_map(|sample| Some((sample.labels(), sample.count()?)))
            .collect();
        let one_by_one = |sample: &Sample<'_>| {
            let aside = if asides.is_empty() { None } else { asides.get(&sample.labels()).copied() };
            Some(Counter { aside: aside.unwrap_or(0), ..Counter::new(sample.series(), sample.count()?) })
        };
        let requests = match self.count {
            Some(count) => count(&samples),
            None => wanted(&self.requests).filter_map(one_by_one).collect(),
        };
        Ok(Reading { backends, requests })
    }

    fn record(&self, sample: &Sample<'_>) -> Option<Record> {
        let name = sample.label(self.backend_label.as_deref()?)?;
        let pool = self.pool_label.as_deref().and_then(|label| sample.label(label)).unwrap_or(&self.pool);
        let (status, admin, state) = match self.state_label.and_then(|label| sample.label(label)) {
            // Another state has its 1.
            Some(_) if sample.value != 1.0 => return None,
            Some(word) => {
                let (status, admin) = match word {
                    "UP" => (Health::Healthy, Admin::Enabled),
                    "DOWN" => (Health::Unhealthy, Admin::Enabled),
                    "NOLB" => (Health::Degraded, Admin::Enabled),
                    "DRAIN" => (Health::Healthy, Admin::Draining),
                    "MAINT" => (Health::Unknown, Admin::Maintenance),
                    _ => (Health::Unknown, Admin::Enabled),
                };
                (status, admin, word)
            }
            None => match sample.value {
                value if value.is_nan() => (Health::Unknown, Admin::Enabled, "unknown"),
                value if value > 0.0 => (Health::Healthy, Admin::Enabled, "up"),
                _ => (Health::Unhealthy, Admin::Enabled, "down"),
            },
        };
        let state = state.to_owned();
        Some(Record {
            pool: pool.to_owned(),
            name: name.to_owned(),
            address: address(name),
            weight: 1,
            admin,
            finding: Some(Finding { status, state, detail: None, latency: None, last_change: None }),
            asked: Asked::AsSet,
        })
    }
}

/// `host:port` of a URL; anything else as it is.
pub(super) fn address(name: &str) -> String {
    let url = Url::parse(name).ok().filter(|url| url.host().is_some());
    match url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?))) {
        Some((host, port)) => format!("{host}:{port}"),
        None => name.to_owned(),
    }
}

/// What a page of metrics says by each preset, one after the other.
pub(super) fn understand(text: &str) -> Result<Reading, String> {
    let mut whole = Reading::default();
    for preset in PRESETS {
        let options = SourceOptions { preset: Some(preset.name.to_owned()), ..SourceOptions::default() };
        let Reading { backends, requests } = Mapping::new(&options)?.reading(text)?;
        whole.backends.extend(backends);
        whole.requests.extend(requests);
    }
    Ok(whole)
}

impl Source for Prometheus {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let page = self.asking.fetch(&self.fetcher, &self.url).await?;
            let text = String::from_utf8(page).map_err(|_| "what came is not text".to_owned())?;
            let mut reading = self.mapping.reading(&text)?;
            // Of the others nobody knows whether they count their metrics among the requests.
            if self.mapping.aside.is_some() {
                self.asking.mark(&mut reading.requests);
            }
            Ok(reading)
        })
    }

    fn counts(&self) -> bool {
        self.mapping.requests.is_some()
    }

    fn succeed(&self, before: &dyn Source) {
        let before = (before as &dyn Any).downcast_ref::<Prometheus>();
        if let Some(before) = before.filter(|before| before.url == self.url) {
            self.asking.succeed(&before.asking);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(preset: &str, text: &str) -> (Vec<(String, String, Health)>, u64) {
        let options = SourceOptions { preset: Some(preset.to_owned()), ..SourceOptions::default() };
        let reading = Mapping::new(&options).expect("a preset").reading(text).expect("metrics");
        let backends = reading.backends.into_iter();
        let backends = backends.map(|one| (one.pool, one.address, one.finding.expect("found out").status)).collect();
        (backends, reading.requests.iter().map(|counter| counter.value - counter.aside).sum())
    }

    fn one(pool: &str, address: &str, status: Health) -> (String, String, Health) {
        (pool.to_owned(), address.to_owned(), status)
    }

    #[test]
    fn each_preset_knows_its_program() {
        use Health::{Healthy, Unhealthy, Unknown};
        let traefik = "traefik_service_server_up{service=\"web@file\",url=\"http://10.0.0.1:80\"} 1\n\
                       traefik_service_server_up{service=\"web@file\",url=\"https://10.0.0.2\"} 0\n\
                       traefik_entrypoint_requests_total{code=\"200\",entrypoint=\"web\",method=\"GET\",protocol=\"http\"} 7\n\
                       traefik_entrypoint_requests_total{code=\"404\",entrypoint=\"web\",method=\"GET\",protocol=\"http\"} 2\n\
                       traefik_entrypoint_requests_total{code=\"200\",entrypoint=\"traefik\",method=\"GET\",protocol=\"http\"} 5\n";
        let (up, down) = (one("web@file", "10.0.0.1:80", Healthy), one("web@file", "10.0.0.2:443", Unhealthy));
        assert_eq!(read("traefik", traefik), (vec![up, down], 9));
        let caddy = "caddy_reverse_proxy_upstreams_healthy{upstream=\"127.0.0.1:8081\"} 1\n\
                     caddy_http_requests_total{handler=\"subroute\",server=\"srv0\"} 5\n";
        assert_eq!(read("caddy", caddy), (vec![one("caddy", "127.0.0.1:8081", Healthy)], 5));
        let haproxy = "haproxy_server_status{proxy=\"app\",server=\"a\",state=\"DOWN\"} 1\n\
                       haproxy_server_status{proxy=\"app\",server=\"a\",state=\"UP\"} 0\n\
                       haproxy_server_status{proxy=\"app\",server=\"b\",state=\"UP\"} 0\n\
                       haproxy_server_status{proxy=\"app\",server=\"b\",state=\"MAINT\"} 1\n\
                       haproxy_frontend_http_requests_total{proxy=\"in\"} 3\n\
                       haproxy_frontend_http_requests_total{proxy=\"stats\"} 9\n\
                       haproxy_frontend_intercepted_requests_total{proxy=\"in\"} 0\n\
                       haproxy_frontend_intercepted_requests_total{proxy=\"stats\"} 9\n";
        assert_eq!(read("haproxy", haproxy), (vec![one("app", "a", Unhealthy), one("app", "b", Unknown)], 3));
        let envoy = "envoy_cluster_membership_healthy{envoy_cluster_name=\"web\"} 2\n\
                     envoy_http_downstream_rq_completed{envoy_http_conn_manager_prefix=\"admin\"} 7\n\
                     envoy_http_api_downstream_rq_completed{envoy_http_conn_manager_prefix=\"admin\"} 2\n\
                     envoy_listener_admin_http_downstream_rq_completed{envoy_http_conn_manager_prefix=\"admin\"} 6\n\
                     envoy_listener_http_downstream_rq_completed{envoy_http_conn_manager_prefix=\"in\"} 4\n\
                     envoy_http_downstream_rq_completed{envoy_http_conn_manager_prefix=\"in\"} 4\n";
        assert_eq!(read("envoy", envoy), (vec![one("envoy", "web", Healthy)], 1 + 2 + 4));
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        let refused = |options: SourceOptions| Mapping::new(&options).err().expect("refused");
        assert!(refused(SourceOptions::default()).contains("needs a `preset`"));
        let preset = SourceOptions { preset: Some("nginx".to_owned()), ..SourceOptions::default() };
        assert_eq!(refused(preset), "there is no `preset` `nginx`; there are traefik, caddy, envoy, haproxy");
        let up = SourceOptions { up_metric: Some("up".to_owned()), ..SourceOptions::default() };
        assert_eq!(refused(up), "`up_metric` needs a `backend_label`: which label holds the address?");
    }
}
