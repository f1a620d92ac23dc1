//! `[server]`: where to listen, where state lives, who we are, whose pages may connect.

use std::env;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::Overrides;
use super::report::{Place, Report};
use super::section::{Item, Section};
use crate::limits::{DRAIN_TIMEOUT_MAX, NAME_CHARS_MAX};

/// What `[server]` and its flags say.
pub(super) struct Server {
    pub(super) listen: Item<SocketAddr>,
    pub(super) state_dir: PathBuf,
    pub(super) node: String,
    pub(super) allowed_origins: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) drain_timeout: Duration,
    /// Understood once the sources are known.
    pub(super) requests_source: Option<Item<String>>,
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

impl Server {
    pub(super) fn read<'t>(root: &mut Section<'t>, overrides: &Overrides, report: &mut Report<'t>) -> Server {
        let mut section = root.table(report, "server", "[server]");
        let listen = section.read(report, "listen", |raw| listen(raw.text()?));
        let state_dir = section.read(report, "state_dir", |raw| raw.text().map(PathBuf::from));
        let node = section.read(report, "node", |raw| name(raw.text()?));
        let origins =
            section.read(report, "allowed_origins", |raw| raw.list()?.map(|item| origin(item.text()?)).collect());
        let hosts = section.read(report, "hosts", |raw| raw.list()?.map(|item| host(item.text()?)).collect());
        let trusted_proxies =
            section.read(report, "trusted_proxies", |raw| raw.list()?.map(|item| network(item.text()?)).collect());
        let drain_timeout = section.read(report, "drain_timeout", |raw| match raw.duration()? {
            Duration::ZERO => Err("no time; every connection would be cut off; write at least `1ms`".to_owned()),
            timeout if timeout <= DRAIN_TIMEOUT_MAX => Ok(timeout),
            _ => Err(format!("too long; write at most `{}`", crate::duration::format(DRAIN_TIMEOUT_MAX))),
        });
        let requests_source = section.read(report, "requests_source", |raw| raw.text().map(str::to_owned));
        section.finish(report);

        let mut allowed_origins: Vec<String> = origins.map(|item| item.value).unwrap_or_default();
        allowed_origins
            .extend(overrides.allow_origins.iter().filter_map(|text| given(report, "`--allow-origin`", origin(text))));
        let mut hosts: Vec<String> = hosts.map(|item| item.value).unwrap_or_default();
        // Nobody else gives out the name of this machine, or of a page that is let in.
        hosts.push(host_name().to_ascii_lowercase());
        hosts
            .extend(allowed_origins.iter().filter_map(|origin| Url::parse(origin).ok()?.host_str().map(str::to_owned)));
        let listen = match (overrides.inherited, &overrides.listen) {
            (Some(address), _) => Some((address, Place::Given(INHERITED))),
            (None, Some(text)) => {
                given(report, LISTEN_FLAG, self::listen(text)).map(|value| (value, Place::Given(LISTEN_FLAG)))
            }
            (None, None) => listen.map(|item| (item.value, item.place)),
        };
        let (value, place) = listen.unwrap_or((LISTEN, Place::Default));
        Server {
            listen: Item { value, place },
            state_dir: directory(state_dir, overrides, report),
            node: match &overrides.node {
                Some(text) => given(report, "`--node` or `VELOFLUX_NODE`", name(text)),
                None => node.map(|item| item.value),
            }
            .unwrap_or_else(host_name),
            allowed_origins,
            hosts,
            trusted_proxies: trusted_proxies.map(|item| item.value).unwrap_or_default(),
            drain_timeout: drain_timeout.map_or(DRAIN_TIMEOUT, |item| item.value),
            requests_source,
        }
    }
}

const LISTEN_FLAG: &str = "`--listen` or `VELOFLUX_LISTEN`";
const INHERITED: &str = "the socket that the service manager has opened (`ListenStream=`)";

/// The value of a flag, or a note of what is wrong with it.
fn given<T>(report: &mut Report<'_>, flag: &'static str, parsed: Result<T, String>) -> Option<T> {
    parsed.inspect_err(|why| report.problem(Place::Given(flag), why)).ok()
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit_once(':').map_or(text, |(_, port)| port).parse::<u16>().unwrap_or(LISTEN.port());
        format!("`{text}` is not an address with a port; write for example `127.0.0.1:{port}` or `[::1]:{port}`")
    })
}

/// A name of ours or of a check: it stands in metrics labels, log lines and flags of the form `NAME=…`.
pub(super) fn name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || !text.chars().all(good) {
        return Err(format!(
            "`{}` is not a name; write 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` or `.`",
            text.escape_debug()
        ));
    }
    Ok(text.to_owned())
}

/// They would be compared as they stand there, and never fit.
const NO_WILDCARDS: &str = "wildcards are not known; list each name";

/// A host as it stands in a `Host` header, without its port.
fn host(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err(format!("`{}`: {NO_WILDCARDS}", text.escape_debug()));
    }
    match url::Host::parse(text) {
        Ok(host) if !text.contains(':') || text.starts_with('[') => Ok(host.to_string()),
        _ => Err(format!(
            "`{}` is not a name of a host; write it without scheme and port, for example `fleet.example.com`",
            text.escape_debug()
        )),
    }
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match parsed {
        Some(network) if network.prefix_len() == 0 => Err(format!(
            "`{network}` is everybody, and whoever connects could say to come from anywhere; list the networks of the proxies"
        )),
        Some(network) => Ok(network.trunc()),
        None => {
            Err(format!("`{}` is not a network; write for example `10.0.0.0/8` or `10.0.0.5`", text.escape_debug()))
        }
    }
}

/// An origin in the form in which browsers send it.
fn origin(text: &str) -> Result<String, String> {
    let bad = || {
        let star = if text == "*" { "list every origin: a page let in can read all feeds; " } else { "" };
        format!("`{}` is not an origin; {star}write for example `https://ops.example.com`", text.escape_debug())
    };
    let url = Url::parse(text).map_err(|_| bad())?;
    if text.contains('*') {
        return Err(format!("`{}`: {NO_WILDCARDS}", text.escape_debug()));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !bare || !anonymous {
        return Err(bad());
    }
    Ok(url.origin().ascii_serialization())
}

fn directory(from_file: Option<Item<PathBuf>>, overrides: &Overrides, report: &mut Report<'_>) -> PathBuf {
    let chosen = match &overrides.state_dir {
        Some(path) => Some((path.clone(), Place::Given("`--state-dir` or `VELOFLUX_STATE_DIR`"))),
        None => from_file.map(|item| (item.value, item.place)),
    };
    let (path, place) =
        match chosen.or_else(|| default_directory(|name| env::var_os(name)).map(|path| (path, Place::Default))) {
            Some(chosen) => chosen,
            None => {
                report.problem(Place::Default, "there is no home directory to keep state in; pass `--state-dir DIR`");
                return PathBuf::new();
            }
        };
    if path.as_os_str().is_empty() {
        report.problem(place, "the state directory is empty; write the path of a directory");
    }
    report.resolve(place, &path)
}

/// The directory the service manager made for us, else the user's own.
fn default_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // systemd lists several, separated by colons, when the unit asks for several; the first is the main one.
    let managed = variable("STATE_DIRECTORY").and_then(|value| {
        let first = value.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        if first.is_empty() { None } else { Some(PathBuf::from(first)) }
    });
    // The XDG specification has relative paths ignored.
    let state_home = path("XDG_STATE_HOME").filter(|path| path.is_absolute());
    managed
        .or_else(|| state_home.map(|home| home.join("veloflux")))
        .or_else(|| path("HOME").map(|home| home.join(".local/state/veloflux")))
}

/// The name of this host as the kernel knows it.
fn host_name() -> String {
    let known = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    known.and_then(|text| name(text.trim()).ok()).unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_goes_where_the_service_manager_or_the_user_keeps_it() {
        let find = |variables: &[(&str, &str)]| {
            default_directory(|asked| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.into()))
        };
        for (variables, expected) in [
            (&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/root")][..], Some("/var/lib/a")),
            (&[("XDG_STATE_HOME", "/x"), ("HOME", "/h")], Some("/x/veloflux")),
            (&[("XDG_STATE_HOME", "x"), ("HOME", "/h")], Some("/h/.local/state/veloflux")),
            (&[("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", ""), ("HOME", "/h")], Some("/h/.local/state/veloflux")),
            (&[("HOME", "")], None),
        ] {
            assert_eq!(find(variables), expected.map(PathBuf::from), "{variables:?}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        for (text, kept) in [
            ("https://ops.example.com", "https://ops.example.com"),
            ("HTTPS://Ops.Example.Com:443/", "https://ops.example.com"),
            ("http://10.0.0.1:3000", "http://10.0.0.1:3000"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(kept));
        }
        for text in [
            "*",
            "https://*.example.com",
            "null",
            "ops.example.com",
            "https://a/b",
            "https://u@a",
            "ftp://a",
            "https://a?x",
            "",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
