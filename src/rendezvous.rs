//! How the client finds a server that runs on this machine: a small file per port, written by `serve` while it runs, for
//! this user only. It says where the token stands, never the token itself.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
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
    for place in [path, path.parent().unwrap_or(path)] {
        let metadata = fs::symlink_metadata(place)?;
        let ours = metadata.uid() == rustix::process::getuid().as_raw() && metadata.mode() & 0o022 == 0;
        if !ours || metadata.is_symlink() {
            let message = format!("`{}` can be written by others; it is not trusted", place.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
    }
    let found: Rendezvous = serde_json::from_slice(&text)?;
    let pid = i32::try_from(found.pid).ok().and_then(rustix::process::Pid::from_raw);
    let alive = pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    Ok(alive.then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
