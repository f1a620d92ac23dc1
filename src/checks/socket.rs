//! The check of a Unix socket that a source lists (`unix:/run/app.sock`): somebody accepts the connection.
//!
//! Nothing is said over it, whatever else is checked of the servers beside it. It has no scheme and so no row in the table of
//! kinds.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UnixStream;

use super::outcome::{Outcome, missed};
use super::probe::{Ask, Asking};
use crate::net::Fault;

/// What this kind is called.
pub(super) const NAME: &str = "unix";

struct Socket(PathBuf);

/// Prepares to connect to the socket at this address; none, if it is no address of one.
pub(super) fn new(address: &str) -> Option<Arc<dyn Ask>> {
    let path = address.strip_prefix("unix:").filter(|path| path.starts_with('/'))?;
    Some(Arc::new(Socket(path.into())))
}

impl Ask for Socket {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            match UnixStream::connect(&self.0).await {
                Ok(_) => Ok(Outcome::Good),
                // Others may be let in.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    Ok(Outcome::Unknown("we may not connect to it: permission denied".to_owned()))
                }
                Err(error) => missed(Fault::from(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_good_when_somebody_listens() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("unix:{}", folder.path().join("socket").display());
        let socket = new(&address).expect("an address");
        assert_eq!(socket.ask().await, Err("no such file or directory".to_owned()));
        let listener = tokio::net::UnixListener::bind(folder.path().join("socket")).expect("a socket of ours");
        assert_eq!(socket.ask().await, Ok(Outcome::Good));
        drop(listener);
        assert_eq!(socket.ask().await, Err("connection refused".to_owned()));
        for other in ["unix:relative", "unix:", "/run/socket", "h:1"] {
            assert!(new(other).is_none(), "{other}");
        }
    }
}
