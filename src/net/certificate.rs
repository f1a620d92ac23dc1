//! Certificates: until when a peer's is good. Whether it is good at all is the verifier's business.

use std::time::{Duration, SystemTime};

use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// The last moment at which a certificate in DER is valid. None: it is no certificate.
pub fn not_after(der: &[u8]) -> Option<SystemTime> {
    // Rustls has taken the same bytes; what follows the certificate would be ours to refuse, and is not there.
    outline(der).map(|outline| outline.not_after)
}

/// Who a certificate speaks of, who signed it, and until when it is good. Names as they are encoded.
pub struct Outline {
    /// Whom it speaks of.
    pub subject: Vec<u8>,
    /// Who signed it.
    pub issuer: Vec<u8>,
    /// The last moment at which it is valid.
    pub not_after: SystemTime,
}

/// What stands in a certificate in DER. None: it is no certificate.
pub fn outline(der: &[u8]) -> Option<Outline> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let name = |name: &x509_cert::name::Name| name.to_der().ok();
    let not_after = SystemTime::UNIX_EPOCH + body.validity().not_after.to_unix_duration();
    Some(Outline { subject: name(body.subject())?, issuer: name(body.issuer())?, not_after })
}

/// Whole days from `now` to `then`; negative when `then` is over.
pub fn days(now: SystemTime, then: SystemTime) -> i64 {
    const DAY: Duration = Duration::from_secs(86_400);
    let whole = |span: Duration| i64::try_from(span.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
    match then.duration_since(now) {
        Ok(left) => whole(left),
        Err(over) => -1 - whole(over.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_left_are_whole_and_an_expired_certificate_has_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, left) in [(86_400, 1), (86_399, 0), (0, 0)] {
            assert_eq!(days(now, now + Duration::from_secs(seconds)), left);
        }
        assert_eq!((days(now, now - Duration::from_secs(1)), days(now, now - Duration::from_secs(86_400))), (-1, -2));
        assert_eq!(not_after(b"no certificate"), None);
    }
}
