//! The screen: the terminal while the board has it, and as it was found afterwards, on every way out.
//!
//! [`restore`] gives it back. It is called by whoever ends the board, by the panic hook, and by whoever lets the process die
//! of a signal; the first call does it, the others find it done. After it nothing is written any more: a frame that was
//! half made when a panic or a signal came would land on the shell's screen.

use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::style::{ResetColor, force_color_output};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

/// Whether the terminal is ours.
static OURS: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours. Given back when dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Whole>>,
}

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum NoScreen {
    /// Standard output goes elsewhere.
    #[error(
        "the dashboard needs a terminal, and standard output is none; without `--dashboard` the same feeds are written as lines"
    )]
    NoTerminal,
    /// It cannot move its cursor.
    #[error(
        "the dashboard needs a terminal that can move its cursor, and `TERM` is `dumb`; without `--dashboard` the same feeds are written as lines"
    )]
    Dumb,
    /// It does not do what it is told.
    #[error("the terminal cannot be taken for the dashboard: {0}")]
    Refused(#[from] io::Error),
}

impl Screen {
    /// Whether there is a terminal that could be taken.
    ///
    /// # Errors
    /// [`NoScreen`] says what there is in its place.
    pub fn possible() -> Result<(), NoScreen> {
        if !io::stdout().is_terminal() {
            return Err(NoScreen::NoTerminal);
        }
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return Err(NoScreen::Dumb);
        }
        Ok(())
    }

    /// Takes the terminal.
    ///
    /// # Errors
    /// [`NoScreen`]; the terminal is as it was.
    pub fn take(color: bool) -> Result<Screen, NoScreen> {
        Screen::possible()?;
        give_back_when_panicking();
        // It would decide by itself, from `NO_COLOR` alone.
        force_color_output(color);
        OURS.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, Hide))
            .and_then(|()| Terminal::new(CrosstermBackend::new(Whole::default())));
        match taken {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(error) => {
                restore();
                Err(error.into())
            }
        }
    }

    /// Draws one frame, in the size that the terminal has now.
    ///
    /// # Errors
    /// When it cannot be written, or the terminal was given back.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !OURS.load(Ordering::SeqCst) {
            return Err(io::Error::other("the terminal was given back"));
        }
        self.terminal.draw(render).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was found, if it is ours.
pub fn restore() {
    if OURS.swap(false, Ordering::SeqCst) {
        // Where this cannot be written there is no terminal any more.
        let _ = execute!(io::stdout(), ResetColor, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// Without this the message of a panic would be lost with the alternate screen, and the shell would stay without echo.
fn give_back_when_panicking() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Writes whole frames to standard output, and none once the terminal was given back.
#[derive(Debug, Default)]
struct Whole(Vec<u8>);

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.0);
        // No error: ratatui would complain on standard error that it could not tidy up behind us.
        if frame.is_empty() || !OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&frame)?;
        stdout.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set where the test runs itself once more, on a terminal of its own.
    const INSIDE: &str = "VELOFLUX_TEST_PANIC_ON_A_SCREEN";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(INSIDE).is_some() {
            let mut screen = Screen::take(true).expect("`script` gives us a terminal");
            let _ = screen.draw(|_| panic!("the ship sinks"));
        }
        // `script` runs a command on a terminal and repeats what it writes there; `stty` says what was left behind.
        let test = std::env::current_exe().expect("a test has a file");
        let name = "output::board::screen::tests::a_panic_gives_the_terminal_back_before_it_is_told";
        let line = format!("stty -g; {} --exact {name} --nocapture; stty -g", test.display());
        let done = Command::new("script").args(["-qec", &line, "/dev/null"]).env(INSIDE, "1").output();
        let said = String::from_utf8_lossy(&done.expect("`script` belongs to every Debian").stdout).into_owned();
        let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("no {what:?} in {said:?}"));
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l"), "{said:?}");
        assert!(at("\x1b[?1049l") < at("the ship sinks"), "{said:?}");
        assert!(at("\x1b[?25h") < at("\x1b[?1049l"), "{said:?}");
        let after = &said[at("\x1b[?1049l") + "\x1b[?1049l".len()..];
        assert!(!after.contains("\x1b[?") && !after.contains("cursor"), "{after:?}");
        let mut lines = said.lines();
        let (first, last) = (lines.next(), lines.next_back());
        assert_eq!(first, last, "the settings of the terminal, before and after");
    }
}
