//! Settings: everything the user may choose for `serve`, read once and valid from then on.
//!
//! A flag goes before its environment variable, a variable before the file, the file before the default. Every mistake
//! is told, with the line it stands on and what to write instead.

mod audit;
mod auth;
mod billing;
mod check;
mod client;
mod dependencies;
mod example;
mod limits;
mod overrides;
mod pools;
mod report;
mod section;
mod server;
mod settings;
mod sources;
mod summary;
#[cfg(test)]
mod tests;
mod tls;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

pub use client::{COLORS, ClientSettings};
pub use example::EXAMPLE;
pub use overrides::Overrides;
pub use report::{ConfigError, Problem};
pub use settings::{
    Auth, Backend, ControlToken, Dependency, FeedAccess, FleetSource, Limits, Pool, RequestsSource, Settings, Share,
};
pub use summary::Summary;

use crate::limits::SETTINGS_BYTES_MAX;
use crate::net::fault::io_words;
use report::Report;
use section::Section;

/// Reads the settings file named in `overrides`, if any, and lays `overrides` over it.
///
/// # Errors
/// [`ConfigError`] with every mistake in the file and the flags.
pub fn load(overrides: &Overrides) -> Result<Settings, ConfigError> {
    match &overrides.config {
        Some(file) => parse(file, &text_of(file, Source::Server)?, overrides),
        None => parse(Path::new(""), "", overrides),
    }
}

/// Whose settings file it is.
#[derive(Debug, Clone, Copy)]
enum Source {
    Server,
    Client,
}

fn text_of(path: &Path, source: Source) -> Result<String, ConfigError> {
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(SETTINGS_BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Err(error) => {
            let why = io_words(&error);
            let whence = match source {
                Source::Server => "the path given to `--config`",
                Source::Client => "its path and who may read it; `VELOFLUX_CLIENT_CONFIG` names another",
            };
            Err(ConfigError::of_file(path, format!("cannot be read: {why}; check {whence}")))
        }
        Ok(text) if text.len() as u64 > SETTINGS_BYTES_MAX => Err(ConfigError::of_file(
            path,
            format!("is longer than {SETTINGS_BYTES_MAX} bytes; is this the right file?"),
        )),
        Ok(text) => Ok(text),
    }
}

/// A report on a file that is TOML, or what keeps it from being that.
fn begin<'t>(file: &Path, text: &'t str, mistakes: &[toml::de::Error]) -> Result<Report<'t>, ConfigError> {
    let mut report = Report::new(file, text);
    if mistakes.is_empty() {
        return Ok(report);
    }
    // What comes after a mistake in the syntax may be misread: noting more would only mislead.
    for mistake in mistakes {
        let byte = mistake.span().map_or(text.len(), |span| span.start);
        report.syntax(byte, mistake.message());
    }
    Err(report.into_error())
}

/// Reads settings that stand in `text`, as if they had been found in `file`, and lays `overrides` over them.
///
/// # Errors
/// [`ConfigError`] with every mistake in the text and the flags.
pub fn parse(file: &Path, text: &str, overrides: &Overrides) -> Result<Settings, ConfigError> {
    let (document, mistakes) = DeTable::parse_recoverable(text);
    let mut report = begin(file, text, &mistakes)?;
    let mut root = Section::root(&document);
    let server = server::Server::read(&mut root, overrides, &mut report);
    let auth = auth::read(&mut root, overrides, &server, &mut report);
    let audit = audit::read(&mut root, &server.state_dir, &mut report);
    let tls = tls::read(&mut root, overrides, &mut report);
    let limits = limits::read(&mut root, &mut report);
    let tariff = billing::read(&mut root, &mut report);
    let pools = pools::read(&mut root, overrides, &mut report);
    let sources = sources::read(&mut root, overrides, &mut report);
    let requests_source = sources::counted(server.requests_source, &sources, &mut report);
    let dependencies = dependencies::read(&mut root, overrides, &mut report);
    root.finish(&mut report);
    let warnings = report.finish()?;
    Ok(Settings {
        listen: server.listen.value,
        state_dir: server.state_dir,
        node: server.node,
        allowed_origins: server.allowed_origins,
        hosts: server.hosts,
        trusted_proxies: server.trusted_proxies,
        drain_timeout: server.drain_timeout,
        tls,
        limits,
        auth,
        audit,
        pools,
        sources,
        requests_source,
        dependencies,
        tariff,
        warnings,
    })
}
