//! The theme: what a state looks like, in colours and without. Every state also has a sign and a word of its own, so that
//! the board can be read in black and white.

use ratatui::style::{Color, Modifier, Style};

use crate::output::Paint;
use crate::protocol::Health;

/// How things look.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    color: bool,
}

impl Theme {
    /// With colour where the painter of standard output has it.
    pub fn new(paint: Paint) -> Theme {
        Theme { color: paint.is_on() }
    }

    /// Whether there is colour.
    pub fn has_color(self) -> bool {
        self.color
    }

    /// The state of something.
    pub fn health(self, health: Health) -> Style {
        match health {
            Health::Healthy => self.good(),
            Health::Degraded => self.warning(),
            Health::Unhealthy => self.bad(),
            Health::Unknown => self.faint(),
        }
    }

    /// Something that is as it should be.
    pub fn good(self) -> Style {
        self.paint(Color::Green, Modifier::empty())
    }

    /// Something to look at.
    pub fn warning(self) -> Style {
        self.paint(Color::Yellow, Modifier::empty())
    }

    /// Something that is wrong.
    pub fn bad(self) -> Style {
        self.paint(Color::Red, Modifier::BOLD)
    }

    /// Something in the background: labels, rules and old news.
    pub fn faint(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// A name.
    pub fn name(self) -> Style {
        self.paint(Color::Cyan, Modifier::empty())
    }

    /// The figure that matters.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Something that must not be overlooked.
    pub fn flag(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// A share in percent, by how full it is.
    pub fn share(self, share: f64) -> Style {
        match share {
            90.0.. => self.bad(),
            75.0.. => self.warning(),
            _ => self.good(),
        }
    }

    fn paint(self, color: Color, otherwise: Modifier) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new().add_modifier(otherwise) }
    }
}

/// The sign of a state.
pub fn sign(health: Health) -> &'static str {
    match health {
        Health::Healthy => "●",
        Health::Degraded => "▲",
        Health::Unhealthy => "✗",
        Health::Unknown => "○",
    }
}
