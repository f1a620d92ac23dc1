//! Currencies: their codes and the digits of their smallest unit, from ISO 4217.

/// An ISO 4217 currency in which prices can be quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    code: &'static str,
    digits: u32,
}

/// Text that is not the code of a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency; write a code in capitals like `USD`, `EUR` or `JPY`")]
pub struct UnknownCurrency(String);

/// Every active currency with a smallest unit, by its digits after the point. Funds codes, metals and test codes have
/// none and are not listed.
const CURRENCIES: &[(u32, &str)] = &[
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP \
         CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES \
         KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
         NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB \
         TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
];

impl Currency {
    /// United States dollar.
    pub const USD: Currency = Currency { code: "USD", digits: 2 };

    /// Reads a code of three capital letters.
    ///
    /// # Errors
    /// [`UnknownCurrency`] for anything that is not the code of an active currency.
    pub fn parse(code: &str) -> Result<Currency, UnknownCurrency> {
        CURRENCIES
            .iter()
            .find_map(|&(digits, codes)| {
                codes.split(' ').find(|known| *known == code).map(|code| Currency { code, digits })
            })
            .ok_or_else(|| UnknownCurrency(code.to_owned()))
    }

    /// Three capital letters.
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Digits after the point of its smallest unit: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn digits(self) -> u32 {
        self.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_iso_4217_and_other_codes_are_refused() {
        for (code, digits) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("ZWG", 2)] {
            assert_eq!(Currency::parse(code).map(Currency::digits), Ok(digits), "{code}");
        }
        for code in ["", "usd", "US", "USDX", "XYZ", "XXX", "XAU", "DEM", "USD EUR", " "] {
            assert!(Currency::parse(code).is_err(), "{code:?}");
        }
        assert_eq!(Currency::parse("USD"), Ok(Currency::USD));
    }

    #[test]
    fn every_code_in_the_table_is_three_capitals_and_stands_there_once() {
        let codes: Vec<&str> = CURRENCIES.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        for code in &codes {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{code:?}");
            assert_eq!(codes.iter().filter(|other| *other == code).count(), 1, "{code}");
        }
    }
}
