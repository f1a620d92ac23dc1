//! Who may read and who may control: Bearer tokens, and where the control token comes from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use poem::Response;

use super::answer::error;
use crate::config::{Auth, ControlToken, FeedAccess};
use crate::secret::Secret;

/// Bytes of randomness in a generated token.
const TOKEN_BYTES: usize = 32;

/// Decides by token.
pub struct Guard {
    control: Secret,
    feeds: FeedAccess,
}

/// The guard, and where the control token can be read, if anywhere.
pub struct Armed {
    /// Decides.
    pub guard: Guard,
    /// The file that holds the control token.
    pub token_file: Option<PathBuf>,
}

impl Guard {
    /// Takes the configured tokens; reads or generates the control token where none is configured.
    ///
    /// # Errors
    /// When the generated token can neither be read nor written in `state_dir`.
    pub fn arm(auth: Auth, state_dir: &Path) -> io::Result<Armed> {
        let (control, token_file) = match auth.control {
            ControlToken::Given(secret, path) => (secret, path),
            ControlToken::Generated => {
                let path = state_dir.join("token");
                (load_or_generate(&path)?, Some(path))
            }
        };
        Ok(Armed { guard: Guard { control, feeds: auth.feeds }, token_file })
    }

    /// A guard with a control token that nobody knows, for a server whose state directory cannot be written: the feeds
    /// work, control does not.
    pub fn without_control(auth: Auth) -> Armed {
        let control = Secret::parse(&generate()).expect("a generated token is letters and digits");
        Armed { guard: Guard { control, feeds: auth.feeds }, token_file: None }
    }

    /// Lets a request control the server, or says why not: 401 without or with an unknown token, 403 with the token of
    /// the feeds.
    pub fn control(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        match bearer(headers) {
            Some(token) if self.control.matches(token) => Ok(()),
            Some(token) if matches!(&self.feeds, FeedAccess::Token(feeds) if feeds.matches(token)) => Err(Box::new(
                error(StatusCode::FORBIDDEN, "forbidden", "this token reads feeds; control needs the control token"),
            )),
            presented => Err(Box::new(unauthorized(presented, "control"))),
        }
    }

    /// Lets a request read, or says why not.
    pub fn read(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let FeedAccess::Token(feeds) = &self.feeds else { return Ok(()) };
        match bearer(headers) {
            Some(token) if feeds.matches(token) || self.control.matches(token) => Ok(()),
            presented => Err(Box::new(unauthorized(presented, "reading"))),
        }
    }
}

fn unauthorized(presented: Option<&str>, what: &str) -> Response {
    let message = match presented {
        None => format!("{what} needs the header `Authorization: Bearer <token>`"),
        Some(_) => "this token is not known here".to_owned(),
    };
    let mut response = error(StatusCode::UNAUTHORIZED, "unauthorized", message);
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The token of `Authorization: Bearer <token>`, if the header stands there once.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn generate() -> String {
    let bytes: [u8; TOKEN_BYTES] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the token of an earlier start, or writes a new one that only this user can read.
fn load_or_generate(path: &Path) -> io::Result<Secret> {
    match fs::read_to_string(path) {
        Ok(text) => {
            return Secret::parse(&text).map_err(|bad| {
                let message = format!("`{}` does not hold a token: {bad}; delete it to get a new one", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let token = generate();
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    // Written aside and linked into place: a crash leaves no half token, and of two servers that start together one wins.
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::hard_link(&aside, path)
    };
    let written = write();
    let _ = fs::remove_file(&aside);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load_or_generate(path),
        Err(error) => Err(error),
        Ok(()) => Ok(Secret::parse(&token).expect("a generated token is letters and digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_generated_token_is_private_and_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state/token");
        let first = load_or_generate(&path).expect("a token");
        assert_eq!(first.expose().len(), 2 * TOKEN_BYTES);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(load_or_generate(&path).expect("a token").matches(first.expose()));
        assert_eq!(fs::read_dir(directory.path().join("state")).expect("a directory").count(), 1);
        fs::write(&path, "\n").expect("a file");
        assert!(load_or_generate(&path).expect_err("no token").to_string().contains("delete it"));
    }

    #[test]
    fn each_token_opens_its_door_only() {
        let secret = |text| Secret::parse(text).expect("a secret");
        let auth = Auth { control: ControlToken::Given(secret("c0"), None), feeds: FeedAccess::Token(secret("f0")) };
        let guard = Guard::arm(auth, Path::new("/")).expect("given").guard;
        let status =
            |outcome: Result<(), Box<Response>>| outcome.map_or_else(|response| response.status().as_u16(), |()| 200);
        for (value, read, control) in [
            ("Bearer c0", 200, 200),
            ("bearer  c0", 200, 200),
            ("Bearer f0", 200, 403),
            ("Bearer x", 401, 401),
            ("Bearer", 401, 401),
            ("Basic c0", 401, 401),
            ("Bearer c0 f0", 401, 401),
        ] {
            assert_eq!(status(guard.read(&headers(value))), read, "{value}");
            assert_eq!(status(guard.control(&headers(value))), control, "{value}");
        }
        assert_eq!(status(guard.control(&HeaderMap::new())), 401);
        let mut twice = headers("Bearer c0");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer c0"));
        assert_eq!(status(guard.control(&twice)), 401);
    }
}
