//! Reading one table of the settings file: every key is asked for by name, and what was not asked for is unknown.
//!
//! Walked by hand and not through `serde`, for three things it cannot do: go on after the first mistake, give every
//! value its line, and keep a number such as `0.1` as it was written.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Place, Report};
use crate::duration;
use crate::usage::Amount;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Item<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One table of the file.
pub(super) struct Section<'t> {
    table: Option<&'t DeTable<'t>>,
    /// As it is written: `[server]`.
    title: &'static str,
    place: Place,
    asked: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The whole document.
    pub(super) fn root(document: &'t Spanned<DeTable<'t>>) -> Section<'t> {
        Section { table: Some(document.get_ref()), title: "the file", place: Place::File(0), asked: Vec::new() }
    }

    /// Where the table stands.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Whether the table is there at all.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Where the first key stands that `message` names in backticks.
    pub(super) fn place_named_in(&self, message: &str) -> Option<Place> {
        let mut keys = self.table.into_iter().flat_map(DeTable::keys);
        keys.find(|key| message.contains(&format!("`{}`", key.get_ref()))).map(|key| Place::File(key.span().start))
    }

    /// The table `key`, empty if it is not there.
    pub(super) fn table(&mut self, report: &mut Report<'t>, key: &'static str, title: &'static str) -> Section<'t> {
        let found = self.read(report, key, |raw| match raw.value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(raw.expected(&format!("a table; write `{title}` on a line of its own"))),
        });
        match found {
            Some(Item { value, place }) => Section { table: Some(value), title, place, asked: Vec::new() },
            None => Section { table: None, title, place: self.place, asked: Vec::new() },
        }
    }

    /// The tables `key`, in the order of the file.
    pub(super) fn tables(
        &mut self,
        report: &mut Report<'t>,
        key: &'static str,
        title: &'static str,
    ) -> Vec<Section<'t>> {
        let found = self.read(report, key, |raw| {
            let wrong = || raw.expected(&format!("a list of tables; write `{title}` with two brackets above each"));
            let DeValue::Array(array) = raw.value.get_ref() else { return Err(wrong()) };
            array.iter().map(|value| Raw { value, document: raw.document }.section(title).ok_or_else(wrong)).collect()
        });
        found.map(|item| item.value).unwrap_or_default()
    }

    /// The value of `key` as `parse` understands it. None: it is not there, or `parse` refused it, which is noted.
    pub(super) fn read<T>(
        &mut self,
        report: &mut Report<'t>,
        key: &'static str,
        parse: impl FnOnce(Raw<'t>) -> Result<T, String>,
    ) -> Option<Item<T>> {
        self.asked.push(key);
        let (name, value) = self.table?.get_key_value(key)?;
        let place = match value.get_ref() {
            // The start of a table is its header; a value is named by the line of its key.
            DeValue::Table(_) => Place::File(value.span().start),
            _ => Place::File(name.span().start),
        };
        match parse(Raw { value, document: report.text() }) {
            Ok(value) => Some(Item { value, place }),
            Err(why) => {
                report.problem(place, format_args!("`{key}` in {}: {why}", self.title));
                None
            }
        }
    }

    /// Like [`Section::read`] for a key that has to be there.
    pub(super) fn require<T>(
        &mut self,
        report: &mut Report<'t>,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(Raw<'t>) -> Result<T, String>,
    ) -> Option<Item<T>> {
        if self.table.is_some_and(|table| !table.contains_key(key)) {
            report.problem(self.place, format_args!("`{key}` is missing in {}; write `{example}`", self.title));
        }
        self.read(report, key, parse)
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(&self, report: &mut Report<'t>) {
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let advice = match closest(name, self.asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it knows {}", listed(self.asked.iter().copied())),
            };
            report.problem(
                Place::File(key.span().start),
                format_args!("unknown key `{}` in {}; {advice}", name.escape_debug(), self.title),
            );
        }
    }
}

/// A value that is not understood yet.
#[derive(Clone, Copy)]
pub(super) struct Raw<'t> {
    value: &'t Spanned<DeValue<'t>>,
    document: &'t str,
}

impl<'t> Raw<'t> {
    /// Where the value itself stands: in a list over several lines not where its key does.
    pub(super) fn place(self) -> Place {
        Place::File(self.value.span().start)
    }

    /// The value as a table, if it is one.
    pub(super) fn section(self, title: &'static str) -> Option<Section<'t>> {
        let DeValue::Table(table) = self.value.get_ref() else { return None };
        Some(Section { table: Some(table), title, place: self.place(), asked: Vec::new() })
    }

    /// The refusal of a value of another type.
    pub(super) fn expected(self, what: &str) -> String {
        // Longer ones and those over several lines are not repeated: the line says enough.
        let source = self.document.get(self.value.span()).unwrap_or_default();
        let short = (1..=60).contains(&source.len()) && !source.contains('\n');
        let written = if short { format!("`{source}` is") } else { "this is".to_owned() };
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        format!("{written} {found}, expected {what}")
    }

    pub(super) fn text(self) -> Result<&'t str, String> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.as_ref()),
            _ => Err(self.expected("text in double quotes")),
        }
    }

    /// Text, a number or a boolean, as it is written, without quotes.
    pub(super) fn scalar(self) -> Result<String, String> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.as_ref().to_owned()),
            DeValue::Integer(number) => Ok(number.as_str().to_owned()),
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(value) => Ok(value.to_string()),
            _ => Err(self.expected("text, a number or a boolean")),
        }
    }

    pub(super) fn flag(self) -> Result<bool, String> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.expected("`true` or `false` without quotes")),
        }
    }

    /// A whole number from `min` to `max`.
    pub(super) fn number(self, min: u32, max: u32) -> Result<u32, String> {
        let DeValue::Integer(number) = self.value.get_ref() else {
            return Err(self.expected("a whole number without quotes"));
        };
        let parsed =
            i128::from_str_radix(number.as_str(), number.radix()).ok().and_then(|number| number.try_into().ok());
        parsed
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| format!("`{number}` is out of range; write a whole number from {min} to {max}"))
    }

    pub(super) fn duration(self) -> Result<Duration, String> {
        match self.value.get_ref() {
            DeValue::String(text) => duration::parse(text).map_err(|error| error.to_string()),
            DeValue::Integer(number) => {
                Err(format!("`{number}` has no unit; write `\"{number}s\"` or `\"{number}ms\"`"))
            }
            _ => Err(self.expected("a duration in double quotes like `\"5s\"`")),
        }
    }

    /// A decimal in quotes or bare, taken as it is written: never by way of a binary fraction.
    pub(super) fn amount(self) -> Result<Amount, String> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.expected("a plain decimal like `\"0.05\"`")),
        };
        Amount::parse(text).map_err(|error| error.to_string())
    }

    /// The items of a list.
    pub(super) fn list(self) -> Result<impl Iterator<Item = Raw<'t>>, String> {
        match self.value.get_ref() {
            DeValue::Array(array) => Ok(array.iter().map(move |value| Raw { value, document: self.document })),
            _ => Err(self.expected("a list in brackets")),
        }
    }
}

/// The one of `known` that `word` is probably a slip of.
pub(super) fn closest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn listed<'k>(words: impl Iterator<Item = &'k str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
