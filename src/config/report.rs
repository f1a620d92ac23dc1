//! What is wrong with the settings: collected while reading, so that one run names every mistake.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At this byte of the settings file.
    File(usize),
    /// On the command line or in the environment; the names of both.
    Given(&'static str),
    /// Nowhere: it is a default.
    Default,
}

/// One mistake in the settings, displayed as a sentence without `error:` in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Origin,
    what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Line(PathBuf, usize),
    File(PathBuf),
    Given(&'static str),
    Nowhere,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Line(file, line) => write!(f, "settings file `{}`, line {line}: ", file.display())?,
            Origin::File(file) => write!(f, "settings file `{}`: ", file.display())?,
            Origin::Given(name) => write!(f, "{name}: ")?,
            Origin::Nowhere => {}
        }
        f.write_str(&self.what)
    }
}

/// The settings cannot be used. Holds every mistake that was found, at least one; displayed one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// The file as a whole cannot be read.
    pub(super) fn of_file(file: &Path, what: String) -> ConfigError {
        ConfigError(vec![Problem { origin: Origin::File(file.to_owned()), what }])
    }

    /// Every mistake: those of the file in the order of its lines, then the others.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects what is found while the settings are read.
#[derive(Debug)]
pub(super) struct Report<'t> {
    /// The settings file and its text; empty for none.
    file: PathBuf,
    text: &'t str,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Report<'t> {
        Report { file: file.to_owned(), text, problems: Vec::new(), warnings: Vec::new() }
    }

    /// Notes a mistake.
    pub(super) fn problem(&mut self, place: Place, what: impl fmt::Display) {
        let origin = match place {
            Place::File(byte) => Origin::Line(self.file.clone(), self.line(byte)),
            Place::Given(name) => Origin::Given(name),
            Place::Default => Origin::Nowhere,
        };
        self.problems.push(Problem { origin, what: what.to_string() });
    }

    /// Notes where the file is no TOML; the first mistake of a line only, the others mostly follow from it.
    pub(super) fn syntax(&mut self, byte: usize, message: &str) {
        let origin = Origin::Line(self.file.clone(), self.line(byte));
        if self.problems.iter().any(|known| known.origin == origin) {
            return;
        }
        let line_start = self.text[..byte].rfind('\n').map_or(0, |line_end| line_end + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let key = line.split_once('=').map(|(key, _)| key.trim());
        // The value is not repeated: what is not understood may be a secret.
        let plain =
            |key: &&str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let what = match key.filter(plain) {
            // What the parser expected there is true, and no help to someone who forgot the quotes.
            Some(key) if message.starts_with("string values") || message.starts_with("invalid float") => {
                format!("the value of `{key}` is not understood; write text in double quotes: `{key} = \"…\"`")
            }
            _ if message == "duplicate key" => "this key or table is there twice; keep one of them".to_owned(),
            Some(key) => format!("`{key}`: {message}"),
            None => message.to_owned(),
        };
        self.problems.push(Problem { origin, what });
    }

    /// Notes something that works, but not as its author may think.
    pub(super) fn warning(&mut self, what: String) {
        self.warnings.push(what);
    }

    /// The text of the file, for repeating a value as it was written.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The line a byte stands on, from 1.
    fn line(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
    }

    /// A path as it is meant: relative to the settings file where it stands in one, else to the working directory.
    pub(super) fn resolve(&self, place: Place, path: &Path) -> PathBuf {
        let base = match place {
            Place::File(_) => self.file.parent().unwrap_or(Path::new("")),
            Place::Given(_) | Place::Default => Path::new(""),
        };
        let joined = base.join(path);
        std::path::absolute(&joined).unwrap_or(joined)
    }

    /// The warnings, or every mistake if there is one.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(self.into_error()) }
    }

    /// Every mistake, at least one of which has been noted.
    pub(super) fn into_error(mut self) -> ConfigError {
        self.problems.sort_by(|one, other| one.origin.cmp(&other.origin));
        self.problems.dedup();
        ConfigError(self.problems)
    }
}
