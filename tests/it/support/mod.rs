//! What the tests stand on: the server under test, the command line under test, a WebSocket client and an HTTP client
//! that do exactly what they are told (also what is wrong), and backends that can be killed.

pub(crate) mod backend;
pub(crate) mod certificate;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod disk;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod port;
pub(crate) mod program;
pub(crate) mod programs;
pub(crate) mod server;
pub(crate) mod shape;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod wait;

pub(crate) use backend::StubBackend;
pub(crate) use command::Veloflux;
pub(crate) use events::Events;
pub(crate) use frame::{Frame, Opcode};
pub(crate) use port::free_port;
pub(crate) use server::TestServer;
pub(crate) use socket::{Ending, Socket};
pub(crate) use wait::{PATIENCE, eventually};
