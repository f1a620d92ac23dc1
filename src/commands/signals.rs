//! Ctrl-C and SIGTERM of the client commands: the first stops the work, the second, or a work that does not stop, ends the
//! process at once. Either way the process dies by the signal, so that a script's loop around it ends too.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::exit::Exit;
use crate::limits;
use crate::output::board;
use crate::shutdown::Shutdown;

/// Knows whether a signal has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals(Arc<OnceLock<Exit>>);

impl Signals {
    /// Begins `shutdown` at the first signal.
    ///
    /// # Errors
    /// When the system lets nobody listen to signals.
    pub(super) fn listen(shutdown: Shutdown) -> std::io::Result<Signals> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let signals = Signals::default();
        let received = Arc::clone(&signals.0);
        tokio::spawn(async move {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            };
            received.get_or_init(|| exit);
            shutdown.begin();
            let last = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                // The goodbye, and a little time to write the summary: a reader that has stopped reading must not hold us.
                () = sleep(limits::CLOSE_GRACE * 2) => exit,
            };
            end(last);
        });
        Ok(signals)
    }

    /// The exit the first signal stands for.
    pub(super) fn received(&self) -> Option<Exit> {
        self.0.get().copied()
    }
}

/// Ends the process, by the signal where `exit` stands for one.
pub(super) fn end(exit: Exit) -> ExitCode {
    let number = match exit {
        Exit::Interrupted => SIGINT,
        Exit::Terminated => SIGTERM,
        _ => return exit.into(),
    };
    // The dashboard may still have the terminal, if this is the second signal.
    board::restore();
    // Does not come back, and where it does, the exit code says the same.
    let _ = signal_hook::low_level::emulate_default_handler(number);
    exit.into()
}

/// Ends the process because its terminal is gone, as the system would have done.
pub(super) fn hang_up() -> Exit {
    // Does not come back, and where it does, nobody is left to read what the exit code says.
    let _ = signal_hook::low_level::emulate_default_handler(SIGHUP);
    Exit::Failed
}
