//! The ring: what a feed has said lately, for those who come back.
//!
//! Bounded in messages and in bytes; the oldest go first. What is in it is always consecutive up to the newest, so it either
//! has everything behind a message or is known not to.

use std::collections::VecDeque;
use std::sync::Arc;

use super::burst::Said;
use crate::limits::{REPLAY_BYTES_MAX, REPLAY_MESSAGES_MAX};

/// See the module.
#[derive(Debug, Default)]
pub struct Ring {
    said: VecDeque<Arc<Said>>,
    messages: u64,
    bytes: usize,
    /// The number of the newest message, also of one that is too big to be kept. 0: none yet.
    newest: u64,
}

impl Ring {
    /// The number of the newest message, 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Adds what was said last, and forgets what there is no room for.
    pub fn push(&mut self, said: Arc<Said>) {
        self.newest = said.last();
        self.messages += said.count();
        self.bytes += said.frames.len();
        self.said.push_back(said);
        while self.messages > REPLAY_MESSAGES_MAX || self.bytes > REPLAY_BYTES_MAX {
            let Some(oldest) = self.said.pop_front() else { return };
            self.messages -= oldest.count();
            self.bytes -= oldest.frames.len();
        }
    }

    /// Whether it has everything behind number `seq`, which may be nothing.
    pub fn covers(&self, seq: u64) -> bool {
        let kept = || self.said.front().is_some_and(|oldest| oldest.first.seq <= seq + 1);
        seq == self.newest || (seq < self.newest && kept())
    }

    /// What comes behind number `seq`, as much of it as fits into `bytes`, but something. The first may begin before.
    /// Empty: nothing comes behind, or it is no longer there.
    pub fn after(&self, seq: u64, bytes: usize) -> Vec<Arc<Said>> {
        if !self.covers(seq) {
            return Vec::new();
        }
        let from = self.said.partition_point(|said| said.last() <= seq);
        let mut sum = 0;
        let fits = |said: &&Arc<Said>| {
            let first = sum == 0;
            sum += said.frames.len();
            first || sum <= bytes
        };
        self.said.range(from..).take_while(fits).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::Change;
    use crate::protocol::message::{Backend, BackendUpdate};
    use crate::protocol::{EventId, Feed, Message};
    use crate::serve::burst::Burst;

    /// What is said in one tick: so many updates, each this long, at least.
    fn said(first: u64, count: u64, length: usize) -> Arc<Said> {
        let text = format!(r#"{{"address":"{}","status":"healthy","last_check":null}}"#, "x".repeat(length));
        let update: BackendUpdate = serde_json::from_str(&text).expect("an update");
        let change = Change::Parts(vec![update; count as usize], Arc::new(Vec::new()));
        Burst::new(Feed::Backends, EventId { epoch: 1, seq: first }, None, change).said
    }

    #[test]
    fn it_keeps_as_many_messages_as_it_may_and_not_one_more() {
        let mut ring = Ring::default();
        for seq in 1..=REPLAY_MESSAGES_MAX {
            ring.push(said(seq, 1, 1));
        }
        assert!(ring.covers(0) && ring.covers(REPLAY_MESSAGES_MAX));
        ring.push(said(REPLAY_MESSAGES_MAX + 1, 1, 1));
        assert!(!ring.covers(0) && ring.covers(1));
        assert!(ring.after(0, usize::MAX).is_empty(), "nothing, rather than a part");
    }

    #[test]
    fn it_keeps_as_many_bytes_as_it_may_and_what_is_bigger_not_at_all() {
        let mut ring = Ring::default();
        let huge = |seq| {
            let mut text = String::from("{\"address\":\"");
            text.extend(std::iter::repeat_n('x', REPLAY_BYTES_MAX));
            text.push_str(r#"","pool":"p","weight":1,"status":"healthy","last_check":null}"#);
            let backend: Backend = serde_json::from_str(&text).expect("a backend");
            let change = Change::whole(Message::Backends(vec![backend]));
            Burst::new(Feed::Backends, EventId { epoch: 1, seq }, None, change).said
        };
        ring.push(said(1, 1, 100));
        ring.push(huge(2));
        assert_eq!(ring.newest(), 2);
        assert!(ring.covers(2) && !ring.covers(1) && !ring.covers(0) && !ring.covers(3));
        let half = REPLAY_BYTES_MAX / 2 - 1000;
        for (seq, oldest) in [(3, 3), (4, 3), (5, 4)] {
            ring.push(said(seq, 1, half));
            assert!(ring.covers(oldest - 1) && !ring.covers(oldest - 2), "after {seq}");
        }
    }

    proptest! {
        #[test]
        fn piece_by_piece_it_gives_every_message_behind_any_once(
            counts in proptest::collection::vec(1_u64..6, 1..40),
            from in 0_u64..100,
            bytes in 1_usize..2000,
        ) {
            let mut ring = Ring::default();
            for count in counts {
                ring.push(said(ring.newest() + 1, count, 20));
            }
            let mut seq = from.min(ring.newest());
            let mut seen = Vec::new();
            loop {
                let piece = ring.after(seq, bytes);
                let Some(last) = piece.last() else { break };
                prop_assert!(piece.len() == 1 || piece.iter().map(|said| said.frames.len()).sum::<usize>() <= bytes);
                let after = last.last();
                seen.extend(piece.iter().flat_map(|said| said.documents_after(seq)).map(|document| document.id.seq));
                seq = after;
            }
            prop_assert_eq!(seen, (from.min(ring.newest()) + 1..=ring.newest()).collect::<Vec<_>>());
        }
    }
}
