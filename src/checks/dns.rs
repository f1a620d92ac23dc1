//! The `dns` check. `dns://NAME` asks the resolver of this machine, as every program here does: it has an address for the
//! name, from DNS, `/etc/hosts` or whatever else is set up. `dns://SERVER/NAME?type=MX` asks one DNS server over UDP: it
//! has a record of that type (default `A`). An answer that does not fit into a datagram counts as one.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::ProbeOptions;
use super::outcome::{Found, Outcome};
use super::probe::{Ask, Asking, Kind, Prepared, listed, peer_words};
use crate::limits::DNS_RESEND_INTERVAL;
use crate::net::{Fault, Target, resolve};

/// The row of this kind.
pub(super) const KIND: Kind = Kind { name: "dns", schemes: &["dns"], options: &[], new };

/// The types of records that can be asked for.
const TYPES: &[(&str, u16)] =
    &[("A", 1), ("NS", 2), ("CNAME", 5), ("SOA", 6), ("PTR", 12), ("MX", 15), ("TXT", 16), ("AAAA", 28), ("SRV", 33)];

/// Longest message over UDP without extensions (RFC 1035).
const MESSAGE_BYTES_MAX: usize = 512;

const HEADER_BYTES: usize = 12;

/// What the last four bits of the flags say. Others are told by their number.
const ERRORS: [(u16, &str); 5] = [
    (1, "does not understand the question"),
    (2, "failed at it"),
    (3, "knows no such name"),
    (4, "does not do that"),
    (5, "refuses to answer"),
];

enum Dns {
    /// By the machine's resolver.
    Name(String),
    /// By this server.
    Server { server: Target, question: Question },
}

/// What a server is asked.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    name: String,
    kind: &'static str,
    number: u16,
}

fn new(target: &Target, _options: &ProbeOptions) -> Prepared {
    if target.user().is_some() || target.password().is_some() {
        return Err(format!("a check of kind `dns` sends no user and password; write `{target}`"));
    }
    let mut kind = None;
    for (key, value) in target.url().query_pairs() {
        if key != "type" {
            return Err(format!("a check of kind `dns` does not know `{}`; it takes `type`", peer_words(&key)));
        }
        let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&value));
        let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        kind = Some(known.ok_or_else(|| format!("`type={}` is not one of {}", peer_words(&value), listed(&names)))?);
    }
    let name = target.path_text().unwrap_or_default();
    if name.is_empty() {
        return match kind {
            Some((kind, _)) => Err(format!(
                "the resolver of this machine gives addresses, not records of a type; write `dns://SERVER/{}?type={kind}`",
                target.host()
            )),
            None if target.port() != 53 => {
                Err(format!("`{target}` names no server to have a port; write `dns://{}`", target.host()))
            }
            None => Ok(Arc::new(Dns::Name(target.host()))),
        };
    }
    let &(kind, number) = kind.unwrap_or(&TYPES[0]);
    let question = Question { name, kind, number };
    if question.encoded(0).is_none() {
        return Err(format!("`{}` is not a name that DNS can hold", question.name));
    }
    Ok(Arc::new(Dns::Server { server: target.clone(), question }))
}

impl Ask for Dns {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            match self {
                // The port is that of nothing.
                Dns::Name(name) => match resolve(name, 0).await {
                    Ok(_) => Ok(Outcome::Good),
                    Err(fault) => Err(fault.to_string()),
                },
                Dns::Server { server, question } => {
                    ask_server(server, question).await.map_err(|fault| fault.to_string())?
                }
            }
        })
    }
}

async fn ask_server(server: &Target, question: &Question) -> Result<Found, Fault> {
    let addresses = resolve(&server.host(), server.port()).await?;
    let address = addresses.first().ok_or_else(|| Fault::Name(server.host()))?;
    let any = if address.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let id = rand::random();
    let asked = question.encoded(id).expect("it was tried when the check was made");
    let mut answer = [0; MESSAGE_BYTES_MAX];
    loop {
        socket.send(&asked).await?;
        let listening = async {
            loop {
                let length = socket.recv(&mut answer).await?;
                // What comes late from an earlier question is not the answer.
                if let Some(found) = question.judge(&answer[..length], id) {
                    return Ok(found);
                }
            }
        };
        // A datagram may get lost; the deadline of the check ends this.
        if let Ok(found) = timeout(DNS_RESEND_INTERVAL, listening).await {
            return found;
        }
    }
}

impl Question {
    /// The message that asks it, recursively. None: the name is too long, or has an empty part.
    fn encoded(&self, id: u16) -> Option<Vec<u8>> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.trim_end_matches('.').split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            message.push(length);
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        if message.len() - HEADER_BYTES > 255 {
            return None;
        }
        message.extend_from_slice(&self.number.to_be_bytes());
        // The Internet.
        message.extend_from_slice(&[0, 1]);
        Some(message)
    }

    /// What an answer says. None: it is not one to this question.
    fn judge(&self, message: &[u8], id: u16) -> Option<Found> {
        let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
        let (flags, questions, answers) = (number(2)?, number(4)?, number(6)?);
        if number(0)? != id || flags & 0x8000 == 0 {
            return None;
        }
        match flags & 0xf {
            0 => {}
            code => {
                let words = ERRORS.iter().find(|(known, _)| *known == code).map(|(_, words)| (*words).to_owned());
                return Some(Err(format!(
                    "the server {}",
                    words.unwrap_or_else(|| format!("answers with error {code}"))
                )));
            }
        }
        let truncated = flags & 0x0200 != 0;
        let mut at = HEADER_BYTES;
        for _ in 0..questions {
            at = after_name(message, at)? + 4;
        }
        for _ in 0..answers {
            let Some(record) = after_name(message, at) else { break };
            let (Some(kind), Some(length)) = (number(record), number(record + 8)) else { break };
            if kind == self.number {
                return Some(Ok(Outcome::Good));
            }
            at = record + 10 + usize::from(length);
        }
        match truncated {
            true => Some(Ok(Outcome::Good)),
            false => Some(Err(format!("the server has no `{}` record for that name", self.kind))),
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question(name: &str, kind: &'static str) -> Question {
        let number = TYPES.iter().find(|(known, _)| *known == kind).expect("a type").1;
        Question { name: name.to_owned(), kind, number }
    }

    /// An answer with these records: the type of each, and what is in it.
    fn answer(question: &Question, flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.encoded(7).expect("a name");
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
        assert_eq!(question("ab.c.", "MX").encoded(0x0102).as_deref(), Some(&expected[..]));
        let (longest, longer) = ("x".repeat(63), "x".repeat(64));
        assert!(question(&longest, "A").encoded(0).is_some());
        let too_long = vec![longest; 4].join(".");
        for bad in ["", ".", "a..b", &longer, &too_long] {
            assert!(question(bad, "A").encoded(0).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_answer_needs_a_record_of_the_type() {
        let asked = question("www.example", "A");
        let good = Some(Ok(Outcome::Good));
        assert_eq!(asked.judge(&answer(&asked, 0, &[(1, &[10, 0, 0, 1])]), 7), good);
        assert_eq!(asked.judge(&answer(&asked, 0, &[(5, b"\x01x\0"), (1, &[10, 0, 0, 1])]), 7), good);
        let none = Some(Err("the server has no `A` record for that name".to_owned()));
        assert_eq!(asked.judge(&answer(&asked, 0, &[(5, b"\x01x\0")]), 7), none);
        assert_eq!(asked.judge(&answer(&asked, 0, &[]), 7), none);
        assert_eq!(asked.judge(&answer(&asked, 0x0200, &[]), 7), good, "cut off");
        let unknown = Some(Err("the server knows no such name".to_owned()));
        assert_eq!(asked.judge(&answer(&asked, 3, &[]), 7), unknown);
        assert_eq!(asked.judge(&answer(&asked, 9, &[]), 7), Some(Err("the server answers with error 9".to_owned())));
        assert_eq!(asked.judge(&answer(&asked, 0, &[]), 8), None, "another question");
        assert_eq!(asked.judge(&asked.encoded(7).expect("a name"), 7), None, "a question");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_hang(
            message in prop::collection::vec(any::<u8>(), 0..80), flags in any::<u16>(), cut in 0_usize..60,
        ) {
            let asked = question("a.b", "A");
            asked.judge(&message, 0);
            let mut whole = answer(&asked, flags, &[(5, &[1, 2]), (1, &[1, 2, 3, 4])]);
            whole.truncate(cut);
            whole.extend(message);
            asked.judge(&whole, 7);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (url, words) in [
            (
                "dns://example.org?type=MX",
                "the resolver of this machine gives addresses, not records of a type; write `dns://SERVER/example.org?type=MX`",
            ),
            (
                "dns://example.org:5353",
                "`dns://example.org:5353` names no server to have a port; write `dns://example.org`",
            ),
            ("dns://10.0.0.2/a..b", "`a..b` is not a name that DNS can hold"),
            ("dns://10.0.0.2/x?class=CH", "a check of kind `dns` does not know `class`; it takes `type`"),
            (
                "dns://10.0.0.2/x?type=ANY",
                "`type=ANY` is not one of `A`, `NS`, `CNAME`, `SOA`, `PTR`, `MX`, `TXT`, `AAAA` and `SRV`",
            ),
        ] {
            assert_eq!(new(&Target::parse(url).expect(url), &ProbeOptions::default()).err().as_deref(), Some(words));
        }
    }
}
