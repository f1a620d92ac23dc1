//! TLS for whoever connects to us: a certificate and its key, read, fit for each other and for today.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{AUTHORITIES_ROLE, BadTls, Identity, authorities};
use crate::net::certificate;

/// What the settings say about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Who we are.
    pub identity: Identity,
    /// Whether clients are asked who they are.
    pub clients: Option<Clients>,
}

/// Certificates of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// PEM file with the authorities that sign them.
    pub authorities: PathBuf,
    /// What becomes of a client without one.
    pub demand: Demand,
}

/// What becomes of a client that shows no certificate. One that shows a wrong one is never let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It is let in.
    Optional,
    /// It is not.
    Required,
}

/// TLS ready to be spoken.
#[derive(Debug, Clone)]
pub struct ServerTls {
    options: ServerOptions,
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    until: SystemTime,
}

impl ServerTls {
    /// Reads the files and sees whether they fit.
    ///
    /// # Errors
    /// [`BadTls`] for a file that cannot be used, a chain out of order, a key of another certificate, or one that has expired.
    pub fn load(options: ServerOptions, now: SystemTime) -> Result<ServerTls, BadTls> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (chain, key) = options.identity.read()?;
        let until = fit(&options.identity.certificate, &chain, now)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3");
        let builder = match &options.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
        };
        let mut config = builder.with_single_cert(chain.clone(), key).map_err(|why| BadTls::Pair {
            certificate: options.identity.certificate.clone(),
            key: options.identity.key.clone(),
            why,
        })?;
        // A WebSocket needs a connection of its own, and the rest is a few small files: HTTP/2 would only be more to attack.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerTls { options, config: Arc::new(config), chain, until })
    }

    /// What rustls needs.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Where it came from.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// The last moment at which the certificate is good.
    pub fn until(&self) -> SystemTime {
        self.until
    }

    /// The files it was read from.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let Identity { certificate, key } = &self.options.identity;
        let authorities = self.options.clients.as_ref().map(|clients| &clients.authorities);
        [certificate, key].into_iter().chain(authorities).map(PathBuf::as_path)
    }

    /// Whether the other shows the same certificates.
    pub fn shows_the_same(&self, other: &ServerTls) -> bool {
        self.chain == other.chain
    }
}

fn verifier(
    clients: &Clients,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, BadTls> {
    let bad = |why: String| BadTls::File { path: clients.authorities.clone(), role: AUTHORITIES_ROLE, why };
    let mut roots = RootCertStore::empty();
    for authority in authorities(&clients.authorities)? {
        roots.add(authority).map_err(|why| bad(why.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients.demand {
        Demand::Optional => builder.allow_unauthenticated(),
        Demand::Required => builder,
    };
    builder.build().map_err(|why| bad(why.to_string()))
}

/// Until when a chain is good, if it is one and is good now.
fn fit(path: &Path, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<SystemTime, BadTls> {
    let bad = |why: String| BadTls::File { path: path.to_owned(), role: "a certificate", why };
    let mut read = Vec::with_capacity(chain.len());
    for (index, der) in chain.iter().enumerate() {
        let outline = certificate::outline(der);
        read.push(outline.ok_or_else(|| bad(format!("number {} in it is no certificate", index + 1)))?);
    }
    for (index, pair) in read.windows(2).enumerate() {
        if pair[0].issuer != pair[1].subject {
            return Err(bad(format!(
                "number {} in it did not sign number {}; put the server's own first, then that of its authority, and so on",
                index + 2,
                index + 1
            )));
        }
    }
    // Clients look at the whole chain, so it is good for as long as the one that ends first.
    let until = read.iter().map(|one| one.not_after).min().unwrap_or(now);
    if until < now {
        return Err(bad(
            "it, or one that leads to its authority, has expired; put a renewed one in its place".to_owned()
        ));
    }
    Ok(until)
}
