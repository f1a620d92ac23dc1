//! The tests at the boundary: they start the real binary on a port of its own and speak to it as a stranger would.
//! One module a behaviour; what they share lives in `support`.

mod access;
mod architecture;
mod audit;
mod billing;
mod board;
mod browser;
mod checks;
mod cli;
mod client_settings;
mod codec;
mod config;
mod conformance;
mod contract;
mod control;
mod control_api;
mod documents;
mod fuzz;
mod generated;
mod handshake;
mod hostile;
mod javascript;
mod lifecycle;
mod origins;
mod probe;
mod real_clients;
mod reload;
mod schema;
mod slow_readers;
mod soak;
mod sources;
mod stub;
mod support;
mod tables;
mod tour;
mod watch;
