//! Usage: counting what is billed, pricing it, and a ledger that survives `kill -9`.
//!
//! Two lines meet in [`Meter`]: counted requests go counter → account → ledger once a second, and an [`Invoice`] is
//! account → tariff. The account (pure) always knows more than the ledger (a file), so a broken file costs durability
//! and never the count. What others count comes in by the tallies (pure), whose marks are booked with the usage.

mod account;
mod counter;
mod currency;
mod fault;
mod invoice;
mod ledger;
mod meter;
mod period;
mod tallies;
mod tally;
mod tariff;

pub use counter::{RequestCounter, Requests};
pub use currency::{Currency, UnknownCurrency};
pub use fault::Fault;
pub use invoice::Invoice;
pub use meter::Meter;
pub use period::Period;
pub use tally::{Absurd, Afresh, Counter};
pub use tariff::{Amount, BadAmount, Charge, Tariff};
