//! The room on the file system that holds a directory, asked for so that one that hangs holds up nobody.
//!
//! A network file system whose server is away does not answer, for as long as it likes, and the call cannot be taken
//! back. So each look is a thread of its own: not one of the runtime, whose other work would wait behind it. There is one
//! look at a time. Whoever asks while it is out is told what the one before has found, and once it is overdue, that it
//! has not come back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::host::disk_free;

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Bytes free for us.
    Free(u64),
    /// The system has none to tell.
    Unreadable,
    /// It has not come back.
    Silent,
}

impl From<Option<u64>> for Room {
    fn from(free: Option<u64>) -> Room {
        free.map_or(Room::Unreadable, Room::Free)
    }
}

type Look = dyn Fn(&Path) -> Option<u64> + Send + Sync;

/// Looks at the room around one directory.
pub struct Surveyor {
    path: PathBuf,
    look: Arc<Look>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What the last look that came back has found.
    known: Room,
    /// When the one that has not was begun.
    begun: Option<Instant>,
}

impl Surveyor {
    /// Looks at once, for as long as it takes, at this directory or the nearest above it that exists.
    pub fn new(path: &Path) -> Surveyor {
        Surveyor::with(path, Arc::new(disk_free))
    }

    fn with(path: &Path, look: Arc<Look>) -> Surveyor {
        let known = look(path).into();
        Surveyor { path: path.to_owned(), look, state: Arc::new(Mutex::new(State { known, begun: None })) }
    }

    /// What the last look that came back has found.
    pub fn known(&self) -> Room {
        locked(&self.state).known
    }

    /// Looks, for at most so long. Safe to drop: a look goes on by itself.
    pub async fn room(&self, patience: Duration) -> Room {
        {
            let mut state = locked(&self.state);
            if let Some(begun) = state.begun {
                return if begun.elapsed() < patience { state.known } else { Room::Silent };
            }
            state.begun = Some(Instant::now());
        }
        let (answer, answered) = oneshot::channel();
        let (path, look, state) = (self.path.clone(), Arc::clone(&self.look), Arc::clone(&self.state));
        let thread = thread::Builder::new().name("disk".to_owned()).spawn(move || {
            let known = look(&path).into();
            *locked(&state) = State { known, begun: None };
            // Whoever asked may have stopped waiting.
            let _ = answer.send(known);
        });
        if thread.is_err() {
            locked(&self.state).begun = None;
            return Room::Unreadable;
        }
        match timeout(patience, answered).await {
            Ok(room) => room.unwrap_or(Room::Unreadable),
            Err(_) => Room::Silent,
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_look_that_hangs_is_said_and_not_begun_again() {
        let (release, released) = mpsc::channel();
        let (looks, released) = (Arc::new(AtomicUsize::new(0)), Mutex::new(released));
        let counted = Arc::clone(&looks);
        let look = move |_: &Path| {
            counted.fetch_add(1, Ordering::SeqCst);
            released.lock().expect("one look at a time").recv().ok()
        };
        release.send(6).expect("it will look");
        let surveyor = Surveyor::with(Path::new("/x"), Arc::new(look));
        let short = Duration::from_millis(50);
        assert_eq!(surveyor.room(short).await, Room::Silent);
        for _ in 0..10 {
            assert_eq!(surveyor.room(short).await, Room::Silent, "overdue");
            assert_eq!(surveyor.room(LONG).await, Room::Free(6), "as known, and at once");
        }
        release.send(7).expect("it waits");
        while locked(&surveyor.state).begun.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((surveyor.known(), looks.load(Ordering::SeqCst)), (Room::Free(7), 2));
        release.send(8).expect("it will look");
        assert_eq!(surveyor.room(LONG).await, Room::Free(8), "it answers again");
        drop(release);
        assert_eq!(surveyor.room(LONG).await, Room::Unreadable);
    }
}
