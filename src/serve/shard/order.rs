//! What others have a shard do.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Link;
use crate::serve::burst::Burst;
use crate::serve::encoding::Encoding;
use crate::serve::farewell::Farewell;
use crate::serve::telemetry::Ending;
use crate::serve::track::Subscription;

/// What a shard is told.
#[derive(Debug)]
pub enum Order {
    /// Take a connection.
    Attach {
        /// The connection.
        link: Arc<Link>,
        /// What it wants to hear.
        subscriptions: Vec<Subscription>,
        /// In which form.
        encoding: Encoding,
        /// Told the key.
        seated: oneshot::Sender<usize>,
    },
    /// Send a burst to whoever listens to its feed; say when that is done.
    Publish(Arc<Burst>, oneshot::Sender<()>),
    /// Send control frames or an answer.
    Reply {
        /// To whom.
        key: usize,
        /// Whole frames.
        frames: Vec<u8>,
    },
    /// Send the last frames and end the connection.
    Close {
        /// Whose.
        key: usize,
        /// Whole frames, the last of them a close frame.
        frames: Vec<u8>,
        /// Why, to be counted unless it has been ending already.
        ending: Ending,
    },
    /// The reader has seen the end of the stream.
    Leave {
        /// Whose.
        key: usize,
    },
    /// End every connection, and every later one.
    CloseAll(Farewell),
}
