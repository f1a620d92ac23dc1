//! What the kinds make of the documents that come, without the way they come: for the tests and the fuzzers.

use std::borrow::Cow;

use super::{Reading, caddy, dns, envoy, file, haproxy, nginx, prometheus, push, traefik};

/// What a kind makes of the documents it reads, in the order in which it reads them; a missing one is empty. None: there is
/// no such kind. No I/O.
pub fn understand(kind: &str, documents: &[&[u8]]) -> Option<Result<Reading, String>> {
    let document = |index: usize| documents.get(index).copied().unwrap_or_default();
    let text = |index: usize| -> Cow<'_, str> { String::from_utf8_lossy(document(index)) };
    Some(match kind {
        "haproxy" => haproxy::understand(&text(0)),
        "nginx" => nginx::understand(document(0), &text(1)),
        "caddy" => caddy::understand(document(0), &text(1)),
        "envoy" => envoy::understand(document(0), document(1)),
        "traefik" => traefik::understand(document(0), &text(1)),
        "prometheus" => prometheus::understand(&text(0)),
        "dns" => dns::understand(document(0)),
        "file" => file::understand(&text(0), &text(1), &text(2)),
        "push" => push::understand(document(0)),
        _ => return None,
    })
}
