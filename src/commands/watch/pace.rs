//! The pace: how often something of one stream is written. Pure. What comes too soon waits; the newest wins.

use std::time::Duration;

use tokio::time::Instant;

/// Holds back what comes too soon.
#[derive(Debug)]
pub(super) struct Pace<T> {
    every: Duration,
    streams: Vec<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    free_at: Option<Instant>,
    waiting: Option<T>,
    dropped: u64,
}

impl<T> Pace<T> {
    /// At most one thing of each stream in `every`; zero: no limit.
    pub(super) fn new(every: Duration, streams: usize) -> Pace<T> {
        let slot = || Slot { free_at: None, waiting: None, dropped: 0 };
        Pace { every, streams: std::iter::repeat_with(slot).take(streams).collect() }
    }

    /// Takes something that came at `now`, and gives it back if it may be written at once.
    pub(super) fn offer(&mut self, stream: usize, thing: T, now: Instant) -> Option<T> {
        let slot = &mut self.streams[stream];
        if slot.waiting.is_some() || slot.free_at.is_some_and(|free_at| now < free_at) {
            slot.dropped += u64::from(slot.waiting.replace(thing).is_some());
            return None;
        }
        slot.free_at = Some(now + self.every);
        Some(thing)
    }

    /// When something that waits may be written.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let waiting = self.streams.iter().filter(|slot| slot.waiting.is_some());
        waiting.filter_map(|slot| slot.free_at).min()
    }

    /// What may be written at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Vec<T> {
        let every = self.every;
        let due = self.streams.iter_mut().filter(|slot| slot.free_at.is_some_and(|free_at| free_at <= now));
        due.filter_map(|slot| {
            let thing = slot.waiting.take()?;
            slot.free_at = Some(now + every);
            Some(thing)
        })
        .collect()
    }

    /// What waits of a stream: nothing newer will come.
    pub(super) fn flush(&mut self, stream: usize) -> Option<T> {
        self.streams[stream].waiting.take()
    }

    /// How much of a stream was never written.
    pub(super) fn dropped(&self, stream: usize) -> u64 {
        self.streams[stream].dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_what_it_replaces_is_counted() {
        let start = Instant::now();
        let at = |millisecond| start + Duration::from_millis(millisecond);
        let mut pace = Pace::new(Duration::from_secs(1), 2);
        assert_eq!(pace.offer(0, 'a', at(0)), Some('a'));
        assert_eq!(pace.offer(0, 'b', at(10)), None);
        assert_eq!(pace.offer(0, 'c', at(20)), None);
        assert_eq!(pace.offer(1, 'x', at(30)), Some('x'));
        assert_eq!(pace.due_at(), Some(at(1_000)));
        assert!(pace.due(at(999)).is_empty());
        assert_eq!(pace.due(at(1_000)), ['c']);
        assert_eq!(pace.due_at(), None);
        assert_eq!(pace.offer(0, 'd', at(1_500)), None);
        assert_eq!(pace.flush(0), Some('d'));
        assert_eq!(pace.offer(0, 'e', at(2_000)), Some('e'));
        assert_eq!((pace.dropped(0), pace.dropped(1)), (1, 0));
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let now = Instant::now();
        let mut pace = Pace::new(Duration::ZERO, 1);
        for number in 0..5 {
            assert_eq!(pace.offer(0, number, now), Some(number));
        }
        assert_eq!((pace.due_at(), pace.dropped(0)), (None, 0));
    }
}
