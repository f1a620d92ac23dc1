//! permessage-deflate at both ends.

mod client;
mod clients;
mod server;
mod wire;
