//! Money in millionths of a dollar.
//!
//! A price (1e-4 $) times contracts (1e-2) is exactly 1e-6 $, so buying and selling never rounds; only
//! the fee does, and the exchange says how (see [`super::fee`]). Arithmetic panics on overflow, in
//! release too: nine trillion dollars is a bug, not a balance.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use super::decimal::{ParseDecimalError, format_scaled, parse_scaled};
use super::{Contracts, Fraction, Price};

/// A signed amount of money in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Zero dollars: an empty balance, and where sums start.
    pub const ZERO: Self = Self(0);
    /// One dollar, what a winning contract pays: 1,000,000 millionths.
    pub const DOLLAR: Self = Self(1_000_000);

    /// Makes an amount from millionths of a dollar (micro-dollars).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Half of an amount given in millionths, rounded down: contracts × (bid + ask) is twice their mark.
    #[must_use]
    pub const fn half_of_micros(twice: i64) -> Self {
        Self(twice.div_euclid(2))
    }

    /// Returns the amount in millionths of a dollar (micro-dollars); may be negative.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads `10000.5` exactly.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ParseDecimalError> {
        parse_scaled(text, 6).map(Self)
    }

    /// `fraction` of this amount, rounded down.
    #[must_use]
    pub fn portion(self, fraction: Fraction) -> Self {
        self.mul_div_floor(i64::from(fraction.ppm()), 1_000_000)
    }

    /// `self × numerator / denominator`, rounded towards minus infinity, without overflow in between.
    ///
    /// # Panics
    /// When the denominator is not positive or the result does not fit.
    #[must_use]
    pub fn mul_div_floor(self, numerator: i64, denominator: i64) -> Self {
        self.checked_mul_div_floor(numerator, denominator).expect("money stays within nine trillion dollars")
    }

    /// The same; `None` when the result does not fit.
    ///
    /// # Panics
    /// When the denominator is not positive.
    #[must_use]
    pub fn checked_mul_div_floor(self, numerator: i64, denominator: i64) -> Option<Self> {
        assert!(denominator > 0, "a share of money needs a positive denominator");
        // Nearly every amount fits 64 bits, where division is several times faster.
        if let Some(exact) = self.0.checked_mul(numerator) {
            return Some(Self(exact.div_euclid(denominator)));
        }
        let exact = i128::from(self.0) * i128::from(numerator);
        i64::try_from(exact.div_euclid(i128::from(denominator))).ok().map(Self)
    }
}

impl Mul<Contracts> for Price {
    type Output = Money;
    fn mul(self, contracts: Contracts) -> Money {
        Money(i64::from(self.get()) * contracts.hundredths())
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("money stays within nine trillion dollars"))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("money stays within nine trillion dollars"))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Dollars with at least two places, exact: `-12.0175`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_scaled(self.0, 6, 2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn price_times_contracts_is_exact() {
        // 0.5612 $ × 3.70 contracts = 2.076440 $
        let cost = Price::new(5_612).unwrap() * Contracts::from_hundredths(370);
        assert_eq!(cost, Money::from_micros(2_076_440));
        assert_eq!(cost.to_string(), "2.07644");
    }

    #[test]
    fn shares_round_down_also_below_zero() {
        assert_eq!(Money::from_micros(10).mul_div_floor(1, 3), Money::from_micros(3));
        assert_eq!(Money::from_micros(-10).mul_div_floor(1, 3), Money::from_micros(-4));
    }

    #[test]
    #[should_panic(expected = "nine trillion")]
    fn overflow_is_a_bug_not_a_balance() {
        let _ = Money::from_micros(i64::MAX) + Money::from_micros(1);
    }

    proptest! {
        #[test]
        fn both_sides_of_a_contract_cost_one_dollar(raw in 0u16..=10_000, count in 0i64..10_000_000) {
            let price = Price::new(raw).unwrap();
            let contracts = Contracts::from_hundredths(count);
            prop_assert_eq!(price * contracts + price.complement() * contracts, Price::ONE * contracts);
        }

        #[test]
        fn text_round_trips(micros in -1_000_000_000_000i64..1_000_000_000_000) {
            let money = Money::from_micros(micros);
            prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
        }
    }
}
