//! Verifying a token: its signature by a pinned algorithm, its times, its audience and issuer, then what it gives.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::claims::Claims;
use super::keys::{JwtAlgorithm, KeyPlace, KeySet, Keys};
use super::rights::Rights;
use crate::limits::{JWT_BYTES_MAX, JWT_KEYS_TRIED_MAX, TOKEN_LEEWAY};

/// What tokens have to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtSettings {
    /// The algorithms that are taken. One only, where there is one key.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Where the keys are.
    pub keys: KeyPlace,
    /// The `aud` a token has to name, if any.
    pub audience: Option<String>,
    /// The `iss` a token has to have, if any.
    pub issuer: Option<String>,
}

/// Why a token is not taken. The token is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Text that is no token of this kind.
    #[error("this is not a JSON Web Token")]
    NotOne,
    /// It was good until a while ago.
    #[error("the token has expired; get a new one")]
    Expired,
    /// Anything else that is wrong with it.
    #[error("{0}")]
    Bad(String),
    /// It may be good: we cannot tell.
    #[error("the token cannot be verified: {0}")]
    NoKeys(String),
}

/// Verifies tokens.
pub struct Verifier {
    settings: JwtSettings,
    keys: Arc<Keys>,
}

/// Two are equal that want the same of tokens; the keys are not looked at.
impl PartialEq for Verifier {
    fn eq(&self, other: &Verifier) -> bool {
        self.settings == other.settings
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").field(&self.settings).finish()
    }
}

impl Verifier {
    /// Reads the keys, or prepares to fetch them.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub fn new(settings: JwtSettings) -> Result<Verifier, String> {
        let keys = Keys::open(settings.keys.clone(), settings.algorithms.clone())?;
        Ok(Verifier { settings, keys: Arc::new(keys) })
    }

    /// What a token gives its holder.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn verify(&self, token: &str) -> Result<Rights, Refusal> {
        if token.len() > JWT_BYTES_MAX || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(Refusal::NotOne);
        }
        let header = decode_header(token).map_err(|_| Refusal::NotOne)?;
        let pinned = self.settings.algorithms.iter().any(|algorithm| algorithm.of_crate() == header.alg);
        if !pinned {
            let taken: Vec<&str> = self.settings.algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(Refusal::Bad(format!(
                "the token is signed with {:?}; taken is {}",
                header.alg,
                taken.join(", ")
            )));
        }
        let name = header.kid.as_deref();
        let keys = self.keys.current().await.map_err(Refusal::NoKeys)?;
        let mut found = self.by_any(&keys, name, header.alg, token);
        // It may be signed with a new key: they are rotated.
        let missed = match &found {
            None => true,
            Some(Err(Refusal::Bad(why))) => why == WRONG_SIGNATURE && !name.is_some_and(|name| keys.has(name)),
            Some(_) => false,
        };
        if missed && let Some(keys) = self.keys.renewed().await {
            found = self.by_any(&keys, name, header.alg, token);
        }
        found.unwrap_or_else(|| Err(Refusal::Bad("the token is signed with a key that is not known here".to_owned())))
    }

    /// Tries the keys that it may be. None: there is no such key.
    fn by_any(
        &self,
        keys: &KeySet,
        name: Option<&str>,
        algorithm: Algorithm,
        token: &str,
    ) -> Option<Result<Rights, Refusal>> {
        let mut last = None;
        for key in keys.matching(name, algorithm).take(JWT_KEYS_TRIED_MAX) {
            let result = self.by(key, algorithm, token);
            let wrong_key = matches!(&result, Err(Refusal::Bad(why)) if why == WRONG_SIGNATURE);
            last = Some(result);
            if !wrong_key {
                break;
            }
        }
        last
    }

    fn by(&self, key: &DecodingKey, algorithm: Algorithm, token: &str) -> Result<Rights, Refusal> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = TOKEN_LEEWAY.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        match &self.settings.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| refusal(error.kind()))?.claims;
        claims.rights().map_err(Refusal::Bad)
    }
}

const WRONG_SIGNATURE: &str = "the signature of the token is wrong";

fn refusal(kind: &ErrorKind) -> Refusal {
    let words = match kind {
        ErrorKind::ExpiredSignature => return Refusal::Expired,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => return Refusal::NotOne,
        ErrorKind::InvalidSignature => WRONG_SIGNATURE.to_owned(),
        ErrorKind::ImmatureSignature => "the token is not valid yet (`nbf`)".to_owned(),
        ErrorKind::InvalidAudience => "the token is for another audience (`aud`)".to_owned(),
        ErrorKind::InvalidIssuer => "the token is of another issuer (`iss`)".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("the token has no `{claim}`"),
        other => {
            format!("the token has claims that cannot be read: {}", jsonwebtoken::errors::Error::from(other.clone()))
        }
    };
    Refusal::Bad(words)
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
    }

    fn verifier(audience: Option<&str>, issuer: Option<&str>) -> (tempfile::NamedTempFile, Verifier) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, SECRET).expect("a file");
        let settings = JwtSettings {
            algorithms: vec![JwtAlgorithm::Hs256],
            keys: KeyPlace::Key(file.path().to_owned()),
            audience: audience.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
        };
        let verifier = Verifier::new(settings).expect("a key");
        (file, verifier)
    }

    fn signed(claims: &Value, secret: &[u8], algorithm: Algorithm) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).expect("a token")
    }

    fn bad(why: &str) -> Option<Refusal> {
        Some(Refusal::Bad(why.to_owned()))
    }

    #[tokio::test]
    async fn both_sides_of_its_times() {
        let (_file, verifier) = verifier(None, None);
        let leeway = TOKEN_LEEWAY.as_secs();
        for (claims, refusal) in [
            (json!({"exp": now() + 60}), None),
            (json!({"exp": now() - leeway + 5}), None),
            (json!({"exp": now() - leeway - 5}), Some(Refusal::Expired)),
            (json!({"exp": now() + 60, "nbf": now() + leeway - 5}), None),
            (json!({"exp": now() + 60, "nbf": now() + leeway + 5}), bad("the token is not valid yet (`nbf`)")),
            (json!({"sub": "ana"}), bad("the token has no `exp`")),
        ] {
            let token = signed(&claims, SECRET, Algorithm::HS256);
            assert_eq!(verifier.verify(&token).await.err(), refusal, "{claims}");
        }
    }

    #[tokio::test]
    async fn only_the_pinned_algorithm_and_the_key_are_taken() {
        let (_file, verifier) = verifier(None, None);
        let claims = json!({"exp": now() + 60});
        let other = signed(&claims, b"another secret of 32 bytes......", Algorithm::HS256);
        assert_eq!(verifier.verify(&other).await.err(), bad(WRONG_SIGNATURE));
        let stronger = signed(&claims, SECRET, Algorithm::HS384);
        let words = "the token is signed with HS384; taken is HS256";
        assert_eq!(verifier.verify(&stronger).await.err(), bad(words));
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{}.", other.split('.').nth(1).expect("claims"));
        for text in ["", "a.b", "a.b.c", "a.b.c.d", none.as_str()] {
            assert_eq!(verifier.verify(text).await.err(), Some(Refusal::NotOne), "{text}");
        }
        let long = "a".repeat(JWT_BYTES_MAX);
        assert_eq!(verifier.verify(&format!("{long}.b.c")).await.err(), Some(Refusal::NotOne));
    }

    #[tokio::test]
    async fn audience_and_issuer_are_held_to_when_they_are_set() {
        let (_file, strict) = verifier(Some("fleet"), Some("https://id.example"));
        let (_other, lax) = verifier(None, None);
        let exp = now() + 60;
        for (claims, refusal) in [
            (json!({"exp": exp, "aud": "fleet", "iss": "https://id.example"}), None),
            (json!({"exp": exp, "aud": ["shop", "fleet"], "iss": "https://id.example"}), None),
            (
                json!({"exp": exp, "aud": "shop", "iss": "https://id.example"}),
                bad("the token is for another audience (`aud`)"),
            ),
            (json!({"exp": exp, "iss": "https://id.example"}), bad("the token has no `aud`")),
            (json!({"exp": exp, "aud": "fleet", "iss": "x"}), bad("the token is of another issuer (`iss`)")),
            (json!({"exp": exp, "aud": "fleet"}), bad("the token has no `iss`")),
        ] {
            let token = signed(&claims, SECRET, Algorithm::HS256);
            assert_eq!(strict.verify(&token).await.err(), refusal, "{claims}");
            assert!(lax.verify(&token).await.is_ok(), "{claims}");
        }
    }

    #[tokio::test]
    async fn a_key_file_that_changes_is_read_again_and_a_bad_one_is_not_taken() {
        let (file, verifier) = verifier(None, None);
        let token = signed(&json!({"exp": now() + 60}), SECRET, Algorithm::HS256);
        assert!(verifier.verify(&token).await.is_ok());
        std::fs::write(&file, b"short").expect("a file");
        assert!(verifier.verify(&token).await.is_ok(), "the old key holds");
        std::fs::write(&file, b"another secret, which is longer than the first").expect("a file");
        assert_eq!(verifier.verify(&token).await.err(), bad(WRONG_SIGNATURE));
    }
}
