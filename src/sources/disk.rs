//! Reading files on a thread that may wait for a disk. A disk that hangs keeps one thread, not one for each reading.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::limits::SOURCE_BODY_BYTES_MAX;
use crate::net::fault::io_words;

/// Works one after the other, each on a thread that may wait.
pub(super) struct Disk(Arc<Semaphore>);

impl Default for Disk {
    fn default() -> Disk {
        Disk(Arc::new(Semaphore::new(1)))
    }
}

impl Disk {
    /// Does some work when what was begun before is done. It sets no deadline, and goes on when whoever waits is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|closed| closed.to_string())?;
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        working.await.map_err(|error| error.to_string())?
    }
}

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
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_hangs_keeps_one_thread_and_the_rest_waits() {
        let (disk, (release, wait)) = (Disk::default(), mpsc::channel::<()>());
        let hang = disk.run(move || {
            let _ = wait.recv();
            Ok(1)
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), hang).await.is_err(), "it is given up");
        let next = disk.run(|| Ok(2));
        tokio::pin!(next);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut next).await.is_err(), "the disk still hangs");
        release.send(()).expect("it waits");
        assert_eq!(next.await, Ok(2));
    }

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
