//! The outcome: what a watch came to, as an exit code and in words. Pure.

use super::gate::{Gate, Verdict};
use super::tally::Tally;
use crate::client::event::Ending;
use crate::client::loss::Verdict as Prospect;
use crate::exit::Exit;

/// What has become of a watch so far.
#[derive(Debug)]
pub(super) struct Course {
    /// What the gate said.
    pub(super) verdict: Option<Verdict>,
    /// A feed was stale, and that was not to be.
    pub(super) stale: bool,
    /// The time for what is waited for is up.
    pub(super) late: bool,
    /// The time to watch is over.
    pub(super) over: bool,
    /// The recording that is replayed cannot be read on.
    pub(super) unreadable: bool,
    /// The end of a session that matters most.
    pub(super) worst: Exit,
}

impl Default for Course {
    fn default() -> Course {
        Course { verdict: None, stale: false, late: false, over: false, unreadable: false, worst: Exit::Done }
    }
}

impl Course {
    /// The exit code, where no signal has come. A gate that was not passed is no success, however calm the end, and neither
    /// is one that could not be judged: because it never had an answer, or because nobody is there at the end.
    pub(super) fn exit(&self, gate: &Gate, tally: &Tally) -> Exit {
        let exit = match self {
            Course { verdict: Some(Verdict::Fail), .. } | Course { stale: true, .. } => Exit::Failed,
            Course { verdict: Some(Verdict::Until(_)), .. } => Exit::Done,
            Course { unreadable: true, .. } => Exit::Usage,
            Course { late: true, .. } => Exit::Deadline,
            Course { over: true, worst, .. } if !tally.all_connected() => worse(*worst, Exit::Unreachable),
            Course { over: true, worst, .. } if gate.is_asked() && tally.any_down() => worse(*worst, Exit::Lost),
            Course { worst: Exit::Done, .. } if gate.until().is_some() => Exit::Deadline,
            Course { worst, .. } => *worst,
        };
        if exit == Exit::Done && gate.unanswered().is_some() { Exit::Failed } else { exit }
    }

    /// Why, where nobody has said it yet.
    pub(super) fn words(&self, exit: Exit, gate: &Gate) -> Option<String> {
        match (exit, gate.until()) {
            (Exit::Failed, _) if self.stale => Some("a feed was stale, and `--on-stale` is `fail`".to_owned()),
            (Exit::Failed, _) => {
                gate.unanswered().map(|never| format!("`{never}` never had an answer, so nobody knows whether it held"))
            }
            // Who gave up has said so.
            (Exit::Lost, _) if self.over && self.worst == Exit::Done => {
                Some("the time is up, and a connection is lost".to_owned())
            }
            (Exit::Deadline, Some(until)) => Some(format!("the time is up, and `{until}` does not hold")),
            (Exit::Deadline, None) => Some("the time is up, and not every feed has sent what was asked for".to_owned()),
            _ => None,
        }
    }
}

/// What the end of one session means.
pub(super) fn exit_of(ending: &Ending, counted: bool) -> Exit {
    match ending {
        Ending::Enough | Ending::Stopped => Exit::Done,
        // The server has said all it had to say: fine for somebody who listens, not for somebody who waits for more.
        Ending::Done => {
            if counted {
                Exit::Lost
            } else {
                Exit::Done
            }
        }
        Ending::GaveUp { loss, connected, .. } => match (loss.verdict(), connected) {
            (Prospect::Denied, _) => Exit::Denied,
            (_, true) => Exit::Lost,
            (_, false) => Exit::Unreachable,
        },
    }
}

/// The end that matters more, where feeds ended differently: what a person has to act on first.
pub(super) fn worse(one: Exit, other: Exit) -> Exit {
    const ORDER: [Exit; 4] = [Exit::Done, Exit::Unreachable, Exit::Lost, Exit::Denied];
    let rank = |exit: Exit| ORDER.iter().position(|other| *other == exit);
    if rank(one) >= rank(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::loss::Loss;

    #[test]
    fn the_exit_says_what_a_person_has_to_act_on() {
        let gave_up = |code, connected| Ending::GaveUp {
            loss: Loss::Closed { code, reason: String::new() },
            lived: None,
            attempts: 5,
            connected,
        };
        for (ending, counted, exit) in [
            (Ending::Enough, true, Exit::Done),
            (Ending::Done, false, Exit::Done),
            (Ending::Done, true, Exit::Lost),
            (gave_up(1011, true), false, Exit::Lost),
            (gave_up(1011, false), false, Exit::Unreachable),
            (gave_up(4401, true), false, Exit::Denied),
        ] {
            assert_eq!(exit_of(&ending, counted), exit, "{ending:?}");
        }
        assert_eq!(worse(Exit::Denied, Exit::Unreachable), Exit::Denied);
        assert_eq!(worse(Exit::Done, Exit::Lost), Exit::Lost);
    }
}
