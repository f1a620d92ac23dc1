//! The terminal: what is written, where, and in which colours. The one place that writes to standard output and error.
//!
//! Results go to standard output, talk to standard error. Whatever a peer sent is made harmless first ([`clean()`]).

pub mod board;
pub mod clean;
pub mod clock;
pub mod color;
pub mod feed;
pub mod progress;
pub mod record;
pub mod report;
pub mod schema;
pub mod stderr;
pub mod stdout;
pub mod summary;
mod wrap;

pub use clean::clean;
pub use color::Paint;
pub use stderr::Talk;
pub use stdout::{Stdout, Unwritable};
