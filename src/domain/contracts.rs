//! Numbers of contracts, in hundredths, as the exchange counts them.
//!
//! Kept with the sign bit flipped, so that the one number that cannot occur is zero and an
//! `Option<Contracts>` needs no more room: quotes are most of what a run moves about.

use std::fmt;
use std::iter::Sum;
use std::num::NonZero;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A number of contracts in hundredths of a contract; never negative in practice, signed for differences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Contracts(NonZero<u64>);

impl Contracts {
    /// No contracts: an empty size, or a flat position.
    pub const ZERO: Self = Self::from_hundredths(0);
    /// One whole contract, the smallest order protogen sends.
    pub const ONE: Self = Self::from_hundredths(100);

    const SIGN: u64 = 1 << 63;

    /// Makes a number from hundredths of a contract, the finest unit the exchange counts in.
    #[must_use]
    ///
    /// # Panics
    /// For the lowest number of 64 bits, which is no number of contracts.
    pub const fn from_hundredths(hundredths: i64) -> Self {
        match NonZero::new(hundredths.cast_unsigned() ^ Self::SIGN) {
            Some(flipped) => Self(flipped),
            None => panic!("no market has that many contracts"),
        }
    }

    /// Makes a number from whole contracts, each of which is 100 hundredths.
    #[must_use]
    pub const fn whole(contracts: i64) -> Self {
        Self::from_hundredths(contracts * 100)
    }

    /// Returns the number in hundredths of a contract; negative for a difference or a position of NO.
    #[must_use]
    pub const fn hundredths(self) -> i64 {
        (self.0.get() ^ Self::SIGN).cast_signed()
    }

    /// The whole contracts in this number, dropping the fraction.
    #[must_use]
    pub const fn floor_whole(self) -> Self {
        let hundredths = self.hundredths();
        Self::from_hundredths(hundredths - hundredths.rem_euclid(100))
    }

    /// Whether there are exactly none. The test for signed numbers: a position of NO contracts is negative.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.hundredths() == 0
    }

    /// Whether there are any: more than zero. For sizes and counts, which cannot be negative; of a signed
    /// position ask [`is_zero`](Self::is_zero).
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.hundredths() > 0
    }
}

impl Default for Contracts {
    fn default() -> Self {
        Self::ZERO
    }
}

impl From<i64> for Contracts {
    fn from(hundredths: i64) -> Self {
        Self::from_hundredths(hundredths)
    }
}

impl From<Contracts> for i64 {
    fn from(contracts: Contracts) -> Self {
        contracts.hundredths()
    }
}

impl fmt::Debug for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contracts({self})")
    }
}

impl Add for Contracts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_hundredths(self.hundredths() + other.hundredths())
    }
}

impl Sub for Contracts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::from_hundredths(self.hundredths() - other.hundredths())
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
        let hundredths = self.hundredths();
        if hundredths % 100 == 0 {
            write!(f, "{}", hundredths / 100)
        } else {
            write!(f, "{}.{:02}", hundredths / 100, (hundredths % 100).abs())
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
        assert!(Contracts::from_hundredths(-1) < Contracts::ZERO && Contracts::ZERO < Contracts::ONE);
        assert_eq!(size_of::<Option<Contracts>>(), 8);
        let short = Contracts::whole(-1_802); // a position of NO
        assert!(!short.is_zero() && !short.is_positive());
        assert!(Contracts::ZERO.is_zero() && !Contracts::ZERO.is_positive());
    }
}
