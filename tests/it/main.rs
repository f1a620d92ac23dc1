//! The tests at the boundary: they start the real binary on a port of its own and speak to it as a stranger would.
//! One module a behaviour; what they share lives in `support`.

mod checks;
mod architecture;
mod billing;
mod browser;
mod conformance;
mod contract;
mod control_api;
mod handshake;
mod lifecycle;
mod origins;
mod real_clients;
mod slow_readers;
mod support;
mod tables;
mod tour;
