//! The service manager that may have started us, as systemd does it: it may have opened the socket before, so that nobody who
//! connects is turned away while we are not there, and it is told what we are about. Without one, nothing here does anything.

use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::limits::MANAGER_TIMEOUT;

/// The socket that was handed over, if one was (`LISTEN_FDS`, `LISTEN_PID`). To be called before any thread is started: it
/// takes the variables out of the environment, which programs that we run would misunderstand.
///
/// # Errors
/// When what was handed over is not one TCP socket that listens.
pub(in crate::commands) fn inherited() -> Result<Option<TcpListener>, String> {
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        let count = handed.len();
        return Err(format!(
            "the service manager has handed over {count} sockets; keep one `ListenStream=` in the unit"
        ));
    }
    let wrong = |error: io::Error| {
        format!(
            "what the service manager has handed over cannot be used: {error}; write `ListenStream=` with an IP port into the unit"
        )
    };
    let Some(listener) = handed.take_tcp_listener(0).map_err(wrong)? else { return Ok(None) };
    listener.set_nonblocking(true).map_err(wrong)?;
    listener.local_addr().map_err(wrong)?;
    Ok(Some(listener))
}

/// Tells it that we serve, and where.
pub(super) async fn ready(url: &str) {
    tell(vec![NotifyState::Ready], Some(format!("listening on {url}"))).await;
}

/// Tells it that the settings are being read again. [`ready`] has to follow.
pub(super) async fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(vec![NotifyState::Reloading, now], None).await,
        // It would take the service for one that is stuck.
        Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
    }
}

/// Tells it that we are leaving.
pub(super) async fn stopping() {
    tell(vec![NotifyState::Stopping], None).await;
}

/// Shows it again and again that we are alive, if it wants to see that. Never ends.
pub(super) async fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return pending().await };
    // Twice as often as it has to be, as the manual page advises.
    let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(vec![NotifyState::Watchdog], None).await;
    }
}

/// Sends a message. On a thread that may wait, and not for long: a manager that does not listen is no reason to stand still.
async fn tell(states: Vec<NotifyState<'static>>, status: Option<String>) {
    let sent = tokio::task::spawn_blocking(move || {
        let status = status.as_deref().map(NotifyState::Status);
        sd_notify::notify(&states.into_iter().chain(status).collect::<Vec<_>>())
    });
    match timeout(MANAGER_TIMEOUT, sent).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "the service manager cannot be told"),
        Ok(Err(error)) => tracing::warn!(%error, "the service manager cannot be told"),
        Err(_) => tracing::warn!("the service manager does not listen"),
    }
}
