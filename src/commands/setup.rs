//! What the shared flags come to, laid over the client's settings file: servers, how to reach them, which token they are
//! shown, how to speak.

use std::env;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::ValueEnum;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Failure;
use crate::cli::{ColorChoice, ConnectionArgs, OutputArgs, Subject};
use crate::client::connect::{Access, Compression};
use crate::client::credentials::{self, Reach};
use crate::client::endpoint::{Endpoint, Server};
use crate::config::ClientSettings;
use crate::exit::Exit;
use crate::net::Route;
use crate::net::tls::{self, Identity, Sessions, TlsOptions, Trust};
use crate::output::color::Wish;
use crate::output::stderr::Volume;
use crate::output::{Paint, Talk};
use crate::protocol::{Feed, Timestamp};
use crate::secret::Secret;

/// The variable that holds a token.
const TOKEN_VARIABLE: &str = "VELOFLUX_TOKEN";

/// The variable that names the client's settings file.
const SETTINGS_VARIABLE: &str = "VELOFLUX_CLIENT_CONFIG";

/// Where a server is when nobody says where.
const SERVER: &str = "http://127.0.0.1:8080";

/// Longest time to connect when nobody says how long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where an error goes on that is longer than a line: below its first word.
const ERROR_INDENT: usize = "error: ".len();

/// The client's settings file, and the colour it wants where the flag wants none. Nothing, where there is no file in the
/// usual place; one that was named has to be there.
pub(super) fn saved(output: &mut OutputArgs) -> Result<ClientSettings, Failure> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let file = match set(SETTINGS_VARIABLE) {
        Some(named) => Some(named),
        None => {
            let folder = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
            let folder = folder.or_else(|| set("HOME").map(|home| home.join(".config")));
            folder.map(|folder| folder.join("veloflux/client.toml")).filter(|file| file.exists())
        }
    };
    let Some(file) = file else { return Ok(ClientSettings::default()) };
    let saved = ClientSettings::load(&file).map_err(|error| Failure::new(Exit::Usage, error))?;
    let color = saved.color.and_then(|color| ColorChoice::from_str(color, false).ok());
    output.color = output.color.or(color);
    Ok(saved)
}

/// The token in the environment. An empty variable is none.
pub(super) fn token_variable() -> Result<Option<Secret>, Failure> {
    let text = std::env::var(TOKEN_VARIABLE).ok().filter(|text| !text.is_empty());
    let token = text.map(|text| credentials::from_variable(TOKEN_VARIABLE, &text));
    token.transpose().map_err(|error| Failure::new(Exit::Denied, error))
}

/// Where the servers are and how to reach them.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) servers: Vec<Server>,
    pub(super) access: Arc<Access>,
    tokens: Tokens,
    reach: Reach,
}

impl Setup {
    pub(super) fn new(args: &ConnectionArgs, saved: &ClientSettings) -> Result<Setup, Failure> {
        let usage = |error: &dyn ToString| Failure::new(Exit::Usage, error.to_string());
        let parse = |text: &String| Server::parse(text).map_err(|error| usage(&error));
        let of_file = |text| {
            parse(text).map_err(|Failure { exit, message }| {
                Failure::new(exit, format!("`server` in the client's settings file: {message}"))
            })
        };
        let known: Vec<Server> = saved.servers.iter().map(of_file).collect::<Result<_, _>>()?;
        let servers = match (&args.server[..], &known[..]) {
            ([], []) => vec![parse(&SERVER.to_owned())?],
            ([], known) => known.to_vec(),
            (given, _) => given.iter().map(parse).collect::<Result<_, _>>()?,
        };
        // Who says now which certificates to trust wants them looked at.
        let insecure = args.insecure || saved.insecure && args.cacert.is_none();
        let trust = match args.cacert.as_ref().or(saved.cacert.as_ref()) {
            _ if insecure => Trust::Anyone,
            Some(path) => Trust::PlatformAnd(path.clone()),
            None => Trust::Platform,
        };
        let identity = args.cert.clone().zip(args.key.clone()).or_else(|| saved.identity.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        let tls = tls::client_config(&TlsOptions { trust, identity }, Sessions::Fresh, &["http/1.1"]);
        let tls = tls.map_err(|error| usage(&error))?;
        let mut headers = HeaderMap::new();
        for header in &args.header {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| usage(&error))?;
            headers.append(name, HeaderValue::from_str(&header.value).map_err(|error| usage(&error))?);
        }
        let saved_file = saved.token_file.clone().map(|file| (file, known));
        Ok(Setup {
            servers,
            access: Arc::new(Access {
                route: Arc::new(Route::from_environment(args.resolve.clone(), Arc::clone(&tls))),
                tls,
                headers,
                timeout: args.connect_timeout.or(saved.connect_timeout).unwrap_or(CONNECT_TIMEOUT),
                compression: if args.no_compression { Compression::Unwanted } else { Compression::Offered },
            }),
            tokens: Tokens { file: args.token_file.clone(), saved: saved_file, ..Tokens::default() },
            reach: if insecure { Reach::Anywhere } else { Reach::Confidential },
        })
    }

    /// The endpoints of the subjects, in order, each once.
    pub(super) fn endpoints(&self, subjects: &[Subject], talk: Talk) -> Result<Vec<Endpoint>, Failure> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for subject in subjects {
            let found = match subject {
                Subject::Feed(feed) => self.servers.iter().map(|server| server.feed(*feed)).collect(),
                Subject::All => {
                    self.servers.iter().flat_map(|server| Feed::ALL.map(|feed| server.feed(feed))).collect()
                }
                Subject::Url(url) => {
                    vec![Server::parse(url).map_err(|error| Failure::new(Exit::Usage, error))?.itself()]
                }
            };
            for endpoint in found {
                if !endpoints.iter().any(|known| known.same(&endpoint)) {
                    endpoints.push(endpoint);
                }
            }
        }
        endpoints.into_iter().map(|endpoint| self.introduce(endpoint, talk)).collect()
    }

    /// Shows a feed the token we have: one that was given goes to the servers that were given, and to no other address.
    pub(super) fn introduce(&self, endpoint: Endpoint, talk: Talk) -> Result<Endpoint, Failure> {
        if !self.servers.iter().any(|server| server.same_origin(&endpoint)) {
            return Ok(endpoint);
        }
        let token = self.tokens.of(&endpoint)?.or_else(|| {
            // Feeds are mostly open; where this one is not, the server says so.
            credentials::of_local_server(&endpoint).unwrap_or_else(|error| {
                talk.detail(&error.to_string());
                None
            })
        });
        match token {
            Some(token) => endpoint.with_token(token, self.reach).map_err(|error| Failure::new(Exit::Denied, error)),
            None => Ok(endpoint),
        }
    }

    /// The endpoint at `path` of a server, with the token that commands need.
    pub(super) fn command(&self, server: &Server, path: &str) -> Result<Endpoint, Failure> {
        let denied = |error| Failure::new(Exit::Denied, error);
        let endpoint = server.at(path);
        let token = match self.tokens.of(&endpoint)? {
            Some(token) => Some(token),
            None => credentials::of_local_server(&endpoint).map_err(denied)?,
        };
        let Some(token) = token else { return Ok(endpoint) };
        // The server would say 401, which could mean anything.
        if let Some(at) = credentials::expiry(&token).filter(|at| *at < Timestamp::now()) {
            let message = format!("the token for {} expired {at}; get a new one", endpoint.address());
            return Err(Failure::new(Exit::Denied, message));
        }
        endpoint.with_token(token, self.reach).map_err(denied)
    }
}

/// The tokens we may show, read when the first of them is wanted, and once: standard input is not there twice.
#[derive(Debug, Default)]
struct Tokens {
    /// The file of the flag or its variable.
    file: Option<PathBuf>,
    given: OnceLock<Option<Secret>>,
    /// The file of the settings file, and the servers that stand beside it: it is theirs, and nobody else's.
    saved: Option<(PathBuf, Vec<Server>)>,
    kept: OnceLock<Option<Secret>>,
}

impl Tokens {
    fn of(&self, endpoint: &Endpoint) -> Result<Option<Secret>, Failure> {
        let read = |file: &PathBuf| credentials::read(file).map_err(|error| Failure::new(Exit::Denied, error));
        let given = once(&self.given, || match &self.file {
            Some(file) => read(file).map(Some),
            None => token_variable(),
        })?;
        match (given, &self.saved) {
            (None, Some((file, theirs)))
                if theirs.is_empty() || theirs.iter().any(|server| server.same_origin(endpoint)) =>
            {
                once(&self.kept, || read(file).map(Some))
            }
            (given, _) => Ok(given),
        }
    }
}

/// What is in the cell; made now, if nothing is.
fn once(
    cell: &OnceLock<Option<Secret>>,
    make: impl FnOnce() -> Result<Option<Secret>, Failure>,
) -> Result<Option<Secret>, Failure> {
    match cell.get() {
        Some(made) => Ok(made.clone()),
        None => make().map(|made| cell.get_or_init(|| made).clone()),
    }
}

/// How to speak on standard error.
pub(super) fn talk(args: &OutputArgs) -> Talk {
    let volume = match (args.quiet, args.verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Normal,
    };
    Talk { volume, paint: Paint::stderr(wish(args)), indent: ERROR_INDENT }
}

/// What the user wants of colour.
pub(super) fn wish(args: &OutputArgs) -> Wish {
    match args.color.unwrap_or_default() {
        ColorChoice::Auto => Wish::Auto,
        ColorChoice::Always => Wish::Always,
        ColorChoice::Never => Wish::Never,
    }
}
