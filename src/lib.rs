//! The inside of the `veloflux` binary: a server that measures a service fleet and streams what it
//! measured over WebSocket, and the commands that watch, probe and control such a server.
//!
//! `ARCHITECTURE.md` says which module owns what and which may use which.

pub mod access;
pub mod audit;
pub mod checks;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod disk;
pub mod duration;
pub mod exit;
pub mod expression;
pub mod feeds;
pub mod fleet;
pub mod limits;
pub mod log;
pub mod net;
pub mod output;
pub mod protocol;
pub mod rendezvous;
pub mod secret;
pub mod serve;
pub mod shutdown;
pub mod sources;
pub mod usage;
pub mod websocket;

pub use commands::run;
