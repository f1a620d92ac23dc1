//! Work that waits for a disk, on a thread that may. A disk that hangs keeps one thread, not one for each thing that is wanted
//! of it.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Works one after the other, each on a thread that may wait.
pub struct Disk(Arc<Semaphore>);

impl Default for Disk {
    fn default() -> Disk {
        Disk(Arc::new(Semaphore::new(1)))
    }
}

impl Disk {
    /// Does some work when what was begun before is done. It sets no deadline; what has begun goes on when whoever waits is
    /// dropped.
    ///
    /// # Errors
    /// Those of the work, and that it did not come to its end.
    pub async fn run<T: Send + 'static>(
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
}
