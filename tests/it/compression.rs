//! permessage-deflate at both ends.

mod client;
