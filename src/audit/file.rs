//! The file: appending under a lock, finding where the chain ends, and turning the file over when it is long.
//!
//! Every append opens the file anew and holds its lock only meanwhile. So two servers that share a state directory (one that
//! drains, one that starts) make one chain, and whoever moves the file away gets a new one. A batch of lines is written
//! whole or not at all: what a full disk took of it is cut off again. Only a crash can leave part of a line behind; the next
//! append ends that line, and says so in a line of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::line::{self, Link, Record, hash};
use crate::limits::{AUDIT_FILE_BYTES_MAX, AUDIT_FILES_MAX, AUDIT_LINE_BYTES_MAX};

/// Appends records, and makes sure that they are on the disk.
///
/// # Errors
/// What the system says; then nothing was appended.
pub(super) fn append(path: &Path, records: &[Record]) -> io::Result<()> {
    append_up_to(path, records, AUDIT_FILE_BYTES_MAX)
}

fn append_up_to(path: &Path, records: &[Record], bytes_max: u64) -> io::Result<()> {
    let mut file = locked(path)?;
    let mut text = continued(&mut file, path, records)?;
    let length = file.metadata()?.len();
    // The end of a torn line belongs into its file.
    if length > 0 && length + text.len() as u64 > bytes_max && text.first() != Some(&b'\n') {
        turn_over(path)?;
        file = locked(path)?;
        // Another server may have been the first in the new file.
        text = continued(&mut file, path, records)?;
    }
    write(&mut file, &text)
}

/// The records as the lines that come next in a file.
fn continued(file: &mut File, path: &Path, records: &[Record]) -> io::Result<Vec<u8>> {
    let End { mut link, torn } = end(file, path)?;
    let mut text = Vec::new();
    if let Some(piece) = torn {
        text.push(b'\n');
        if let Some(piece) = piece {
            let note = Record::torn(piece.len(), &link.hash);
            link.hash = hash(&piece);
            link.write(&note, &mut text);
        }
    }
    records.iter().for_each(|record| link.write(record, &mut text));
    Ok(text)
}

/// The older files, oldest first.
pub(super) fn older(path: &Path) -> Vec<PathBuf> {
    (1..AUDIT_FILES_MAX).rev().map(|age| aged(path, age)).filter(|path| path.exists()).collect()
}

/// Whether there are as many files as there can be: older ones may have gone.
pub(super) fn is_full(path: &Path) -> bool {
    aged(path, AUDIT_FILES_MAX - 1).exists()
}

fn aged(path: &Path, age: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    PathBuf::from(name)
}

/// Makes room at `path`. The oldest file goes.
fn turn_over(path: &Path) -> io::Result<()> {
    for age in (1..AUDIT_FILES_MAX - 1).rev() {
        match fs::rename(aged(path, age), aged(path, age + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, aged(path, 1))
}

/// The file at `path`, made where there is none, and ours alone.
fn locked(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        // Another may have turned it over while we waited.
        let here = fs::metadata(path);
        if here.is_ok_and(|here| file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (here.dev(), here.ino())))
        {
            return Ok(file);
        }
    }
}

fn write(file: &mut File, text: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let written = file.write_all(text).and_then(|()| file.sync_data());
    if written.is_err() {
        // Where that fails, too, the next append finds a torn line.
        let _ = file.set_len(length);
    }
    written
}

/// Where a file ends.
struct End {
    /// The last whole line.
    link: Link,
    /// The last line has no end: what stands there of it, or nothing where all but the end does.
    torn: Option<Option<Vec<u8>>>,
}

fn end(file: &mut File, path: &Path) -> io::Result<End> {
    let tail = tail(file)?;
    let (whole, piece) = match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => (&tail[..at], &tail[at + 1..]),
        None => (&[][..], &tail[..]),
    };
    let last = whole.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let link = match read(last) {
        Some(read) => Link { seq: read.seq, hash: hash(last) },
        // Something else stands there: the chain goes on from it all the same, and does not hide it.
        None if !last.is_empty() => Link { seq: 0, hash: hash(last) },
        None => match File::open(aged(path, 1)) {
            Ok(mut before) => end_of_older(&mut before)?,
            Err(_) => Link::genesis(),
        },
    };
    if piece.is_empty() {
        return Ok(End { link, torn: None });
    }
    match read(piece).filter(|read| read.prev == link.hash) {
        Some(read) => Ok(End { link: Link { seq: read.seq, hash: hash(piece) }, torn: Some(None) }),
        None => Ok(End { link, torn: Some(Some(piece.to_vec())) }),
    }
}

/// Where a file ends that nobody appends to any more.
fn end_of_older(file: &mut File) -> io::Result<Link> {
    let tail = tail(file)?;
    let last = tail.strip_suffix(b"\n").unwrap_or(&tail).rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(read(last).map_or_else(Link::genesis, |read| Link { seq: read.seq, hash: hash(last) }))
}

/// As much of the end of a file as holds its last two lines.
fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * AUDIT_LINE_BYTES_MAX)))?;
    let mut tail = Vec::new();
    file.take(2 * AUDIT_LINE_BYTES_MAX).read_to_end(&mut tail)?;
    Ok(tail)
}

fn read(line: &[u8]) -> Option<line::Read> {
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::{FILE_NAME, verify};

    fn record() -> Record {
        Record::of_server("start", json!({"text": "x".repeat(100)}))
    }

    #[test]
    fn a_long_file_is_turned_over_and_the_chain_goes_on_through_all_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        for _ in 0..40 {
            append_up_to(&path, &[record()], 1_000).expect("room");
        }
        let report = verify(&path).expect("intact");
        assert_eq!(report.files.len(), AUDIT_FILES_MAX);
        assert!(report.lines < 40 && report.first_seq > 1, "{report:?}");
        assert!(report.files.iter().all(|file| fs::metadata(file).expect("a file").len() <= 1_000));
        // A crash between turning over and the first line.
        turn_over(&path).expect("ours");
        append_up_to(&path, &[record()], 1_000).expect("room");
        assert_eq!(verify(&path).expect("intact").last_seq, 41);
    }

    #[test]
    fn what_a_crash_has_torn_is_ended_and_noted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        for _ in 0..3 {
            append(&path, &[record()]).expect("room");
        }
        let whole = fs::read(&path).expect("a file");
        for length in [whole.len() - 1, whole.len() - 2, whole.len() - 200, whole.len() / 3 + 1, 1] {
            fs::write(&path, &whole[..length]).expect("a file of ours");
            append(&path, &[record()]).expect("room");
            append(&path, &[record()]).expect("room");
            let report = verify(&path).unwrap_or_else(|broken| panic!("{length}: {broken}"));
            assert_eq!(report.torn, u64::from(length != whole.len() - 1), "{length}");
        }
    }
}
