//! Following the chain of a log from its first line to its last.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::file::{is_full, older};
use super::line::{self, GENESIS, TORN, hash};
use crate::limits::AUDIT_LINE_BYTES_MAX;
use crate::net::fault::io_words;
use crate::protocol::Timestamp;

/// What an intact log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The files that were read, oldest first.
    pub files: Vec<PathBuf>,
    /// Lines in them, without those that were torn.
    pub lines: u64,
    /// Lines that a crash has torn, and that were noted as such.
    pub torn: u64,
    /// Whether the last line has no end: the server writes just now, or was killed while it did.
    pub unfinished: bool,
    /// The number of the first line. Past 1, older ones were rotated away.
    pub first_seq: u64,
    /// The number of the last line.
    pub last_seq: u64,
    /// When the first act was.
    pub first: Option<Timestamp>,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// The hash of the last line.
    pub hash: String,
}

/// Why a log is not intact, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("`{}` cannot be read: {}", file.display(), io_words(error))]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The chain does not hold.
    #[error("`{}`, line {line}: {why}", file.display())]
    Chain {
        /// In which file.
        file: PathBuf,
        /// At which line of it, from 1.
        line: u64,
        /// Why not.
        why: String,
    },
}

/// Follows the log in `path`, and in the older files beside it.
///
/// # Errors
/// The first line at which it is not intact, or the file that cannot be read.
pub fn verify(path: &Path) -> Result<Report, Broken> {
    let mut files = older(path);
    files.push(path.to_owned());
    let mut chain = Chain::default();
    // The last line that ends: where a piece that nothing follows has to be.
    let mut end = None;
    for file in &files {
        let unreadable = |error| Broken::Unreadable { file: file.clone(), error };
        let mut reader = BufReader::new(File::open(file).map_err(unreadable)?);
        let mut number = 0;
        loop {
            let mut line = Vec::new();
            let read = reader.by_ref().take(AUDIT_LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            number += 1;
            let broken = |why| Broken::Chain { file: file.clone(), line: number, why };
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    chain.take(line).map_err(broken)?;
                    end = Some((file, number));
                }
                None if read as u64 == AUDIT_LINE_BYTES_MAX => {
                    return Err(broken("it is longer than any that we write".to_owned()));
                }
                None => chain.unfinished = true,
            }
        }
    }
    let Chain { lines, torn, unfinished, piece, first_seq, last_seq, first, last, hash } = chain;
    if let (Some(_), Some((file, line))) = (piece, end) {
        let why = "it is none of ours, and no line after it says that it was torn".to_owned();
        return Err(Broken::Chain { file: file.clone(), line, why });
    }
    if first_seq > 1 && !is_full(path) {
        let why = format!("it has the number {first_seq}: the lines before it are gone, and no rotation took them");
        return Err(Broken::Chain { file: files.swap_remove(0), line: 1, why });
    }
    Ok(Report { files, lines, torn, unfinished, first_seq, last_seq, first, last, hash })
}

/// How far the chain has been followed.
#[derive(Default)]
struct Chain {
    lines: u64,
    torn: u64,
    unfinished: bool,
    /// A line that may have been torn: the next one has to say so.
    piece: Option<Vec<u8>>,
    first_seq: u64,
    last_seq: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    hash: String,
}

impl Chain {
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let Ok(read) = serde_json::from_slice::<line::Read>(line) else {
            return match self.piece.replace(line.to_vec()) {
                None => Ok(()),
                Some(_) => Err("it is none of ours, nor is the one before".to_owned()),
            };
        };
        if let Some(piece) = self.piece.take() {
            let names =
                |key: &str| read.arguments[key].as_str() == Some(if self.lines == 0 { GENESIS } else { &self.hash });
            let rightly = read.action == TORN && read.prev == hash(&piece) && (names("after") || self.first_seq == 0);
            if !rightly {
                return Err("the line before is none of ours, and this one does not say that it was torn".to_owned());
            }
            self.torn += 1;
        } else if self.lines == 0 {
            if read.seq == 1 && read.prev != GENESIS {
                return Err("it is the first, and continues another".to_owned());
            }
        } else if read.prev != self.hash {
            return Err(
                "it does not continue the one before: that was changed, or lines between them are gone".to_owned()
            );
        }
        if self.lines > 0 && read.seq != self.last_seq + 1 {
            return Err(format!("it has the number {}, and {} comes next", read.seq, self.last_seq + 1));
        }
        if self.lines == 0 {
            (self.first_seq, self.first) = (read.seq, Some(read.time));
        }
        (self.last_seq, self.last) = (read.seq, Some(read.time));
        self.hash = hash(line);
        self.lines += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::line::{Link, Record};

    fn log(count: u64) -> Vec<Vec<u8>> {
        let (mut link, mut text) = (Link::genesis(), Vec::new());
        (0..count).for_each(|number| link.write(&Record::of_server("start", json!({ "n": number })), &mut text));
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    fn judge(lines: &[Vec<u8>]) -> Result<Report, Broken> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, lines.concat()).expect("a file of ours");
        verify(&path)
    }

    #[test]
    fn whatever_is_changed_inside_shows_and_where() {
        let whole = log(5);
        let report = judge(&whole).expect("intact");
        assert_eq!((report.lines, report.first_seq, report.last_seq, report.torn), (5, 1, 5, 0));
        let at = |lines: &[Vec<u8>]| match judge(lines) {
            Err(Broken::Chain { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        for index in 0..4 {
            let mut changed = whole.clone();
            let text = String::from_utf8(changed[index].clone()).expect("text");
            changed[index] = text.replace("\"server\"", "\"nobody\"").into_bytes();
            assert_eq!(at(&changed), index as u64 + 2, "a line was changed");
            let mut gone = whole.clone();
            gone.remove(index);
            assert_eq!(at(&gone), index as u64 + 1, "a line was taken out");
            let mut twice = whole.clone();
            twice.insert(index, whole[index].clone());
            assert_eq!(at(&twice), index as u64 + 2, "a line was put in");
            let mut swapped = whole.clone();
            swapped.swap(index, index + 1);
            assert!(judge(&swapped).is_err(), "two lines were swapped");
            let mut foreign = whole.clone();
            foreign.insert(index, b"hello\n".to_vec());
            assert_eq!(at(&foreign), index as u64 + 2, "something foreign was put in");
        }
        let foreign = [whole.clone(), vec![b"hello\n".to_vec()]].concat();
        assert_eq!(at(&foreign), 6, "something foreign was put behind");
    }

    #[test]
    fn a_foreign_end_is_named_by_its_own_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let lines = log(5);
        let foreign = [b"hello\n".to_vec()];
        for (older, newer, name, number) in [
            (lines[..3].concat(), [&lines[3..], &foreign].concat().concat(), "log", 3),
            ([&lines[..], &foreign].concat().concat(), Vec::new(), "log.1", 6),
        ] {
            std::fs::write(folder.path().join("log.1"), older).expect("a file of ours");
            std::fs::write(&path, newer).expect("a file of ours");
            match verify(&path) {
                Err(Broken::Chain { file, line, .. }) => assert_eq!((file, line), (folder.path().join(name), number)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_unfinished_end_is_told_and_is_no_break() {
        let mut lines = log(3);
        lines[2].truncate(10);
        let report = judge(&lines).expect("intact");
        assert_eq!((report.lines, report.unfinished), (2, true));
        assert_eq!(judge(&[]).expect("intact").lines, 0);
    }
}
