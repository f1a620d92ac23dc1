//! Reports in files: whole or not at all, so that whoever reads them while they are replaced sees the old or the new.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes `text` to `path`: into a new file beside it, which is then given its name. A link is replaced, not followed.
///
/// # Errors
/// What the system says; the file is what it was.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        // It may never have been made; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    renamed
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
}
