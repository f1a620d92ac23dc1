//! What checks with the same options have in common, made once for all of them: it takes time, and it is made of files that
//! may have changed, or be gone, when the next target turns up.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::ClientConfig;

use super::ProbeOptions;
use super::body::Wanted;
use crate::net::tls::{self, Sessions, TlsOptions, Trust};

/// What checks with the same options have in common. Each kind takes from it what it needs, which is made on the first
/// occasion and given to all later ones.
#[derive(Debug, Default)]
pub struct Shared {
    /// By whom it trusts and what it offers, which follow from the scheme: there are never more than a few.
    tls: Mutex<Vec<Speaking>>,
    wanted: OnceLock<Arc<Wanted>>,
}

/// A TLS configuration, and what it was made for.
#[derive(Debug)]
struct Speaking {
    trust: Trust,
    alpn: &'static [&'static str],
    config: Arc<ClientConfig>,
}

impl Shared {
    /// How to speak TLS. A check wants to see the certificate each time, so no session is resumed.
    pub(super) fn tls(&self, trust: Trust, alpn: &'static [&'static str]) -> Result<Arc<ClientConfig>, String> {
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.iter().find(|known| known.trust == trust && known.alpn == alpn) {
            return Ok(Arc::clone(&same.config));
        }
        let options = TlsOptions { trust: trust.clone(), identity: None };
        let config = tls::client_config(&options, Sessions::Fresh, alpn).map_err(|bad| bad.to_string())?;
        known.push(Speaking { trust, alpn, config: Arc::clone(&config) });
        Ok(config)
    }

    /// What the options want of a body.
    pub(super) fn wanted(&self, options: &ProbeOptions) -> Result<Arc<Wanted>, String> {
        if let Some(wanted) = self.wanted.get() {
            return Ok(Arc::clone(wanted));
        }
        let wanted = Arc::new(Wanted::new(options)?);
        Ok(Arc::clone(self.wanted.get_or_init(|| wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_made_once() {
        let shared = Shared::default();
        let one = shared.tls(Trust::Anyone, &["h2"]).expect("no file is needed");
        let same = shared.tls(Trust::Anyone, &["h2"]).expect("no file is needed");
        assert!(Arc::ptr_eq(&one, &same));
        for (trust, alpn) in [(Trust::Platform, &["h2"][..]), (Trust::Anyone, &["http/1.1"]), (Trust::Anyone, &[])] {
            assert!(!Arc::ptr_eq(&one, &shared.tls(trust, alpn).expect("no file is needed")));
        }
        let options = ProbeOptions { body_matches: Some("^ready$".to_owned()), ..ProbeOptions::default() };
        let wanted = || shared.wanted(&options).expect("a pattern");
        assert!(Arc::ptr_eq(&wanted(), &wanted()));
    }
}
