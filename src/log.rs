//! Logs: on stderr, text where a person reads and JSON lines otherwise. Never a secret.

mod queue;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::limits::LOG_FLUSH_TIMEOUT;
use crate::output::Paint;
use queue::Queue;

/// Environment variable with the filter, for example `debug` or `veloflux::checks=debug`.
pub const VARIABLE: &str = "VELOFLUX_LOG";

/// The filter where none is given. The TLS verifier reports what its caller reports better.
const DEFAULT: &str = "info,rustls_platform_verifier=off";

/// The logs of this process. Dropped, it waits a little until what was said has been written.
#[derive(Debug)]
#[must_use]
pub struct Log(Arc<Queue>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(LOG_FLUSH_TIMEOUT);
    }
}

/// Starts logging for this process.
///
/// # Errors
/// Where the filter in [`VARIABLE`] is none.
pub fn start(paint: Paint) -> Result<Log, String> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| format!("`{VARIABLE}` is `{text}`: {error}; write for example `info`"))?,
        _ => EnvFilter::new(DEFAULT),
    };
    let queue = Arc::new(Queue::default());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Arc::clone(&queue));
    let started = if io::stderr().is_terminal() {
        builder.with_target(false).with_ansi(paint.is_on()).finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()
    };
    started.map_err(|error| error.to_string())?;
    let lines = Arc::clone(&queue);
    let written = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines));
    written.map_err(|error| format!("cannot start the thread that writes the log: {error}"))?;
    Ok(Log(queue))
}

/// Writes lines for as long as the process lives.
fn write(lines: &Queue) {
    loop {
        let lost = lines.write(&mut io::stderr());
        if lost > 0 {
            tracing::warn!(lost, "log lines were lost because nobody read stderr in time");
        }
    }
}
