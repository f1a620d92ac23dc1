//! A fault: why a peer could not be asked, in the few words a person needs.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::limits::PEER_WORDS_BYTES_MAX;

/// Why a peer could not be asked, or did not answer as its protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The resolver has no address for it.
    #[error("name `{0}` does not resolve")]
    Name(String),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// It ended the connection before it had answered.
    #[error("connection closed without an answer")]
    Closed,
    /// This machine has nothing to ask with: no descriptor, no port, no memory. It says nothing of the peer.
    #[error("{0}")]
    Ours(String),
    /// Any other complaint of the network, in the words of the system.
    #[error("{0}")]
    Network(String),
    /// No TLS with it.
    #[error("TLS: {0}")]
    Tls(String),
    /// What it says is not the protocol.
    #[error("no {0} answer: {1}")]
    Protocol(&'static str, String),
    /// The time was up.
    #[error("no answer within {}", in_words(*.0))]
    Deadline(Duration),
    /// The time was up before there was one of these.
    #[error("no {} within {}", .0, in_words(*.1))]
    Missing(&'static str, Duration),
    /// The time was up, and it had said only this.
    #[error("within {} it said only `{}`", in_words(*.0), .1)]
    Said(Duration, String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::find(&error).unwrap_or_else(|| Fault::Network(io_words(&error)))
    }
}

impl Fault {
    /// The fault at the bottom of an error of some library, if there is one it did not make up itself.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Fault> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return Some(fault.clone());
            }
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Some(Fault::Tls(tls_words(error)));
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                // An `io::Error` made of another error leaves that one out of `source`.
                return match error.get_ref() {
                    Some(inner) => Fault::find(inner).or_else(|| Some(Fault::of_kind(error))),
                    None => Some(Fault::of_kind(error)),
                };
            }
            next = error.source();
        }
        None
    }

    fn of_kind(error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Fault::Refused,
            io::ErrorKind::UnexpectedEof => Fault::Closed,
            _ if is_ours(error) => Fault::Ours(io_words(error)),
            _ => Fault::Network(io_words(error)),
        }
    }
}

/// Whether an error of the system is about a lack of our own.
pub fn is_ours(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|number| lacks.iter().any(|lack| lack.raw_os_error() == number))
}

/// The system's words for an error, in our style: `no such file or directory`.
pub fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    match text.split_at_checked(1) {
        Some((first, rest)) if !rest.starts_with(|second: char| second.is_uppercase()) => first.to_lowercase() + rest,
        _ => text.to_owned(),
    }
}

/// A span of time as people say it: `250 ms`, `2 s`, `1.5 s`.
pub fn in_words(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{} ms", span.as_millis())
    } else {
        format!("{} s", span.as_millis() as f64 / 1000.0)
    }
}

/// How many of a certificate's names are told.
const NAMES_SHOWN: usize = 3;

fn tls_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return error.to_string();
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            // As in `DnsName("a.example")`: whose words these are is not known yet.
            let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name));
            let names: Vec<String> = names.take(NAMES_SHOWN).map(|name| format!("`{}`", peer_words(name))).collect();
            format!("the certificate is for another name: {}", names.join(", "))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name".to_owned()
        }
        CertificateError::Revoked => "the certificate has been revoked".to_owned(),
        CertificateError::BadEncoding => "the certificate is not one that can be read".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is meant for another purpose".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the certificate is from an unknown issuer; name its authority with `cacert`".to_owned()
        }
        CertificateError::BadSignature | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate is not signed by the authority it names".to_owned()
        }
        // The verifier keeps its own words for it. It is what `openssl req -x509` makes when it is not told otherwise.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "the certificate is that of an authority and not of a server; sign one with it, or make it with \
             `basicConstraints=CA:FALSE`"
                .to_owned()
        }
        other => format!("the certificate cannot be used: {other}"),
    }
}

/// What a peer says about itself, as it may stand in a log: one line, cut off, nothing that steers a terminal.
pub fn peer_words(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default().trim();
    let mut kept = String::new();
    for letter in line.chars().map(|letter| if letter.is_control() { '?' } else { letter }) {
        if kept.len() + letter.len_utf8() > PEER_WORDS_BYTES_MAX {
            kept.push('…');
            break;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_found_under_what_libraries_wrap_around_it() {
        let wrapped = |inner: Fault| io::Error::other(io::Error::other(inner));
        assert_eq!(Fault::from(wrapped(Fault::Name("x".to_owned()))), Fault::Name("x".to_owned()));
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let tls = io::Error::new(io::ErrorKind::InvalidData, expired);
        assert_eq!(Fault::from(tls).to_string(), "TLS: the certificate has expired");
        for (number, words) in [
            (111, "connection refused"),
            (104, "connection reset by peer"),
            (113, "no route to host"),
            (24, "too many open files"),
        ] {
            assert_eq!(Fault::from(io::Error::from_raw_os_error(number)).to_string(), words);
        }
        for (number, ours) in [(24, true), (23, true), (99, true), (105, true), (111, false), (113, false), (2, false)]
        {
            let fault = Fault::from(io::Error::from_raw_os_error(number));
            assert_eq!(matches!(fault, Fault::Ours(_)), ours, "{number}: {fault}");
        }
    }

    #[test]
    fn spans_are_said_in_the_unit_that_fits() {
        for (millis, words) in [(1, "1 ms"), (999, "999 ms"), (1000, "1 s"), (1500, "1.5 s"), (60_000, "60 s")] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
    }
}
