//! Gaps: messages that were never seen, told by the numbers of those that were. Pure.

use crate::protocol::EventId;

/// What was missed between two messages that were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last message before.
    pub after: EventId,
    /// The first message behind.
    pub before: EventId,
    /// How many lie between.
    pub missed: u64,
}

/// Follows the ids of one stream, across connections.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    last: Option<EventId>,
}

impl Sequence {
    /// The last message that was received.
    pub fn last(&self) -> Option<EventId> {
        self.last
    }

    /// Takes the id of the next message. Another epoch is another run of the stream, whose numbers say nothing about this
    /// one; a number seen before is the snapshot that greets a new connection.
    pub fn follow(&mut self, id: EventId) -> Option<Gap> {
        let last = self.last.replace(id).filter(|last| last.epoch == id.epoch)?;
        if id.seq <= last.seq {
            self.last = Some(last);
            return None;
        }
        let missed = id.seq - last.seq - 1;
        (missed > 0).then_some(Gap { after: last, before: id, missed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_jump_within_one_epoch() {
        let mut sequence = Sequence::default();
        let id = |epoch, seq| EventId { epoch, seq };
        for (next, missed) in [
            (id(1, 10), None),
            (id(1, 11), None),
            (id(1, 14), Some(2)),
            (id(1, 14), None),
            (id(1, 13), None),
            (id(1, 15), None),
            (id(2, 90), None),
            (id(2, 92), Some(1)),
        ] {
            assert_eq!(sequence.follow(next).map(|gap| gap.missed), missed, "{next}");
        }
    }
}
