//! The keyboard: what is pressed, as it is pressed, from the terminal itself, wherever standard input comes from.

use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt;

use super::controls::Key;

/// Reads what is pressed.
#[derive(Debug)]
pub struct Keyboard(EventStream);

/// What came from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Key),
    /// Something that changes what the screen should show, and no more: its size.
    Resized,
    /// Nothing that matters here.
    Other,
}

impl Keyboard {
    /// Listens. The terminal has to be ours.
    pub fn listen() -> Keyboard {
        Keyboard(EventStream::new())
    }

    /// The next thing that comes. None: the terminal is gone. Safe to drop and to await again.
    pub async fn next(&mut self) -> Option<Input> {
        match self.0.next().await? {
            Ok(Event::Key(key)) => Some(read(key).map_or(Input::Other, Input::Key)),
            Ok(Event::Resize(..)) => Some(Input::Resized),
            Ok(_) => Some(Input::Other),
            Err(_) => None,
        }
    }
}

fn read(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Some(Key::Interrupt),
        KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => None,
        KeyCode::Char(c) => Some(Key::Char(c)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_control_is_no_character_and_ctrl_c_interrupts() {
        let key = |code, modifiers| read(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(key(KeyCode::Char('Q'), KeyModifiers::SHIFT), Some(Key::Char('Q')));
        assert_eq!(key(KeyCode::F(1), KeyModifiers::NONE), None);
        let up = KeyEvent::new_with_kind(KeyCode::Up, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(read(up), None);
    }
}
