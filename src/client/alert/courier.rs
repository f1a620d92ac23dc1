//! The courier: carries alerts to one place, one at a time, and never makes the stream wait.
//!
//! Whoever raises an alert leaves it in a bounded queue and goes on. The courier's task takes one after the other; each has
//! [`limits::ALERT_TIMEOUT`], and a command that hangs is killed. At the end, what waits is carried out in a bounded time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use super::Alert;
use super::exec::Running;
use super::waiting::Waiting;
use crate::limits;
use crate::net::Fault;
use crate::net::fault::{in_words, io_words};
use crate::net::http::{HttpClient, Request};

/// Where alerts go.
#[derive(Debug, Clone)]
pub enum Hook {
    /// A command of the shell, which reads the event on its standard input.
    Exec(String),
    /// A URL to which the event is posted.
    Notify(Url, HttpClient),
}

/// An alert that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The command could not be started.
    #[error("cannot run `{0}`: {1}")]
    NotStarted(String, String),
    /// The command failed.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
    /// The command was killed because it took too long.
    #[error("`{0}` took longer than {took} and was killed", took = in_words(limits::ALERT_TIMEOUT))]
    Hung(String),
    /// The URL did not take it.
    #[error("`{0}` answered {1}")]
    Refused(String, u16),
    /// The URL did not answer.
    #[error("`{0}`: {1}")]
    Unanswered(String, Fault),
    /// So many waited that this one was dropped.
    #[error("dropped, {} others wait", limits::ALERTS_WAITING_MAX)]
    Crowded,
}

/// Carries alerts to one place. Dropped, it stops where it is.
#[derive(Debug)]
pub struct Courier {
    queue: Arc<Queue>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// Nothing more will come.
    closed: AtomicBool,
}

impl Courier {
    /// Starts the courier of a place. `failed` is told of each alert that did not arrive.
    pub fn start(hook: Hook, failed: impl Fn(&Undelivered) + Send + 'static) -> Courier {
        let queue = Arc::new(Queue::default());
        let errands = Arc::clone(&queue);
        let task = tokio::spawn(async move {
            while let Some(alert) = errands.next().await {
                if let Err(undelivered) = hook.deliver(&alert).await {
                    failed(&undelivered);
                }
            }
        });
        Courier { queue, task }
    }

    /// Leaves an alert to be delivered. Never waits.
    ///
    /// # Errors
    /// [`Undelivered::Crowded`]: this alert waits, or an older one does no more.
    pub fn send(&self, alert: Alert) -> Result<(), Undelivered> {
        let dropped = self.queue.lock().push(alert);
        self.queue.changed.notify_one();
        dropped.map_or(Ok(()), |_| Err(Undelivered::Crowded))
    }

    /// Waits until everything is delivered, at most `within`, and cuts off the rest.
    pub async fn finish(mut self, within: Duration) -> Finished {
        self.queue.closed.store(true, Ordering::Release);
        self.queue.changed.notify_one();
        match timeout(within, &mut self.task).await {
            Ok(_) => Finished::Whole,
            Err(_) => {
                // Aborting asks; what runs is gone only when the task is.
                self.task.abort();
                let _ = (&mut self.task).await;
                Finished::CutOff
            }
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How the work of a courier ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Everything was delivered, or told as undelivered.
    Whole,
    /// The time was up first.
    CutOff,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next alert; none when there will be no more.
    async fn next(&self) -> Option<Alert> {
        loop {
            // In this order: what was queued before the end is still found.
            let closed = self.closed.load(Ordering::Acquire);
            if let Some(alert) = self.lock().pop() {
                return Some(alert);
            }
            if closed {
                return None;
            }
            self.changed.notified().await;
        }
    }
}

impl Hook {
    async fn deliver(&self, alert: &Alert) -> Result<(), Undelivered> {
        match self {
            Hook::Exec(command) => {
                let running = Running::start(command)
                    .map_err(|error| Undelivered::NotStarted(command.clone(), io_words(&error)))?;
                let line = format!("{}\n", alert.json);
                // Past the deadline what runs is dropped, and so killed.
                match timeout(limits::ALERT_TIMEOUT, running.feed(line.as_bytes())).await {
                    Ok(Ok(status)) if status.success() => Ok(()),
                    Ok(Ok(status)) => Err(Undelivered::Failed(command.clone(), status.to_string())),
                    Ok(Err(error)) => Err(Undelivered::Failed(command.clone(), io_words(&error))),
                    Err(_) => Err(Undelivered::Hung(command.clone())),
                }
            }
            Hook::Notify(url, client) => {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let body = Bytes::copy_from_slice(alert.json.as_bytes());
                let request = Request { method: Method::POST, url: url.clone(), headers, body };
                // Without its path and query, which hold the secret of many a web hook.
                let place = || url.origin().ascii_serialization();
                match client.send(request).await {
                    Ok(answer) if (200..300).contains(&answer.status()) => Ok(()),
                    Ok(answer) => Err(Undelivered::Refused(place(), answer.status())),
                    Err(failed) => Err(Undelivered::Unanswered(place(), failed.fault().clone())),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::alert::Kind;

    fn alert(kind: Kind, text: &str) -> Alert {
        Alert { kind, json: format!("\"{text}\"") }
    }

    #[tokio::test]
    async fn alerts_are_delivered_one_at_a_time_and_a_failure_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("alerts");
        // Two at once would find the other's lock.
        let command =
            format!("cd '{}'; mkdir lock && cat >> alerts && sleep 0.05; rmdir lock", directory.path().display());
        let (told, failures) = std::sync::mpsc::channel();
        let told = move |undelivered: &Undelivered| told.send(undelivered.clone()).expect("the test waits");
        let courier = Courier::start(Hook::Exec(command), told);
        for text in ["a", "b", "c"] {
            courier.send(alert(Kind::Gap, text)).expect("room");
        }
        assert_eq!(courier.finish(Duration::from_secs(10)).await, Finished::Whole);
        assert_eq!(std::fs::read_to_string(file).expect("written"), "\"a\"\n\"b\"\n\"c\"\n");
        assert_eq!(failures.try_iter().next(), None);

        let (told, failures) = std::sync::mpsc::channel();
        let told = move |undelivered: &Undelivered| told.send(undelivered.to_string()).expect("the test waits");
        let courier = Courier::start(Hook::Exec("exit 3".to_owned()), told);
        courier.send(alert(Kind::Lost, "x")).expect("room");
        assert_eq!(courier.finish(Duration::from_secs(10)).await, Finished::Whole);
        assert_eq!(failures.try_iter().collect::<Vec<_>>(), ["`exit 3` failed: exit status: 3"]);
    }

    // The clock of the test jumps to the deadline as soon as there is nothing to do but wait.
    #[tokio::test(start_paused = true)]
    async fn a_command_that_takes_too_long_is_killed_and_the_next_alert_has_its_turn() {
        let (told, failures) = std::sync::mpsc::channel();
        let told = move |undelivered: &Undelivered| told.send(undelivered.to_string()).expect("the test waits");
        let courier = Courier::start(Hook::Exec("sleep 600".to_owned()), told);
        courier.send(alert(Kind::Lost, "a")).expect("room");
        courier.send(alert(Kind::Lost, "b")).expect("room");
        assert_eq!(courier.finish(limits::ALERT_TIMEOUT * 3).await, Finished::Whole);
        let hung = "`sleep 600` took longer than 30 s and was killed";
        assert_eq!(failures.try_iter().collect::<Vec<_>>(), [hung, hung]);
    }

    #[tokio::test]
    async fn what_hangs_at_the_end_is_cut_off() {
        let courier = Courier::start(Hook::Exec("sleep 600".to_owned()), |_| {});
        courier.send(alert(Kind::Lost, "x")).expect("room");
        assert_eq!(courier.finish(Duration::from_millis(50)).await, Finished::CutOff);
    }
}
