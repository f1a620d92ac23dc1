//! The `tls` check: a handshake, and how long the certificates that the server shows are still good for.
//!
//! The chain and the name are checked in the handshake, unless `insecure` says otherwise; the days are counted either way,
//! and of all certificates shown the one that expires first decides.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::ClientConfig;

use super::ProbeOptions;
use super::connection::{dialled, nothing_beyond_the_address};
use super::options::name;
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared};
use crate::net::certificate::{days, not_after};
use crate::net::dial::Stream;
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "tls",
    schemes: &["tls"],
    options: &[name::WARN_DAYS, name::CRITICAL_DAYS, name::CACERT, name::INSECURE],
    new,
};

/// Three weeks: authorities that renew by themselves do so with a month to go, so that by then it has failed, and a person
/// has the time to find out why.
const WARN_DAYS: u32 = 21;

/// A week: time to buy a certificate by hand.
const CRITICAL_DAYS: u32 = 7;

struct Tls {
    target: Target,
    config: Arc<ClientConfig>,
    days: Days,
}

/// Whole days that have to be left.
#[derive(Debug, Clone, Copy)]
struct Days {
    warn: i64,
    critical: i64,
}

fn new(target: &Target, options: &ProbeOptions) -> Prepared {
    nothing_beyond_the_address("tls", target)?;
    let critical =
        options.critical_days.unwrap_or_else(|| CRITICAL_DAYS.min(options.warn_days.unwrap_or(CRITICAL_DAYS)));
    let warn = options.warn_days.unwrap_or(WARN_DAYS.max(critical));
    if warn < critical {
        return Err(format!("`warn_days = {warn}` is less than the `critical_days` of {critical}; nothing would warn"));
    }
    let days = Days { warn: warn.into(), critical: critical.into() };
    Ok(Arc::new(Tls { target: target.clone(), config: options.tls(&[])?, days }))
}

impl Ask for Tls {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match dialled(&self.target, Some(&self.config)).await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            let Stream::Tls(tls) = &stream else { return Err(Fault::Closed.to_string()) };
            let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
            let ends: Option<Vec<SystemTime>> = shown.iter().map(|certificate| not_after(certificate)).collect();
            let ends = ends.ok_or("TLS: a certificate that cannot be read")?;
            self.days.judge(&ends, SystemTime::now())
        })
    }
}

impl Days {
    /// Judges the last moments of the certificates of a server, its own first.
    fn judge(self, ends: &[SystemTime], now: SystemTime) -> Found {
        let Some((index, &until)) = ends.iter().enumerate().min_by_key(|(_, until)| **until) else {
            return Err("TLS: the server shows no certificate".to_owned());
        };
        let which = if index == 0 { "the certificate" } else { "a certificate of its chain" };
        let date = jiff::Timestamp::try_from(until).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let left = days(now, until);
        if left < 0 {
            return Err(format!("TLS: {which} has expired on {date}"));
        }
        let words = match left {
            1 => format!("{which} expires in 1 day, on {date}"),
            days => format!("{which} expires in {days} days, on {date}"),
        };
        match left {
            days if days < self.critical => Err(words),
            days if days < self.warn => Ok(Outcome::Degraded(words)),
            _ => Ok(Outcome::Good),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn judged(ends: &[SystemTime], now: SystemTime, bounds: Days) -> String {
        match bounds.judge(ends, now) {
            Ok(Outcome::Good) => "good".to_owned(),
            Ok(Outcome::Degraded(words)) => format!("degraded: {words}"),
            Ok(Outcome::Unknown(words) | Outcome::Unasked(words)) => format!("unknown: {words}"),
            Err(words) => words,
        }
    }

    #[test]
    fn both_sides_of_each_bound() {
        // 2027-01-01T00:00:00Z.
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
        let (usual, short) = (Days { warn: 21, critical: 7 }, Duration::from_secs(1));
        let on = "on 2027-01-01";
        for (left, words) in [
            (21 * DAY, "good".to_owned()),
            (21 * DAY - short, format!("degraded: the certificate expires in 20 days, {on}")),
            (7 * DAY, format!("degraded: the certificate expires in 7 days, {on}")),
            (7 * DAY - short, format!("the certificate expires in 6 days, {on}")),
            (DAY, format!("the certificate expires in 1 day, {on}")),
            (Duration::ZERO, format!("the certificate expires in 0 days, {on}")),
        ] {
            assert_eq!(judged(&[end], end - left, usual), words);
        }
        assert_eq!(judged(&[end], end + short, usual), format!("TLS: the certificate has expired {on}"));
        assert_eq!(judged(&[end], end, Days { warn: 0, critical: 0 }), "good");
        assert_eq!(judged(&[], end, usual), "TLS: the server shows no certificate");
        let chain = judged(&[end + 90 * DAY, end], end - DAY, usual);
        assert_eq!(chain, format!("a certificate of its chain expires in 1 day, {on}"));
    }

    #[test]
    fn what_would_never_warn_is_refused() {
        let target = Target::parse("tls://h:443").expect("a target");
        let with = |warn_days, critical_days| {
            new(&target, &ProbeOptions { warn_days, critical_days, ..ProbeOptions::default() }).err()
        };
        assert_eq!(with(None, None), None);
        assert_eq!(with(Some(3), None), None, "the default of the other follows");
        assert_eq!(with(None, Some(60)), None);
        let words = "`warn_days = 3` is less than the `critical_days` of 4; nothing would warn";
        assert_eq!(with(Some(3), Some(4)).as_deref(), Some(words));
    }
}
