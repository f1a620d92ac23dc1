//! Certificates, mostly for `localhost`, `fleet.example.test` and 127.0.0.1.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::run;

/// Where one lies.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes one in `folder` that nobody but its holder has signed.
pub(crate) fn make(folder: &Path) -> Certificate {
    lasting(folder, 2)
}

/// Makes one that is good for so many days.
pub(crate) fn lasting(folder: &Path, days: u32) -> Certificate {
    made(folder, days, "DNS:localhost,DNS:fleet.example.test,IP:127.0.0.1")
}

/// Makes one for another name.
pub(crate) fn named(folder: &Path, name: &str) -> Certificate {
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

/// An authority, and what it signs.
pub(crate) struct Authority {
    folder: PathBuf,
    pub(crate) own: Certificate,
}

impl Authority {
    /// Makes one in `folder`.
    pub(crate) fn make(folder: &Path, name: &str) -> Authority {
        let own =
            Certificate { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60"]);
        openssl.args(["-subj", &format!("/CN={name}"), "-addext", "keyUsage=critical,keyCertSign"]);
        run(openssl.arg("-keyout").arg(&own.key).arg("-out").arg(&own.certificate));
        Authority { folder: folder.to_owned(), own }
    }

    /// Signs a certificate for a new key. The file holds the chain.
    pub(crate) fn sign(&self, name: &str) -> Certificate {
        let file = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let (request, extensions, key) = (file("csr"), file("ext"), file("key"));
        std::fs::write(&extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n")
            .expect("a file of ours");
        let mut asked = Command::new("openssl");
        asked.args(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        run(asked.args(["-subj", &format!("/CN={name}")]).arg("-keyout").arg(&key).arg("-out").arg(&request));
        let certificate = file("pem");
        let mut signed = Command::new("openssl");
        signed.args(["x509", "-req", "-days", "30", "-CAcreateserial", "-in"]).arg(&request).arg("-CA");
        signed.arg(&self.own.certificate).arg("-CAkey").arg(&self.own.key).arg("-extfile").arg(&extensions);
        run(signed.arg("-out").arg(&certificate));
        let own = std::fs::read_to_string(&self.own.certificate).expect("just made");
        let leaf = std::fs::read_to_string(&certificate).expect("just made");
        std::fs::write(&certificate, leaf + &own).expect("a file of ours");
        Certificate { certificate, key }
    }
}

/// Makes one, `expired.pem`, that was good until yesterday.
pub(crate) fn expired(folder: &Path) -> Certificate {
    let fresh = lasting(folder, 1);
    let made = Certificate { certificate: folder.join("expired.pem"), key: folder.join("expired.key") };
    std::fs::copy(&fresh.key, &made.key).expect("just made");
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-days", "-1", "-in"]).arg(&fresh.certificate).arg("-signkey").arg(&made.key);
    run(openssl.arg("-out").arg(&made.certificate));
    made
}
