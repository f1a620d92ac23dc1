//! HAProxy, by its runtime socket (`unix:///run/haproxy/admin.sock`, `tcp://127.0.0.1:9999`) or its statistics page
//! (`http://127.0.0.1:8404/stats`).
//!
//! A proxy with servers is a pool. Reading takes level `user` on the socket; telling takes level `admin`, and is not
//! possible over HTTP. Addresses stand in the statistics at level `operator` only, or over HTTP with `stats show-legends`:
//! on the socket they come from `show servers state` then, and over HTTP the name of the server stands in for them.

mod stat;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

use super::fetch::Fetcher;
use super::{Kind, Reading, Source, SourceOptions, Telling, Which, Wish};
use crate::limits::SOURCE_BODY_BYTES_MAX;
use crate::net::fault::{io_words, peer_words};
use crate::net::{Fault, Target, resolve};
use crate::protocol::{Admin, Timestamp};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "haproxy",
    schemes: &["unix", "tcp", "http", "https"],
    options: &["user", "password", "cacert", "insecure"],
    telling: Telling::Possible,
    new,
};

/// Both are answered on one connection, each with an empty line at its end.
const ASK: &str = "show stat;show servers state\n";

enum Place {
    Unix(PathBuf),
    Tcp(Target),
    Page { fetcher: Fetcher, url: Url },
}

struct Haproxy(Place);

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options.url.as_deref().ok_or(
        "a source of kind `haproxy` needs a `url`; write for example `unix:///run/haproxy/admin.sock`".to_owned(),
    )?;
    let scheme = url.split("://").next().unwrap_or_default().to_ascii_lowercase();
    let place = match scheme.as_str() {
        "unix" => Place::Unix(unix_path(url)?),
        "tcp" => Place::Tcp(Target::parse(url).map_err(|error| error.to_string())?),
        _ => {
            let fetcher = Fetcher::new(url, options)?;
            let mut page = fetcher.base().clone();
            if !page.path().ends_with(";csv") {
                let path = format!("{};csv", page.path().trim_end_matches('/'));
                page.set_path(&path);
            }
            Place::Page { fetcher, url: page }
        }
    };
    let about_http = options.given().find(|_| !matches!(place, Place::Page { .. }));
    match about_http {
        Some(given) => Err(format!("`{given}` is about HTTP, and the runtime socket has no use for it")),
        None => Ok(Arc::new(Haproxy(place))),
    }
}

impl Source for Haproxy {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let text = match &self.0 {
                Place::Page { fetcher, url } => utf8(fetcher.get(url.clone()).await?.body)?,
                _ => self.command(ASK).await?,
            };
            understand(&text)
        })
    }

    fn counts(&self) -> bool {
        true
    }

    fn tell<'a>(&'a self, which: &'a Which, wish: Wish) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let plain =
                |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
            if !plain(&which.pool) || !plain(&which.name) {
                return Err(format!("`{}/{}` is no name that HAProxy can be told", which.pool, which.name));
            }
            if matches!(self.0, Place::Page { .. }) {
                return Err("HAProxy takes no orders over HTTP; read it over its runtime socket".to_owned());
            }
            let what = match wish {
                Wish::Admin(Admin::Enabled) => "state ready".to_owned(),
                Wish::Admin(Admin::Draining) => "state drain".to_owned(),
                Wish::Admin(Admin::Maintenance) => "state maint".to_owned(),
                Wish::Weight(weight) => format!("weight {weight}"),
            };
            let answer = self.command(&format!("set server {}/{} {what}\n", which.pool, which.name)).await?;
            match answer.trim() {
                "" => Ok(()),
                "Permission denied" => {
                    Err("HAProxy answers `Permission denied`; write `level admin` at its `stats socket`".to_owned())
                }
                words => Err(format!("HAProxy answers `{}`", peer_words(words))),
            }
        })
    }
}

/// What the statistics say, and the list of servers behind them where it is there.
pub(super) fn understand(text: &str) -> Result<Reading, String> {
    let (stat, addresses) = parts(text)?;
    stat::reading(stat, &addresses, Timestamp::now())
}

impl Haproxy {
    /// Says one line over a fresh connection, and reads all that comes.
    async fn command(&self, line: &str) -> Result<String, String> {
        match &self.0 {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                let stream = stream.map_err(|error| format!("`{}`: {}", path.display(), io_words(&error)))?;
                converse(stream, line).await
            }
            Place::Tcp(target) => {
                let addresses = resolve(&target.host(), target.port()).await.map_err(|fault| fault.to_string())?;
                let stream = TcpStream::connect(&*addresses).await;
                converse(stream.map_err(|error| Fault::from(error).to_string())?, line).await
            }
            Place::Page { .. } => Err("there is no runtime socket over HTTP".to_owned()),
        }
    }
}

/// The path of `unix:///run/haproxy/admin.sock`.
fn unix_path(url: &str) -> Result<PathBuf, String> {
    match url.split_once("://") {
        Some((_, path)) if path.starts_with('/') && path.len() > 1 => Ok(PathBuf::from(path)),
        _ => Err(format!("`{url}` names no file; write for example `unix:///run/haproxy/admin.sock`")),
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, line: &str) -> Result<String, String> {
    stream.write_all(line.as_bytes()).await.map_err(|error| io_words(&error))?;
    let mut answer = Vec::new();
    let most = SOURCE_BODY_BYTES_MAX as u64 + 1;
    stream.take(most).read_to_end(&mut answer).await.map_err(|error| io_words(&error))?;
    if answer.len() > SOURCE_BODY_BYTES_MAX {
        return Err(format!("answered with more than {SOURCE_BODY_BYTES_MAX} bytes"));
    }
    utf8(answer)
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "what came is not text".to_owned())
}

/// By proxy and server: `host:port`.
type Addresses<'t> = HashMap<(&'t str, &'t str), String>;

/// The statistics, and the addresses where they were asked for and given.
fn parts(text: &str) -> Result<(&str, Addresses<'_>), String> {
    let start = text.find("# pxname,").ok_or_else(|| {
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("what came are no statistics of HAProxy: `{}`", peer_words(line))
    })?;
    let text = &text[start..];
    let (stat, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    Ok((stat, addresses(rest)))
}

/// From `show servers state`, whose second line names the columns.
fn addresses(text: &str) -> Addresses<'_> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("# be_id"));
    let Some(head) = lines.next() else { return Addresses::new() };
    let columns: Vec<&str> = head.trim_start_matches("# ").split(' ').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let (Some(pool), Some(name), Some(host), Some(port)) =
        (column("be_name"), column("srv_name"), column("srv_addr"), column("srv_port"))
    else {
        return Addresses::new();
    };
    let address = |line| {
        let fields: Vec<&str> = str::split(line, ' ').collect();
        let (host, port) = (*fields.get(host)?, *fields.get(port)?);
        let address = match host {
            // It has none (yet).
            "-" | "0.0.0.0" | "::" => return None,
            host if host.contains(':') => format!("[{host}]:{port}"),
            host => format!("{host}:{port}"),
        };
        Some(((*fields.get(pool)?, *fields.get(name)?), address))
    };
    lines.take_while(|line| !line.is_empty()).filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: SourceOptions) -> String {
        new(&options).err().expect("refused")
    }

    #[test]
    fn what_it_cannot_use_is_refused() {
        let at = |url: &str| SourceOptions { url: Some(url.to_owned()), ..SourceOptions::default() };
        for url in ["unix:///run/x.sock", "tcp://127.0.0.1:9999", "http://u:p@127.0.0.1:8404/stats"] {
            assert!(new(&at(url)).is_ok(), "{url}");
        }
        assert!(refused(SourceOptions::default()).contains("needs a `url`"));
        assert!(refused(at("tcp://127.0.0.1")).contains("has no port"));
        assert!(refused(at("unix://")).contains("names no file"));
        let user = SourceOptions { user: Some("u".to_owned()), ..at("unix:///x") };
        assert_eq!(refused(user), "`user` is about HTTP, and the runtime socket has no use for it");
    }

    #[test]
    fn addresses_come_by_proxy_and_server() {
        let text = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_port x\n4 web 1 a 127.0.0.1 2 80 0\n\
                    4 web 2 b ::1 2 81 0\n4 web 3 c - 0 0 0\nshort\n\nrest";
        let addresses = addresses(text);
        assert_eq!(addresses[&("web", "a")], "127.0.0.1:80");
        assert_eq!(addresses[&("web", "b")], "[::1]:81");
        assert_eq!(addresses.len(), 2);
    }
}
