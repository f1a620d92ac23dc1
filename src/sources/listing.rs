//! A list of backends as people and programs write it: in a file, or pushed to us.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Asked, Counter, Finding, Reading, Record};
use crate::net::fault::peer_words;
use crate::protocol::{Admin, Health};

/// The whole list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The backends.
    pub(super) backends: Vec<Listed>,
    /// Requests by who counted them; only what is pushed has them.
    #[serde(default)]
    pub(super) requests: BTreeMap<String, u64>,
}

/// One backend of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    address: String,
    #[serde(default)]
    pool: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    admin: Admin,
    #[serde(default)]
    status: Option<Health>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    latency_ms: Option<f64>,
}

impl Listing {
    /// What it says. Backends without a pool belong to `pool`.
    pub(super) fn reading(self, pool: Option<&str>) -> Result<Reading, String> {
        let numbered = self.backends.into_iter().enumerate();
        let backends =
            numbered.map(|(index, listed)| listed.record(pool).map_err(|why| format!("backend {} {why}", index + 1)));
        let requests = self.requests.into_iter().map(|(name, value)| Counter::new(name, value));
        Ok(Reading { backends: backends.collect::<Result<_, String>>()?, requests: requests.collect() })
    }
}

impl Listed {
    fn record(self, pool: Option<&str>) -> Result<Record, String> {
        let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_control() || c.is_whitespace());
        if !plain(&self.address) {
            return Err("has no address, or one with blanks in it".to_owned());
        }
        let Some(pool) = self.pool.as_deref().or(pool).filter(|pool| plain(pool)) else {
            return Err(format!("({}) has no `pool`, or one with blanks in it", self.address));
        };
        let latency = self.latency_ms.map(|ms| Duration::try_from_secs_f64(ms / 1000.0));
        let latency =
            latency.transpose().map_err(|_| format!("({}) has a `latency_ms` that is no time", self.address))?;
        let finding = self.status.map(|status| Finding {
            status,
            state: self.state.as_deref().map_or_else(|| status.word().to_owned(), peer_words),
            detail: self.detail.as_deref().map(peer_words),
            latency,
            last_change: None,
        });
        Ok(Record {
            pool: pool.to_owned(),
            name: self.name.unwrap_or_else(|| self.address.clone()),
            address: self.address,
            weight: self.weight.unwrap_or(1),
            admin: self.admin,
            finding,
            asked: Asked::AsSet,
        })
    }
}
