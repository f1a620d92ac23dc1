//! A small disk that can be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of one megabyte.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts it; none where that is not allowed.
    pub(crate) fn mount(at: &Path) -> Option<Tmpfs> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Tmpfs(at.to_owned()))
    }

    /// Fills what is left of it with one file; the last write fails for want of room.
    pub(crate) fn fill(ballast: &Path) {
        let mut size = 4 << 20;
        let mut filled = Vec::new();
        while size > 0 {
            filled.resize(filled.len() + size, b'x');
            if std::fs::write(ballast, &filled).is_err() {
                filled.truncate(filled.len() - size);
                size /= 2;
            }
        }
        let _ = std::fs::write(ballast, &filled);
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
