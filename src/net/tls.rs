//! TLS for everything that connects: whom to trust, who we are, and which protocols we offer. One provider, aws-lc-rs. The
//! other end of it, for whoever connects to us, is [`server`].

pub mod server;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// What the user may say about TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whose certificates are good.
    pub trust: Trust,
    /// The certificate we show when asked for one.
    pub identity: Option<Identity>,
}

/// Whose certificates are good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those of the authorities this machine trusts.
    #[default]
    Platform,
    /// Those, and the authorities in this PEM file.
    PlatformAnd(PathBuf),
    /// Anyone's. The peer still has to prove that it holds the key of the certificate it shows.
    Anyone,
}

/// A certificate of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file with the certificate, and then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
}

/// Whether a later connection may skip the handshake of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Cheaper.
    Resumed,
    /// Whoever judges the peer wants to see its certificate each time: a resumed session hides a new or an expired one.
    Fresh,
}

/// What a file is that holds authorities, in an error.
pub const AUTHORITIES_ROLE: &str = "a list of authorities";

/// What a file is that holds a key, in an error.
pub const KEY_ROLE: &str = "a private key";

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A PEM file that is not there or has not in it what it should.
    #[error("cannot use `{}` as {role}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        role: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A key that is not that of the certificate, or of a kind nobody can use.
    #[error("cannot use the key `{}` with the certificate `{}`: {}", key.display(), certificate.display(), pair_words(why))]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        why: rustls::Error,
    },
}

/// Builds what a TLS client needs. `alpn`: the protocols offered, best first; none: no offer.
///
/// # Errors
/// [`BadTls`] when a file of the options cannot be used.
pub fn client_config(options: &TlsOptions, sessions: Sessions, alpn: &[&str]) -> Result<Arc<ClientConfig>, BadTls> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3");
    let builder = match &options.trust {
        Trust::Platform => match platform_verifier(&provider) {
            Some(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier),
            // A machine without any authority, as in a bare container: plain connections work, TLS ones fail with
            // "unknown issuer" until an authority is named.
            None => builder.with_root_certificates(RootCertStore::empty()),
        },
        Trust::PlatformAnd(path) => {
            let verifier = Verifier::new_with_extra_roots(authorities(path)?, provider)
                .map_err(|why| BadTls::File { path: path.clone(), role: AUTHORITIES_ROLE, why: why.to_string() })?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        Trust::Anyone => {
            let verifier = AnyCertificate(provider.signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            builder.with_client_auth_cert(chain, key).map_err(|why| BadTls::Pair {
                certificate: identity.certificate.clone(),
                key: identity.key.clone(),
                why,
            })?
        }
    };
    if sessions == Sessions::Fresh {
        config.resumption = Resumption::disabled();
    }
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// The authorities of this machine, read once: a thousand checks share them. None: it has none.
fn platform_verifier(provider: &Arc<CryptoProvider>) -> Option<Arc<Verifier>> {
    static VERIFIER: OnceLock<Option<Arc<Verifier>>> = OnceLock::new();
    VERIFIER.get_or_init(|| Verifier::new(provider.clone()).ok().map(Arc::new)).clone()
}

/// The certificates of a PEM file, at least one.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    certificates(path, AUTHORITIES_ROLE)
}

fn certificates(path: &Path, role: &'static str) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |why: String| BadTls::File { path: path.to_owned(), role, why };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|why| bad(pem_words(&why)));
    match found? {
        none if none.is_empty() => Err(bad("no certificate in it; it has to be PEM".to_owned())),
        some => Ok(some),
    }
}

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), BadTls> {
        let chain = certificates(&self.certificate, "a certificate")?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|why| BadTls::File {
            path: self.key.clone(),
            role: KEY_ROLE,
            why: pem_words(&why),
        })?;
        Ok((chain, key))
    }
}

fn pair_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "it is the key of another one".to_owned(),
        other => other.to_string(),
    }
}

fn pem_words(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => super::fault::io_words(error),
        Error::NoItemsFound => "nothing of the kind in it; it has to be PEM".to_owned(),
        other => other.to_string(),
    }
}

/// Takes any certificate for any name, but not a forged handshake.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing here\n").expect("written");
        let missing = folder.path().join("missing.pem");
        for (path, words) in [(&empty, "no certificate in it"), (&missing, "no such file or directory")] {
            let options = TlsOptions { trust: Trust::PlatformAnd(path.clone()), identity: None };
            let error = client_config(&options, Sessions::Fresh, &[]).expect_err("cannot be used").to_string();
            assert!(error.contains(words) && error.contains(&*path.to_string_lossy()), "{error}");
        }
        let identity = Some(Identity { certificate: empty.clone(), key: empty });
        let options = TlsOptions { identity, ..TlsOptions::default() };
        assert!(client_config(&options, Sessions::Fresh, &[]).is_err());
    }

    #[test]
    fn the_offer_is_the_callers() {
        for trust in [Trust::Platform, Trust::Anyone] {
            let options = TlsOptions { trust, identity: None };
            let config = client_config(&options, Sessions::Resumed, &["h2", "http/1.1"]).expect("no file is needed");
            assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        }
    }
}
