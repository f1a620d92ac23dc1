//! nginx: the `upstream` blocks of its configuration, and the request count of its `stub_status` page, less what we ask.
//!
//! nginx does not tell how its upstreams are, so our own checks say. A server marked `down` is in maintenance.

mod config;

use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use url::Url;

use super::fetch::{Fetcher, Heard};
use super::{Counter, Kind, Reading, Source, SourceOptions, Telling};
use crate::disk::Disk;

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "nginx",
    schemes: &["http", "https"],
    options: &["file", "user", "password", "cacert", "insecure"],
    telling: Telling::Impossible,
    new,
};

/// Where Debian and most others keep it.
const CONFIG: &str = "/etc/nginx/nginx.conf";

struct Nginx {
    config: PathBuf,
    disk: Disk,
    status: Option<(Fetcher, Url)>,
    /// Our questions since the start, also those without an answer: a server that hangs answers them when it goes on, and counts
    /// them.
    asked: OnceLock<Arc<AtomicU64>>,
}

impl Nginx {
    fn asked(&self) -> &Arc<AtomicU64> {
        self.asked.get_or_init(Arc::default)
    }
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let status = match &options.url {
        None => None,
        Some(url) => {
            let fetcher = Fetcher::new(url, options)?;
            let url = fetcher.base().clone();
            Some((fetcher, url))
        }
    };
    let config = options.file.clone().unwrap_or_else(|| PathBuf::from(CONFIG));
    Ok(Arc::new(Nginx { config, disk: Disk::default(), status, asked: OnceLock::new() }))
}

/// What a configuration without includes and a page of status say.
pub(super) fn understand(text: &[u8], status: &str) -> Result<Reading, String> {
    let requests = requests(status).map(|value| Counter::new("requests", value));
    Ok(Reading { backends: config::upstreams_of(text)?, requests: requests.into_iter().collect() })
}

impl Source for Nginx {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let path = self.config.clone();
            let backends = self.disk.run(move || config::upstreams(&path)).await?;
            let Some((fetcher, url)) = &self.status else { return Ok(Reading { backends, requests: Vec::new() }) };
            // This may be dropped while it waits, at its deadline.
            self.asked().fetch_add(1, Ordering::Relaxed);
            let page = fetcher.ask(url.clone()).await.map_err(|(why, heard)| {
                if heard == Heard::Nothing {
                    self.asked().fetch_sub(1, Ordering::Relaxed);
                }
                why
            })?;
            let shown = requests(&String::from_utf8_lossy(&page.body))
                .ok_or_else(|| format!("`{}` shows no status of nginx; is `stub_status` there?", url.path()))?;
            let ours = self.asked().load(Ordering::Relaxed);
            let requests = vec![Counter { ours, ..Counter::new("requests", shown) }];
            Ok(Reading { backends, requests })
        })
    }

    fn counts(&self) -> bool {
        self.status.is_some()
    }

    fn succeed(&self, before: &dyn Source) {
        if let Some(before) = (before as &dyn Any).downcast_ref::<Nginx>() {
            // The same one: who was before may be asking now.
            let _ = self.asked.set(Arc::clone(before.asked()));
        }
    }
}

/// The third number of the third line.
fn requests(page: &str) -> Option<u64> {
    let mut lines = page.lines();
    lines.next().filter(|line| line.starts_with("Active connections:"))?;
    lines.nth(1)?.split_ascii_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_by_settings_that_are_gone_is_known_to_those_that_follow() {
        let source = || Nginx { config: CONFIG.into(), disk: Disk::default(), status: None, asked: OnceLock::new() };
        let (before, next) = (source(), source());
        before.asked().fetch_add(1, Ordering::Relaxed);
        next.succeed(&before);
        before.asked().fetch_add(1, Ordering::Relaxed);
        assert_eq!(next.asked().load(Ordering::Relaxed), 2);
    }

    #[test]
    fn the_status_page_shows_requests() {
        let page =
            "Active connections: 1 \nserver accepts handled requests\n 16 16 31 \nReading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(requests(page), Some(31));
        for other in ["", "<html>\n\n 1 2 3", "Active connections: 1\nx\n 1 2"] {
            assert_eq!(requests(other), None, "{other}");
        }
    }
}
