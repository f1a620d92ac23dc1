//! What a file looks like from outside, to see that it has changed without reading it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Changes whenever a file does, also when an editor puts another in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    changed: (i64, i64),
    itself: u64,
}

impl Stamp {
    /// That of the file as it is now.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let data = fs::metadata(path)?;
        Ok(Stamp { size: data.size(), changed: (data.mtime(), data.mtime_nsec()), itself: data.ino() })
    }
}
