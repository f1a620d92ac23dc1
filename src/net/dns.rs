//! Asking a DNS server: the question, what goes over the wire, and what an answer holds. Which server is asked and what
//! its answer means is for the caller.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::Fault;
use crate::limits::DNS_RESEND_INTERVAL;

/// A type of record that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordType {
    /// As zone files write it.
    pub name: &'static str,
    number: u16,
}

/// All of them.
pub const RECORD_TYPES: &[RecordType] = &[
    RecordType { name: "A", number: 1 },
    RecordType { name: "NS", number: 2 },
    RecordType { name: "CNAME", number: 5 },
    RecordType { name: "SOA", number: 6 },
    RecordType { name: "PTR", number: 12 },
    RecordType { name: "MX", number: 15 },
    RecordType { name: "TXT", number: 16 },
    RecordType { name: "AAAA", number: 28 },
    SRV,
];

/// Where a service is offered (RFC 2782).
pub const SRV: RecordType = RecordType { name: "SRV", number: 33 };

/// Longest message over UDP without extensions (RFC 1035).
const DATAGRAM_BYTES_MAX: usize = 512;

/// Where DNS servers listen.
const PORT: u16 = 53;

const HEADER_BYTES: usize = 12;

/// Longest name on the wire, with the lengths of its labels.
const NAME_BYTES_MAX: usize = 255;

/// What the last four bits of the flags say. Others are told by their number.
const ERRORS: [(u16, &str); 5] = [
    (1, "does not understand the question"),
    (2, "failed at it"),
    (3, "knows no such name"),
    (4, "does not do that"),
    (5, "refuses to answer"),
];

/// Those that say something of the server and nothing of the name.
const PASSING: [u16; 3] = [2, 4, 5];

/// What a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    name: String,
    kind: RecordType,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Why it does not answer, as the rest of a sentence about the server.
    pub refusal: Option<String>,
    /// Whether the refusal is the server's own: another may know.
    pub another_may_know: bool,
    /// It did not fit, and records may be missing.
    pub truncated: bool,
    /// The records of the type that was asked for, those of other types left out.
    pub records: Vec<Record>,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// What a record of type SRV says.
    Service(Service),
    /// One of a type that nobody here looks into.
    Other,
}

/// What a record of type SRV says (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The lowest is to be used while anything there answers.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host's name, without the dot at the end. Empty: the service is decidedly not offered.
    pub target: String,
}

impl Question {
    /// Asks for records of this type under this name. None: DNS cannot hold the name, for a part of it is empty or too
    /// long.
    pub fn new(name: &str, kind: RecordType) -> Option<Question> {
        let labels = name.trim_end_matches('.').split('.');
        let bytes: usize = labels.clone().map(|label| label.len() + 1).sum();
        let fits = labels.clone().all(|label| (1..=63).contains(&label.len())) && bytes < NAME_BYTES_MAX;
        fits.then(|| Question { name: name.to_owned(), kind })
    }

    /// The type of record asked for.
    pub fn kind(&self) -> RecordType {
        self.kind
    }

    /// The name asked about.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks these servers in turn over UDP, again and again, until one answers: datagrams get lost. One that cannot is passed
    /// over while another may know. It sets no deadline.
    ///
    /// # Errors
    /// A [`Fault`] of the network, such as a refusal.
    pub async fn ask(&self, servers: &[SocketAddr]) -> Result<(Answer, SocketAddr), Fault> {
        let id = rand::random();
        let asked = self.encoded(id);
        let (mut sockets, mut unreachable) = (Vec::new(), None);
        for server in servers {
            match towards(server).await {
                Ok(socket) => sockets.push((socket, *server)),
                // Such as one of IPv6, on a machine that has none.
                Err(error) => unreachable = Some(Fault::from(error)),
            }
        }
        let mut answer = [0; DATAGRAM_BYTES_MAX];
        loop {
            let (mut faults, mut refusals) = (Vec::new(), Vec::new());
            for (socket, server) in &sockets {
                let round = async {
                    socket.send(&asked).await?;
                    loop {
                        let length = socket.recv(&mut answer).await?;
                        // What comes late from an earlier question is not the answer.
                        if let Some(found) = self.read(&answer[..length], id) {
                            return Ok::<_, Fault>(found);
                        }
                    }
                };
                match timeout(DNS_RESEND_INTERVAL, round).await {
                    Ok(Ok(found)) if found.another_may_know => refusals.push((found, *server)),
                    Ok(Ok(found)) => return Ok((found, *server)),
                    // Nobody listens there; another may.
                    Ok(Err(fault)) => faults.push(fault),
                    Err(_) => {}
                }
            }
            // Nobody is left who has not been heard.
            if faults.len() + refusals.len() == sockets.len() {
                return match (refusals.pop(), faults.pop().or(unreachable)) {
                    (Some(refusal), _) => Ok(refusal),
                    (None, Some(fault)) => Err(fault),
                    (None, None) => Err(Fault::Name(self.name.clone())),
                };
            }
        }
    }

    /// Asks one server over TCP, where an answer may be of any length. It sets no deadline.
    ///
    /// # Errors
    /// A [`Fault`] of the network, also when what comes back is not the answer.
    pub async fn ask_stream(&self, server: SocketAddr) -> Result<Answer, Fault> {
        let id = rand::random();
        let asked = self.encoded(id);
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(asked.len()).expect("a question is short");
        stream.write_all(&[&length.to_be_bytes()[..], &asked].concat()).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        self.read(&answer, id).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidData).into())
    }

    /// The message that asks it, recursively.
    fn encoded(&self, id: u16) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.trim_end_matches('.').split('.') {
            message.push(u8::try_from(label.len()).expect("it was tried when the question was made"));
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&self.kind.number.to_be_bytes());
        // The Internet.
        message.extend_from_slice(&[0, 1]);
        message
    }

    /// What a message says. None: it is not an answer to this question, asked with this id.
    pub fn read(&self, message: &[u8], id: u16) -> Option<Answer> {
        let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
        let (flags, questions, answers) = (number(2)?, number(4)?, number(6)?);
        if number(0)? != id || flags & 0x8000 == 0 {
            return None;
        }
        let code = flags & 0xf;
        let refusal = match code {
            0 => None,
            code => {
                let words = ERRORS.iter().find(|(known, _)| *known == code).map(|(_, words)| (*words).to_owned());
                Some(words.unwrap_or_else(|| format!("answers with error {code}")))
            }
        };
        let (truncated, another_may_know) = (flags & 0x0200 != 0, PASSING.contains(&code));
        let mut answer = Answer { refusal, another_may_know, truncated, records: Vec::new() };
        let mut at = HEADER_BYTES;
        for _ in 0..questions {
            at = after_name(message, at)? + 4;
        }
        for _ in 0..answers {
            let Some(record) = after_name(message, at) else { break };
            let (Some(kind), Some(length)) = (number(record), number(record + 8)) else { break };
            let data = record + 10;
            at = data + usize::from(length);
            if kind == SRV.number && self.kind == SRV {
                let Some(service) = service(message, data) else { break };
                answer.records.push(Record::Service(service));
            } else if kind == self.kind.number {
                answer.records.push(Record::Other);
            }
        }
        Some(answer)
    }
}

/// The name servers that a `resolv.conf` tells; that of this machine if it tells none (resolv.conf(5)).
pub fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let told = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then_some(())?;
        Some(SocketAddr::new(words.next()?.parse().ok()?, PORT))
    });
    let servers: Vec<SocketAddr> = told.collect();
    if servers.is_empty() { vec![(Ipv4Addr::LOCALHOST, PORT).into()] } else { servers }
}

/// A socket that sends to that server, from any port of ours, and hears of no other.
async fn towards(server: &SocketAddr) -> std::io::Result<UdpSocket> {
    let any_port: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_port).await?;
    socket.connect(server).await?;
    Ok(socket)
}

fn service(message: &[u8], at: usize) -> Option<Service> {
    let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    Some(Service {
        priority: number(at)?,
        weight: number(at + 2)?,
        port: number(at + 4)?,
        target: name(message, at + 6)?,
    })
}

/// Where the name ends that begins `at`. A pointer to another place ends it.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

/// The name that begins `at`, its pointers followed: RFC 2782 forbids them in a target, and servers use them.
fn name(message: &[u8], mut at: usize) -> Option<String> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    loop {
        match *message.get(at)? {
            0 => return Some(String::from_utf8_lossy(&labels.join(&b'.')).into_owned()),
            high if high & 0xc0 == 0xc0 => {
                let pointed = usize::from(u16::from_be_bytes([high & 0x3f, *message.get(at + 1)?]));
                // Only ever backwards, so that it ends.
                at = Some(pointed).filter(|pointed| *pointed < at)?;
            }
            length => {
                let length = usize::from(length);
                labels.push(message.get(at + 1..at + 1 + length)?);
                at += length + 1;
                bytes += length + 1;
                if bytes > NAME_BYTES_MAX {
                    return None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
