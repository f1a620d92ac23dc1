//! The `dns` check. `dns://NAME` asks the resolver of this machine, as every program here does: it has an address for the
//! name, from DNS, `/etc/hosts` or whatever else is set up. `dns://SERVER/NAME?type=MX` asks one DNS server over UDP: it
//! has a record of that type (default `A`). Where no record fits into a datagram it is asked again over TCP. A server that has
//! several addresses is asked at each in turn, until one answers.

use std::sync::Arc;

use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, listed, peer_words};
use super::{ProbeOptions, Shared};
use crate::net::dns::{Answer, Question, RECORD_TYPES};
use crate::net::{Fault, Target, resolve};

/// The row of this kind.
pub(super) const KIND: Kind = Kind { name: "dns", schemes: &["dns"], options: &[], new };

enum Dns {
    /// By the machine's resolver.
    Name(String),
    /// By this server.
    Server { server: Target, question: Question },
}

fn new(target: &Target, _options: &ProbeOptions, _shared: &Shared) -> Prepared {
    if target.user().is_some() || target.password().is_some() {
        return Err(format!("a check of kind `dns` sends no user and password; write `{target}`"));
    }
    let mut kind = None;
    for (key, value) in target.url().query_pairs() {
        if key != "type" {
            return Err(format!("a check of kind `dns` does not know `{}`; it takes `type`", peer_words(&key)));
        }
        let known = RECORD_TYPES.iter().find(|known| known.name.eq_ignore_ascii_case(&value));
        let names: Vec<&str> = RECORD_TYPES.iter().map(|known| known.name).collect();
        kind = Some(known.ok_or_else(|| format!("`type={}` is not one of {}", peer_words(&value), listed(&names)))?);
    }
    let name = target.path_text().unwrap_or_default();
    if name.is_empty() {
        return match kind {
            Some(kind) => Err(format!(
                "the resolver of this machine gives addresses, not records of a type; write `dns://SERVER/{}?type={}`",
                target.host(),
                kind.name
            )),
            None if target.port() != 53 => {
                Err(format!("`{target}` names no server to have a port; write `dns://{}`", target.host()))
            }
            None => Ok(Arc::new(Dns::Name(target.host()))),
        };
    }
    let question = Question::new(&name, *kind.unwrap_or(&RECORD_TYPES[0]));
    let question = question.ok_or_else(|| format!("`{name}` is not a name that DNS can hold"))?;
    Ok(Arc::new(Dns::Server { server: target.clone(), question }))
}

impl Ask for Dns {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            match self {
                // The port is that of nothing.
                Dns::Name(name) => match resolve(name, 0).await {
                    Ok(_) => Ok(Outcome::Good),
                    Err(fault) => missed(fault),
                },
                Dns::Server { server, question } => ask_server(server, question).await.unwrap_or_else(missed),
            }
        })
    }
}

async fn ask_server(server: &Target, question: &Question) -> Result<Found, Fault> {
    let addresses = resolve(&server.host(), server.port()).await?;
    let (answer, address) = question.ask(&addresses).await?;
    if !answer.truncated || answer.refusal.is_some() || !answer.records.is_empty() {
        return Ok(judge(question, &answer));
    }
    match question.ask_stream(address).await {
        Ok(answer) => Ok(judge(question, &answer)),
        Err(Fault::Ours(lack)) => Err(Fault::Ours(lack)),
        Err(fault) => Ok(Err(format!("its answer does not fit into a datagram, and over TCP: {fault}"))),
    }
}

fn judge(question: &Question, answer: &Answer) -> Found {
    match &answer.refusal {
        Some(refusal) => Err(format!("the server {refusal}")),
        None if !answer.records.is_empty() => Ok(Outcome::Good),
        None => Err(format!("the server has no `{}` record for that name", question.kind().name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::dns::Record;

    #[test]
    fn an_answer_needs_a_record_of_the_type() {
        let asked = Question::new("www.example", RECORD_TYPES[0]).expect("a name");
        let judged = |answer| judge(&asked, &answer);
        let none = Err("the server has no `A` record for that name".to_owned());
        assert_eq!(judged(Answer { records: vec![Record::Other], ..Answer::default() }), Ok(Outcome::Good));
        assert_eq!(judged(Answer::default()), none.clone());
        assert_eq!(judged(Answer { truncated: true, ..Answer::default() }), none, "cut off, and nothing is left");
        let unknown = Answer { refusal: Some("knows no such name".to_owned()), ..Answer::default() };
        assert_eq!(judged(unknown), Err("the server knows no such name".to_owned()));
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
            assert_eq!(
                new(&Target::parse(url).expect(url), &ProbeOptions::default(), &Shared::default()).err().as_deref(),
                Some(words)
            );
        }
    }
}
