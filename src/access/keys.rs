//! The keys that tokens are verified with: one in a file, or a set (RFC 7517) in a file or at a URL.
//!
//! A file is looked at again when it has changed. A set at a URL is fetched when it is first needed, again once it is
//! [`JWKS_FRESH`] old or a token names a key that is not in it, at most every [`JWKS_PAUSE`]; while that fails, the old set
//! holds for [`JWKS_KEEP`]. Whoever brings a token with a known key never waits for a fetch.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use url::Url;

use super::stamp::Stamp;
use crate::limits::{JWKS_BYTES_MAX, JWKS_FRESH, JWKS_KEEP, JWKS_PAUSE, JWKS_TIMEOUT, JWT_SECRET_BYTES_MIN};
use crate::net::Fault;
use crate::net::fault::{in_words, io_words};
use crate::net::http::{HttpClient, Request};
use crate::net::tls::{self, Sessions, TlsOptions, Trust};

/// The algorithms that a token may be signed with. Which of them are taken is pinned in the settings: what a token says
/// of itself decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256: whoever can verify can sign.
    Hs256,
    /// RSA (PKCS #1 1.5) with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// Every algorithm.
    pub const ALL: [JwtAlgorithm; 4] =
        [JwtAlgorithm::Hs256, JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa];

    /// The name in tokens and settings.
    pub const fn name(self) -> &'static str {
        match self {
            JwtAlgorithm::Hs256 => "HS256",
            JwtAlgorithm::Rs256 => "RS256",
            JwtAlgorithm::Es256 => "ES256",
            JwtAlgorithm::EdDsa => "EdDSA",
        }
    }

    pub(super) const fn of_crate(self) -> Algorithm {
        match self {
            JwtAlgorithm::Hs256 => Algorithm::HS256,
            JwtAlgorithm::Rs256 => Algorithm::RS256,
            JwtAlgorithm::Es256 => Algorithm::ES256,
            JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        }
    }

    fn key(self, text: &[u8]) -> Result<DecodingKey, String> {
        let key = match self {
            JwtAlgorithm::Hs256 => {
                let secret = text.trim_ascii();
                if is_key_for_others(secret) {
                    return Err(
                        "holds a key in PEM or JSON, which is no secret: whoever has it could sign tokens; write \
                                random text there for HS256, or name the algorithm of the key"
                            .to_owned(),
                    );
                }
                if secret.len() < JWT_SECRET_BYTES_MIN {
                    return Err(format!(
                        "holds {} bytes; a secret for HS256 has at least {JWT_SECRET_BYTES_MIN}",
                        secret.len()
                    ));
                }
                return Ok(DecodingKey::from_secret(secret));
            }
            JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(text),
            JwtAlgorithm::Es256 => DecodingKey::from_ec_pem(text),
            JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(text),
        };
        key.map_err(|_| format!("holds no public key for {} in PEM", self.name()))
    }
}

/// Whether this is a key in a form in which public ones are handed out. As a secret, everybody would know it.
fn is_key_for_others(text: &[u8]) -> bool {
    const PEM: &[u8] = b"-----BEGIN";
    // Some tools write a description in front, and some editors a byte order mark.
    let json = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let document = serde_json::from_slice::<serde_json::Value>(json);
    text.windows(PEM.len()).any(|piece| piece == PEM) || document.is_ok_and(|it| it.is_object() || it.is_array())
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// One key: a public key in PEM, or the secret of HS256.
    Key(PathBuf),
    /// A key set, as JSON.
    Set(PathBuf),
    /// A key set that is fetched.
    Url(Url),
}

/// The keys as they are now.
pub(super) struct Keys {
    place: KeyPlace,
    algorithms: Vec<JwtAlgorithm>,
    held: Mutex<Held>,
    /// Held while the set is fetched.
    fetching: Arc<tokio::sync::Mutex<()>>,
    client: Option<HttpClient>,
}

struct Held {
    set: Arc<KeySet>,
    /// When it was fetched; none: never, or it is of a file.
    fetched: Option<Instant>,
    /// When fetching was last tried.
    tried: Option<Instant>,
    /// What the file looked like.
    stamp: Option<Stamp>,
}

/// Keys and the names they have.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<(Option<String>, Option<Algorithm>, DecodingKey)>);

impl KeySet {
    /// The keys that a token with this name and algorithm may be signed with.
    pub(super) fn matching<'k>(
        &'k self,
        name: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k DecodingKey> {
        let fits = move |(known, pinned, key): &&(Option<String>, Option<Algorithm>, DecodingKey)| {
            let named = match (name, known) {
                (Some(name), Some(known)) => name == known,
                // One of them does not name it.
                _ => true,
            };
            named && pinned.is_none_or(|pinned| pinned == algorithm) && key.family() == algorithm.family()
        };
        self.0.iter().filter(fits).map(|(_, _, key)| key)
    }

    /// Whether a key has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, ..)| known.as_deref() == Some(name))
    }

    /// Reads a key set. Keys for something else than verifying with one of these algorithms are left out.
    fn parse(text: &[u8], algorithms: &[JwtAlgorithm]) -> Result<KeySet, String> {
        let set: JwkSet = serde_json::from_slice(text).map_err(|error| format!("is not a key set: {error}"))?;
        let key = |jwk: &Jwk| {
            let encrypts = matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
            let pinned = jwk.common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
            let key = DecodingKey::from_jwk(jwk).ok().filter(|_| !encrypts)?;
            // A secret has no place in a set that is made to be public.
            let wanted = |algorithm: &JwtAlgorithm| {
                *algorithm != JwtAlgorithm::Hs256
                    && algorithm.of_crate().family() == key.family()
                    && pinned.is_none_or(|pinned| pinned == algorithm.of_crate())
            };
            let secret = key.family() == AlgorithmFamily::Hmac;
            (!secret && algorithms.iter().any(wanted)).then(|| (jwk.common.key_id.clone(), pinned, key))
        };
        let keys: Vec<_> = set.keys.iter().filter_map(key).collect();
        if keys.is_empty() {
            let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(format!("holds no key for {}", names.join(", ")));
        }
        Ok(KeySet(keys))
    }
}

impl Keys {
    /// Takes the place of the keys. A file is read now, a URL later.
    pub(super) fn open(place: KeyPlace, algorithms: Vec<JwtAlgorithm>) -> Result<Keys, String> {
        let (set, stamp) = match &place {
            KeyPlace::Key(path) | KeyPlace::Set(path) => {
                let (set, stamp) = read(path, &place, &algorithms)?;
                (set, Some(stamp))
            }
            KeyPlace::Url(_) => (KeySet::default(), None),
        };
        let client = match &place {
            KeyPlace::Url(url) => {
                // Nobody's certificate is looked at over plain HTTP: the machine's need not be read.
                let trust = if url.scheme() == "https" { Trust::Platform } else { Trust::Anyone };
                let options = TlsOptions { trust, identity: None };
                let tls =
                    tls::client_config(&options, Sessions::Fresh, &["http/1.1"]).map_err(|bad| bad.to_string())?;
                Some(HttpClient::for_checks(&tls))
            }
            _ => None,
        };
        let held = Held { set: Arc::new(set), fetched: None, tried: None, stamp };
        Ok(Keys { place, algorithms, held: Mutex::new(held), fetching: Arc::default(), client })
    }

    /// The keys, as fresh as they can be had.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<KeySet>, String> {
        match &self.place {
            KeyPlace::Key(path) | KeyPlace::Set(path) => Ok(self.of_file(path)),
            KeyPlace::Url(_) => {
                match self.age() {
                    Some(age) if age < JWKS_FRESH => {}
                    // They are good enough for this token, and the next ones get newer ones.
                    Some(age) if age < JWKS_KEEP => {
                        if let Ok(turn) = Arc::clone(&self.fetching).try_lock_owned() {
                            self.begin(turn);
                        }
                    }
                    _ => self.fetch().await?,
                }
                Ok(self.held().set.clone())
            }
        }
    }

    /// The keys after somebody has missed one. None: they are the same.
    pub(super) async fn renewed(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        if !matches!(self.place, KeyPlace::Url(_)) {
            return None;
        }
        self.fetch().await.ok()?;
        Some(self.held().set.clone())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn age(&self) -> Option<std::time::Duration> {
        self.held().fetched.map(|at| at.elapsed())
    }

    fn of_file(&self, path: &Path) -> Arc<KeySet> {
        let mut held = self.held();
        let now = Stamp::of(path).ok();
        if now.is_some() && now != held.stamp {
            match read(path, &self.place, &self.algorithms) {
                Ok((set, stamp)) => {
                    tracing::info!(file = %path.display(), "the keys for tokens have changed");
                    *held = Held { set: Arc::new(set), stamp: Some(stamp), fetched: None, tried: None };
                }
                Err(why) => {
                    tracing::warn!("{why}; the keys from before still hold");
                    held.stamp = now;
                }
            }
        }
        held.set.clone()
    }

    /// Fetches the set, unless that was tried just now.
    async fn fetch(self: &Arc<Self>) -> Result<(), String> {
        let fetching = Arc::clone(&self.fetching);
        // Whoever has keys goes on with them while another fetches.
        let turn = match fetching.clone().try_lock_owned() {
            Ok(turn) => turn,
            Err(_) if self.age().is_some() => return Err("the keys are being fetched".to_owned()),
            Err(_) => fetching.lock_owned().await,
        };
        self.begin(turn).await.unwrap_or_else(|broken| Err(format!("the keys cannot be fetched: {broken}")))
    }

    /// Begins to fetch, in a task of its own: whoever brought the token that asks for it may hang up, and others wait for the
    /// keys, too.
    fn begin(self: &Arc<Self>, turn: OwnedMutexGuard<()>) -> JoinHandle<Result<(), String>> {
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = turn;
            keys.load().await
        })
    }

    async fn load(&self) -> Result<(), String> {
        {
            let mut held = self.held();
            if held.tried.is_some_and(|at| at.elapsed() < JWKS_PAUSE) {
                let lately = held.fetched.is_some_and(|at| at.elapsed() < JWKS_PAUSE);
                let words = || format!("the keys could not be fetched; trying again within {}", in_words(JWKS_PAUSE));
                return if lately { Ok(()) } else { Err(words()) };
            }
            held.tried = Some(Instant::now());
        }
        let KeyPlace::Url(url) = &self.place else { return Ok(()) };
        let fetched = timeout(JWKS_TIMEOUT, self.get(url))
            .await
            .unwrap_or_else(|_| Err(Fault::Deadline(JWKS_TIMEOUT).to_string()));
        match fetched.and_then(|body| KeySet::parse(&body, &self.algorithms)) {
            Ok(set) => {
                let mut held = self.held();
                held.set = Arc::new(set);
                held.fetched = Some(Instant::now());
                Ok(())
            }
            Err(why) => {
                tracing::warn!(%url, "the keys for tokens cannot be fetched: {why}");
                Err(format!("the keys cannot be fetched: {why}"))
            }
        }
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        let Some(client) = &self.client else { return Err("there is no client".to_owned()) };
        let request = Request { method: Method::GET, url: url.clone(), headers: HeaderMap::new(), body: Bytes::new() };
        let answer = client.send(request).await.map_err(|failed| failed.fault().to_string())?;
        if answer.status() != 200 {
            return Err(format!("answered {}", answer.status()));
        }
        let body = answer.body(JWKS_BYTES_MAX).await.map_err(|fault| fault.to_string())?;
        if body.len() == JWKS_BYTES_MAX {
            return Err(format!("the key set has {JWKS_BYTES_MAX} bytes or more"));
        }
        Ok(body)
    }
}

fn read(path: &Path, place: &KeyPlace, algorithms: &[JwtAlgorithm]) -> Result<(KeySet, Stamp), String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("`{shown}` cannot be read: {}", io_words(&error));
    let stamp = Stamp::of(path).map_err(unreadable)?;
    if stamp.size > JWKS_BYTES_MAX as u64 {
        return Err(format!("`{shown}` is longer than {JWKS_BYTES_MAX} bytes; is this the right file?"));
    }
    let text = fs::read(path).map_err(unreadable)?;
    let set = match place {
        KeyPlace::Key(_) => {
            // One key is for one algorithm; the settings hold them to that.
            let keys: Result<Vec<_>, String> = algorithms
                .iter()
                .map(|algorithm| Ok((None, Some(algorithm.of_crate()), algorithm.key(&text)?)))
                .collect();
            keys.map(KeySet)
        }
        _ => KeySet::parse(&text, algorithms),
    };
    Ok((set.map_err(|why| format!("`{shown}` {why}"))?, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_no_secret() {
        let long = "x".repeat(JWT_SECRET_BYTES_MIN);
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{long}"}}"#);
        for text in [
            format!("-----BEGIN PUBLIC KEY-----\n{long}\n-----END PUBLIC KEY-----\n"),
            format!("\u{feff}-----BEGIN CERTIFICATE-----\n{long}\n"),
            format!("Certificate: of ours\n-----BEGIN CERTIFICATE-----\n{long}\n"),
            jwk.clone(),
            format!("\u{feff}{jwk}\n"),
            format!(r#"{{"keys":[{jwk}]}}"#),
            format!("[{jwk}]"),
        ] {
            let why = JwtAlgorithm::Hs256.key(text.as_bytes()).err().unwrap_or_else(|| panic!("taken: {text}"));
            assert!(why.starts_with("holds a key in PEM or JSON"), "{why}");
        }
        for text in [long.clone(), format!("-----{long}"), format!("{{{long}"), "7".repeat(JWT_SECRET_BYTES_MIN)] {
            assert!(JwtAlgorithm::Hs256.key(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
