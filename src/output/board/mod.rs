//! The board: all feeds of one server on a full screen, in sparklines, lists and colours. The only door of `ratatui` and
//! `crossterm`.
//!
//! [`Board`] is the whole of it without a terminal: events go in ([`Board::fleet`]), keys go in ([`Board::press`]), a screen
//! comes out ([`Board::draw`]). [`Screen`] and [`Keyboard`] are the terminal. It knows nothing of sockets.

pub mod controls;
pub mod fleet;
pub mod history;
pub mod keyboard;
pub mod link;
pub mod notice;
pub mod screen;
#[cfg(test)]
mod tests;
pub mod theme;
mod view;

use std::time::Instant;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;

pub use controls::{Key, Order};
pub use fleet::{Fleet, Moment};
pub use keyboard::{Input, Keyboard};
pub use notice::{Notice, Tone};
pub use screen::{NoScreen, Screen, restore};
pub use theme::Theme;

use controls::Controls;
use view::View;

/// The board.
#[derive(Debug)]
pub struct Board {
    fleet: Fleet,
    controls: Controls,
    theme: Theme,
    zone: TimeZone,
    notice: Option<Notice>,
    /// What was known, and when, when the screen was told to stand still.
    frozen: Option<Box<(Fleet, Moment)>>,
}

impl Board {
    /// Of a server of which nothing is known yet. Times are shown in `zone`.
    pub fn new(server: String, theme: Theme, zone: TimeZone, now: Instant) -> Self {
        let fleet = Fleet::new(server, now);
        Board { fleet, controls: Controls::default(), theme, zone, notice: None, frozen: None }
    }

    /// What is known, to be told what happened. It goes on learning while the screen stands still.
    pub fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// A key was pressed. What is left to do is told; freezing is done.
    pub fn press(&mut self, key: Key, now: Moment) -> Option<Order> {
        let order = self.controls.press(key)?;
        if order == Order::Freeze {
            self.frozen = match self.frozen.take() {
                None => Some(Box::new((self.fleet.clone(), now))),
                Some(_) => None,
            };
            return None;
        }
        Some(order)
    }

    /// Says something in the last line.
    pub fn say(&mut self, notice: Notice) {
        self.notice = Some(notice);
    }

    /// Draws the screen as it is at `now`.
    pub fn draw(&mut self, buffer: &mut Buffer, now: Moment) {
        self.notice.take_if(|notice| !notice.stands(now.instant));
        let (fleet, at) = match self.frozen.as_deref() {
            Some((fleet, at)) => (fleet, *at),
            None => (&self.fleet, now),
        };
        let view = View {
            fleet,
            controls: &self.controls,
            theme: self.theme,
            zone: &self.zone,
            now: at,
            shown: now,
            frozen: self.frozen.is_some(),
            notice: self.notice.as_ref(),
        };
        let extent = view::draw(view, buffer);
        self.controls.fit(extent);
    }
}
