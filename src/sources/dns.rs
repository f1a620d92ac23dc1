//! The services of a name in DNS: its records of type SRV (RFC 2782), as Consul, Kubernetes and others publish them.
//!
//! `dns://SERVER/_http._tcp.shop.example` asks that server, `dns://_http._tcp.shop.example` those of this machine. Each
//! record is a backend with the record's weight; those of a worse priority than the best have weight 0, for they get
//! nothing while a better one is there. DNS knows no states: our own checks say. An answer without a record is an error,
//! so that a name that was lost leaves its backends stale, not gone; a record with the target `.` says there are none.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Asked, Kind, Reading, Record, Source, SourceOptions, Telling};
use crate::net::dns::{Question, Record as DnsRecord, SRV, Service, name_servers};
use crate::net::fault::io_words;
use crate::net::{Fault, Target, resolve};
use crate::protocol::Admin;

/// The row of this kind.
pub(super) const KIND: Kind =
    Kind { name: "dns", schemes: &["dns"], options: &["pool"], telling: Telling::Impossible, new };

/// Where this machine's name servers stand.
const RESOLV_CONF: &str = "/etc/resolv.conf";

struct Dns {
    /// None: those of this machine.
    server: Option<Target>,
    question: Question,
    pool: String,
}

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let url = options.url.as_deref();
    let url =
        url.ok_or("a source of kind `dns` needs a `url`, for example `dns://_http._tcp.shop.example`".to_owned())?;
    let target = Target::parse(url).map_err(|error| error.to_string())?;
    if target.user().is_some() || target.password().is_some() || target.url().query().is_some() {
        return Err(format!("`{target}` asks for records of type SRV, without a user, password or `?`; take that out"));
    }
    let (server, name) = match target.path_text().filter(|name| !name.is_empty()) {
        Some(name) => (Some(target), name),
        None if target.port() != 53 => {
            return Err(format!("`{target}` names no server to have a port; write `dns://SERVER:PORT/NAME`"));
        }
        None => (None, target.host()),
    };
    let question = Question::new(&name, SRV).ok_or_else(|| format!("`{name}` is not a name that DNS can hold"))?;
    let pool = options.pool.clone().unwrap_or_else(|| name.trim_end_matches('.').to_owned());
    Ok(Arc::new(Dns { server, question, pool }))
}

impl Source for Dns {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let servers = self.servers().await?;
            let words = |fault: Fault| fault.to_string();
            let (mut answer, server) = self.question.ask(&servers).await.map_err(words)?;
            if answer.truncated {
                answer = self.question.ask_stream(server).await.map_err(words)?;
            }
            if let Some(refusal) = &answer.refusal {
                return Err(format!("the server {refusal}: `{}`", self.question.name()));
            }
            let services = answer.records.into_iter().filter_map(|record| match record {
                DnsRecord::Service(service) => Some(service),
                DnsRecord::Other => None,
            });
            reading(services.collect(), &self.pool)
                .ok_or_else(|| format!("the server has no `SRV` record for `{}`", self.question.name()))
        })
    }

    fn counts(&self) -> bool {
        false
    }
}

impl Dns {
    async fn servers(&self) -> Result<Vec<SocketAddr>, String> {
        let Some(server) = &self.server else {
            let text = tokio::fs::read_to_string(RESOLV_CONF).await;
            return Ok(name_servers(&text.map_err(|error| format!("`{RESOLV_CONF}`: {}", io_words(&error)))?));
        };
        resolve(&server.host(), server.port()).await.map_err(|fault| fault.to_string())
    }
}

/// What an answer says to a question with the id 0.
pub(super) fn understand(message: &[u8]) -> Result<Reading, String> {
    let question = Question::new("x", SRV).ok_or("a name")?;
    let answer = question.read(message, 0).ok_or("it is no answer")?;
    let services = answer.records.into_iter().filter_map(|record| match record {
        DnsRecord::Service(service) => Some(service),
        DnsRecord::Other => None,
    });
    reading(services.collect(), "x").ok_or_else(|| "there are no records".to_owned())
}

/// What the records say. None: there are none.
fn reading(mut services: Vec<Service>, pool: &str) -> Option<Reading> {
    let best = services.iter().map(|service| service.priority).min()?;
    services.retain(|service| !service.target.is_empty());
    // Servers turn the order about with every answer.
    services.sort_by(|a, b| (a.priority, &a.target, a.port).cmp(&(b.priority, &b.target, b.port)));
    let backends = services.into_iter().map(|service| {
        let address = format!("{}:{}", service.target, service.port);
        // A weight of 0 stands where there is nothing to choose, or for the smallest share.
        let weight = if service.priority == best { u32::from(service.weight).max(1) } else { 0 };
        let pool = pool.to_owned();
        Record {
            pool,
            name: address.clone(),
            address,
            weight,
            admin: Admin::Enabled,
            finding: None,
            asked: Asked::AsSet,
        }
    });
    let mut backends: Vec<Record> = backends.collect();
    backends.dedup_by(|later, first| later.address == first.address);
    Some(Reading { backends, requests: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, port: u16, target: &str) -> Service {
        Service { priority, weight, port, target: target.to_owned() }
    }

    #[test]
    fn the_best_priority_shares_and_the_others_wait() {
        let services =
            vec![service(20, 9, 80, "c"), service(10, 0, 80, "b"), service(10, 5, 81, "a"), service(10, 5, 81, "a")];
        let reading = reading(services, "web").expect("some");
        let seen: Vec<(&str, u32)> =
            reading.backends.iter().map(|backend| (backend.address.as_str(), backend.weight)).collect();
        assert_eq!(seen, [("a:81", 5), ("b:80", 1), ("c:80", 0)]);
        assert!(reading.backends.iter().all(|backend| backend.pool == "web" && backend.finding.is_none()));
    }

    #[test]
    fn a_dot_means_none_and_no_record_an_error() {
        assert_eq!(reading(vec![service(0, 0, 0, "")], "web"), Some(Reading::default()));
        assert_eq!(reading(Vec::new(), "web"), None);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (url, words) in [
            ("dns://10.0.0.2/a..b", "`a..b` is not a name that DNS can hold"),
            ("dns://a.b:5353", "`dns://a.b:5353` names no server to have a port; write `dns://SERVER:PORT/NAME`"),
            (
                "dns://10.0.0.2/x?type=A",
                "`dns://10.0.0.2:53/x` asks for records of type SRV, without a user, password or `?`; take that out",
            ),
        ] {
            let options = SourceOptions { url: Some(url.to_owned()), ..SourceOptions::default() };
            assert_eq!(new(&options).err().as_deref(), Some(words));
        }
    }
}
