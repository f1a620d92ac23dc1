//! Recordings: the file of a [`journal`](super::journal), written as it happens and read again.
//!
//! Every line is written in one piece before the next event is looked at, so a signal finds whole lines only. A disk that
//! is full ends the recording behind its last whole line, not the watch.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::event::Event;
use super::journal::{BadLine, Entry, Header};
use crate::limits;
use crate::net::fault::io_words;

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    file: File,
    path: PathBuf,
    begun: Instant,
    /// Bytes in whole lines.
    length: u64,
    broken: bool,
}

/// Reads a recording.
#[derive(Debug)]
pub struct Recording {
    header: Header,
    lines: Lines,
}

/// The whole lines of a file, numbered.
#[derive(Debug)]
struct Lines {
    source: BufReader<File>,
    path: PathBuf,
    number: u64,
    ended: bool,
}

/// A recording that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Unrecordable {
    /// There is something already.
    #[error("`{}` exists; name another file, or remove it first", .0.display())]
    Exists(PathBuf),
    /// The system refuses.
    #[error("cannot record to `{}`: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

/// A recording that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The system refuses.
    #[error("cannot read the recording `{}`: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A line is not what it should be.
    #[error("recording `{}`, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        why: BadLine,
    },
    /// A line is longer than any of ours.
    #[error("recording `{}`, line {line}: longer than {} bytes", path.display(), limits::RECORDING_LINE_BYTES_MAX)]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
}

impl Recorder {
    /// Begins a recording. A file in which something stands is left alone.
    ///
    /// # Errors
    /// [`Unrecordable`]; a file that was made is removed.
    pub fn create(path: &Path, header: &Header, begun: Instant) -> Result<Recorder, Unrecordable> {
        let refused = |error: &std::io::Error| Unrecordable::Io { path: path.to_owned(), why: io_words(error) };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| refused(&error))?;
        if file.metadata().map_err(|error| refused(&error))?.len() > 0 {
            return Err(Unrecordable::Exists(path.to_owned()));
        }
        let mut recorder = Recorder { file, path: path.to_owned(), begun, length: 0, broken: false };
        recorder.append(&header.line())?;
        Ok(recorder)
    }

    /// Adds one event. After a failure, which is told once, nothing more is written.
    ///
    /// # Errors
    /// [`Unrecordable::Io`].
    pub fn write(&mut self, event: &Event) -> Result<(), Unrecordable> {
        if self.broken { Ok(()) } else { self.append(&Entry::new(event, self.begun).line()) }
    }

    /// Whether it holds everything so far.
    pub fn is_whole(&self) -> bool {
        !self.broken
    }

    fn append(&mut self, line: &str) -> Result<(), Unrecordable> {
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.broken = true;
                // What a full disk took of the line goes. A device cannot be cut, and then there is nothing to cut.
                let _ = self.file.set_len(self.length);
                Err(Unrecordable::Io { path: self.path.clone(), why: io_words(&error) })
            }
        }
    }
}

impl Recording {
    /// Opens a recording.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open(path: &Path) -> Result<Recording, Unreadable> {
        let mut lines = Lines::open(path)?;
        let first = lines.next()?.unwrap_or_default();
        let header = Header::parse(&first).map_err(|why| lines.bad(why))?;
        Ok(Recording { header, lines })
    }

    /// What was recorded.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next entry; none at the end. A last line that was cut off, because the recorder was killed, is no entry.
    ///
    /// # Errors
    /// [`Unreadable`]. There is nothing behind it.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Unreadable> {
        let Some(text) = self.lines.next()? else { return Ok(None) };
        Entry::parse(&text, self.header.streams.len()).map(Some).map_err(|why| self.lines.bad(why))
    }
}

impl Lines {
    fn open(path: &Path) -> Result<Lines, Unreadable> {
        let file = File::open(path);
        let file = file.map_err(|error| Unreadable::Io { path: path.to_owned(), why: io_words(&error) })?;
        Ok(Lines { source: BufReader::new(file), path: path.to_owned(), number: 0, ended: false })
    }

    fn next(&mut self) -> Result<Option<String>, Unreadable> {
        if self.ended {
            return Ok(None);
        }
        self.number += 1;
        let mut text = String::new();
        let read = self.source.by_ref().take(limits::RECORDING_LINE_BYTES_MAX).read_line(&mut text);
        let read = read.map_err(|error| Unreadable::Io { path: self.path.clone(), why: io_words(&error) })?;
        if text.ends_with('\n') {
            return Ok(Some(text));
        }
        self.ended = true;
        if read as u64 >= limits::RECORDING_LINE_BYTES_MAX {
            return Err(Unreadable::TooLong { path: self.path.clone(), line: self.number });
        }
        Ok(None)
    }

    /// The newest line is wrong, and what is behind it is not looked at.
    fn bad(&mut self, why: BadLine) -> Unreadable {
        self.ended = true;
        Unreadable::Line { path: self.path.clone(), line: self.number, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::What;
    use crate::client::origin::Origin;
    use crate::protocol::{Feed, Timestamp};

    fn header() -> Header {
        let origin = Origin { feed: Some(Feed::Metrics), server: "h:80".to_owned(), url: "ws://h/".to_owned() };
        Header::new(Timestamp::now(), vec![origin])
    }

    fn missed(count: u32) -> Event {
        Event { stream: 0, at: Timestamp::now(), instant: Instant::now(), what: What::Missed(count) }
    }

    #[test]
    fn what_was_recorded_is_read_and_a_torn_line_at_the_end_is_left_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("watch.ndjson");
        let mut recorder = Recorder::create(&path, &header(), Instant::now()).expect("a new file");
        recorder.write(&missed(1)).expect("room");
        recorder.write(&missed(2)).expect("room");
        assert!(recorder.is_whole());
        let mut text = std::fs::read_to_string(&path).expect("it is there");
        text.push_str("{\"after_us\":7,");
        std::fs::write(&path, text).expect("writable");
        let mut recording = Recording::open(&path).expect("a recording");
        assert_eq!(recording.header().streams, header().streams);
        for count in [1, 2] {
            let event = recording.next_entry().expect("whole").expect("two entries").event(Instant::now());
            assert!(matches!(event.what, What::Missed(read) if read == count));
        }
        assert!(recording.next_entry().expect("the end").is_none());
        assert!(recording.next_entry().expect("still the end").is_none());
    }

    #[test]
    fn a_file_that_holds_something_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notes");
        std::fs::write(&path, "mine").expect("writable");
        let error = Recorder::create(&path, &header(), Instant::now()).expect_err("somebody's file");
        assert!(matches!(error, Unrecordable::Exists(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "mine");
        let error = Recording::open(&path).expect_err("no recording").to_string();
        assert!(error.ends_with("line 1: this is no recording of `veloflux watch --record`"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told_once() {
        let error = Recorder::create(Path::new("/dev/full"), &header(), Instant::now()).expect_err("full");
        assert_eq!(error.to_string(), "cannot record to `/dev/full`: no space left on device");
        let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let mut recorder = Recorder { file, path: "/dev/full".into(), begun: Instant::now(), length: 0, broken: false };
        assert!(recorder.write(&missed(1)).is_err() && !recorder.is_whole());
        assert!(recorder.write(&missed(2)).is_ok());
    }

    #[test]
    fn a_broken_line_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("watch.ndjson");
        std::fs::write(&path, format!("{}{{}}\n", header().line())).expect("writable");
        let mut recording = Recording::open(&path).expect("a recording");
        let error = recording.next_entry().expect_err("no entry").to_string();
        assert!(error.contains("line 2: not an entry of a recording"), "{error}");
        assert!(recording.next_entry().expect("nothing behind it").is_none());
    }
}
