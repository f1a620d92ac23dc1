//! What usage costs: amounts of money and quantity as exact decimals, and the price of a number of requests.

use std::num::NonZeroU32;

use rust_decimal::{Decimal, RoundingStrategy};

use super::Currency;

/// What usage costs. Built by `config`, never changed afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    /// What is counted, for example `request`. Default `request`.
    pub unit: String,
    /// Requests that make one unit. Default 1.
    pub requests_per_unit: NonZeroU32,
    /// Price of one unit past the included quantity. Default 0.
    pub unit_price: Amount,
    /// Units a period that cost nothing more. Default 0.
    pub included: Amount,
    /// Price of a period whatever is used. Default 0.
    pub base_fee: Amount,
    /// What the prices are in. Default `USD`.
    pub currency: Currency,
    /// The zone whose calendar months are the periods. Default UTC.
    pub time_zone: jiff::tz::TimeZone,
}

/// A price or a quantity: from 0 to 1 000 000 000, at most nine digits after the point.
///
/// The bounds are what keeps [`Tariff::price`] within a decimal's 28 digits for every count of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(Decimal);

/// Text that is not an [`Amount`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an amount; write a plain decimal like `\"0.05\"`, from 0 to 1000000000 with at most nine digits after the point"
)]
pub struct BadAmount(String);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(Decimal::ZERO);
    const MAX: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
    const DIGITS_MAX: u32 = 9;

    /// Reads a plain decimal such as `0.05`, exactly as written.
    ///
    /// # Errors
    /// [`BadAmount`] for a sign, an exponent, grouping, or a number outside the bounds.
    pub fn parse(text: &str) -> Result<Amount, BadAmount> {
        let bad = || BadAmount(text.to_owned());
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && text.starts_with(|first: char| first.is_ascii_digit())
            && text.ends_with(|last: char| last.is_ascii_digit());
        if !plain {
            return Err(bad());
        }
        let amount = Decimal::from_str_exact(text).map_err(|_| bad())?.normalize();
        if amount > Amount::MAX || amount.scale() > Amount::DIGITS_MAX {
            return Err(bad());
        }
        Ok(Amount(amount))
    }

    /// The number.
    pub fn decimal(self) -> Decimal {
        self.0
    }
}

/// What a number of requests comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Requests in billable units.
    pub usage: Decimal,
    /// The cost as computed, before rounding.
    pub cost_exact: Decimal,
    /// The cost in the smallest unit of the currency: rounded once, half away from zero, as on a paper invoice.
    pub cost: Decimal,
}

impl Tariff {
    /// Prices `requests` made in one period: the base fee, and the unit price for what goes past the included quantity.
    pub fn price(&self, requests: u64) -> Charge {
        let per_unit = Decimal::from(self.requests_per_unit.get());
        let requests = Decimal::from(requests);
        // Multiplied first and divided last, so that a division that does not come out even is the only inexact step.
        // The largest value here is 2^64 × 10^9 < 2 × 10^28, a decimal goes to 7.9 × 10^28.
        let past_included = (requests - self.included.0 * per_unit).max(Decimal::ZERO);
        let cost_exact = (self.base_fee.0 + past_included * self.unit_price.0 / per_unit).normalize();
        Charge {
            usage: (requests / per_unit).normalize(),
            cost_exact,
            cost: cost_exact.round_dp_with_strategy(self.currency.digits(), RoundingStrategy::MidpointAwayFromZero),
        }
    }
}

impl Default for Tariff {
    fn default() -> Self {
        Tariff {
            unit: "request".to_owned(),
            requests_per_unit: NonZeroU32::MIN,
            unit_price: Amount::ZERO,
            included: Amount::ZERO,
            base_fee: Amount::ZERO,
            currency: Currency::USD,
            time_zone: jiff::tz::TimeZone::UTC,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).expect("an amount")
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect("a decimal")
    }

    fn tariff(per_unit: u32, unit_price: &str, included: &str, base_fee: &str, currency: &str) -> Tariff {
        Tariff {
            requests_per_unit: NonZeroU32::new(per_unit).expect("not zero"),
            unit_price: amount(unit_price),
            included: amount(included),
            base_fee: amount(base_fee),
            currency: Currency::parse(currency).expect("a currency"),
            ..Tariff::default()
        }
    }

    #[test]
    fn a_bill_is_the_base_fee_and_what_goes_past_the_included_quantity() {
        for (tariff, requests, usage, exact, cost) in [
            (tariff(1000, "0.05", "100", "10", "USD"), 850_500, "850.5", "47.525", "47.53"),
            (tariff(1000, "0.05", "100", "10", "USD"), 0, "0", "10", "10"),
            (tariff(1000, "0.05", "100", "10", "USD"), 100_000, "100", "10", "10"),
            (tariff(1000, "0.05", "100", "10", "USD"), 100_001, "100.001", "10.00005", "10"),
            (tariff(1, "0.005", "0", "0", "USD"), 1, "1", "0.005", "0.01"),
            (tariff(1, "0.0049", "0", "0", "USD"), 1, "1", "0.0049", "0"),
            (tariff(1, "0.5", "0", "0", "JPY"), 5, "5", "2.5", "3"),
            (tariff(1, "0.0005", "0", "0", "KWD"), 1, "1", "0.0005", "0.001"),
            (tariff(1, "0.1", "0", "0", "USD"), 3, "3", "0.3", "0.3"),
            (tariff(3, "3", "0", "0", "USD"), 1, "0.3333333333333333333333333333", "1", "1"),
        ] {
            let charge = tariff.price(requests);
            assert_eq!(
                (charge.usage, charge.cost_exact, charge.cost),
                (decimal(usage), decimal(exact), decimal(cost)),
                "{requests} requests at {tariff:?}"
            );
        }
    }

    #[test]
    fn amounts_are_read_as_written_and_bounded() {
        for (text, same) in [("0", "0"), ("0.10", "0.1"), ("1000000000", "1000000000"), ("0.000000001", "0.000000001")]
        {
            assert_eq!(amount(text).decimal(), decimal(same));
        }
        for text in [
            "",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "1_000",
            " 1",
            "1000000000.1",
            "0.0000000001",
            "1.2.3",
            "inf",
            "nan",
        ] {
            assert!(Amount::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_count_of_requests_is_too_large_to_price(
            requests: u64, per_unit in 1u32.., price in 0u64..=1_000_000_000_000_000_000, included in 0u64..=1_000_000_000,
        ) {
            let nano = |nanos: u64| Amount(Decimal::from_i128_with_scale(nanos.into(), 9));
            let tariff = Tariff {
                requests_per_unit: NonZeroU32::new(per_unit).expect("not zero"),
                unit_price: nano(price),
                included: amount(&included.to_string()),
                base_fee: Amount(Amount::MAX),
                ..Tariff::default()
            };
            let charge = tariff.price(requests);
            prop_assert!(charge.cost_exact >= Amount::MAX);
            prop_assert!((charge.cost - charge.cost_exact).abs() <= decimal("0.005"));
            prop_assert!(charge.cost.scale() <= 2);
        }

        #[test]
        fn a_request_more_never_costs_less(
            requests in 0..u64::MAX, per_unit in 1u32..10_000, price in 0u64..1_000_000, included in 0u64..1_000_000,
        ) {
            let tariff = Tariff {
                requests_per_unit: NonZeroU32::new(per_unit).expect("not zero"),
                unit_price: Amount(Decimal::from_i128_with_scale(price.into(), 6)),
                included: amount(&included.to_string()),
                ..Tariff::default()
            };
            let (less, more) = (tariff.price(requests), tariff.price(requests + 1));
            prop_assert!(less.cost_exact <= more.cost_exact && less.cost <= more.cost && less.usage <= more.usage);
        }
    }
}
