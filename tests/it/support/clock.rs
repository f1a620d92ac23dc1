//! A clock for one program, that the test turns: libfaketime stands between the program and the system, for the time of day only.
//! What measures spans is left alone, as when the clock of a machine is set.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

/// The clock of the programs that are started with [`Clock::variables`].
pub(crate) struct Clock {
    file: PathBuf,
    library: PathBuf,
    /// Seconds from the time of this machine to the middle of its month: a step leads into no other.
    middle: i64,
}

impl Clock {
    /// A clock that is kept in this folder.
    pub(crate) fn new(folder: &Path) -> Clock {
        let places = std::fs::read_dir("/usr/lib").expect("a folder of the system").flatten();
        let library = places.map(|place| place.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
        let now = jiff::Timestamp::now().to_zoned(TimeZone::UTC);
        let clock = Clock {
            file: folder.join("clock"),
            library: library.expect("libfaketime is installed by tests/run"),
            middle: i64::from(15 - now.day()) * 24 * 3600,
        };
        clock.set(0);
        clock
    }

    /// Sets it so many seconds ahead, or back.
    pub(crate) fn set(&self, seconds: i64) {
        // In one step, as it is read at any moment.
        let aside = self.file.with_extension("new");
        std::fs::write(&aside, format!("{:+}\n", self.middle + seconds)).expect("a file of ours");
        std::fs::rename(&aside, &self.file).expect("a file of ours");
    }

    /// What the environment of a program has to hold.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}
