//! The tests at the boundary: they start the real binary on a port of its own and speak to it as a stranger would.
//! One module a behaviour; what they share lives in `support`.

mod checks;
mod architecture;
mod support;
