//! `[billing]`: what usage costs.

use std::num::NonZeroU32;

use jiff::tz::{self, TimeZone};

use super::report::Report;
use super::section::{Section, closest};
use crate::limits::NAME_CHARS_MAX;
use crate::usage::{Currency, Tariff};

pub(super) fn read<'t>(root: &mut Section<'t>, report: &mut Report<'t>) -> Tariff {
    let mut section = root.table(report, "billing", "[billing]");
    let unit = section.read(report, "unit", |raw| match raw.text()? {
        text if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) => {
            Err(format!("`{}` is not a unit; write a word like `request`", text.escape_debug()))
        }
        text => Ok(text.to_owned()),
    });
    let per_unit = section.read(report, "requests_per_unit", |raw| {
        let number = raw.number(1, u32::MAX)?;
        NonZeroU32::new(number).ok_or_else(|| raw.expected("a whole number from 1"))
    });
    let unit_price = section.read(report, "unit_price", |raw| raw.amount());
    let included = section.read(report, "included", |raw| raw.amount());
    let base_fee = section.read(report, "base_fee", |raw| raw.amount());
    let currency =
        section.read(report, "currency", |raw| Currency::parse(raw.text()?).map_err(|error| error.to_string()));
    let time_zone = section.read(report, "time_zone", |raw| zone(raw.text()?));
    section.finish(report);

    let default = Tariff::default();
    Tariff {
        unit: unit.map_or(default.unit, |item| item.value),
        requests_per_unit: per_unit.map_or(default.requests_per_unit, |item| item.value),
        unit_price: unit_price.map_or(default.unit_price, |item| item.value),
        included: included.map_or(default.included, |item| item.value),
        base_fee: base_fee.map_or(default.base_fee, |item| item.value),
        currency: currency.map_or(default.currency, |item| item.value),
        time_zone: time_zone.map_or(default.time_zone, |item| item.value),
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = tz::db().available().map(|known| known.to_string()).collect();
        match closest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("`{name}` is not a time zone; did you mean `{meant}`?"),
            None => format!("`{name}` is not a time zone; write a name like `Europe/Berlin` or `UTC`"),
        }
    })
}
