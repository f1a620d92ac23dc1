//! HAProxy's statistics: one line a frontend, backend and server, in columns that are found by their names.
//!
//! How its words become ours:
//!
//! | word | status | admin |
//! | --- | --- | --- |
//! | `UP` | healthy; degraded where the check passed conditionally (`L7OKC`) | enabled |
//! | `UP n/m`, `NOLB` | degraded: it is going down, or has asked for no new sessions | enabled |
//! | `DOWN`, `DOWN n/m`, `DOWN (agent)` | unhealthy | enabled |
//! | `DRAIN`, `DRAIN (agent)` | by its check | draining |
//! | `MAINT`, `MAINT (via …)`, `MAINT (resolution)` | unknown: it is not checked then | maintenance |
//! | `no check` | not found out by HAProxy: we check; unknown where it tells no address | enabled |

use std::collections::HashMap;
use std::time::Duration;

use super::{Behind, Servers};
use crate::net::fault::peer_words;
use crate::protocol::{Admin, Health, Timestamp};
use crate::sources::csv::fields;
use crate::sources::{Asked, Counter, Finding, Reading, Record};

/// The type of a line that is about a server.
const SERVER: &str = "2";

/// Stands for the address of every server behind a socket of this machine.
const UNIX: &str = "unix";

/// One line, by the names of its columns.
struct Line<'t> {
    columns: &'t HashMap<&'t str, usize>,
    fields: Vec<String>,
}

impl Line<'_> {
    /// A field that is there and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(*self.columns.get(name)?).map(String::as_str).filter(|field| !field.is_empty())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// Reads the statistics.
pub(super) fn reading(text: &str, servers: &Servers<'_>, now: Timestamp) -> Result<Reading, String> {
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default().trim_start_matches("# ");
    let columns: HashMap<&str, usize> = head.split(',').enumerate().map(|(index, name)| (name, index)).collect();
    for needed in ["pxname", "svname", "status"] {
        if !columns.contains_key(needed) {
            return Err(format!("the statistics have no column `{needed}`"));
        }
    }
    let mut reading = Reading::default();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let line = Line { columns: &columns, fields: fields(line) };
        let (Some(pool), Some(name)) = (line.get("pxname"), line.get("svname")) else {
            return Err(format!("a line of the statistics names no proxy: `{}`", peer_words(&line.fields.join(","))));
        };
        match name {
            "FRONTEND" => reading.requests.extend(requests(pool, &line)),
            "BACKEND" => {}
            // A listener of a frontend.
            _ if line.get("type").is_some_and(|kind| kind != SERVER) => {}
            name => {
                let behind = servers.get(&(pool, name)).cloned().unwrap_or_default();
                reading.backends.push(server(pool, name, behind, &line, now));
            }
        }
    }
    Ok(reading)
}

/// What a frontend has counted: requests, less those for the statistics themselves; sessions where it knows no requests.
fn requests(name: &str, line: &Line<'_>) -> Option<Counter> {
    let sessions = line.get("mode") == Some("tcp") || line.get("req_tot").is_none();
    if sessions {
        return Some(Counter::new(name, line.number("stot")?));
    }
    // A request is counted when it has been read, and a little later as intercepted.
    let aside = line.number("intercepted").unwrap_or(0);
    Some(Counter { aside, ..Counter::new(name, line.number("req_tot")?) })
}

fn server(pool: &str, name: &str, behind: Behind, line: &Line<'_>, now: Timestamp) -> Record {
    let address = line.get("addr").map(str::to_owned).or(behind.address).filter(|address| address != UNIX);
    let state = line.get("status").unwrap_or_default();
    // A check that runs right now is marked with a star; what stands behind it is the last one.
    let check = line.get("check_status").map(|status| status.trim_start_matches("* "));
    let passed = check.map(|check| check.ends_with("OK") || check.ends_with("OKC"));
    let (word, going) = state.split_once(' ').unwrap_or((state, ""));
    let going = going.contains('/');
    // The word of a server that is down says nothing of orders.
    let admin = match (behind.admin, word) {
        (Some(admin @ (Admin::Draining | Admin::Maintenance)), _) => admin,
        (_, "DRAIN") => Admin::Draining,
        (_, "MAINT") => Admin::Maintenance,
        _ => Admin::Enabled,
    };
    // What keeps us from checking it, where HAProxy does not.
    let missing = match &address {
        // It is at a socket of its machine, or HAProxy does not tell. Its name leads nowhere, or to somebody else.
        None => Some("address"),
        // It is that of the client.
        Some(address) if !has_port(address) => Some("port"),
        Some(_) => None,
    };
    let status = match word {
        "UP" if going || check.is_some_and(|check| check.ends_with("OKC")) => Some(Health::Degraded),
        "UP" => Some(Health::Healthy),
        "NOLB" => Some(Health::Degraded),
        "DOWN" => Some(Health::Unhealthy),
        "DRAIN" => passed.map(|passed| if passed { Health::Healthy } else { Health::Unhealthy }),
        "no" => None,
        // Whatever else: it is not checked, or in a way that we do not know.
        _ => Some(Health::Unknown),
    };
    let unchecked = missing.filter(|_| status.is_none());
    let status = status.or(unchecked.map(|_| Health::Unknown));
    let said = [line.get("check_desc"), line.get("last_chk")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let why = match (word, status, unchecked) {
        (_, _, Some(missing)) => Some(format!("HAProxy does not check it, and we do not know its {missing}")),
        (_, None | Some(Health::Healthy), _) => None,
        ("NOLB", ..) => Some("it wants no new sessions".to_owned()),
        _ if said.is_empty() => None,
        _ => Some(peer_words(&said)),
    };
    let since = line.number("lastchg").and_then(|seconds| now.before(Duration::from_secs(seconds)));
    let weight = line.number("uweight").or_else(|| line.number("weight"));
    Record {
        pool: pool.to_owned(),
        name: name.to_owned(),
        address: address.unwrap_or_else(|| name.to_owned()),
        weight: weight.and_then(|weight| weight.try_into().ok()).unwrap_or(0),
        admin,
        finding: status.map(|status| Finding {
            status,
            state: state.to_owned(),
            detail: why,
            latency: line.number("check_duration").map(Duration::from_millis),
            last_change: since,
        }),
        asked: Asked::AsSet,
    }
}

/// Whether an address has a port to connect to. One that goes by the client's is 0, or too low or too high for one.
fn has_port(address: &str) -> bool {
    address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_some_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "# pxname,svname,stot,status,weight,lastchg,check_status,check_duration,req_tot,intercepted,last_chk,\
                        check_desc,addr,mode,uweight,";

    fn read(lines: &[&str]) -> Reading {
        let text = format!("{HEAD}\n{}\n", lines.join("\n"));
        reading(&text, &Servers::new(), Timestamp::now()).expect("statistics")
    }

    fn word(status: &str, check: &str) -> (Option<Health>, Admin) {
        let record = read(&[&format!("web,a,0,{status},1,5,{check},3,,,,,127.0.0.1:1,http,1,")]).backends.remove(0);
        (record.finding.map(|finding| finding.status), record.admin)
    }

    #[test]
    fn every_word_has_its_meaning() {
        use Admin::{Draining, Enabled, Maintenance};
        use Health::{Degraded, Healthy, Unhealthy, Unknown};
        for (status, check, meaning) in [
            ("UP", "L7OK", (Some(Healthy), Enabled)),
            ("UP", "* L4OK", (Some(Healthy), Enabled)),
            ("UP", "L7OKC", (Some(Degraded), Enabled)),
            ("UP 1/3", "L7TOUT", (Some(Degraded), Enabled)),
            ("DOWN", "L4CON", (Some(Unhealthy), Enabled)),
            ("DOWN 1/2", "* L4OK", (Some(Unhealthy), Enabled)),
            ("DOWN (agent)", "L4OK", (Some(Unhealthy), Enabled)),
            ("NOLB", "L7STS", (Some(Degraded), Enabled)),
            ("DRAIN", "L7OK", (Some(Healthy), Draining)),
            ("DRAIN", "L4TOUT", (Some(Unhealthy), Draining)),
            ("DRAIN", "", (None, Draining)),
            ("DRAIN (agent)", "L4OK", (Some(Healthy), Draining)),
            ("MAINT", "", (Some(Unknown), Maintenance)),
            ("MAINT (via web/b)", "", (Some(Unknown), Maintenance)),
            ("MAINT (resolution)", "", (Some(Unknown), Maintenance)),
            ("no check", "", (None, Enabled)),
            ("STRANGE", "", (Some(Unknown), Enabled)),
        ] {
            assert_eq!(word(status, check), meaning, "{status} {check}");
        }
    }

    #[test]
    fn a_server_says_why_how_fast_and_since_when() {
        let lines = ["web,a,0,DOWN,0,90,L4CON,12,,,\"refused, \"\"twice\"\"\",Layer4 connection problem,,http,7,"];
        let now = Timestamp::now();
        let text = format!("{HEAD}\n{}\n", lines[0]);
        let mut servers = Servers::new();
        let behind = Behind { address: Some("10.0.0.1:80".to_owned()), admin: Some(Admin::Draining) };
        servers.insert(("web", "a"), behind);
        let record = reading(&text, &servers, now).expect("statistics").backends.remove(0);
        assert_eq!((record.address.as_str(), record.weight), ("10.0.0.1:80", 7), "the configured weight");
        assert_eq!(record.admin, Admin::Draining, "it is down, and drained all the same");
        let finding = record.finding.expect("found out");
        assert_eq!(finding.detail.as_deref(), Some("Layer4 connection problem: refused, \"twice\""));
        assert_eq!(finding.latency, Some(Duration::from_millis(12)));
        assert_eq!(finding.last_change, now.before(Duration::from_secs(90)));
        assert_eq!(read(&["web,b,0,UP,1,5,L7OK,3,,,,,,http,1,"]).backends[0].address, "b", "no address, so its name");
    }

    #[test]
    fn what_is_no_server_with_an_address_is_not_taken_for_one() {
        let head = HEAD.replace("uweight,", "uweight,type,");
        let text = format!(
            "{head}\nin,sock-1,0,OPEN,,,,,,,,,10.0.0.1:80,http,,3,\nweb,a,0,UP,1,5,L7OK,3,,,,,unix,http,1,2,\n\
             web,b,0,no check,1,5,,,,,,,10.0.0.2:0,http,1,2,\nweb,c,0,no check,1,5,,,,,,,10.0.0.2:-1,http,1,2,\n\
             web,d,0,no check,1,5,,,,,,,unix,http,1,2,\nweb,e,0,DRAIN,1,5,,,,,,,,http,1,2,\n"
        );
        let backends = reading(&text, &Servers::new(), Timestamp::now()).expect("statistics").backends;
        let addresses: Vec<&str> = backends.iter().map(|record| record.address.as_str()).collect();
        assert_eq!(addresses, ["a", "10.0.0.2:0", "10.0.0.2:-1", "d", "e"]);
        let why = "HAProxy does not check it, and we do not know its ";
        for (index, state, missing) in
            [(1, "no check", "port"), (2, "no check", "port"), (3, "no check", "address"), (4, "DRAIN", "address")]
        {
            let finding = backends[index].finding.as_ref().expect("we do not check it");
            assert_eq!((finding.status, finding.state.as_str()), (Health::Unknown, state));
            assert_eq!(finding.detail, Some(format!("{why}{missing}")));
        }
    }

    #[test]
    fn frontends_count_requests_less_our_own_or_sessions() {
        let reading = read(&[
            "in,FRONTEND,50,OPEN,,,,,40,3,,,,http,,",
            "raw,FRONTEND,50,OPEN,,,,,,,,,,tcp,,",
            "web,BACKEND,9,UP,1,5,,,9,,,,,http,1,",
        ]);
        let counters: Vec<(&str, u64, u64)> =
            reading.requests.iter().map(|counter| (counter.name.as_str(), counter.value, counter.aside)).collect();
        assert_eq!(counters, [("in", 40, 3), ("raw", 50, 0)]);
        assert!(reading.backends.is_empty());
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "(?s).{0,300}", line in "[a-zA-Z0-9,\"* /()]{0,200}") {
            let _ = reading(&text, &Servers::new(), Timestamp::now());
            let _ = reading(&format!("{HEAD}\n{line}"), &Servers::new(), Timestamp::now());
        }
    }
}
