//! What a request presents to be let in, and where: a header, a subprotocol, a ticket or, where that is switched on, a
//! token in the address.

use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use poem::Request;

/// The subprotocol of the feeds. It is the only one that is ever chosen: an answer must not repeat a token.
pub const SUBPROTOCOL: &str = "veloflux.v1";

/// What stands before a token among the subprotocols.
const BEARER_PREFIX: &str = "bearer.";

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// Nothing.
    Nothing,
    /// A token, in a header.
    Token(String),
    /// A token, in the address.
    TokenInQuery(String),
    /// A ticket.
    Ticket(String),
}

/// Looks for it: in `Authorization`, then among the subprotocols, then in the address. The first that is there counts.
pub(super) fn presented(request: &Request) -> Presented {
    let headers = request.headers();
    if let Some(token) = bearer(headers) {
        return Presented::Token(token.to_owned());
    }
    if let Some(token) = subprotocols(headers).find_map(|word| word.strip_prefix(BEARER_PREFIX)) {
        return Presented::Token(token.to_owned());
    }
    let query = request.uri().query().unwrap_or_default();
    let mut found = Presented::Nothing;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "ticket" => return Presented::Ticket(value.into_owned()),
            "token" | "access_token" => found = Presented::TokenInQuery(value.into_owned()),
            _ => {}
        }
    }
    found
}

/// Whether the subprotocol of the feeds is offered.
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    subprotocols(headers).any(|word| word == SUBPROTOCOL)
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The token of `Authorization: Bearer <token>`, if the header stands there once.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri_str(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.finish()
    }

    #[test]
    fn the_first_place_that_holds_something_counts() {
        let token = |text: &str| Presented::Token(text.to_owned());
        let protocols = ("sec-websocket-protocol", "veloflux.v1, bearer.a.b.c");
        for (uri, headers, found) in [
            ("/x", vec![], Presented::Nothing),
            ("/x?token=q&ticket=t", vec![("authorization", "Bearer h"), protocols], token("h")),
            ("/x?token=q&ticket=t", vec![protocols], token("a.b.c")),
            ("/x?token=q&ticket=t", vec![], Presented::Ticket("t".to_owned())),
            ("/x?token=q%2B", vec![], Presented::TokenInQuery("q+".to_owned())),
            ("/x", vec![("authorization", "Basic h")], Presented::Nothing),
            ("/x", vec![("authorization", "Bearer h"), ("authorization", "Bearer h")], Presented::Nothing),
        ] {
            assert_eq!(presented(&request(uri, &headers)), found, "{uri} {headers:?}");
        }
        assert!(offers_subprotocol(request("/x", &[protocols]).headers()));
        assert!(!offers_subprotocol(request("/x", &[("sec-websocket-protocol", "bearer.x")]).headers()));
    }
}
