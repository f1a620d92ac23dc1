//! Secrets: tokens and passwords that must never reach a log line or an error text.

use std::fmt;

use subtle::ConstantTimeEq;

/// A token or password. Shown as `[redacted]`, compared in constant time, readable only through [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(String);

/// A text that cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// It could not stand in an HTTP header.
    #[error("the token is empty or holds a blank inside or what is not ASCII; write it on one line, alone")]
    Token,
    /// Nobody could have typed it.
    #[error("the password is empty or holds a control character; write it on one line, alone")]
    Password,
}

impl Secret {
    /// Takes a token as it stands in a file or variable: blanks and line ends around it are cut off.
    ///
    /// # Errors
    /// [`BadSecret::Token`] when nothing is left, or what is left could not stand in an HTTP header.
    pub fn token(text: &str) -> Result<Secret, BadSecret> {
        let text = text.trim();
        if text.is_empty() || text.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
            return Err(BadSecret::Token);
        }
        Ok(Secret(text.to_owned()))
    }

    /// Takes a password as it stands in a file: one line end behind it is cut off, blanks belong to it.
    ///
    /// # Errors
    /// [`BadSecret::Password`] when nothing is left, or what is left has a control character in it.
    pub fn password(text: &str) -> Result<Secret, BadSecret> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() || text.contains(char::is_control) {
            return Err(BadSecret::Password);
        }
        Ok(Secret(text.to_owned()))
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in time that depends on the length alone.
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

/// In constant time, like [`Secret::matches`].
impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let secret = Secret::token("  hunter2\n").expect("one word");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.expose(), "hunter2");
        assert!(secret.matches("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2", "hunter2 "] {
            assert!(!secret.matches(other), "{other}");
        }
        for bad in ["", " \n", "two words", "line\nline", "tab\tbed", "é"] {
            assert_eq!(Secret::token(bad), Err(BadSecret::Token), "{bad:?}");
        }
    }

    #[test]
    fn a_password_may_be_whatever_can_be_typed() {
        for (text, password) in [("two words\n", "two words"), (" pässword \r\n", " pässword "), ("x", "x")] {
            assert_eq!(Secret::password(text).expect(text).expose(), password);
        }
        for bad in ["", "\n", "a\nb", "a\n\n", "tab\tbed", "\u{1b}"] {
            assert_eq!(Secret::password(bad), Err(BadSecret::Password), "{bad:?}");
        }
    }
}
