//! How the client finds a server that runs on this machine: a small file per port, written by `serve` while it runs, for
//! this user only. It says where the token stands, never the token itself.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendezvous {
    /// The process that serves.
    pub pid: u32,
    /// Where, for example `http://127.0.0.1:8080`.
    pub url: String,
    /// The file that holds the control token; null when it stands in no file.
    pub token_file: Option<PathBuf>,
}

/// The directory of these files: `veloflux` in `$XDG_RUNTIME_DIR`, else `veloflux-<uid>` in the directory for temporary
/// files.
pub fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => Path::new(&dir).join("veloflux"),
        None => std::env::temp_dir().join(format!("veloflux-{}", rustix::process::getuid().as_raw())),
    }
}

/// The file of the server on `port`.
pub fn path(port: u16) -> PathBuf {
    directory().join(format!("{port}.json"))
}

/// What is known about the server on `port` of this machine. None when there is no file, or when the process that wrote it
/// is gone: whoever took the port since is a stranger.
///
/// # Errors
/// When the file is there but is not ours alone, or cannot be read.
pub fn find(port: u16) -> io::Result<Option<Rendezvous>> {
    find_at(&path(port))
}

fn find_at(path: &Path) -> io::Result<Option<Rendezvous>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    private(path)?;
    private(path.parent().unwrap_or(path))?;
    let found: Rendezvous = serde_json::from_slice(&text)?;
    let pid = i32::try_from(found.pid).ok().and_then(rustix::process::Pid::from_raw);
    let alive = pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    Ok(alive.then_some(found))
}

/// # Errors
/// When somebody else may write there.
fn private(place: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(place)?;
    let ours = metadata.uid() == rustix::process::getuid().as_raw() && metadata.mode() & 0o022 == 0;
    if ours && !metadata.is_symlink() {
        return Ok(());
    }
    let message = format!("`{}` can be written by others; it is not trusted", place.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// A server's file, there for as long as this lives.
#[derive(Debug)]
pub struct Announced(PathBuf);

impl Rendezvous {
    /// Writes the file of the server on `port`, in place of one that a dead server left.
    ///
    /// # Errors
    /// When the directory or the file cannot be written, or the directory belongs to somebody else.
    pub fn announce(&self, port: u16) -> io::Result<Announced> {
        self.announce_at(path(port))
    }

    fn announce_at(&self, path: PathBuf) -> io::Result<Announced> {
        let directory = path.parent().unwrap_or(&path);
        match fs::DirBuilder::new().recursive(true).mode(0o700).create(directory) {
            Ok(()) => private(directory)?,
            Err(error) => return Err(error),
        }
        // Written aside and renamed: nobody ever reads half of it.
        let aside = path.with_extension(format!("json.new-{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&aside, &path)?;
        Ok(Announced(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // A server that took the port since has written its own.
        let ours = find_at(&self.0).ok().flatten().is_some_and(|found| found.pid == std::process::id());
        if ours {
            let _ = fs::remove_file(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_announced_server_is_found_until_it_leaves() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run/veloflux/8080.json");
        let url = "http://127.0.0.1:8080".to_owned();
        let rendezvous = Rendezvous { pid: std::process::id(), url, token_file: Some("/t".into()) };
        let announced = rendezvous.announce_at(path.clone()).expect("writable");
        assert_eq!(find_at(&path).expect("ours"), Some(rendezvous));
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        drop(announced);
        assert_eq!(find_at(&path).expect("no file is no error"), None);
    }

    #[test]
    fn only_a_live_server_s_private_file_is_believed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("8080.json");
        assert_eq!(find_at(&path).expect("no file is no error"), None);

        let mut rendezvous =
            Rendezvous { pid: std::process::id(), url: "http://127.0.0.1:8080".to_owned(), token_file: None };
        let write = |rendezvous: &Rendezvous| {
            fs::write(&path, serde_json::to_vec(rendezvous).expect("plain data")).expect("writable");
        };
        write(&rendezvous);
        assert_eq!(find_at(&path).expect("ours"), Some(rendezvous.clone()));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("our file");
        assert!(find_at(&path).expect_err("anybody could have written it").to_string().contains("not trusted"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our file");

        let mut gone = std::process::Command::new("true").spawn().expect("a process");
        rendezvous.pid = gone.id();
        gone.wait().expect("it ends");
        write(&rendezvous);
        assert_eq!(find_at(&path).expect("ours"), None);
    }
}
