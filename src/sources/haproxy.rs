//! HAProxy, by its runtime socket (`unix:///run/haproxy/admin.sock`, `tcp://127.0.0.1:9999`) or its statistics page
//! (`http://127.0.0.1:8404/stats`).
//!
//! A proxy with servers is a pool. Reading takes level `user` on the socket; telling takes level `admin`, and is not
//! possible over HTTP. Addresses stand in the statistics at level `operator` only, or over HTTP with `stats show-legends`:
//! on the socket they come from `show servers state` then, and over HTTP the name of the server stands in for them.

mod stat;

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

use super::fetch::Fetcher;
use super::questions::Asking;
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
    Page(Box<Page>),
}

/// The statistics page.
struct Page {
    fetcher: Fetcher,
    url: Url,
    asking: Asking,
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
            let url = in_columns(fetcher.base().clone());
            Place::Page(Box::new(Page { fetcher, url, asking: Asking::default() }))
        }
    };
    let about_http = options.given().find(|_| !matches!(place, Place::Page(_)));
    match about_http {
        Some(given) => Err(format!("`{given}` is about HTTP, and the runtime socket has no use for it")),
        None => Ok(Arc::new(Haproxy(place))),
    }
}

impl Source for Haproxy {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            match &self.0 {
                Place::Page(page) => page.read().await,
                _ => understand(&self.command(ASK).await?),
            }
        })
    }

    fn counts(&self) -> bool {
        true
    }

    fn succeed(&self, before: &dyn Source) {
        let before = (before as &dyn Any).downcast_ref::<Haproxy>();
        if let (Place::Page(page), Some(Haproxy(Place::Page(before)))) = (&self.0, before)
            && page.url == before.url
        {
            page.asking.succeed(&before.asking);
        }
    }

    fn tell<'a>(&'a self, which: &'a Which, wish: Wish) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let plain =
                |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
            if !plain(&which.pool) || !plain(&which.name) {
                return Err(format!("`{}/{}` is no name that HAProxy can be told", which.pool, which.name));
            }
            if matches!(self.0, Place::Page(_)) {
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

impl Page {
    async fn read(&self) -> Result<Reading, String> {
        let mut reading = understand(&utf8(self.asking.fetch(&self.fetcher, &self.url).await?)?)?;
        self.asking.mark(&mut reading.requests);
        Ok(reading)
    }
}

/// What the statistics say, and the list of servers behind them where it is there.
pub(super) fn understand(text: &str) -> Result<Reading, String> {
    let (stat, servers) = parts(text)?;
    stat::reading(stat, &servers, Timestamp::now())
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
            Place::Page(_) => Err("there is no runtime socket over HTTP".to_owned()),
        }
    }
}

/// The address of the page as CSV. Options of the page stand at the very end of its address, each after a semicolon.
fn in_columns(mut page: Url) -> Url {
    const CSV: &str = ";csv";
    match page.query().map(str::to_owned) {
        Some(query) if query.contains(CSV) => {}
        Some(query) => page.set_query(Some(&format!("{query}{CSV}"))),
        None if page.path().contains(CSV) => {}
        None => {
            let path = format!("{}{CSV}", page.path().trim_end_matches('/'));
            page.set_path(&path);
        }
    }
    page
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

/// What stands in `show servers state` and not in the statistics.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Behind {
    /// `host:port`, where it has one.
    address: Option<String>,
    /// What operators want of it. The statistics show it only while the server is up.
    admin: Option<Admin>,
}

/// By proxy and server.
type Servers<'t> = HashMap<(&'t str, &'t str), Behind>;

/// In the administrative state: taken out by an order, by another server, by its name that leads nowhere.
const MAINTENANCE: u32 = 0x01 | 0x02 | 0x20 | 0x40;

/// In the administrative state: drained by an order, or by another server.
const DRAIN: u32 = 0x08 | 0x10;

/// The statistics, and what is known of the servers beside them where it was asked for and given.
fn parts(text: &str) -> Result<(&str, Servers<'_>), String> {
    let start = text.find("# pxname,").ok_or_else(|| {
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("what came are no statistics of HAProxy: `{}`", peer_words(line))
    })?;
    let text = &text[start..];
    let (stat, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    Ok((stat, servers(rest)))
}

/// From `show servers state`, whose second line names the columns.
fn servers(text: &str) -> Servers<'_> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("# be_id"));
    let Some(head) = lines.next() else { return Servers::new() };
    let columns: Vec<&str> = head.trim_start_matches("# ").split(' ').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let (Some(pool), Some(name)) = (column("be_name"), column("srv_name")) else { return Servers::new() };
    let (host, port, admin) = (column("srv_addr"), column("srv_port"), column("srv_admin_state"));
    let server = |line| {
        let fields: Vec<&str> = str::split(line, ' ').collect();
        let field = |column: Option<usize>| fields.get(column?).copied();
        let address = match (field(host), field(port)) {
            // It has none (yet).
            (None | Some("-" | "0.0.0.0" | "::"), _) | (_, None) => None,
            (Some(host), Some(port)) if host.contains(':') => Some(format!("[{host}]:{port}")),
            (Some(host), Some(port)) => Some(format!("{host}:{port}")),
        };
        let admin = field(admin).and_then(|flags| flags.parse::<u32>().ok()).map(|flags| match flags {
            flags if flags & MAINTENANCE != 0 => Admin::Maintenance,
            flags if flags & DRAIN != 0 => Admin::Draining,
            _ => Admin::Enabled,
        });
        Some(((field(Some(pool))?, field(Some(name))?), Behind { address, admin }))
    };
    lines.take_while(|line| !line.is_empty()).filter_map(server).collect()
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
    fn servers_come_by_proxy_and_name() {
        let text = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n\
                    4 web 1 a 127.0.0.1 2 0 80\n4 web 2 b ::1 2 8 81\n4 web 3 c - 0 33 0\n4 web 4 d 10.0.0.4 2 4 80\n\
                    short\n\nrest";
        let servers = servers(text);
        let behind = |address: Option<&str>, admin| Behind { address: address.map(str::to_owned), admin: Some(admin) };
        assert_eq!(servers[&("web", "a")], behind(Some("127.0.0.1:80"), Admin::Enabled));
        assert_eq!(servers[&("web", "b")], behind(Some("[::1]:81"), Admin::Draining));
        assert_eq!(servers[&("web", "c")], behind(None, Admin::Maintenance));
        // It was disabled in the configuration, and has been enabled since.
        assert_eq!(servers[&("web", "d")], behind(Some("10.0.0.4:80"), Admin::Enabled));
        assert_eq!(servers.len(), 4);
    }

    #[test]
    fn the_page_is_asked_for_in_columns_however_its_address_is_written() {
        for (given, asked) in [
            ("http://h/stats", "http://h/stats;csv"),
            ("http://h/stats/", "http://h/stats;csv"),
            ("http://h/stats;csv", "http://h/stats;csv"),
            ("http://h/haproxy?stats", "http://h/haproxy?stats;csv"),
            ("http://h/haproxy?stats;csv", "http://h/haproxy?stats;csv"),
            ("http://h/haproxy?stats;csv;norefresh", "http://h/haproxy?stats;csv;norefresh"),
        ] {
            assert_eq!(in_columns(Url::parse(given).expect("a URL")).as_str(), asked);
        }
    }
}
