//! Fetching a page over HTTP, as the sources that are asked that way do.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use url::Url;

use super::SourceOptions;
use crate::limits::SOURCE_BODY_BYTES_MAX;
use crate::net::Target;
use crate::net::http::{Failed, HttpClient, Request};
use crate::net::tls::{self, Sessions, TlsOptions, Trust};

/// Fetches pages of one server.
pub(super) struct Fetcher {
    client: HttpClient,
    base: Url,
    headers: HeaderMap,
}

/// A page that came with a status of 200.
pub(super) struct Page {
    /// The headers of the answer.
    pub(super) headers: HeaderMap,
    /// The whole body.
    pub(super) body: Vec<u8>,
}

/// What the server knows of a question without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was never sent.
    Nothing,
    /// It may have been received.
    Perhaps,
}

impl Fetcher {
    /// Fetches from the server at `url`, with the credentials in it or in the options.
    pub(super) fn new(url: &str, options: &SourceOptions) -> Result<Fetcher, String> {
        let target = Target::parse(url).map_err(|error| error.to_string())?;
        let trust = match (&options.cacert, options.insecure) {
            (Some(_), true) => return Err("`cacert` and `insecure` contradict each other; leave one out".to_owned()),
            (cacert, insecure) if target.scheme() != "https" && (cacert.is_some() || insecure) => {
                let given = if insecure { "insecure" } else { "cacert" };
                return Err(format!("`{given}` is about TLS, and `{}://` has none", target.scheme()));
            }
            (Some(path), false) => Trust::PlatformAnd(path.clone()),
            // Nobody's certificate is looked at over plain HTTP: the machine's need not be read.
            (None, false) if target.scheme() == "https" => Trust::Platform,
            (None, _) => Trust::Anyone,
        };
        let options_of_tls = TlsOptions { trust, identity: None };
        let tls = tls::client_config(&options_of_tls, Sessions::Fresh, &["http/1.1"]).map_err(|bad| bad.to_string())?;
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("*/*"))]);
        if let Some(authorization) = authorization(&target, options)? {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(Fetcher { client: HttpClient::for_sources(&tls), base: target.url().clone(), headers })
    }

    /// The URL that was given, without credentials.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// Fetches one page, over a connection that is kept for the next. The error says where and what was answered.
    pub(super) async fn get(&self, url: Url) -> Result<Page, String> {
        self.ask(url).await.map_err(|(why, _)| why)
    }

    /// The same, and where it fails, whether the server may have heard of it.
    pub(super) async fn ask(&self, url: Url) -> Result<Page, (String, Heard)> {
        let path = url.path().to_owned();
        let request = Request { method: Method::GET, url, headers: self.headers.clone(), body: Bytes::new() };
        let mut answer = self.client.send(request).await.map_err(|failed| match &failed {
            Failed::Connecting(fault) => (fault.to_string(), Heard::Nothing),
            Failed::Answering(fault) => (fault.to_string(), Heard::Perhaps),
        })?;
        let heard = |why| (why, Heard::Perhaps);
        if answer.status() != 200 {
            return Err(heard(format!("`GET {path}` answered {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|fault| heard(fault.to_string()))? {
            if body.len() + chunk.len() > SOURCE_BODY_BYTES_MAX {
                return Err(heard(format!("`GET {path}` answered with more than {SOURCE_BODY_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Page { headers: answer.headers().clone(), body })
    }
}

/// The user and password of the URL or of the options, not of both.
fn authorization(target: &Target, options: &SourceOptions) -> Result<Option<HeaderValue>, String> {
    let user = match (target.user(), &options.user) {
        (Some(_), Some(_)) => return Err(format!("`{target}` has two users; take one out")),
        (in_url, given) => in_url.or(given.as_deref()),
    };
    let password = match (target.password(), &options.password) {
        (Some(_), Some(_)) => return Err(format!("`{target}` has two passwords; take it out of the URL")),
        (in_url, given) => in_url.or(given.as_ref()),
    };
    let Some(user) = user else {
        return match password {
            Some(_) => Err("`password` stands alone; say with `user` whose it is".to_owned()),
            None => Ok(None),
        };
    };
    let words = format!("{user}:{}", password.map_or("", |password| password.expose()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(words)))
        .expect("base64 is made of letters that may stand in a header");
    value.set_sensitive(true);
    Ok(Some(value))
}
