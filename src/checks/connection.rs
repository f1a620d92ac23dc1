//! The connection of a check: to an address and nothing else, dialled afresh, and read only so far.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Instant;

use super::options::Tls;
use crate::limits::CHECK_BODY_BYTES_MAX;
use crate::net::dial::{NEVER, Peer, Stream, dial, shake};
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
pub(super) async fn dialled(target: &Target, tls: Option<&Tls>) -> Result<Stream, Fault> {
    let host = target.host();
    let route = Route::default();
    // What is dialled and what it is called may be two things.
    let peer = Peer { host: &host, port: target.port(), tls: None, route: &route };
    let stream = dial(peer, Instant::now() + NEVER).await.map_err(|error| error.fault)?.stream;
    match tls {
        None => Ok(stream),
        Some(tls) => shake(&tls.config, &tls.name, stream).await,
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
