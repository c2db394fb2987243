//! Numbers of contracts, in hundredths, as the exchange counts them.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A number of contracts in hundredths of a contract; never negative in practice, signed for differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contracts(i64);

impl Contracts {
    /// No contracts.
    pub const ZERO: Self = Self(0);
    /// One whole contract, the smallest order protogen sends.
    pub const ONE: Self = Self(100);

    /// From hundredths of a contract.
    #[must_use]
    pub const fn from_hundredths(hundredths: i64) -> Self {
        Self(hundredths)
    }

    /// From whole contracts.
    #[must_use]
    pub const fn whole(contracts: i64) -> Self {
        Self(contracts * 100)
    }

    /// Hundredths of a contract.
    #[must_use]
    pub const fn hundredths(self) -> i64 {
        self.0
    }

    /// The whole contracts in this number, dropping the fraction.
    #[must_use]
    pub const fn floor_whole(self) -> Self {
        Self(self.0 - self.0.rem_euclid(100))
    }

    /// Whether there are none (or fewer).
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 <= 0
    }
}

impl Add for Contracts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Contracts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl AddAssign for Contracts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Contracts {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Contracts {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 100 == 0 {
            write!(f, "{}", self.0 / 100)
        } else {
            write!(f, "{}.{:02}", self.0 / 100, (self.0 % 100).abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_hundredths_and_prints_them() {
        assert_eq!(Contracts::from_hundredths(370).to_string(), "3.70");
        assert_eq!(Contracts::whole(26).to_string(), "26");
        assert_eq!(Contracts::from_hundredths(399).floor_whole(), Contracts::whole(3));
    }
}
