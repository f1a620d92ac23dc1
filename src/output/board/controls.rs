//! The controls: what the person at the keyboard has done to the screen, and which keys do it. Pure.

use crate::limits;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the first line.
    Home,
    /// To the last line.
    End,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks of whoever runs the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Leave.
    Quit,
    /// Leave as by SIGINT.
    Interrupt,
    /// Have the server measure and send now.
    Update,
    /// Try the links again that were given up.
    Reconnect,
    /// Let the screen stand still, or go on.
    Freeze,
}

/// The keys for the help: what to press, and what it does.
pub const KEYS: &[(&str, &str)] = &[
    ("q Esc", "quit; Ctrl-C quits as an interrupted command"),
    ("p", "freeze the screen, and let it go on"),
    ("u", "have the server measure and send now"),
    ("r", "try again where a connection was given up"),
    ("/", "show only backends with this text"),
    ("↑ ↓ PgUp PgDn", "scroll the backends; Home and End, too"),
    ("?", "show or hide this help"),
];

/// What the person has done to the screen.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    /// What is looked for among the backends, in lower case.
    pub filter: String,
    /// Whether keys go into the filter.
    pub typing: bool,
    /// Whether the help is shown.
    pub help: bool,
    scroll: usize,
    extent: Extent,
}

/// How much there was to scroll when the screen was last drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Lines there are.
    pub lines: usize,
    /// Lines that are shown.
    pub shown: usize,
}

impl Controls {
    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Option<Order> {
        if key == Key::Interrupt {
            return Some(Order::Interrupt);
        }
        if self.typing {
            self.edit(key);
            return None;
        }
        let page = self.extent.shown.saturating_sub(1).max(1);
        match key {
            Key::Char('q') => return Some(Order::Quit),
            Key::Escape if self.help => self.help = false,
            Key::Escape if !self.filter.is_empty() => self.filter.clear(),
            Key::Escape => return Some(Order::Quit),
            Key::Char('p') => return Some(Order::Freeze),
            Key::Char('u') => return Some(Order::Update),
            Key::Char('r') => return Some(Order::Reconnect),
            Key::Char('/') => (self.typing, self.help) = (true, false),
            Key::Char('?') => self.help = !self.help,
            Key::Up | Key::Char('k') => self.scroll = self.scroll().saturating_sub(1),
            Key::Down | Key::Char('j') => self.scroll = self.scroll() + 1,
            Key::PageUp => self.scroll = self.scroll().saturating_sub(page),
            Key::PageDown | Key::Char(' ') => self.scroll = self.scroll() + page,
            Key::Home => self.scroll = 0,
            Key::End => self.scroll = usize::MAX,
            Key::Char(_) | Key::Enter | Key::Backspace | Key::Interrupt => {}
        }
        None
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.filter.chars().count() < limits::FILTER_CHARS_MAX => {
                self.filter.extend(c.to_lowercase());
                self.scroll = 0;
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
            }
            _ => {}
        }
    }

    /// The first line to show: never so far down that lines would be left empty.
    pub fn scroll(&self) -> usize {
        self.scroll.min(self.extent.lines.saturating_sub(self.extent.shown))
    }

    /// There are so many lines, of which so many are shown.
    pub fn fit(&mut self, extent: Extent) {
        self.extent = extent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(controls: &mut Controls, keys: &[Key]) -> Option<Order> {
        keys.iter().fold(None, |_, key| controls.press(*key))
    }

    #[test]
    fn escape_closes_what_is_open_before_it_quits() {
        let mut controls = Controls::default();
        press(&mut controls, &[Key::Char('/'), Key::Char('W'), Key::Char('q'), Key::Enter, Key::Char('?')]);
        assert_eq!((controls.filter.as_str(), controls.help), ("wq", true));
        assert_eq!(controls.press(Key::Escape), None);
        assert_eq!((controls.filter.as_str(), controls.help), ("wq", false));
        assert_eq!(controls.press(Key::Escape), None);
        assert_eq!(controls.filter, "");
        assert_eq!(controls.press(Key::Escape), Some(Order::Quit));
    }

    #[test]
    fn while_typing_only_ctrl_c_is_an_order() {
        let mut controls = Controls::default();
        controls.press(Key::Char('/'));
        for key in "qpur?/".chars().map(Key::Char) {
            assert_eq!(controls.press(key), None);
        }
        assert_eq!(controls.filter, "qpur?/");
        assert_eq!(controls.press(Key::Interrupt), Some(Order::Interrupt));
        press(&mut controls, &[Key::Backspace, Key::Escape]);
        assert_eq!((controls.filter.as_str(), controls.typing), ("", false));
        for (key, order) in [('q', Order::Quit), ('p', Order::Freeze), ('u', Order::Update), ('r', Order::Reconnect)] {
            assert_eq!(controls.press(Key::Char(key)), Some(order));
        }
    }

    #[test]
    fn scrolling_ends_at_both_ends() {
        let mut controls = Controls::default();
        controls.fit(Extent { lines: 25, shown: 10 });
        for (keys, first) in [
            (&[Key::Up][..], 0),
            (&[Key::Down, Key::Down], 2),
            (&[Key::PageDown], 11),
            (&[Key::PageDown], 15),
            (&[Key::Up], 14),
            (&[Key::End, Key::Down, Key::Up], 14),
            (&[Key::PageUp], 5),
            (&[Key::Home], 0),
        ] {
            press(&mut controls, keys);
            assert_eq!(controls.scroll(), first, "{keys:?}");
        }
        press(&mut controls, &[Key::End]);
        // The list became short: nothing is left empty.
        controls.fit(Extent { lines: 3, shown: 10 });
        assert_eq!(controls.scroll(), 0);
    }

    #[test]
    fn a_filter_is_bounded() {
        let mut controls = Controls::default();
        controls.press(Key::Char('/'));
        press(&mut controls, &vec![Key::Char('x'); limits::FILTER_CHARS_MAX + 1]);
        assert_eq!(controls.filter.len(), limits::FILTER_CHARS_MAX);
    }
}
