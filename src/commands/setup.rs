//! What the shared flags come to: servers, how to reach them, which token they are shown, how to speak.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Failure;
use crate::cli::{ColorChoice, ConnectionArgs, OutputArgs, Subject};
use crate::client::connect::Access;
use crate::client::credentials::{self, Reach};
use crate::client::endpoint::{Endpoint, Server};
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
    token: Option<Secret>,
    reach: Reach,
}

impl Setup {
    pub(super) fn new(args: &ConnectionArgs) -> Result<Setup, Failure> {
        let usage = |error: &dyn ToString| Failure::new(Exit::Usage, error.to_string());
        let servers: Result<Vec<Server>, _> = args.server.iter().map(|text| Server::parse(text)).collect();
        let trust = match (&args.cacert, args.insecure) {
            (_, true) => Trust::Anyone,
            (Some(path), false) => Trust::PlatformAnd(path.clone()),
            (None, false) => Trust::Platform,
        };
        let identity = args.cert.clone().zip(args.key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        let tls = tls::client_config(&TlsOptions { trust, identity }, Sessions::Fresh, &["http/1.1"]);
        let mut headers = HeaderMap::new();
        for header in &args.header {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| usage(&error))?;
            headers.append(name, HeaderValue::from_str(&header.value).map_err(|error| usage(&error))?);
        }
        let token = match &args.token_file {
            Some(path) => Some(credentials::read(path).map_err(|error| Failure::new(Exit::Denied, error))?),
            None => token_variable()?,
        };
        Ok(Setup {
            servers: servers.map_err(|error| usage(&error))?,
            access: Arc::new(Access {
                tls: tls.map_err(|error| usage(&error))?,
                headers,
                timeout: args.connect_timeout,
                route: Arc::new(Route::from_environment(args.resolve.clone())),
            }),
            token,
            reach: if args.insecure { Reach::Anywhere } else { Reach::Confidential },
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
        let token = self.token.clone().or_else(|| {
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
        let token = match &self.token {
            Some(token) => Some(token.clone()),
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

/// How to speak on standard error.
pub(super) fn talk(args: &OutputArgs) -> Talk {
    let volume = match (args.quiet, args.verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Normal,
    };
    Talk { volume, paint: Paint::stderr(wish(args)) }
}

/// What the user wants of colour.
pub(super) fn wish(args: &OutputArgs) -> Wish {
    match args.color {
        ColorChoice::Auto => Wish::Auto,
        ColorChoice::Always => Wish::Always,
        ColorChoice::Never => Wish::Never,
    }
}
