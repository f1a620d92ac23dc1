//! A certificate for `localhost` and 127.0.0.1 that nobody but its holder has signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::run;

/// Where it lies.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes one in `folder`.
pub(crate) fn make(folder: &Path) -> Certificate {
    let made = Certificate { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    // Not `localhost`: there are machines that trust an authority of that name.
    openssl.args(["-subj", "/CN=veloflux test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    run(openssl.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate));
    made
}
