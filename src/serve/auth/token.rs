//! The control token that is generated at the first start and kept in the state directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::secret::Secret;

/// Bytes of randomness in a generated token.
const TOKEN_BYTES: usize = 32;

pub(super) fn generate() -> String {
    let bytes: [u8; TOKEN_BYTES] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the token of an earlier start, or writes a new one that only this user can read.
pub(super) fn load_or_generate(path: &Path) -> io::Result<Secret> {
    match fs::read_to_string(path) {
        Ok(text) => {
            return Secret::token(&text).map_err(|bad| {
                let message = format!("`{}` does not hold a token: {bad}; delete it to get a new one", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let token = generate();
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    // Written aside and linked into place: a crash leaves no half token, and of two servers that start together one wins.
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::hard_link(&aside, path)
    };
    let written = write();
    let _ = fs::remove_file(&aside);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load_or_generate(path),
        Err(error) => Err(error),
        Ok(()) => Ok(Secret::token(&token).expect("a generated token is letters and digits")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_generated_token_is_private_and_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state/token");
        let first = load_or_generate(&path).expect("a token");
        assert_eq!(first.expose().len(), 2 * TOKEN_BYTES);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(load_or_generate(&path).expect("a token").matches(first.expose()));
        assert_eq!(fs::read_dir(directory.path().join("state")).expect("a directory").count(), 1);
        fs::write(&path, "\n").expect("a file");
        assert!(load_or_generate(&path).expect_err("no token").to_string().contains("delete it"));
    }
}
