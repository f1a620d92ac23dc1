//! How targets are checked that become known later: everything but the target.

use std::sync::Arc;

use super::{CheckSpec, Probe, ProbeOptions, Shared, Timing};
use crate::net::Target;

/// How targets are checked that become known later. Clones share what was made of the options.
#[derive(Debug, Clone)]
pub struct Template {
    scheme: String,
    options: ProbeOptions,
    timing: Timing,
    shared: Arc<Shared>,
}

impl Default for Template {
    fn default() -> Self {
        Template {
            scheme: "tcp".to_owned(),
            options: ProbeOptions::default(),
            timing: Timing::default(),
            shared: Arc::default(),
        }
    }
}

impl Template {
    /// Checks of the kind that has this scheme. Reads the files that the options name.
    ///
    /// # Errors
    /// What the options have wrong.
    pub fn new(scheme: String, options: ProbeOptions, timing: Timing) -> Result<Template, String> {
        let template = Template { scheme, options, timing, shared: Arc::default() };
        // With a target in place of the real one: a mistake in the options shall be told now and not when one turns up,
        // and all that can fail or takes time is then done.
        template.spec(String::new(), "host:1")?;
        Ok(template)
    }

    /// The check of the target at `address`: `host:port`, or `unix:/run/app.sock`, which is only connected to.
    ///
    /// # Errors
    /// Why there can be none, which is the fault of the address.
    pub fn spec(&self, name: String, address: &str) -> Result<CheckSpec, String> {
        self.asking(&self.scheme, &self.options, name, address)
    }

    /// The check of a target at `address` of which nobody knows what it speaks: somebody accepts the connection.
    ///
    /// # Errors
    /// As [`Template::spec`].
    pub fn connecting(&self, name: String, address: &str) -> Result<CheckSpec, String> {
        self.asking("tcp", &ProbeOptions::default(), name, address)
    }

    fn asking(&self, scheme: &str, options: &ProbeOptions, name: String, address: &str) -> Result<CheckSpec, String> {
        let probe = match Probe::socket(address) {
            Some(probe) => probe,
            None => {
                let target = format!("{scheme}://{address}");
                let target = Target::parse(&target).map_err(|error| error.to_string())?;
                Probe::sharing(&target, options, &self.shared)?
            }
        };
        Ok(CheckSpec { name, probe, timing: self.timing.clone() })
    }
}
