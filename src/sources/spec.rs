//! One source as the settings have it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{KINDS, Kind, Source, SourceOptions, Telling};
use crate::limits::SOURCE_INTERVAL;

/// One source as the settings have it.
#[derive(Clone)]
pub struct SourceSpec {
    /// Its name, unique; it stands on the wire.
    pub name: String,
    /// Time between the starts of two readings. Default 2 s, the cadence of the metrics.
    pub interval: Duration,
    /// Longest one reading may take. Default 2 s.
    pub timeout: Duration,
    pub(super) kind: &'static Kind,
    pub(super) options: SourceOptions,
    pub(super) source: Arc<dyn Source>,
}

impl SourceSpec {
    /// Prepares a source of the kind called `kind`, with the default times.
    ///
    /// # Errors
    /// What the options have wrong, and what to write instead.
    pub fn new(name: &str, kind: &'static Kind, options: SourceOptions) -> Result<SourceSpec, String> {
        if let Some(unknown) = options.given().find(|given| !kind.options.contains(given)) {
            let takes = match kind.options {
                [] => "nothing but `url`".to_owned(),
                known => known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", "),
            };
            return Err(format!("a source of kind `{}` has no `{unknown}`; it takes {takes}", kind.name));
        }
        let schemes = || kind.schemes.iter().map(|scheme| format!("`{scheme}://`")).collect::<Vec<_>>().join(", ");
        match &options.url {
            Some(_) if kind.schemes.is_empty() => return Err(format!("a source of kind `{}` has no `url`", kind.name)),
            Some(url) if !kind.schemes.iter().any(|scheme| has_scheme(url, scheme)) => {
                return Err(format!("the `url` of a source of kind `{}` begins with {}", kind.name, schemes()));
            }
            _ => {}
        }
        let source = (kind.new)(&options)?;
        Ok(SourceSpec {
            name: name.to_owned(),
            interval: SOURCE_INTERVAL,
            timeout: SOURCE_INTERVAL,
            kind,
            options,
            source,
        })
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// Whether it takes orders.
    pub fn telling(&self) -> Telling {
        self.kind.telling
    }

    /// Whether its readings have request counts.
    pub fn counts(&self) -> bool {
        self.source.counts()
    }

    /// What is asked.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Whether the other goes by the same name and is of the same kind.
    pub fn is_named_like(&self, other: &SourceSpec) -> bool {
        self.name == other.name && self.kind.name == other.kind.name
    }

    /// Whether the other is read in the same manner, as far as the settings say.
    pub fn is_like(&self, other: &SourceSpec) -> bool {
        self.is_named_like(other)
            && (&self.options, self.interval, self.timeout) == (&other.options, other.interval, other.timeout)
    }

    /// Where it counts: the same for two that are sure to show the same counters. Hashed, because it is kept, and an address
    /// may hold a password.
    pub fn place(&self) -> String {
        let SourceOptions { url, metrics_url, requests_metric, preset, .. } = &self.options;
        let place = json!([self.name, self.kind.name, url, metrics_url, requests_metric, preset]);
        let digest = Sha256::digest(place.to_string());
        digest.iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://").is_some_and(|(given, _)| given.eq_ignore_ascii_case(scheme))
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} {} every {:?})", self.kind.name, self.name, self.interval)
    }
}
