//! `[tls]`: the certificate that is shown, and whose certificates are asked for. The files are read here, so that a wrong one
//! is told with the line that names it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::Overrides;
use super::report::{Place, Report};
use super::section::{Item, Raw, Section};
use crate::limits::CERTIFICATE_WARN_DAYS;
use crate::net::certificate;
use crate::net::tls::server::{Clients, Demand, ServerOptions, ServerTls};
use crate::net::tls::{AUTHORITIES_ROLE, BadTls, Identity, KEY_ROLE};

const TITLE: &str = "[tls]";
const CERT_FLAG: &str = "`--tls-cert` or `VELOFLUX_TLS_CERT`";
const KEY_FLAG: &str = "`--tls-key` or `VELOFLUX_TLS_KEY`";

/// None: TLS is not spoken, or something is wrong with it, which is noted.
pub(super) fn read<'t>(root: &mut Section<'t>, overrides: &Overrides, report: &mut Report<'t>) -> Option<ServerTls> {
    let mut section = root.table(report, "tls", TITLE);
    let file = |raw: Raw<'t>| raw.text().map(PathBuf::from);
    let cert = section.read(report, "cert", file);
    let key = section.read(report, "key", file);
    let client_ca = section.read(report, "client_ca", file);
    let demand = section.read(report, "client_certificates", |raw| demand(raw.text()?));
    section.finish(report);

    let given = |path: &Option<PathBuf>, flag| path.clone().map(|value| Item { value, place: Place::Given(flag) });
    let cert = given(&overrides.tls_cert, CERT_FLAG).or(cert);
    let key = given(&overrides.tls_key, KEY_FLAG).or(key);
    if let (Some(Item { place, .. }), None) = (&demand, &client_ca) {
        report.problem(
            *place,
            format_args!(
                "`client_certificates` in {TITLE} wants the authorities that sign them; write `client_ca = \"ca.pem\"`"
            ),
        );
    }
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => {
            if section.is_there() {
                let what = format_args!(
                    "`cert` and `key` are missing in {TITLE}; write `cert = \"cert.pem\"` and `key = \"key.pem\"`"
                );
                report.problem(section.place(), what);
            }
            return None;
        }
        (Some(cert), None) => {
            report.problem(cert.place, "a certificate needs its key; write `key` in [tls] or pass `--tls-key`");
            return None;
        }
        (None, Some(key)) => {
            report.problem(key.place, "a key needs its certificate; write `cert` in [tls] or pass `--tls-cert`");
            return None;
        }
    };
    let path = |report: &Report<'t>, item: &Item<PathBuf>| report.resolve(item.place, &item.value);
    let identity = Identity { certificate: path(report, &cert), key: path(report, &key) };
    let clients = client_ca.as_ref().map(|authorities| Clients {
        authorities: path(report, authorities),
        demand: demand.map_or(Demand::Required, |item| item.value),
    });
    let (now, options) = (SystemTime::now(), ServerOptions { identity, clients });
    match ServerTls::load(options, now) {
        Ok(tls) => {
            warn(&tls, now, report);
            Some(tls)
        }
        Err(bad) => {
            let place = match &bad {
                BadTls::Pair { .. } => key.place,
                BadTls::File { role: KEY_ROLE, .. } => key.place,
                BadTls::File { role: AUTHORITIES_ROLE, .. } => client_ca.map_or(cert.place, |item| item.place),
                BadTls::File { .. } => cert.place,
            };
            report.problem(place, bad);
            None
        }
    }
}

/// Notes what is going to be a problem, or should not be so.
fn warn(tls: &ServerTls, now: SystemTime, report: &mut Report<'_>) {
    let Identity { certificate, key } = &tls.options().identity;
    let days = certificate::days(now, tls.until());
    if days < i64::from(CERTIFICATE_WARN_DAYS) {
        report
            .warning(format!("the certificate in `{}` is good for {days} more days; renew it", certificate.display()));
    }
    let mode = std::fs::metadata(key).map_or(0, |data| data.permissions().mode());
    if mode & 0o004 != 0 {
        let key = key.display();
        report.warning(format!("every user of this machine can read the key in `{key}`; run `chmod 600 {key}`"));
    }
}

fn demand(text: &str) -> Result<Demand, String> {
    match text {
        "required" => Ok(Demand::Required),
        "optional" => Ok(Demand::Optional),
        _ => Err(format!("`{}` is neither `required` nor `optional`", text.escape_debug())),
    }
}
