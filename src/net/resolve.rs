//! Name lookup through the system's resolver, bounded: it blocks a thread for as long as it pleases.
//!
//! Whoever wants a name that is being looked up waits for that lookup, so that a dead zone takes no more slots than it has
//! names. Whoever finds no slot free has asked nobody, and must not blame the name for it: see [`Stage::Name`].

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::Fault;
use super::fault::is_ours;
use super::progress::{Stage, reached};
use crate::limits::LOOKUPS_AT_ONCE_MAX;

static LOOKUPS: Lookups = Lookups::new(LOOKUPS_AT_ONCE_MAX, |name| Ok((name, 0).to_socket_addrs()?.collect()));

/// The addresses behind a name, at least one, in the order the system prefers them. May be dropped at any time.
///
/// # Errors
/// [`Fault::Name`] when there is none.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let mut addresses = LOOKUPS.addresses(host).await?;
    addresses.iter_mut().for_each(|address| address.set_port(port));
    Ok(addresses)
}

/// All lookups that run or wait for a slot.
struct Lookups {
    /// Held by a lookup until the resolver lets go of its thread, which may be long after everybody has stopped waiting.
    /// Without it a dead name server would fill the runtime's blocking threads, and then its queue.
    slots: Semaphore,
    /// By name; as many as somebody waits for, or the resolver is still busy with.
    open: Mutex<BTreeMap<String, Arc<Lookup>>>,
    /// The resolver of the system, whose ports say nothing.
    resolver: fn(&str) -> io::Result<Vec<SocketAddr>>,
}

/// One lookup, shared by all who want that name.
struct Lookup {
    name: String,
    /// Whether it has a slot.
    begun: Arc<AtomicBool>,
    found: watch::Sender<Option<Result<Vec<SocketAddr>, Fault>>>,
}

impl Lookups {
    const fn new(slots: usize, resolver: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Lookups {
        Lookups { slots: Semaphore::const_new(slots), open: Mutex::new(BTreeMap::new()), resolver }
    }

    async fn addresses(&'static self, name: &str) -> Result<Vec<SocketAddr>, Fault> {
        let waiting = self.join(name);
        let lookup = &waiting.lookup;
        reached(Stage::Name(Arc::clone(&lookup.begun)));
        let mut found = lookup.found.subscribe();
        if !lookup.begun.load(Ordering::Acquire) {
            // Both only wait. All who share it stand in the queue for a slot: who has joined last may be who stays.
            tokio::select! {
                slot = self.slots.acquire() => self.begin(lookup, slot.expect("nobody closes it")),
                _ = found.changed() => {}
            }
        }
        let found = found.wait_for(Option::is_some).await.expect("whoever waits keeps it").clone();
        reached(Stage::Answer);
        found.expect("it was waited for")
    }

    fn join(&'static self, name: &str) -> Waiting {
        let mut open = self.open();
        let lookup = open.entry(name.to_owned()).or_insert_with(|| {
            let (begun, found) = (Arc::default(), watch::Sender::new(None));
            Arc::new(Lookup { name: name.to_owned(), begun, found })
        });
        Waiting { lookups: self, lookup: Arc::clone(lookup) }
    }

    /// Has the resolver look, unless it does already.
    fn begin(&'static self, lookup: &Arc<Lookup>, slot: SemaphorePermit<'static>) {
        if lookup.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Running { lookups: self, lookup: Arc::clone(lookup) };
        tokio::task::spawn_blocking(move || {
            let name = &running.lookup.name;
            let found = match (self.resolver)(name) {
                Ok(addresses) if !addresses.is_empty() => Ok(addresses),
                Err(error) if is_ours(&error) => Err(error.into()),
                _ => Err(Fault::Name(name.clone())),
            };
            // Before anybody knows: who comes next looks anew.
            self.close(&running.lookup);
            running.lookup.found.send_replace(Some(found));
            drop(slot);
        });
    }

    fn close(&self, lookup: &Arc<Lookup>) {
        let mut open = self.open();
        if open.get(&lookup.name).is_some_and(|other| Arc::ptr_eq(other, lookup)) {
            open.remove(&lookup.name);
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Lookup>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for a lookup. The last to leave takes it along, if it has not begun.
struct Waiting {
    lookups: &'static Lookups,
    lookup: Arc<Lookup>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut open = self.lookups.open();
        // One of the two is that of the table; others are only made under its lock.
        if !self.lookup.begun.load(Ordering::Acquire) && Arc::strong_count(&self.lookup) <= 2 {
            open.remove(&self.lookup.name);
        }
    }
}

/// A lookup that has begun.
struct Running {
    lookups: &'static Lookups,
    lookup: Arc<Lookup>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A runtime that goes down drops it before its turn: nobody shall wait for that.
        self.lookups.close(&self.lookup);
        let name = &self.lookup.name;
        self.lookup.found.send_if_modified(|found| {
            let unanswered = found.is_none();
            found.get_or_insert_with(|| Err(Fault::Name(name.clone())));
            unanswered
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;
    use crate::net::progress::within;

    const SLOTS: usize = 4;

    /// Lookups that take a while for a name of the dead zone, and no time for others.
    fn lookups() -> &'static Lookups {
        Box::leak(Box::new(Lookups::new(SLOTS, |name| {
            if name.ends_with(".dead") {
                std::thread::sleep(Duration::from_millis(400));
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], 0))])
        })))
    }

    const SOON: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn names_and_addresses_have_addresses() {
        for host in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(host.parse().expect("an address"), 7);
            assert_eq!(resolve(host, 7).await, Ok(vec![address]));
        }
        let local = resolve("localhost", 7).await.expect("every machine has it");
        assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 7), "{local:?}");
        let fault = resolve("no-such-name.invalid", 7).await.expect_err("reserved for this");
        assert_eq!(fault.to_string(), "name `no-such-name.invalid` does not resolve");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_want_it_at_the_same_time() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let lookups = Box::leak(Box::new(Lookups::new(SLOTS, |_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(SOON);
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], 0))])
        })));
        let all = join_all((0..100).map(|_| lookups.addresses("a.live"))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        // Who comes later is not told what was.
        assert!(lookups.addresses("a.live").await.is_ok());
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
        assert!(lookups.open().is_empty());
    }

    #[tokio::test]
    async fn a_dead_name_has_one_slot_however_often_it_is_asked_for() {
        let lookups = lookups();
        for _ in 0..2 * SLOTS {
            let fault = within(SOON / 10, lookups.addresses("a.dead")).await.expect_err("it is dead");
            assert_eq!(fault.to_string(), "no address within 10 ms");
        }
        assert!(within(SOON, lookups.addresses("a.live")).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_finds_no_slot_could_not_ask() {
        let lookups = lookups();
        let names: Vec<String> = (0..SLOTS).map(|n| format!("{n}.dead")).collect();
        let dead = join_all(names.iter().map(|name| within(SOON, lookups.addresses(name)))).await;
        assert!(dead.iter().all(|found| *found == Err(Fault::Missing("address", SOON))), "{dead:?}");
        let crowded = within(SOON, lookups.addresses("a.live")).await;
        assert!(matches!(crowded, Err(Fault::Ours(_))), "{crowded:?}");
        assert!(!lookups.open().contains_key("a.live"), "nobody waits for it any more");
        assert!(lookups.addresses("a.live").await.is_ok(), "the dead ones end");
    }

    #[tokio::test]
    async fn who_leaves_leaves_the_others_their_lookup() {
        let lookups = lookups();
        let all = lookups.slots.acquire_many(u32::try_from(SLOTS).expect("small")).await.expect("open");
        let mut first = Box::pin(lookups.addresses("a.live"));
        let mut second = Box::pin(lookups.addresses("a.live"));
        assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
        assert_eq!(lookups.open().len(), 1);
        drop(first);
        drop(all);
        assert!(second.await.is_ok());
    }
}
