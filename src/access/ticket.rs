//! Tickets: a word that opens one connection, once, soon. For clients that can set no header, so that a token never has to
//! stand in an address.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::Rights;
use crate::limits::{TICKET_TIME, TICKETS_MAX};

/// Bytes of randomness in a ticket.
const TICKET_BYTES: usize = 16;

/// The tickets that are out.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<String, (Rights, Instant)>>);

impl Tickets {
    /// Gives a ticket with these rights, good for [`TICKET_TIME`]. None: too many are out.
    pub fn issue(&self, rights: Rights) -> Option<String> {
        let now = Instant::now();
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if out.len() >= TICKETS_MAX {
            out.retain(|_, (_, until)| *until > now);
        }
        if out.len() >= TICKETS_MAX {
            return None;
        }
        let bytes: [u8; TICKET_BYTES] = rand::random();
        let ticket: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        out.insert(ticket.clone(), (rights, now + TICKET_TIME));
        Some(ticket)
    }

    /// The rights that a ticket opens with, while it stays good. None: there is no such ticket, or not any more.
    pub fn holder(&self, ticket: &str) -> Option<Rights> {
        let out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.get(ticket).filter(|(_, until)| *until > Instant::now()).map(|(rights, _)| rights.clone())
    }

    /// Takes a ticket back. None: there is no such ticket, or not any more.
    pub fn redeem(&self, ticket: &str) -> Option<Rights> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket);
        taken.filter(|(_, until)| *until > Instant::now()).map(|(rights, _)| rights)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::Role;

    #[tokio::test(start_paused = true)]
    async fn a_ticket_opens_once_and_soon() {
        let tickets = Tickets::default();
        let rights = Rights::new("ana", Role::Viewer);
        let ticket = tickets.issue(rights.clone()).expect("room");
        assert_eq!(ticket.len(), 2 * TICKET_BYTES);
        assert_eq!(tickets.redeem("no such ticket"), None);
        assert_eq!(tickets.holder(&ticket), Some(rights.clone()), "to look at it does not take it");
        assert_eq!(tickets.redeem(&ticket), Some(rights.clone()));
        assert_eq!((tickets.holder(&ticket), tickets.redeem(&ticket)), (None, None));
        let late = tickets.issue(rights).expect("room");
        tokio::time::advance(TICKET_TIME).await;
        assert_eq!((tickets.holder(&late), tickets.redeem(&late)), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_so_many_and_for_more_when_they_are_old() {
        let tickets = Tickets::default();
        let issue = || tickets.issue(Rights::new("ana", Role::Viewer));
        assert!((0..TICKETS_MAX).all(|_| issue().is_some()));
        assert_eq!(issue(), None);
        tokio::time::advance(TICKET_TIME + Duration::from_millis(1)).await;
        assert!(issue().is_some());
    }
}
