//! Amounts of money: whole minor units with their currency, never a float.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::points::decimal;
use crate::text::{TextError, deserialize_with};

/// A currency: three letters of ISO 4217, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies without minor units (ISO 4217, list one).
const WITHOUT_MINOR: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// Currencies with a thousand minor units (ISO 4217, list one).
const WITH_THREE: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// Units of account with four digits (ISO 4217, list one).
const WITH_FOUR: [&str; 2] = ["CLF", "UYW"];

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// Reads three letters of any case.
    ///
    /// # Errors
    /// When they are not three ASCII letters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        match text.as_bytes() {
            &[first, second, third] if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                Ok(Self([first, second, third].map(|byte| byte.to_ascii_uppercase())))
            }
            _ => Err(TextError::new("currency", text, "three letters of ISO 4217, such as EUR")),
        }
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Three ASCII letters by construction, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many digits an amount has after the point, by ISO 4217: 0 for yen, 3 for dinars, else 2.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        let code = self.as_str();
        if WITHOUT_MINOR.contains(&code) {
            0
        } else if WITH_THREE.contains(&code) {
            3
        } else if WITH_FOUR.contains(&code) {
            4
        } else {
            2
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_with(deserializer, Self::parse)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An amount in minor units of its currency: 79.95 euro is 7,995.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative for a refund.
    pub minor: i64,
    /// What they are units of.
    pub currency: Currency,
}

/// The largest amount, either sign: a million million minor units, so that sums over a ledger cannot overflow.
const LARGEST_MINOR: i64 = 1_000_000_000_000;

impl Money {
    /// Reads decimal text exactly.
    ///
    /// # Errors
    /// When it is no decimal number, has more digits after the point than the currency, or is beyond 10^12 minor units.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, TextError> {
        decimal(text, currency.exponent())
            .filter(|minor| minor.abs() <= LARGEST_MINOR)
            .map(|minor| Self { minor, currency })
            .ok_or_else(|| {
                let allowed = match currency.exponent() {
                    0 => "a whole number: this currency has no digits after the point",
                    3 => "a decimal number with at most three digits after the point",
                    4 => "a decimal number with at most four digits after the point",
                    _ => "a decimal number with at most two digits after the point",
                };
                TextError::new("amount", text, allowed)
            })
    }
}

impl std::fmt::Display for Money {
    /// The amount with the currency's digits, and its three letters: `79.95 EUR`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (exponent, sign) = (self.currency.exponent(), if self.minor < 0 { "-" } else { "" });
        let unit = 10_u64.pow(exponent);
        let (whole, fraction) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        if exponent == 0 {
            write!(formatter, "{sign}{whole} {}", self.currency)
        } else {
            write!(formatter, "{sign}{whole}.{fraction:0width$} {}", self.currency, width = exponent as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_follow_the_exponent_of_their_currency() {
        for (text, code, minor, printed) in [
            ("79.95", "EUR", 7_995, "79.95 EUR"),
            ("79.9", "eur", 7_990, "79.90 EUR"),
            ("1500", "JPY", 1_500, "1500 JPY"),
            ("1.234", "KWD", 1_234, "1.234 KWD"),
            ("-0.05", "USD", -5, "-0.05 USD"),
        ] {
            let money = Money::parse(text, Currency::parse(code).unwrap()).unwrap();
            assert_eq!((money.minor, money.to_string().as_str()), (minor, printed));
        }
    }

    #[test]
    fn more_digits_than_the_currency_has_are_refused() {
        let yen = Currency::parse("JPY").unwrap();
        assert!(Money::parse("1.5", yen).unwrap_err().to_string().contains("no digits after the point"));
        assert!(Money::parse("1.999", Currency::EUR).is_err());
        assert!(Money::parse("10000000001000", Currency::EUR).is_err());
        assert!(Currency::parse("EURO").is_err());
        assert!(Currency::parse("E1R").is_err());
    }
}
