//! `[auth.jwt]`: which JSON Web Tokens are taken.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::{contents, warn_if_open};
use crate::access::{JwtAlgorithm, JwtSettings, KeyPlace, Verifier};
use crate::config::report::Report;
use crate::config::section::{Item, Raw, Section, closest};
use crate::net::route::is_loopback;
use crate::secret::Secret;

const TITLE: &str = "[auth.jwt]";

/// What the table says.
#[derive(Default)]
pub(super) struct Jwt {
    /// None: what is wrong with it is noted.
    pub(super) verifier: Option<Arc<Verifier>>,
    /// The secret of HS256, if it could be a token, too.
    pub(super) secret: Option<Secret>,
}

/// None: there is no such table.
pub(super) fn read<'t>(auth: &mut Section<'t>, report: &mut Report<'t>) -> Option<Jwt> {
    let mut section = auth.table(report, "jwt", TITLE);
    let there = section.is_there();
    let algorithms =
        section.read(report, "algorithms", |raw| raw.list()?.map(algorithm).collect::<Result<Vec<_>, _>>());
    let file = |raw: Raw<'t>| raw.text().map(PathBuf::from);
    let key = section.read(report, "key_file", file);
    let set = section.read(report, "jwks_file", file);
    let url = section.read(report, "jwks_url", |raw| set_url(raw.text()?));
    let text = |raw: Raw<'t>| match raw.text()? {
        "" => Err("is empty; leave it out or write what is meant".to_owned()),
        text => Ok(text.to_owned()),
    };
    let audience = section.read(report, "audience", text);
    let issuer = section.read(report, "issuer", text);
    section.finish(report);
    if !there {
        return None;
    }
    let place = section.place();
    let keys = [
        key.as_ref().map(|item| KeyPlace::Key(report.resolve(item.place, &item.value))),
        set.as_ref().map(|item| KeyPlace::Set(report.resolve(item.place, &item.value))),
        url.map(|item| KeyPlace::Url(item.value)),
    ];
    let mut keys = keys.into_iter().flatten();
    let (Some(keys), None) = (keys.next(), keys.next()) else {
        report
            .problem(place, format_args!("{TITLE} needs one of `key_file`, `jwks_file` and `jwks_url`, and only one"));
        return Some(Jwt::default());
    };
    let Some(Item { value: algorithms, place: at }) = algorithms else {
        report.problem(
            place,
            format_args!("`algorithms` is missing in {TITLE}; write for example `algorithms = [\"EdDSA\"]`"),
        );
        return Some(Jwt::default());
    };
    if algorithms.is_empty() || (algorithms.len() > 1 && matches!(keys, KeyPlace::Key(_))) {
        report.problem(
            at,
            format_args!("`algorithms` in {TITLE}: one key is for one algorithm; a key set may be for several"),
        );
        return Some(Jwt::default());
    }
    if algorithms.contains(&JwtAlgorithm::Hs256) && !matches!(keys, KeyPlace::Key(_)) {
        report.problem(
            at,
            format_args!("`algorithms` in {TITLE}: the secret of HS256 stands in a `key_file`, never in a set"),
        );
        return Some(Jwt::default());
    }
    let mut secret = None;
    if let (true, KeyPlace::Key(path)) = (algorithms.contains(&JwtAlgorithm::Hs256), &keys)
        && let Ok(file) = fs::metadata(path)
    {
        warn_if_open(report, path, file.permissions().mode());
        secret = contents(path).ok().and_then(|(text, _)| Secret::token(&text).ok());
    }
    let settings = JwtSettings {
        algorithms,
        keys,
        audience: audience.map(|item| item.value),
        issuer: issuer.map(|item| item.value),
    };
    let blame = key.map(|item| item.place).or(set.map(|item| item.place)).unwrap_or(place);
    let verifier = Verifier::new(settings)
        .inspect_err(|why| report.problem(blame, format_args!("{TITLE}: {why}")))
        .ok()
        .map(Arc::new);
    Some(Jwt { verifier, secret })
}

fn algorithm(raw: Raw<'_>) -> Result<JwtAlgorithm, String> {
    let word = raw.text()?;
    let names = || JwtAlgorithm::ALL.iter().map(|algorithm| algorithm.name());
    JwtAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == word).ok_or_else(|| {
        match closest(word, names()) {
            Some(meant) => format!("`{}` is not taken; did you mean `{meant}`?", word.escape_debug()),
            None => {
                format!("`{}` is not taken; there are {}", word.escape_debug(), names().collect::<Vec<_>>().join(", "))
            }
        }
    })
}

/// Keys that came over plain HTTP from elsewhere would be anybody's.
fn set_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", text.escape_debug()))?;
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_loopback(host) => Ok(url),
        ("http", Some(host)) => Err(format!("keys from `{host}` have to come over `https`")),
        _ => Err(format!("`{}` is no URL of a web server; write `https://HOST/PATH`", text.escape_debug())),
    }
}
