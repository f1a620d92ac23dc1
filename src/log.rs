//! Logs: on stderr, text where a person reads and JSON lines otherwise. Never a secret.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::output::Paint;

/// Environment variable with the filter, for example `debug` or `veloflux::checks=debug`.
pub const VARIABLE: &str = "VELOFLUX_LOG";

/// The filter where none is given. The TLS verifier reports what its caller reports better.
const DEFAULT: &str = "info,rustls_platform_verifier=off";

/// Starts logging for this process.
///
/// # Errors
/// Where the filter in [`VARIABLE`] is none.
pub fn start(paint: Paint) -> Result<(), String> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| format!("`{VARIABLE}` is `{text}`: {error}; write for example `info`"))?,
        _ => EnvFilter::new(DEFAULT),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        builder.with_target(false).with_ansi(paint.is_on()).finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()
    };
    started.map_err(|error| error.to_string())
}
