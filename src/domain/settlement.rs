//! What a contract pays when its market is settled, in millionths of a dollar.
//!
//! The exchange settles a market that is not all or nothing at a value of up to six decimals, such as `0.333333`:
//! finer than any [`Price`], which has four.
//!
//! | operation | result |
//! |---|---|
//! | `value.complement()` | what a NO contract pays: `1 − v` |
//! | `value * contracts` | [`Money`], rounded down to a millionth where contracts are a fraction |
//! | `value.round_to_price()` | the nearest ten-thousandth, half of one upwards |
//!
//! Rounding: whole contracts never round. Hundredths of a contract times millionths of a dollar may have eight
//! decimals, and what is paid to us is rounded down. Source for what the exchange does:
//! <https://docs.kalshi.com/getting_started/market_settlement>, which says that the payout of a scalar settlement is
//! rounded to whole cents and that payout and settlement fee together are the value before rounding. That value is
//! what is booked here; the fee, less than a cent for each market, is not. It says nothing of a finer unit.

use std::fmt;
use std::ops::Mul;

use serde::{Deserialize, Serialize};

use super::decimal::{ParseDecimalError, format_scaled, parse_scaled};
use super::{Contracts, Money, Price};

/// What one contract pays at settlement, between $0 and $1 inclusive, in millionths of a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SerializedValue", into = "SerializedValue")]
pub struct SettlementValue(u32);

impl SettlementValue {
    /// $0: what YES pays where NO won.
    pub const ZERO: Self = Self(0);
    /// $1: what YES pays where it won.
    pub const ONE: Self = Self(1_000_000);

    /// Millionths of a dollar in a ten-thousandth, the unit of a [`Price`].
    const PRICE_UNIT: u32 = 100;

    /// A value from millionths of a dollar, or `None` below $0 or above $1.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        u32::try_from(micros).ok().map(Self).filter(|value| *value <= Self::ONE)
    }

    /// Reads dollars such as `0.333333` exactly.
    ///
    /// # Errors
    /// When it is not a decimal, finer than $0.000001, or not between $0 and $1.
    pub fn parse_dollars(text: &str) -> Result<Self, SettlementValueError> {
        let micros = parse_scaled(text, 6)?;
        Self::from_micros(micros).ok_or_else(|| SettlementValueError::OutOfRange { text: text.to_owned() })
    }

    /// Millionths of a dollar, `0..=1_000_000`.
    #[must_use]
    pub const fn in_micros(self) -> u32 {
        self.0
    }

    /// What a contract of the other side pays, `1 − v`.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(Self::ONE.0 - self.0)
    }

    /// Whether it has more than four decimals, so that no [`Price`] is the same.
    #[must_use]
    pub const fn is_finer_than_price(self) -> bool {
        !self.0.is_multiple_of(Self::PRICE_UNIT)
    }

    /// The nearest price; half of a ten-thousandth is rounded up.
    #[must_use]
    pub fn round_to_price(self) -> Price {
        let rounded = (self.0 + Self::PRICE_UNIT / 2) / Self::PRICE_UNIT;
        u16::try_from(rounded).ok().and_then(Price::new).expect("at most $1 rounds to at most $1")
    }
}

impl From<Price> for SettlementValue {
    fn from(price: Price) -> Self {
        Self(u32::from(price.get()) * Self::PRICE_UNIT)
    }
}

impl Mul<Contracts> for SettlementValue {
    type Output = Money;
    fn mul(self, contracts: Contracts) -> Money {
        Money::from_micros(i64::from(self.0)).mul_div_floor(contracts.hundredths(), 100)
    }
}

impl fmt::Display for SettlementValue {
    /// Dollars as a [`Price`] prints them where it is one, else with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_finer_than_price() {
            f.pad(&format_scaled(self.0.into(), 6, 6))
        } else {
            self.round_to_price().fmt(f)
        }
    }
}

/// Why a text or a number is no settlement value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettlementValueError {
    /// The text is not a decimal, or has more than six places.
    #[error(transparent)]
    NotADecimal(#[from] ParseDecimalError),
    /// It is less than nothing, or more than a contract can pay.
    #[error("{text} is not between $0 and $1")]
    OutOfRange {
        /// The value as it was given.
        text: String,
    },
}

/// How a value stands in a ledger and in states kept on disk: as a price does, a number of ten-thousandths, and only
/// where it is finer as text in dollars.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SerializedValue {
    /// A value of at most four decimals: `3333`.
    TenThousandths(u16),
    /// A finer one: `"0.333333"`.
    Dollars(String),
}

impl From<SettlementValue> for SerializedValue {
    fn from(value: SettlementValue) -> Self {
        if value.is_finer_than_price() {
            Self::Dollars(value.to_string())
        } else {
            Self::TenThousandths(value.round_to_price().get())
        }
    }
}

impl TryFrom<SerializedValue> for SettlementValue {
    type Error = SettlementValueError;

    fn try_from(value: SerializedValue) -> Result<Self, SettlementValueError> {
        match value {
            SerializedValue::TenThousandths(count) => Price::new(count)
                .map(Self::from)
                .ok_or_else(|| SettlementValueError::OutOfRange { text: format!("{count} ten-thousandths") }),
            SerializedValue::Dollars(text) => Self::parse_dollars(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_value(text: &str) -> SettlementValue {
        SettlementValue::parse_dollars(text).unwrap()
    }

    #[test]
    fn reads_six_decimals_exactly_and_nothing_else() {
        assert_eq!(parse_value("0.333333").in_micros(), 333_333);
        assert_eq!(parse_value("0.3333").in_micros(), 333_300);
        assert_eq!(
            (parse_value("1.000000"), parse_value("0")),
            (SettlementValue::ONE, SettlementValue::ZERO)
        );
        for bad in ["", "0.3333333", "1.000001", "-0.000001", "1/3"] {
            assert!(SettlementValue::parse_dollars(bad).is_err(), "{bad:?} was read");
        }
        let above = SettlementValue::parse_dollars("1.000001").unwrap_err();
        assert_eq!(above.to_string(), "1.000001 is not between $0 and $1");
    }

    #[test]
    fn whole_contracts_are_paid_to_the_millionth_and_both_sides_make_a_dollar() {
        let third = parse_value("0.333333");
        assert_eq!(third * Contracts::whole(3), Money::from_micros(999_999));
        assert_eq!(third.complement(), parse_value("0.666667"));
        assert_eq!(third.complement() * Contracts::whole(3), Money::from_micros(2_000_001));
    }

    #[test]
    fn parts_of_a_contract_are_paid_rounded_down() {
        // 0.333333 × 0.37 = 0.12333321; 0.666667 × 0.37 = 0.24666679.
        let contracts = Contracts::from_hundredths(37);
        assert_eq!(parse_value("0.333333") * contracts, Money::from_micros(123_333));
        assert_eq!(parse_value("0.666667") * contracts, Money::from_micros(246_666));
        // 999,999 millionths × 10^14 hundredths are more than 64 bits hold, before they are divided.
        let many = Contracts::whole(1_000_000_000_000);
        assert_eq!(parse_value("0.999999") * many, Money::from_micros(999_999_000_000_000_000));
    }

    #[test]
    fn rounds_to_the_nearest_price() {
        for (text, ten_thousandths) in [
            ("0.333333", 3_333),
            ("0.333349", 3_333),
            ("0.33335", 3_334),
            ("0.999999", 10_000),
            ("0.3333", 3_333),
        ] {
            assert_eq!(parse_value(text).round_to_price().get(), ten_thousandths, "{text}");
        }
    }

    #[test]
    fn is_printed_as_a_price_unless_it_is_finer() {
        for (text, printed) in [
            ("0.3333", "0.3333"),
            ("0.5", "0.50"),
            ("1", "1.00"),
            ("0.333333", "0.333333"),
            ("0.12345", "0.123450"),
        ] {
            assert_eq!(parse_value(text).to_string(), printed);
        }
    }

    proptest! {
        #[test]
        fn a_price_pays_as_before(raw in 0u16..=10_000, count in 0i64..10_000_000) {
            let (price, contracts) = (Price::new(raw).unwrap(), Contracts::from_hundredths(count));
            let paid = SettlementValue::from(price);
            prop_assert_eq!(paid * contracts, price * contracts);
            prop_assert_eq!(paid.complement(), SettlementValue::from(price.complement()));
            prop_assert_eq!((paid.round_to_price(), paid.to_string()), (price, price.to_string()));
            prop_assert!(!paid.is_finer_than_price());
        }

        #[test]
        fn text_round_trips(micros in 0i64..=1_000_000) {
            let paid = SettlementValue::from_micros(micros).unwrap();
            prop_assert_eq!(SettlementValue::parse_dollars(&paid.to_string()), Ok(paid));
        }
    }
}

/// As ledgers have it. The core alone has no JSON.
#[cfg(all(test, feature = "sqlite"))]
mod json_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_written_as_a_price_unless_it_is_finer() {
        for (text, written) in [
            ("0.3333", "3333"),
            ("0.5", "5000"),
            ("1", "10000"),
            ("0.333333", "\"0.333333\""),
            ("0.12345", "\"0.123450\""),
        ] {
            let value = SettlementValue::parse_dollars(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), written);
            assert_eq!(serde_json::from_str::<SettlementValue>(written).unwrap(), value);
        }
        for bad in ["10001", "-1", "\"1.000001\"", "\"0.3333333\"", "0.333333", "null"] {
            assert!(serde_json::from_str::<SettlementValue>(bad).is_err(), "{bad} was read");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(micros in 0i64..=1_000_000) {
            let paid = SettlementValue::from_micros(micros).unwrap();
            let line = serde_json::to_string(&paid).unwrap();
            prop_assert_eq!(serde_json::from_str::<SettlementValue>(&line).unwrap(), paid);
            if !paid.is_finer_than_price() {
                prop_assert_eq!(line, serde_json::to_string(&paid.round_to_price()).unwrap());
            }
        }
    }
}
