//! The contents of a file, all of them or none.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::limits::SOURCE_BODY_BYTES_MAX;
use crate::net::fault::io_words;

/// All of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("`{shown}` cannot be read: {}", io_words(&error));
    // Before it is opened: opening a pipe waits for somebody to write, and some devices never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("`{shown}` is no file"));
    }
    let mut bytes = Vec::new();
    let most = SOURCE_BODY_BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > SOURCE_BODY_BYTES_MAX {
        return Err(format!("`{shown}` is longer than {SOURCE_BODY_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs");
        assert!(made.success());
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert!(read(path).expect_err("no file").contains("is no file"), "{}", path.display());
        }
        assert!(read(&folder.path().join("none")).expect_err("not there").contains("no such file"));
    }
}
