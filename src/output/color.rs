//! Colour: whether to use it, decided for each stream by itself, and what it means.

use std::io::IsTerminal;

use colored::{Color, Colorize};

use crate::protocol::Health;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// On a terminal, unless the environment says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours the text of one stream, or leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

/// What the environment says about colour.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings<'a> {
    no_color: Option<&'a str>,
    clicolor_force: Option<&'a str>,
    term: Option<&'a str>,
}

impl Paint {
    /// For standard output.
    pub fn stdout(wish: Wish) -> Paint {
        Paint::of(wish, std::io::stdout().is_terminal())
    }

    /// For standard error.
    pub fn stderr(wish: Wish) -> Paint {
        Paint::of(wish, std::io::stderr().is_terminal())
    }

    /// Whether there is colour.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// No colour.
    pub const PLAIN: Paint = Paint { on: false };

    fn of(wish: Wish, terminal: bool) -> Paint {
        // `colored` decides from standard output alone and takes an empty `NO_COLOR` for a set one: it is told.
        colored::control::set_override(true);
        let variable = |name| std::env::var(name).ok();
        let (no_color, clicolor_force, term) = (variable("NO_COLOR"), variable("CLICOLOR_FORCE"), variable("TERM"));
        let surroundings = Surroundings {
            no_color: no_color.as_deref(),
            clicolor_force: clicolor_force.as_deref(),
            term: term.as_deref(),
        };
        Paint { on: decide(wish, terminal, surroundings) }
    }

    /// The state of something.
    pub fn health(self, health: Health) -> String {
        let color = match health {
            Health::Healthy => Color::Green,
            Health::Degraded => Color::Yellow,
            Health::Unhealthy => Color::Red,
            Health::Unknown => Color::BrightBlack,
        };
        self.color(health.word(), color)
    }

    /// Something that is as it should be.
    pub fn good(self, text: &str) -> String {
        self.color(text, Color::Green)
    }

    /// Something to look at.
    pub fn warning(self, text: &str) -> String {
        self.color(text, Color::Yellow)
    }

    /// Something that is wrong.
    pub fn bad(self, text: &str) -> String {
        self.color(text, Color::Red)
    }

    /// Something in the background: labels and times.
    pub fn faint(self, text: &str) -> String {
        self.color(text, Color::BrightBlack)
    }

    /// A name.
    pub fn name(self, text: &str) -> String {
        self.color(text, Color::Cyan)
    }

    /// The figure that matters.
    pub fn strong(self, text: &str) -> String {
        if self.on { text.bold().to_string() } else { text.to_owned() }
    }

    fn color(self, text: &str, color: Color) -> String {
        if self.on { text.color(color).to_string() } else { text.to_owned() }
    }
}

fn decide(wish: Wish, terminal: bool, surroundings: Surroundings<'_>) -> bool {
    match wish {
        Wish::Always => true,
        Wish::Never => false,
        Wish::Auto if surroundings.no_color.is_some_and(|value| !value.is_empty()) => false,
        Wish::Auto if surroundings.clicolor_force.is_some_and(|value| !value.is_empty() && value != "0") => true,
        Wish::Auto => terminal && surroundings.term != Some("dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_by_flag_then_environment_then_stream() {
        let none = Surroundings::default();
        let no_color = |value| Surroundings { no_color: Some(value), ..none };
        let force = |value| Surroundings { clicolor_force: Some(value), ..none };
        let term = |value| Surroundings { term: Some(value), ..none };
        for (wish, terminal, surroundings, on) in [
            (Wish::Auto, true, none, true),
            (Wish::Auto, false, none, false),
            (Wish::Auto, true, no_color("1"), false),
            (Wish::Auto, true, no_color(""), true),
            (Wish::Auto, false, force("1"), true),
            (Wish::Auto, false, force("0"), false),
            (Wish::Auto, false, force(""), false),
            (Wish::Auto, true, Surroundings { clicolor_force: Some("1"), ..no_color("1") }, false),
            (Wish::Auto, true, term("dumb"), false),
            (Wish::Auto, true, term("xterm"), true),
            (Wish::Always, false, no_color("1"), true),
            (Wish::Never, true, force("1"), false),
        ] {
            assert_eq!(decide(wish, terminal, surroundings), on, "{wish:?} {terminal} {surroundings:?}");
        }
    }
}
