//! For tests: the decoder of a peer that knows nothing of us. It has a window of its own, for as long as it lives.

use flate2::{Decompress, FlushDecompress};

use super::TAIL;

/// See the module.
pub(crate) struct Stranger(Decompress);

impl Stranger {
    pub(crate) fn new() -> Stranger {
        Stranger(Decompress::new(false))
    }

    /// Inflates the payload of a message.
    ///
    /// # Panics
    /// When it is none, or refers to what has not come.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(200_000);
        for input in [payload, &TAIL] {
            self.0.decompress_vec(input, &mut out, FlushDecompress::Sync).expect("it inflates with what came before");
        }
        out
    }

    /// Forgets what came.
    pub(crate) fn forget(&mut self) {
        self.0.reset(false);
    }
}
