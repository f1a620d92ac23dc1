//! What the two ends agree on in the handshake (RFC 7692, section 7.1).
//!
//! The server takes the first offer it can keep and always asks the client for `client_no_context_takeover`: what clients
//! say is short, and so nothing is kept for them. An offer that limits the server's window is declined: what everybody is
//! sent is compressed once, with the whole window.

use http::header::{HeaderMap, HeaderValue};

use super::extension::{self, Extension};

/// The name of the extension.
const NAME: &str = "permessage-deflate";

/// What our client offers. It compresses nothing itself, so it can promise everything about that.
pub const OFFER: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How the server compresses.
    pub server: Context,
    /// How the client compresses.
    pub client: Context,
}

/// Whether one message may refer to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// It may: both ends remember what was sent.
    Kept,
    /// It may not: each message stands alone.
    Dropped,
}

/// The parameters of one entry that says `permessage-deflate`.
#[derive(Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// The inner value may be missing in an offer.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None`: there is one that is unknown, stands twice, or has a value it may not have.
    fn read(entry: &Extension) -> Option<Parameters> {
        let mut read = Parameters::default();
        for (at, (key, value)) in entry.parameters.iter().enumerate() {
            if entry.parameters[..at].iter().any(|(earlier, _)| earlier == key) {
                return None;
            }
            match (key.as_str(), value) {
                ("server_no_context_takeover", None) => read.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => read.client_no_context_takeover = true,
                ("server_max_window_bits", Some(bits)) => read.server_max_window_bits = Some(window_bits(bits)?),
                ("client_max_window_bits", None) => read.client_max_window_bits = Some(None),
                ("client_max_window_bits", Some(bits)) => read.client_max_window_bits = Some(Some(window_bits(bits)?)),
                _ => return None,
            }
        }
        Some(read)
    }
}

/// 8 to 15, without a leading zero.
fn window_bits(text: &str) -> Option<u8> {
    text.parse().ok().filter(|bits: &u8| (8..=15).contains(bits) && bits.to_string() == text)
}

/// The server's side: the terms of the first offer that can be kept, and the line that says so. `None`: nothing is
/// compressed on this connection. That is also the answer to a header that cannot be read, because it is no more than an
/// offer.
pub fn accept(request: &HeaderMap) -> Option<(Terms, HeaderValue)> {
    let offers = extension::read(request)?;
    let offers = offers.iter().filter(|entry| entry.name.eq_ignore_ascii_case(NAME));
    offers.filter_map(Parameters::read).find_map(|offer| {
        let window = match offer.server_max_window_bits {
            None => "",
            Some(15) => "; server_max_window_bits=15",
            Some(_) => return None,
        };
        let (server, takeover) = match offer.server_no_context_takeover {
            true => (Context::Dropped, "; server_no_context_takeover"),
            false => (Context::Kept, ""),
        };
        let answer = format!("{NAME}{takeover}; client_no_context_takeover{window}");
        let answer = HeaderValue::try_from(answer).expect("words can stand in a header");
        Some((Terms { server, client: Context::Dropped }, answer))
    })
}

/// The client's side: what a server made of [`OFFER`]. `None`: nothing is compressed.
///
/// # Errors
/// In words, when the answer is none to that offer: the connection has to be given up.
pub fn agreed(answer: &HeaderMap) -> Result<Option<Terms>, String> {
    let wrong = |what: &str| Err(format!("a 101 with extensions {what}"));
    let Some(entries) = extension::read(answer) else { return wrong("that cannot be read") };
    let [entry] = &entries[..] else {
        return if entries.is_empty() { Ok(None) } else { wrong("nobody asked for, or one twice") };
    };
    if !entry.name.eq_ignore_ascii_case(NAME) {
        return Err(format!("a 101 with extensions nobody asked for: {}", entry.name));
    }
    match Parameters::read(entry) {
        None | Some(Parameters { client_max_window_bits: Some(None), .. }) => {
            wrong("whose parameters are not those of permessage-deflate")
        }
        Some(terms) => {
            let context = |no: bool| if no { Context::Dropped } else { Context::Kept };
            let server = context(terms.server_no_context_takeover);
            Ok(Some(Terms { server, client: context(terms.client_no_context_takeover) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::SEC_WEBSOCKET_EXTENSIONS;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let values = lines.iter().map(|line| HeaderValue::from_str(line).expect("a value"));
        values.map(|value| (SEC_WEBSOCKET_EXTENSIONS, value)).collect()
    }

    const BOUND: &str = "permessage-deflate; client_no_context_takeover";
    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn the_first_offer_that_can_be_kept_is_taken() {
        for (lines, answer) in [
            (&[][..], None),
            (&["permessage-deflate"], Some(BOUND)),
            (&["Permessage-Deflate; client_max_window_bits"], Some(BOUND)),
            (&["permessage-deflate; client_max_window_bits=\"9\""], Some(BOUND)),
            (&["permessage-deflate; client_no_context_takeover"], Some(BOUND)),
            (&["permessage-deflate; server_no_context_takeover"], Some(BOTH)),
            (
                &["permessage-deflate; server_max_window_bits=15"],
                Some("permessage-deflate; client_no_context_takeover; server_max_window_bits=15"),
            ),
            (&["permessage-deflate; server_max_window_bits=10"], None),
            (&["permessage-deflate; server_max_window_bits=10, permessage-deflate"], Some(BOUND)),
            (&["permessage-deflate; server_max_window_bits=10", "permessage-deflate"], Some(BOUND)),
            (&["x-webkit-deflate-frame", "foo; bar=\"1\", permessage-deflate; server_no_context_takeover"], Some(BOTH)),
            // Unknown, twice, without the value it needs, with one it may not have.
            (&["permessage-deflate; colour"], None),
            (&["permessage-deflate; client_max_window_bits; client_max_window_bits=10"], None),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_no_context_takeover=1"], None),
            (&["permessage-deflate; client_max_window_bits=7"], None),
            (&["permessage-deflate; client_max_window_bits=16"], None),
            (&["permessage-deflate; client_max_window_bits=09"], None),
            (&["permessage-deflate; client_max_window_bits=+9"], None),
            (&["permessage-deflate; client_max_window_bits=2147483657"], None),
            (&["permessage-deflate;;"], None),
            (&["x-webkit-deflate-frame"], None),
        ] {
            let accepted = accept(&headers(lines));
            assert_eq!(accepted.as_ref().and_then(|(_, line)| line.to_str().ok()), answer, "{lines:?}");
            if let Some((terms, line)) = accepted {
                // Both ends of ours mean the same by it.
                let line = line.to_str().expect("words");
                assert_eq!(agreed(&headers(&[line])), Ok(Some(terms)), "{line}");
            }
        }
    }

    #[test]
    fn what_a_server_may_not_answer_is_not_taken() {
        let (kept, dropped) = (Context::Kept, Context::Dropped);
        for (line, server, client) in [
            ("permessage-deflate", kept, kept),
            ("permessage-deflate; server_no_context_takeover", dropped, kept),
            ("permessage-deflate; server_max_window_bits=8; client_no_context_takeover", kept, dropped),
            ("permessage-deflate; client_max_window_bits=10", kept, kept),
        ] {
            assert_eq!(agreed(&headers(&[line])), Ok(Some(Terms { server, client })), "{line}");
        }
        assert_eq!(agreed(&headers(&[])), Ok(None));
        for line in [
            "foo",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate, foo",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; shoe_size=44",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate=",
        ] {
            assert!(agreed(&headers(&[line])).is_err(), "{line}");
        }
    }
}
