//! `veloflux serve`.

use crate::cli::ServeArgs;
use crate::exit::Exit;

/// Runs the server until it is told to stop.
pub fn run(_args: ServeArgs) -> Exit {
    Exit::Done
}
