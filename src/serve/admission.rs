//! Who is let in: how many connections there may be, and how fast they may shake hands, in all and of each address.
//!
//! A connection needs a place before it is accepted and keeps it until its socket is closed. Whoever has to be refused is
//! accepted aside, told why, and let go; there are few places for that, so that a crowd of the refused costs nothing.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use poem::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::addresses::{Addresses, Counted, Handshake, pace};
use super::answer::error;
use super::pace::Pace;
use super::proxies::{Client, Contradiction, Peer, Proxies};
use crate::config::Settings;
use crate::limits::{self, REFUSALS_AT_ONCE_MAX};

/// Why somebody was refused, or cut off before there was a feed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Every place is taken.
    Connections,
    /// The address has as many connections as it may.
    AddressConnections,
    /// Handshakes come too fast, in all.
    Handshakes,
    /// The address shakes hands too fast.
    AddressHandshakes,
    /// It would have had to be told why it is refused, and too many are being told.
    Untold,
    /// TLS handshakes come too fast to be answered at all.
    TlsHandshakes,
    /// A TLS handshake took too long.
    TlsTimeout,
    /// A TLS handshake failed.
    TlsFailed,
    /// Plain HTTP was spoken where TLS is.
    NotTls,
    /// A request head did not come in time.
    SlowRequest,
    /// An answer was not read in time.
    UnreadAnswer,
    /// The request called us by a name that is not ours.
    ForeignHost,
    /// The request came from a page of an origin that is not let in.
    ForeignOrigin,
}

/// Every reason, in the order of its discriminants, and its word in `/metrics`.
pub const REFUSALS: &[(Why, &str)] = &[
    (Why::Connections, "connections"),
    (Why::AddressConnections, "address_connections"),
    (Why::Handshakes, "handshakes"),
    (Why::AddressHandshakes, "address_handshakes"),
    (Why::Untold, "untold"),
    (Why::TlsHandshakes, "tls_handshakes"),
    (Why::TlsTimeout, "tls_timeout"),
    (Why::TlsFailed, "tls_failed"),
    (Why::NotTls, "not_tls"),
    (Why::SlowRequest, "slow_request"),
    (Why::UnreadAnswer, "unread_answer"),
    (Why::ForeignHost, "foreign_host"),
    (Why::ForeignOrigin, "foreign_origin"),
];

/// A refusal that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    retry_after: Duration,
}

impl Refusal {
    const CONNECTIONS: Refusal = Refusal {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "over_capacity",
        message: "there is no room for another connection",
        retry_after: limits::RETRY_AFTER,
    };

    const ADDRESS_CONNECTIONS: Refusal = Refusal {
        status: StatusCode::TOO_MANY_REQUESTS,
        code: "too_many_connections",
        message: "your address has as many connections as it may",
        retry_after: limits::RETRY_AFTER,
    };

    fn handshakes(retry_after: Duration) -> Refusal {
        Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "over_capacity",
            message: "too many connect at the moment",
            retry_after,
        }
    }

    fn address_handshakes(retry_after: Duration) -> Refusal {
        Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "too_many_handshakes",
            message: "your address connects too often",
            retry_after,
        }
    }

    /// The answer to a request. The connection ends with it.
    pub fn response(&self) -> Response {
        let mut response = error(self.status, self.code, self.message);
        let seconds = self.retry_after.as_millis().div_ceil(1000).max(1);
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Decides who is let in, and counts who is not.
#[derive(Debug)]
pub struct Admission {
    /// Whether only this machine reaches the address that is listened on. It is bound once, whatever the settings say later.
    local: bool,
    places: Arc<Semaphore>,
    asides: Arc<Semaphore>,
    proxies: Proxies,
    addresses: Arc<Addresses>,
    handshakes: Mutex<Pace>,
    tls_handshakes: Mutex<Pace>,
    /// In the order of [`REFUSALS`].
    refused: [AtomicU64; REFUSALS.len()],
}

/// Room for one more connection.
#[derive(Debug)]
pub enum Room {
    /// A place.
    Place(OwnedSemaphorePermit),
    /// Every place is taken; this is room to be told so.
    Aside(OwnedSemaphorePermit),
}

/// What becomes of a connection.
#[derive(Debug)]
pub enum Verdict {
    /// It is let in.
    In(Arc<Place>),
    /// It is told why not.
    Told(Refusal, OwnedSemaphorePermit),
    /// It is let go without a word.
    Untold,
}

/// A connection's place among all connections, and among those of its address.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    whose: Whose,
}

#[derive(Debug)]
enum Whose {
    /// That of the peer.
    Peers(#[expect(dead_code, reason = "it counts while it is held")] Counted),
    /// That of whoever a trusted proxy speaks for, which is known at each handshake: one may be refused, and the proxy may use
    /// the connection for somebody else.
    Clients(Mutex<Option<Counted>>),
}

impl Admission {
    /// Goes by the settings; `capacity` is how many connections there are descriptors for.
    pub fn new(settings: &Settings, capacity: usize) -> Admission {
        let wanted = &settings.limits;
        let per_second = wanted.handshakes_per_second;
        Admission {
            local: settings.listen.ip().is_loopback(),
            places: Arc::new(Semaphore::new(wanted.connections.unwrap_or(capacity).min(capacity))),
            asides: Arc::new(Semaphore::new(REFUSALS_AT_ONCE_MAX)),
            proxies: Proxies::new(settings.trusted_proxies.clone()),
            addresses: Arc::new(Addresses::new(
                wanted.connections_per_address,
                wanted.handshakes_per_second_per_address,
            )),
            handshakes: Mutex::new(pace(Handshake::WebSocket, per_second)),
            tls_handshakes: Mutex::new(pace(Handshake::Tls, per_second)),
            refused: Default::default(),
        }
    }

    /// Whether only this machine reaches the address that is listened on.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Waits until somebody may be accepted, if only to be refused. Safe to drop.
    pub async fn room(&self) -> Room {
        let (place, aside) = (Arc::clone(&self.places).acquire_owned(), Arc::clone(&self.asides).acquire_owned());
        tokio::select! {
            biased;
            Ok(permit) = place => Room::Place(permit),
            Ok(permit) = aside => Room::Aside(permit),
        }
    }

    /// Judges a connection that was accepted.
    pub fn judge(&self, room: Room, peer: IpAddr) -> Verdict {
        let permit = match room {
            Room::Place(permit) => permit,
            Room::Aside(permit) => {
                self.count(Why::Connections);
                return Verdict::Told(Refusal::CONNECTIONS, permit);
            }
        };
        let whose = match self.proxies.trusts(peer) {
            true => Some(Whose::Clients(Mutex::default())),
            false => self.addresses.enter(peer, Instant::now()).map(Whose::Peers),
        };
        let Some(whose) = whose else {
            drop(permit);
            return match Arc::clone(&self.asides).try_acquire_owned() {
                Ok(aside) => {
                    self.count(Why::AddressConnections);
                    Verdict::Told(Refusal::ADDRESS_CONNECTIONS, aside)
                }
                Err(_) => {
                    self.count(Why::Untold);
                    Verdict::Untold
                }
            };
        };
        Verdict::In(Arc::new(Place { _permit: permit, whose }))
    }

    /// Whether a TLS handshake may begin. If not, it is counted, and not answered: that would cost what is to be saved.
    pub fn begin_tls(&self, peer: IpAddr) -> bool {
        let now = Instant::now();
        let proxied = self.proxies.trusts(peer);
        let pace = (proxied || self.addresses.shake(Handshake::Tls, peer, now).is_ok())
            && self.tls_handshakes.lock().unwrap_or_else(PoisonError::into_inner).admit(now).is_ok();
        if !pace {
            self.count(Why::TlsHandshakes);
        }
        pace
    }

    /// Where a request comes from.
    ///
    /// # Errors
    /// [`Contradiction`] when that cannot be told.
    pub fn client(&self, peer: Peer, headers: &HeaderMap) -> Result<Client, Contradiction> {
        self.proxies.client(peer, headers)
    }

    /// Judges a WebSocket handshake of a client, which may make its connection a feed connection.
    ///
    /// # Errors
    /// Why not.
    pub fn shake_hands(&self, client: &Client, place: &Place) -> Result<(), Refusal> {
        let now = Instant::now();
        if let Err(delay) = self.addresses.shake(Handshake::WebSocket, client.address, now) {
            self.count(Why::AddressHandshakes);
            return Err(Refusal::address_handshakes(delay));
        }
        if let Err(delay) = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner).admit(now) {
            self.count(Why::Handshakes);
            return Err(Refusal::handshakes(delay));
        }
        if let Whose::Clients(counted) = &place.whose {
            let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
            *counted = None;
            *counted = self.addresses.enter(client.address, now);
            if counted.is_none() {
                self.count(Why::AddressConnections);
                return Err(Refusal::ADDRESS_CONNECTIONS);
            }
        }
        Ok(())
    }

    /// Counts somebody who was refused or cut off.
    pub fn count(&self, why: Why) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were refused so far, by the words of their reasons.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REFUSALS.iter().zip(&self.refused).map(|((_, word), count)| (*word, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_row() {
        for (index, (why, _)) in REFUSALS.iter().enumerate() {
            assert_eq!(*why as usize, index);
        }
        assert_eq!(REFUSALS.len(), Why::ForeignOrigin as usize + 1);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        for (millis, seconds) in [(1, "1"), (1000, "1"), (1001, "2")] {
            let response = Refusal::handshakes(Duration::from_millis(millis)).response();
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
        }
    }
}
