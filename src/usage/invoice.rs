//! The invoice of a period, and how it stands on the wire.

use rust_decimal::Decimal;

use super::{Charge, Currency, Period};
use crate::protocol::{Timestamp, message};

/// Usage and cost of one period at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Invoice {
    /// When the usage was read.
    pub at: Timestamp,
    /// The month that is billed.
    pub period: Period,
    /// Requests of this period, over all runs.
    pub requests: u64,
    /// What they come to.
    pub charge: Charge,
    /// What is counted.
    pub unit: String,
    /// What the cost is in.
    pub currency: Currency,
    /// Whether the period is not covered in full: metering began inside it, the ledger cannot be read or written, or what a
    /// source has counted had to be left out.
    pub partial: bool,
}

impl From<Invoice> for message::Billing {
    fn from(invoice: Invoice) -> Self {
        message::Billing {
            usage: nearest(invoice.charge.usage),
            cost: nearest(invoice.charge.cost),
            period: "current_month".to_owned(),
            last_updated: invoice.at,
            cost_exact: Some(invoice.charge.cost_exact.to_string()),
            currency: Some(invoice.currency.code().to_owned()),
            unit: Some(invoice.unit),
            period_start: Some(invoice.period.start.into()),
            period_end: Some(invoice.period.end.into()),
            partial: invoice.partial,
        }
    }
}

/// The double next to a decimal, which prints as the decimal does. By way of its digits: `Decimal::to_f64` computes in
/// doubles and may end up beside it.
fn nearest(decimal: Decimal) -> f64 {
    decimal.to_string().parse().expect("a decimal prints as digits and a point, which is a double")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn money_stands_on_the_wire_as_it_was_computed(cents in 0i64..1_000_000_000_000_000, digits in 0u32..4) {
            let decimal = Decimal::new(cents, digits).normalize();
            let wire = serde_json::to_string(&nearest(decimal)).expect("a number");
            prop_assert_eq!(Decimal::from_str_exact(&wire).map(|read| read.normalize()), Ok(decimal));
        }
    }
}
