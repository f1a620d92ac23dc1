//! The client's settings file: what `watch`, `probe` and `control` take for granted where no flag and no variable says
//! otherwise.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use super::report::{ConfigError, Report};
use super::section::{Item, Raw, Section, listed};
use super::{Source, begin, text_of};

/// Everything that may stand in the file. Paths are absolute; nothing here has been opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// Addresses of servers, as `--server` takes them.
    pub servers: Vec<String>,
    /// The file that holds the token for them.
    pub token_file: Option<PathBuf>,
    /// PEM file of certificates to trust beside those of the system.
    pub cacert: Option<PathBuf>,
    /// Whether no certificate is verified.
    pub insecure: bool,
    /// PEM files of the client certificate and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Longest time to connect.
    pub connect_timeout: Option<Duration>,
    /// When to colour: one of [`COLORS`].
    pub color: Option<&'static str>,
}

/// When to colour.
pub const COLORS: [&str; 3] = ["auto", "always", "never"];

impl ClientSettings {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake in it.
    pub fn load(file: &Path) -> Result<ClientSettings, ConfigError> {
        Self::parse(file, &text_of(file, Source::Client)?)
    }

    fn parse(file: &Path, text: &str) -> Result<ClientSettings, ConfigError> {
        let (parsed, mistakes) = DeTable::parse_recoverable(text);
        let mut report = begin(file, text, &mistakes)?;
        let mut root = Section::root(&parsed);
        let settings = ClientSettings::read(&mut root, &mut report);
        root.finish(&mut report);
        report.finish()?;
        Ok(settings)
    }

    fn read<'t>(root: &mut Section<'t>, report: &mut Report<'t>) -> ClientSettings {
        let servers = root.read(report, "server", servers);
        let mut file = |report: &mut Report<'t>, key| {
            let found: Option<Item<&str>> = root.read(report, key, some_text);
            found.map(|item| report.resolve(item.place, Path::new(item.value)))
        };
        let (token_file, cacert) = (file(report, "token_file"), file(report, "cacert"));
        let (cert, key) = (file(report, "cert"), file(report, "key"));
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (cert, _) => {
                let (there, missing) = if cert.is_some() { ("cert", "key") } else { ("key", "cert") };
                let place = root.place_named_in(&format!("`{there}`")).unwrap_or(root.place());
                report.problem(place, format_args!("`{there}` needs `{missing}` beside it; write both or none"));
                None
            }
        };
        let insecure = root.read(report, "insecure", Raw::flag);
        let connect_timeout = root.read(report, "connect_timeout", |raw| match raw.duration()? {
            Duration::ZERO => Err("it has to be longer than zero".to_owned()),
            timeout => Ok(timeout),
        });
        let color = root.read(report, "color", |raw| {
            let text = raw.text()?;
            let known = COLORS.iter().find(|known| **known == text);
            known.copied().ok_or_else(|| format!("`{text}` is none of {}", listed(COLORS.into_iter())))
        });
        ClientSettings {
            servers: servers.map(|item| item.value).unwrap_or_default(),
            token_file,
            cacert,
            insecure: insecure.is_some_and(|item| item.value),
            identity,
            connect_timeout: connect_timeout.map(|item| item.value),
            color: color.map(|item| item.value),
        }
    }
}

/// One address, or a list of them.
fn servers(raw: Raw<'_>) -> Result<Vec<String>, String> {
    let texts: Vec<&str> = match raw.list() {
        Ok(list) => list.map(some_text).collect::<Result<_, _>>()?,
        Err(_) => vec![some_text(raw)?],
    };
    match texts.is_empty() {
        true => Err("the list is empty; leave the key out instead".to_owned()),
        false => Ok(texts.into_iter().map(str::to_owned).collect()),
    }
}

fn some_text(raw: Raw<'_>) -> Result<&str, String> {
    match raw.text()? {
        "" => Err("it is empty; leave the key out instead".to_owned()),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientSettings, String> {
        ClientSettings::parse(Path::new("/etc/c/client.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_understood() {
        let all = "server = [\"https://a\", \"https://b\"]\ntoken_file = \"token\"\ncacert = \"/x/ca.pem\"\n\
                   cert = \"c.pem\"\nkey = \"k.pem\"\ninsecure = true\nconnect_timeout = \"3s\"\ncolor = \"never\"\n";
        let expected = ClientSettings {
            servers: vec!["https://a".to_owned(), "https://b".to_owned()],
            token_file: Some("/etc/c/token".into()),
            cacert: Some("/x/ca.pem".into()),
            insecure: true,
            identity: Some(("/etc/c/c.pem".into(), "/etc/c/k.pem".into())),
            connect_timeout: Some(Duration::from_secs(3)),
            color: Some("never"),
        };
        assert_eq!(parse(all), Ok(expected));
        assert_eq!(parse(""), Ok(ClientSettings::default()));
        assert_eq!(parse("server = \"a\"").map(|settings| settings.servers), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let place = |line: u8, what: &str| format!("settings file `/etc/c/client.toml`, line {line}: {what}");
        for (text, expected) in [
            ("\nservr = \"a\"", place(2, "unknown key `servr` in the file; did you mean `server`?")),
            ("server = []", place(1, "`server` in the file: the list is empty; leave the key out instead")),
            ("server = 5", place(1, "`server` in the file: `5` is a whole number, expected text in double quotes")),
            ("token_file = \"\"", place(1, "`token_file` in the file: it is empty; leave the key out instead")),
            ("key = \"k\"", place(1, "`key` needs `cert` beside it; write both or none")),
            ("cert = \"k\"", place(1, "`cert` needs `key` beside it; write both or none")),
            (
                "connect_timeout = 5",
                place(1, "`connect_timeout` in the file: `5` has no unit; write `\"5s\"` or `\"5ms\"`"),
            ),
            ("connect_timeout = \"0s\"", place(1, "`connect_timeout` in the file: it has to be longer than zero")),
            ("color = \"red\"", place(1, "`color` in the file: `red` is none of `auto`, `always`, `never`")),
            (
                "insecure = \"yes\"",
                place(1, "`insecure` in the file: `\"yes\"` is a string, expected `true` or `false` without quotes"),
            ),
            (
                "color = always",
                place(1, "the value of `color` is not understood; write text in double quotes: `color = \"…\"`"),
            ),
        ] {
            assert_eq!(parse(text), Err(expected));
        }
    }
}
