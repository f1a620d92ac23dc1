//! The `tcp` check: somebody accepts the connection.

use std::sync::Arc;

use super::ProbeOptions;
use super::connection::dialled;
use super::probe::{Ask, Asking, Kind, Prepared};
use crate::net::Target;

/// The row of this kind.
pub(super) const KIND: Kind = Kind { name: "tcp", schemes: &["tcp"], options: &[], new };

struct Tcp(Target);

fn new(target: &Target, _options: &ProbeOptions) -> Prepared {
    let beyond = [
        ("user", target.user().is_some()),
        ("password", target.password().is_some()),
        ("path", !matches!(target.path(), "" | "/")),
        ("query", target.query().is_some()),
    ];
    match beyond.iter().find(|(_, given)| *given) {
        Some((what, _)) => Err(format!("a check of kind `tcp` has no {what}; write `tcp://{}`", target.address())),
        None => Ok(Arc::new(Tcp(target.clone()))),
    }
}

impl Ask for Tcp {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            match dialled(&self.0, None).await {
                Ok(_) => Ok(()),
                Err(fault) => Err(fault.to_string()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_cannot_use_is_refused() {
        for (url, what) in
            [("tcp://u@h:1", "user"), ("tcp://:p@h:1", "password"), ("tcp://h:1/x", "path"), ("tcp://h:1?x", "query")]
        {
            let error = new(&Target::parse(url).expect(url), &ProbeOptions::default()).err().expect(url);
            assert_eq!(error, format!("a check of kind `tcp` has no {what}; write `tcp://h:1`"));
        }
    }
}
