//! Reports in files: whole or not at all, so that whoever reads them while they are replaced sees the old or the new. What
//! is no regular file, `/dev/null` or a FIFO, is never replaced: its text is written into it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `text` to `path`: into a new file beside it, which is then given its name. A link is followed and stays.
///
/// # Errors
/// What the system says; a regular file is what it was.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && !is_descriptor(path) => replace(&fs::canonicalize(path)?, text),
        // A device or a FIFO; a folder is refused as it is opened.
        Ok(_) => fill(fs::OpenOptions::new().append(true).open(path)?, text),
        // A link to what is not there yet, which stays, too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(&behind(path)?, text),
        Err(error) => Err(error),
    }
}

/// Whether the name stands for a file that somebody has open: a new one in its place would take the old from them, such as
/// the log that is our stdout.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self/fd"].iter().any(|descriptor| path.starts_with(descriptor))
}

/// Writes a new file beside `path`, and gives it its name.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = fs::File::create(&temporary).and_then(|file| {
        fill(&file, text)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        // It may never have been made; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    renamed
}

/// Writes `text` as a line.
fn fill(mut file: impl Write, text: &str) -> io::Result<()> {
    file.write_all(format!("{text}\n").as_bytes())
}

/// What the links at `path` come to in the end, which is not there.
fn behind(path: &Path) -> io::Result<PathBuf> {
    // As many as the system follows.
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            // Relative to where the link is.
            Ok(next) => path = path.with_file_name("").join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_last_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("probe.prom");
        for text in ["old", "new"] {
            write(&path, text).expect("writable");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), format!("{text}\n"));
        }
        assert!(write(&folder.path().join("missing/probe.prom"), "x").is_err());
        assert!(write(folder.path(), "x").is_err(), "a folder is not replaced");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (there, link) = (folder.path().join("there"), folder.path().join("link"));
        fs::create_dir(&there).expect("writable");
        std::os::unix::fs::symlink("there/probe.prom", &link).expect("writable");
        // First it leads to nothing.
        for text in ["old", "new"] {
            write(&link, text).expect("writable");
            assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
            assert_eq!(fs::read_to_string(there.join("probe.prom")).expect("it is there"), format!("{text}\n"));
        }
        assert_eq!(
            (fs::read_dir(&there).expect("readable").count(), fs::read_dir(&folder).expect("readable").count()),
            (1, 2)
        );
    }

    #[test]
    fn a_fifo_and_a_device_are_written_to_and_stay() {
        use std::os::unix::fs::FileTypeExt;

        let folder = tempfile::tempdir().expect("a folder");
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("null"));
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("coreutils bring it");
        assert!(made.success());
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read_to_string(fifo).expect("readable")
        });
        write(&fifo, "report").expect("somebody reads");
        assert!(fs::symlink_metadata(&fifo).expect("it is there").file_type().is_fifo());
        assert_eq!(reader.join().expect("it has read"), "report\n");

        // By a link, so that the device is safe from a failure of this.
        std::os::unix::fs::symlink("/dev/null", &link).expect("writable");
        write(&link, "report").expect("it takes everything");
        assert!(fs::metadata(&link).expect("it is there").file_type().is_char_device());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
    }
    #[test]
    fn a_file_that_is_open_is_added_to() {
        use std::os::fd::AsRawFd;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, "before\n").expect("writable");
        let log = fs::OpenOptions::new().append(true).open(&path).expect("it is there");
        write(Path::new(&format!("/proc/self/fd/{}", log.as_raw_fd())), "report").expect("writable");
        (&log).write_all(b"after\n").expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "before\nreport\nafter\n");
    }
}
