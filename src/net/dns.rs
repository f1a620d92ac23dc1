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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question(name: &str, kind: &'static str) -> Question {
        let kind = RECORD_TYPES.iter().find(|known| known.name == kind).expect("a type");
        Question::new(name, *kind).expect("a name")
    }

    /// An answer with these records: the type of each, and what is in it.
    fn answer(question: &Question, flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.encoded(7);
        message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
        message[7] = u8::try_from(records.len()).expect("few");
        for (kind, data) in records {
            message.extend_from_slice(&[0xc0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).expect("short")]);
            message.extend_from_slice(data);
        }
        message
    }

    #[test]
    fn a_question_is_laid_out_as_rfc_1035_says() {
        let expected = b"\x01\x02\x01\0\0\x01\0\0\0\0\0\0\x02ab\x01c\0\0\x0f\0\x01";
        assert_eq!(question("ab.c.", "MX").encoded(0x0102), expected);
        let (longest, longer) = ("x".repeat(63), "x".repeat(64));
        assert!(Question::new(&longest, SRV).is_some());
        let too_long = vec![longest; 4].join(".");
        for bad in ["", ".", "a..b", &longer, &too_long] {
            assert_eq!(Question::new(bad, SRV), None, "{bad}");
        }
    }

    #[test]
    fn only_records_of_the_type_count() {
        let asked = question("www.example", "A");
        let records = |flags, records: &[(u16, &[u8])]| {
            let answer = asked.read(&answer(&asked, flags, records), 7).expect("an answer");
            (answer.refusal, answer.truncated, answer.records.len())
        };
        assert_eq!(records(0, &[(1, &[10, 0, 0, 1])]), (None, false, 1));
        assert_eq!(records(0, &[(5, b"\x01x\0"), (1, &[10, 0, 0, 1])]), (None, false, 1));
        assert_eq!(records(0, &[(5, b"\x01x\0")]), (None, false, 0));
        assert_eq!(records(0x0200, &[]), (None, true, 0), "cut off");
        assert_eq!(records(3, &[]), (Some("knows no such name".to_owned()), false, 0));
        assert_eq!(records(9, &[]), (Some("answers with error 9".to_owned()), false, 0));
        assert_eq!(asked.read(&answer(&asked, 0, &[]), 8), None, "another question");
        assert_eq!(asked.read(&asked.encoded(7), 7), None, "a question");
    }

    #[tokio::test]
    async fn a_server_that_cannot_answer_is_passed_over_while_another_can() {
        let asked = question("www.example", "A");
        let serve = async |flags: u16| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let (address, asked) = (socket.local_addr().expect("bound"), asked.clone());
            tokio::spawn(async move {
                let mut bytes = [0; DATAGRAM_BYTES_MAX];
                while let Ok((_, peer)) = socket.recv_from(&mut bytes).await {
                    let mut said = answer(&asked, flags, &[(1, &[10, 0, 0, 1])]);
                    said[..2].copy_from_slice(&bytes[..2]);
                    let _ = socket.send_to(&said, peer).await;
                }
            });
            address
        };
        let (refusing, failing, knowing) = (serve(5).await, serve(2).await, serve(0).await);
        // Nobody may connect to everybody.
        let unreachable: SocketAddr = "255.255.255.255:53".parse().expect("an address");
        let found = asked.ask(&[unreachable, refusing, knowing]).await.expect("an answer");
        assert_eq!((found.0.refusal, found.0.records.len(), found.1), (None, 1, knowing));
        let found = asked.ask(&[refusing, failing]).await.expect("an answer");
        assert_eq!(found.0.refusal.as_deref(), Some("failed at it"), "nobody knows better");
        assert!(asked.ask(&[unreachable]).await.is_err());
    }

    #[test]
    fn a_service_has_its_target_with_and_without_pointers() {
        let asked = question("_http._tcp.shop.example", "SRV");
        // The name of the question stands at 12: `shop.example` begins 6 + 5 bytes later.
        let message = answer(
            &asked,
            0,
            &[(33, b"\0\x01\0\x05\x1f\x90\x02w1\xc0\x17"), (33, b"\0\x02\0\0\0\x50\x01x\0"), (33, b"\0\0\0\0\0\0\0")],
        );
        let service = |priority, weight, port, target: &str| {
            Record::Service(Service { priority, weight, port, target: target.to_owned() })
        };
        assert_eq!(
            asked.read(&message, 7).expect("an answer").records,
            [service(1, 5, 8080, "w1.shop.example"), service(2, 0, 80, "x"), service(0, 0, 0, "")]
        );
    }

    #[tokio::test]
    async fn a_server_that_cannot_be_reached_leaves_the_others() {
        let asked = question("www.example", "A");
        let there = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = there.local_addr().expect("bound");
        // The system refuses it: it is for everybody.
        let nowhere: SocketAddr = "255.255.255.255:53".parse().expect("an address");
        let answering = async {
            let mut message = [0; DATAGRAM_BYTES_MAX];
            let (length, from) = there.recv_from(&mut message).await.expect("a question");
            message[2] |= 0x80;
            there.send_to(&message[..length], from).await.expect("sent");
        };
        let servers = [nowhere, address];
        let (answer, ()) = tokio::join!(asked.ask(&servers), answering);
        assert_eq!(answer, Ok((Answer::default(), address)));
        assert!(asked.ask(&[nowhere]).await.is_err(), "nobody is left");
    }

    #[test]
    fn name_servers_are_those_of_the_file_or_this_machine() {
        let servers = |text: &str| name_servers(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        let told =
            "# nameserver 10.0.0.9\nsearch a.b\nnameserver 10.0.0.2 # ours\nnameserver ::1\nnameserver fe80::1%lo x\n";
        assert_eq!(servers(told), ["10.0.0.2:53", "[::1]:53"]);
        assert_eq!(servers("options edns0\n"), ["127.0.0.1:53"]);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_hang(
            message in prop::collection::vec(any::<u8>(), 0..80), flags in any::<u16>(), cut in 0_usize..80,
        ) {
            for kind in ["A", "SRV"] {
                let asked = question("a.b", kind);
                asked.read(&message, 0);
                let mut whole = answer(&asked, flags, &[(33, &[0, 1, 0, 2, 0, 3, 0xc0, 12]), (1, &[1, 2, 3, 4])]);
                whole.truncate(cut);
                whole.extend(&message);
                asked.read(&whole, 7);
            }
        }
    }
}
