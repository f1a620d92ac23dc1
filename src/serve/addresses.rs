//! What each address has: its connections, and how fast it shakes hands. An address is one of IPv4, or a /64 of IPv6, which is
//! what one customer gets.
//!
//! Nothing is kept of an address that has no connection and has rested. Past [`ADDRESSES_COUNTED_MAX`] new ones are counted together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::config::Share;
use crate::limits::{ADDRESSES_COUNTED_MAX, HANDSHAKES_BURST_SECONDS, TLS_HANDSHAKES_FACTOR};

/// Addresses past which it is looked whether some are of no interest any more.
const SWEEP_LENGTH_MIN: usize = 1024;

/// Least time between two such looks. One over all addresses takes a few milliseconds.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Everybody who has something.
#[derive(Debug)]
pub struct Addresses {
    connections: Share,
    handshakes: Share,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    entries: HashMap<Key, Entry>,
    /// When it was last looked who has rested.
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    V4(Ipv4Addr),
    V6(u64),
    /// All for whom there was no room.
    Others,
}

#[derive(Debug)]
struct Entry {
    connections: u32,
    handshakes: Pace,
    tls_handshakes: Pace,
}

/// One connection of an address, for as long as this lives.
#[derive(Debug)]
pub struct Counted {
    addresses: Arc<Addresses>,
    key: Key,
}

/// Which handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// Those that make a feed connection.
    WebSocket,
    /// Those of TLS, of which there may be more.
    Tls,
}

/// A pace for so many handshakes a second.
pub fn pace(handshake: Handshake, per_second: u32) -> Pace {
    let rate = match handshake {
        Handshake::WebSocket => per_second,
        Handshake::Tls => per_second.saturating_mul(TLS_HANDSHAKES_FACTOR),
    };
    Pace::new(rate, rate.saturating_mul(HANDSHAKES_BURST_SECONDS))
}

impl Addresses {
    /// Nobody has anything yet.
    pub fn new(connections: Share, handshakes: Share) -> Addresses {
        let known = Known { entries: HashMap::new(), swept: None };
        Addresses { connections, handshakes, known: Mutex::new(known) }
    }

    /// Counts one more connection. None: it has as many as it may.
    pub fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Counted> {
        let limit = limit(self.connections, address).unwrap_or(u32::MAX);
        let mut known = self.known();
        let (key, entry) = known.entry(address, self.handshakes, now);
        if entry.connections >= limit {
            return None;
        }
        entry.connections += 1;
        Some(Counted { addresses: Arc::clone(self), key })
    }

    /// Counts a handshake.
    ///
    /// # Errors
    /// The time after which it may try again.
    pub fn shake(&self, handshake: Handshake, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if limit(self.handshakes, address).is_none() {
            return Ok(());
        }
        let mut known = self.known();
        let (_, entry) = known.entry(address, self.handshakes, now);
        match handshake {
            Handshake::WebSocket => entry.handshakes.admit(now),
            Handshake::Tls => entry.tls_handshakes.admit(now),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(entry) = self.addresses.known().entries.get_mut(&self.key) {
            entry.connections -= 1;
        }
    }
}

impl Known {
    fn entry(&mut self, address: IpAddr, handshakes: Share, now: Instant) -> (Key, &mut Entry) {
        let mut key = Key::of(address);
        if !self.entries.contains_key(&key) && self.entries.len() >= SWEEP_LENGTH_MIN {
            self.sweep(now);
            if self.entries.len() >= ADDRESSES_COUNTED_MAX {
                key = Key::Others;
            }
        }
        let per_second = match handshakes {
            Share::Usual(number) | Share::Set(number) => number,
        };
        let fresh = || Entry {
            connections: 0,
            handshakes: pace(Handshake::WebSocket, per_second),
            tls_handshakes: pace(Handshake::Tls, per_second),
        };
        (key, self.entries.entry(key).or_insert_with(fresh))
    }

    /// Forgets who has nothing, unless that was done just now.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP_PAUSE) {
            return;
        }
        self.swept = Some(now);
        self.entries.retain(|_, entry| {
            entry.connections > 0 || !entry.handshakes.is_rested(now) || !entry.tls_handshakes.is_rested(now)
        });
    }
}

impl Key {
    fn of(address: IpAddr) -> Key {
        match address.to_canonical() {
            IpAddr::V4(address) => Key::V4(address),
            IpAddr::V6(address) => Key::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// What an address may have. None: as much as it likes.
fn limit(share: Share, address: IpAddr) -> Option<u32> {
    match share {
        Share::Set(number) => Some(number),
        Share::Usual(_) if address.to_canonical().is_loopback() => None,
        Share::Usual(number) => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn an_address_has_so_many_connections_and_another_one_its_own() {
        let addresses = Arc::new(Addresses::new(Share::Usual(2), Share::Usual(10)));
        let now = Instant::now();
        let enter = |text| addresses.enter(address(text), now);
        let held = [enter("192.0.2.1"), enter("192.0.2.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("192.0.2.1").is_none() && enter("::ffff:192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some());
        drop(held);
        assert!(enter("192.0.2.1").is_some());

        let held = [enter("2001:db8::1"), enter("2001:db8::2")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("2001:db8::ffff:0:0:1").is_none(), "the same /64");
        assert!(enter("2001:db8:0:1::1").is_some(), "the next one");
    }

    #[test]
    fn this_machine_is_held_to_what_was_set_and_not_to_what_is_usual() {
        let now = Instant::now();
        for (share, held) in [(Share::Usual(1), false), (Share::Set(1), true)] {
            let addresses = Arc::new(Addresses::new(share, share));
            for here in ["127.0.0.1", "127.8.9.10", "::1"] {
                let _one = addresses.enter(address(here), now);
                assert_eq!(addresses.enter(address(here), now).is_none(), held, "{here}");
                let refused = (0..10).any(|_| addresses.shake(Handshake::WebSocket, address(here), now).is_err());
                assert_eq!(refused, held, "{here}");
            }
        }
    }

    #[test]
    fn handshakes_have_a_pace_and_those_of_tls_twice_of_it() {
        let addresses = Addresses::new(Share::Usual(1), Share::Usual(10));
        let start = Instant::now();
        let count = |handshake, now| {
            (0..1000).filter(|_| addresses.shake(handshake, address("192.0.2.1"), now).is_ok()).count()
        };
        assert_eq!(count(Handshake::WebSocket, start), 20);
        assert_eq!(count(Handshake::Tls, start), 40);
        assert_eq!(count(Handshake::WebSocket, start + Duration::from_secs(1)), 10);
    }

    #[test]
    fn however_many_come_no_more_is_kept_than_the_bound_and_those_who_hold_something_stay() {
        let addresses = Arc::new(Addresses::new(Share::Usual(5), Share::Usual(10)));
        let start = Instant::now();
        let held = addresses.enter(address("192.0.2.1"), start);
        for number in 0..200_000_u32 {
            let _ = addresses.shake(Handshake::WebSocket, IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)), start);
        }
        assert!(addresses.known().entries.len() <= ADDRESSES_COUNTED_MAX + 1);
        assert!(addresses.known().entries.contains_key(&Key::Others));
        let later = start + Duration::from_secs(60);
        for number in 0..100_u32 {
            let _ = addresses.enter(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number)), later);
        }
        let known = addresses.known();
        assert!(known.entries.len() < SWEEP_LENGTH_MIN, "those who rested are forgotten: {}", known.entries.len());
        assert_eq!(known.entries[&Key::V4(Ipv4Addr::new(192, 0, 2, 1))].connections, 1);
        drop(known);
        drop(held);
    }
}
