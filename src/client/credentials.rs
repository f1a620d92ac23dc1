//! Credentials: where the token comes from, and whether it may be sent.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::endpoint::Endpoint;
use crate::net::fault::io_words;
use crate::protocol::Timestamp;
use crate::rendezvous;
use crate::secret::{BadSecret, Secret};

/// Longest file that is read for a token, in bytes. A longer one is some other file.
const TOKEN_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// The file, or standard input, cannot be read.
    #[error("cannot read the token from {from}: {why}")]
    Unreadable {
        /// `standard input`, or the file.
        from: String,
        /// What the system says.
        why: String,
    },
    /// What was read is none.
    #[error("{from} holds no token: {why}")]
    Bad {
        /// `standard input`, the variable, or the file.
        from: String,
        /// What is wrong with it.
        why: BadSecret,
    },
    /// It would travel in the clear.
    #[error("the token would travel in the clear to {0}; use https, or `--insecure` if you mean it")]
    InTheClear(String),
}

/// Reads a token from a file, `-` for standard input.
///
/// # Errors
/// [`NoToken`] with the place and what is wrong there.
pub fn read(path: &Path) -> Result<Secret, NoToken> {
    let (from, text) = if path == Path::new("-") {
        ("standard input".to_owned(), text_of(std::io::stdin().lock()))
    } else {
        (format!("`{}`", path.display()), std::fs::File::open(path).and_then(text_of))
    };
    let text = text.map_err(|error| NoToken::Unreadable { from: from.clone(), why: io_words(&error) })?;
    Secret::token(&text).map_err(|why| NoToken::Bad { from, why })
}

fn text_of(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Takes the token from the text of a variable.
///
/// # Errors
/// [`NoToken::Bad`] naming the variable.
pub fn from_variable(name: &str, text: &str) -> Result<Secret, NoToken> {
    Secret::token(text).map_err(|why| NoToken::Bad { from: format!("`{name}`"), why })
}

/// The token of the server that runs on this machine behind `endpoint`. None when there is no such server, or it keeps its
/// token in no file.
///
/// # Errors
/// When there is one and it cannot be read.
pub fn of_local_server(endpoint: &Endpoint) -> Result<Option<Secret>, NoToken> {
    if !endpoint.is_loopback() {
        return Ok(None);
    }
    let found = rendezvous::find(endpoint.port()).map_err(|error| NoToken::Unreadable {
        from: format!("`{}`", rendezvous::path(endpoint.port()).display()),
        why: io_words(&error),
    })?;
    // One that does not speak as the server does is another.
    let found = found.filter(|found| found.url.starts_with("https://") == endpoint.secure());
    let file: Option<PathBuf> = found.and_then(|found| found.token_file);
    file.map(|file| read(&file)).transpose()
}

/// When a token expires, if it is a JSON Web Token that says so. Nobody verifies it here: that is the server's business.
pub fn expiry(token: &Secret) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Claims {
        exp: f64,
    }
    let mut parts = token.expose().split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    jiff::Timestamp::from_second(claims.exp as i64).ok().map(Timestamp::from)
}

/// How far a token may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Over TLS, and on this machine.
    Confidential,
    /// Anywhere: the user said so.
    Anywhere,
}

impl Endpoint {
    /// Shows `token` to this endpoint.
    ///
    /// # Errors
    /// [`NoToken::InTheClear`] when others could read it on its way.
    pub fn with_token(mut self, token: Secret, reach: Reach) -> Result<Endpoint, NoToken> {
        if reach == Reach::Confidential && !self.confidential() {
            return Err(NoToken::InTheClear(self.address()));
        }
        self.token = Some(token);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::endpoint::Server;

    #[test]
    fn a_token_does_not_travel_in_the_clear() {
        let token = || Secret::token("hunter2").expect("a token");
        for (url, may) in [("http://127.0.0.1", true), ("https://example.com", true), ("http://example.com", false)] {
            let endpoint = || Server::parse(url).expect(url).itself();
            assert_eq!(endpoint().with_token(token(), Reach::Confidential).is_ok(), may, "{url}");
            assert!(endpoint().with_token(token(), Reach::Anywhere).is_ok(), "{url}");
        }
    }

    #[test]
    fn the_expiry_of_a_token_is_read_and_anything_else_has_none() {
        let token = |claims: &str| {
            let text = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
            expiry(&Secret::token(&text).expect("a token")).map(|at| at.to_string())
        };
        assert_eq!(token("{\"exp\":1705314600,\"sub\":\"a\"}").as_deref(), Some("2024-01-15T10:30:00.000Z"));
        for claims in ["{}", "{\"exp\":\"soon\"}", "[]", "{\"exp\":1e300}"] {
            assert_eq!(token(claims), None, "{claims}");
        }
        for text in ["hunter2", "a.b.c", "e30.e30"] {
            assert_eq!(expiry(&Secret::token(text).expect("a token")), None, "{text}");
        }
    }

    #[test]
    fn a_file_without_a_token_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let named = |error: NoToken| error.to_string().contains(&path.display().to_string());
        assert!(named(read(&path).expect_err("no file")));
        std::fs::write(&path, "two words\n").expect("writable");
        assert!(named(read(&path).expect_err("no token")));
        std::fs::write(&path, "hunter2\n").expect("writable");
        assert_eq!(read(&path).expect("a token").expose(), "hunter2");
    }
}
