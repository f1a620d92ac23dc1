//! How targets are checked that become known later: everything but the target.

use super::{CheckSpec, Probe, ProbeOptions, Timing};
use crate::net::Target;

/// How targets are checked that become known later.
#[derive(Debug, Clone)]
pub struct Template {
    /// The scheme, which is the kind of check.
    pub scheme: String,
    /// How to ask.
    pub options: ProbeOptions,
    /// How often.
    pub timing: Timing,
}

impl Default for Template {
    fn default() -> Self {
        Template { scheme: "tcp".to_owned(), options: ProbeOptions::default(), timing: Timing::default() }
    }
}

impl Template {
    /// The check of the target at `address`, `host:port`.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn spec(&self, name: String, address: &str) -> Result<CheckSpec, String> {
        let target = Target::parse(&format!("{}://{address}", self.scheme)).map_err(|error| error.to_string())?;
        let probe = Probe::new(&target, &self.options)?;
        Ok(CheckSpec { name, probe, timing: self.timing.clone() })
    }
}
