//! A certificate, mostly for `localhost`, `fleet.example.test` and 127.0.0.1, that nobody but its holder has signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::run;

/// Where it lies.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes one in `folder`.
pub(crate) fn make(folder: &Path) -> Certificate {
    lasting(folder, 2)
}

/// Makes one that is good for so many days.
pub(super) fn lasting(folder: &Path, days: u32) -> Certificate {
    made(folder, days, "DNS:localhost,DNS:fleet.example.test,IP:127.0.0.1")
}

/// Makes one for another name.
pub(super) fn named(folder: &Path, name: &str) -> Certificate {
    made(folder, 60, &format!("DNS:{name}"))
}

fn made(folder: &Path, days: u32, names: &str) -> Certificate {
    let made = Certificate { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    // Not `localhost`: there are machines that trust an authority of that name.
    openssl.args(["-days", &days.to_string(), "-subj", "/CN=veloflux test"]);
    openssl.args(["-addext", &format!("subjectAltName={names}"), "-addext", "basicConstraints=critical,CA:FALSE"]);
    run(openssl.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate));
    made
}
