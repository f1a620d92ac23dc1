//! The `tls` check: a handshake, and how long the certificates that the server shows are still good for.
//!
//! The chain and the name are checked in the handshake, unless `insecure` says otherwise; the days are counted either way,
//! and of all certificates shown the one that expires first decides. But one that has expired in a chain that was checked
//! cannot be one of those that the chain needs: it is degraded, as a client that builds chains in another manner may stumble
//! over it.

use std::sync::Arc;
use std::time::SystemTime;

use super::connection::{dialled, nothing_beyond_the_address};
use super::options::{self, name};
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared};
use super::{ProbeOptions, Shared};
use crate::net::certificate::{days, not_after};
use crate::net::dial::Stream;
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "tls",
    schemes: &["tls"],
    options: &[name::WARN_DAYS, name::CRITICAL_DAYS, name::SERVER_NAME, name::CACERT, name::INSECURE],
    new,
};

/// Three weeks: authorities that renew by themselves do so with a month to go, so that by then it has failed, and a person
/// has the time to find out why.
const WARN_DAYS: u32 = 21;

/// A week: time to buy a certificate by hand.
const CRITICAL_DAYS: u32 = 7;

struct Tls {
    target: Target,
    tls: options::Tls,
    chain: Chain,
    days: Days,
}

/// What the handshake has found out about the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    /// There is a way from the server's certificate to an authority, and nothing on it has expired.
    Checked,
    /// Nothing.
    Unchecked,
}

/// Whole days that have to be left.
#[derive(Debug, Clone, Copy)]
struct Days {
    warn: i64,
    critical: i64,
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    nothing_beyond_the_address("tls", target)?;
    let critical =
        options.critical_days.unwrap_or_else(|| CRITICAL_DAYS.min(options.warn_days.unwrap_or(CRITICAL_DAYS)));
    let warn = options.warn_days.unwrap_or(WARN_DAYS.max(critical));
    if warn < critical {
        return Err(format!("`warn_days = {warn}` is less than the `critical_days` of {critical}; nothing would warn"));
    }
    let chain = if options.insecure { Chain::Unchecked } else { Chain::Checked };
    let days = Days { warn: warn.into(), critical: critical.into() };
    Ok(Arc::new(Tls { target: target.clone(), tls: options.tls(target, shared, &[])?, chain, days }))
}

impl Ask for Tls {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match dialled(&self.target, Some(&self.tls)).await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            let Stream::Tls(tls) = &stream else { return Err(Fault::Closed.to_string()) };
            let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
            let ends: Option<Vec<SystemTime>> = shown.iter().map(|certificate| not_after(certificate)).collect();
            let ends = ends.ok_or("TLS: a certificate that cannot be read")?;
            self.days.judge(&ends, self.chain, SystemTime::now())
        })
    }
}

impl Days {
    /// Judges the last moments of the certificates of a server, its own first.
    fn judge(self, ends: &[SystemTime], chain: Chain, now: SystemTime) -> Found {
        let (superfluous, needed): (Vec<_>, Vec<_>) = ends
            .iter()
            .enumerate()
            .partition(|(index, until)| chain == Chain::Checked && *index > 0 && days(now, **until) < 0);
        let Some((index, &until)) = needed.into_iter().min_by_key(|(_, until)| **until) else {
            return Err("TLS: the server shows no certificate".to_owned());
        };
        let which = if index == 0 { "the certificate" } else { "a certificate of its chain" };
        let left = days(now, until);
        if left < 0 {
            return Err(format!("TLS: {which} has expired on {}", date(until)));
        }
        let words = match left {
            1 => format!("{which} expires in 1 day, on {}", date(until)),
            days => format!("{which} expires in {days} days, on {}", date(until)),
        };
        match (left, superfluous.first()) {
            (days, _) if days < self.critical => Err(words),
            (days, _) if days < self.warn => Ok(Outcome::Degraded(words)),
            (_, Some((_, until))) => Ok(Outcome::Degraded(format!(
                "it shows a certificate that its chain does not need and that has expired on {}; leave it out",
                date(**until)
            ))),
            (_, None) => Ok(Outcome::Good),
        }
    }
}

fn date(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn judged(ends: &[SystemTime], now: SystemTime, bounds: Days) -> String {
        said(bounds.judge(ends, Chain::Checked, now))
    }

    fn said(found: Found) -> String {
        match found {
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
    fn what_has_expired_in_a_chain_that_was_checked_was_not_needed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
        let bounds = Days { warn: 21, critical: 7 };
        let (fresh, soon, over) = (now + 90 * DAY, now + 10 * DAY, now - Duration::from_secs(1));
        let superfluous = "degraded: it shows a certificate that its chain does not need and that has expired on 2026-12-31; leave it out";
        assert_eq!(judged(&[fresh, fresh, over], now, bounds), superfluous);
        let other = "degraded: a certificate of its chain expires in 10 days, on 2027-01-11";
        assert_eq!(judged(&[fresh, soon, over], now, bounds), other, "what is needed comes first");
        let unchecked = said(bounds.judge(&[fresh, fresh, over], Chain::Unchecked, now));
        assert_eq!(unchecked, "TLS: a certificate of its chain has expired on 2026-12-31");
        assert_eq!(judged(&[over, fresh], now, bounds), "TLS: the certificate has expired on 2026-12-31");
    }

    #[test]
    fn what_would_never_warn_is_refused() {
        let target = Target::parse("tls://h:443").expect("a target");
        let with = |warn_days, critical_days| {
            new(&target, &ProbeOptions { warn_days, critical_days, ..ProbeOptions::default() }, &Shared::default())
                .err()
        };
        assert_eq!(with(None, None), None);
        assert_eq!(with(Some(3), None), None, "the default of the other follows");
        assert_eq!(with(None, Some(60)), None);
        let words = "`warn_days = 3` is less than the `critical_days` of 4; nothing would warn";
        assert_eq!(with(Some(3), Some(4)).as_deref(), Some(words));
    }
}
