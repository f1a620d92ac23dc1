//! Usage: counting what is billed, pricing it, and a ledger that survives `kill -9`.

use rust_decimal::Decimal;

/// What usage costs. Built by `config`, never changed afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    /// What is counted, for example `request`. Default `request`.
    pub unit: String,
    /// Requests that make one unit. Default 1.
    pub requests_per_unit: u32,
    /// Price of one unit past the included quantity. Default 0.
    pub unit_price: Decimal,
    /// Units a period that cost nothing more. Default 0.
    pub included: Decimal,
    /// Price of a period whatever is used. Default 0.
    pub base_fee: Decimal,
    /// ISO 4217 code. Default `USD`.
    pub currency: Currency,
    /// The zone whose calendar months are the periods. Default UTC.
    pub time_zone: jiff::tz::TimeZone,
}

/// An ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// Three capital letters.
    pub code: String,
    /// Digits after the point of its smallest unit: 2 for USD, 0 for JPY, 3 for KWD.
    pub digits: u32,
}
