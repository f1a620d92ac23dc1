//! Who may do what: JSON Web Tokens, a roll of static tokens, tickets, and the rights that each of them gives.
//!
//! Nothing here knows requests or sockets: a token comes in, rights or a refusal in words go out.

mod claims;
mod keys;
mod lease;
mod rights;
mod roll;
mod stamp;
mod ticket;
mod verifier;

pub use keys::{JwtAlgorithm, KeyPlace};
pub use lease::Lease;
pub use rights::{Deed, End, Rights, Role};
pub use roll::Roll;
pub use stamp::Stamp;
pub use ticket::Tickets;
pub use verifier::{JwtSettings, Refusal, Verifier};
