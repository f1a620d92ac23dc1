//! `[auth]`: the control token, and who may read the feeds.

mod jwt;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::report::{Place, Report};
use super::section::{Item, Section};
use super::server::Server;
use super::{Auth, ControlToken, FeedAccess, Overrides};
use crate::access::Roll;
use crate::limits::SECRET_BYTES_MAX;
use crate::net::fault::io_words;
use crate::secret::{BadSecret, Secret};

const TOKEN_FILE_FLAG: &str = "`--token-file` or `VELOFLUX_TOKEN_FILE`";

pub(super) fn read<'t>(
    root: &mut Section<'t>,
    overrides: &Overrides,
    server: &Server,
    report: &mut Report<'t>,
) -> Auth {
    let listen = &server.listen;
    let mut section = root.table(report, "auth", "[auth]");
    let path = |section: &mut Section<'t>, report: &mut Report<'t>, key| {
        section.read(report, key, |raw| raw.text().map(PathBuf::from))
    };
    let token_file = path(&mut section, report, "token_file");
    let feed_token_file = path(&mut section, report, "feed_token_file");
    let tokens_file = path(&mut section, report, "tokens_file");
    let feeds_public = section.read(report, "feeds_public", |raw| raw.flag());
    let query_tokens = section.read(report, "query_tokens", |raw| raw.flag());
    let jwt = jwt::read(&mut section, report);
    section.finish(report);
    let roll = tokens_file.as_ref().and_then(|file| roll(report, file));

    let feed_token =
        feed_token_file.as_ref().and_then(|file| secret_file(report, file.place, &file.value, Secret::token));
    if let (Some(Item { value: true, place }), Some(_)) = (&feeds_public, &feed_token_file) {
        report.problem(*place, "`feeds_public` and `feed_token_file` in [auth] contradict each other; leave one out");
    }
    let public = overrides.feeds_public || feeds_public.is_some_and(|item| item.value);
    let guarded = feed_token_file.is_some() || tokens_file.is_some() || jwt.is_some();
    if !public && !guarded && !listen.value.ip().is_loopback() {
        report.problem(
            listen.place,
            format_args!(
                "`{}` can be reached from other machines, and anyone there could read the feeds; set `feed_token_file`, \
                 `tokens_file` or [auth.jwt], or say that they are public with `feeds_public = true` or `--feeds-public`",
                listen.value
            ),
        );
    }
    let control = control(token_file, overrides, report);
    keep_apart(
        report,
        known(&control, &server.state_dir).as_ref(),
        jwt.as_ref().and_then(|jwt| jwt.secret.as_ref()),
        feed_token_file.as_ref().zip(feed_token.as_ref()),
        tokens_file.as_ref().zip(roll.as_ref()),
    );
    Auth {
        control,
        feeds: if public || !guarded { FeedAccess::Public } else { FeedAccess::Restricted(feed_token) },
        roll: roll.unwrap_or_default(),
        roll_file: tokens_file.map(|file| report.resolve(file.place, &file.value)),
        jwt: jwt.and_then(|jwt| jwt.verifier),
        query_tokens: query_tokens.is_some_and(|item| item.value),
    }
}

fn control(from_file: Option<Item<PathBuf>>, overrides: &Overrides, report: &mut Report<'_>) -> ControlToken {
    let file = match (&overrides.token_file, &overrides.token) {
        (Some(path), _) => Item { value: path.clone(), place: Place::Given(TOKEN_FILE_FLAG) },
        (None, Some(token)) => return ControlToken::Given(token.clone(), None),
        (None, None) => match from_file {
            Some(file) => file,
            None => return ControlToken::Generated,
        },
    };
    match secret_file(report, file.place, &file.value, Secret::token) {
        Some(token) => ControlToken::Given(token, Some(report.resolve(file.place, &file.value))),
        // Noted as a problem: these settings are not going to be used.
        None => ControlToken::Generated,
    }
}

/// The control token as far as it is known by now: the generated one is, unless this is the first start.
fn known(control: &ControlToken, state_dir: &Path) -> Option<Secret> {
    match control {
        ControlToken::Given(token, _) => Some(token.clone()),
        ControlToken::Generated => Secret::token(&contents(&state_dir.join("token")).ok()?.0).ok(),
    }
}

/// Notes where one token stands in two places: whoever was given it for the one would have the rights of the other.
fn keep_apart(
    report: &mut Report<'_>,
    control: Option<&Secret>,
    signing: Option<&Secret>,
    feed: Option<(&Item<PathBuf>, &Secret)>,
    roll: Option<(&Item<PathBuf>, &Roll)>,
) {
    if let (Some(control), Some((file, token))) = (control, feed)
        && control == token
    {
        let path = report.resolve(file.place, &file.value);
        report.problem(
            file.place,
            format_args!(
                "`{}` holds the control token: whoever reads the feeds could do everything; write another token there",
                path.display()
            ),
        );
    }
    if let (Some(signing), Some((file, token))) = (signing, feed)
        && signing == token
    {
        let path = report.resolve(file.place, &file.value);
        report.problem(
            file.place,
            format_args!(
                "`{}` holds the secret of [auth.jwt]: whoever reads the feeds could sign tokens; write another token there",
                path.display()
            ),
        );
    }
    let Some((file, roll)) = roll else { return };
    let path = report.resolve(file.place, &file.value);
    for (name, token) in [
        ("control token", control),
        ("secret of [auth.jwt]", signing),
        ("token of `feed_token_file`", feed.map(|(_, token)| token)),
    ] {
        if let Some(line) = token.and_then(|token| roll.line_of(token.expose())) {
            report.problem(
                file.place,
                format_args!(
                    "`{}`: line {line}: is the hash of the {name}; give everybody a token of their own",
                    path.display()
                ),
            );
        }
    }
}

/// Reads the roll of static tokens. None: noted as a problem.
fn roll(report: &mut Report<'_>, file: &Item<PathBuf>) -> Option<Roll> {
    let path = report.resolve(file.place, &file.value);
    let roll = match contents(&path) {
        Err(error) => Err(format!("cannot be read: {}", io_words(&error))),
        Ok((text, _)) => Roll::parse(&text),
    };
    roll.inspect_err(|why| report.problem(file.place, format_args!("`{}`: {why}", path.display()))).ok()
}

/// Reads a secret from a file, as `parse` understands it. None: noted as a problem.
///
/// A file that every user of the machine may read is a warning, not a refusal: secrets mounted into containers have
/// mode 0644 by default, where nobody else lives.
pub(super) fn secret_file(
    report: &mut Report<'_>,
    place: Place,
    path: &Path,
    parse: fn(&str) -> Result<Secret, BadSecret>,
) -> Option<Secret> {
    let path = report.resolve(place, path);
    let secret = match contents(&path) {
        Err(error) => {
            report.problem(
                place,
                format_args!(
                    "`{}` cannot be read: {}; write the secret there, on one line",
                    path.display(),
                    io_words(&error)
                ),
            );
            return None;
        }
        Ok((text, mode)) => {
            warn_if_open(report, &path, mode);
            parse(&text)
        }
    };
    secret.inspect_err(|error| report.problem(place, format_args!("`{}`: {error}", path.display()))).ok()
}

/// Warns of a secret in a file that every user of the machine may read.
fn warn_if_open(report: &mut Report<'_>, path: &Path, mode: u32) {
    if mode & 0o004 != 0 {
        let path = path.display();
        report.warning(format!("every user of this machine can read the secret in `{path}`; run `chmod 600 {path}`"));
    }
}

fn contents(path: &Path) -> std::io::Result<(String, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut text = String::new();
    // One byte past the bound tells a file that is too long. It cannot be a token, and /dev/zero has no end.
    file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(std::io::Error::other(format!("longer than {SECRET_BYTES_MAX} bytes")));
    }
    Ok((text, mode))
}
