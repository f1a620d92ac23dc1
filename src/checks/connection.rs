//! The connection of a check: to an address and nothing else, dialled afresh, and read only so far.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Instant;

use crate::limits::CHECK_BODY_BYTES_MAX;
use crate::net::dial::{NEVER, Peer, Stream, dial};
use crate::net::{Fault, Route, Target};

/// Refuses what a kind that wants nothing but an address cannot use.
pub(super) fn nothing_beyond_the_address(kind: &str, target: &Target) -> Result<(), String> {
    let beyond = [
        ("user", target.user().is_some()),
        ("password", target.password().is_some()),
        ("path", !matches!(target.path(), "" | "/")),
        ("query", target.query().is_some()),
    ];
    match beyond.iter().find(|(_, given)| *given) {
        Some((what, _)) => {
            Err(format!("a check of kind `{kind}` has no {what}; write `{}://{}`", target.scheme(), target.address()))
        }
        None => Ok(()),
    }
}

/// Dials `target`, with TLS if `tls` says how.
pub(super) async fn dialled(target: &Target, tls: Option<&Arc<ClientConfig>>) -> Result<Stream, Fault> {
    let host = target.host();
    let route = Route::default();
    let peer = Peer { host: &host, port: target.port(), tls, route: &route };
    match dial(peer, Instant::now() + NEVER).await {
        Ok(dialed) => Ok(dialed.stream),
        Err(error) => Err(error.fault),
    }
}

/// The same connection, closed after [`CHECK_BODY_BYTES_MAX`] bytes from a peer that will not stop talking.
pub(super) fn bounded<S>(stream: S) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = tokio::io::split(stream);
    tokio::io::join(read.take(CHECK_BODY_BYTES_MAX as u64), write)
}
