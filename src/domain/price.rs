//! Prices of a $1 contract, in ten-thousandths of a dollar, and the grid a market quotes on.
//!
//! | operation | result |
//! |---|---|
//! | `price.complement()` | the same price seen from the other side: `1 − p` |
//! | `price.raised_by(d)`, `lowered_by(d)` | moved, stopping at $1 and $0 |
//! | `price * contracts` | [`Money`](super::Money), exact |
//! | `grid.floor(p)`, `grid.ceil(p)` | nearest valid price at or below / above, or none |

use std::fmt;
use std::num::NonZero;

use serde::{Deserialize, Serialize};

use super::Side;

/// A price between $0 and $1 inclusive, in ten-thousandths of a dollar. Kept plus one, so that an
/// `Option<Price>` needs no more room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Price(NonZero<u16>);

impl Price {
    /// $0: what a losing contract pays.
    pub const ZERO: Self = Self::from_ten_thousandths(0);
    /// $1: what a winning contract pays.
    pub const ONE: Self = Self::from_ten_thousandths(10_000);

    const fn from_ten_thousandths(ten_thousandths: u16) -> Self {
        Self(NonZero::<u16>::MIN.saturating_add(ten_thousandths))
    }

    /// A price from ten-thousandths of a dollar, or `None` above $1.
    #[must_use]
    pub const fn new(ten_thousandths: u16) -> Option<Self> {
        if ten_thousandths <= Self::ONE.get() {
            Some(Self::from_ten_thousandths(ten_thousandths))
        } else {
            None
        }
    }

    /// Ten-thousandths of a dollar, `0..=10_000`.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get() - 1
    }

    /// The same price from the other side of the contract, `1 − p`.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self::from_ten_thousandths(Self::ONE.get() - self.get())
    }

    /// This price plus `by`, at most $1.
    #[must_use]
    pub fn raised_by(self, by: Self) -> Self {
        Self::from_ten_thousandths((self.get() + by.get()).min(Self::ONE.get()))
    }

    /// This price minus `by`, at least $0.
    #[must_use]
    pub fn lowered_by(self, by: Self) -> Self {
        Self::from_ten_thousandths(self.get().saturating_sub(by.get()))
    }
}

/// A number that is no price, since it is more than a contract can pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ten_thousandths} ten-thousandths is above $1")]
pub struct PriceAboveDollar {
    /// The number, in ten-thousandths of a dollar; above 10,000.
    pub ten_thousandths: u16,
}

impl TryFrom<u16> for Price {
    type Error = PriceAboveDollar;

    fn try_from(value: u16) -> Result<Self, PriceAboveDollar> {
        Self::new(value).ok_or(PriceAboveDollar { ten_thousandths: value })
    }
}

impl From<Price> for u16 {
    fn from(price: Price) -> Self {
        price.get()
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Price({self})")
    }
}

impl fmt::Display for Price {
    /// Whole cents as `0.56`, finer prices as `0.5612`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let price = self.get();
        if price.is_multiple_of(100) {
            write!(f, "{}.{:02}", price / 10_000, price % 10_000 / 100)
        } else {
            write!(f, "{}.{:04}", price / 10_000, price % 10_000)
        }
    }
}

/// One band of a price grid: valid prices are `start + k·step` up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// First price of the band.
    pub start: Price,
    /// Last price of the band.
    pub end: Price,
    /// Distance between neighbouring prices; not zero.
    pub step: Price,
}

/// The prices a market can be quoted at.
///
/// Whole cents strictly between $0 and $1 are valid in every structure; bands add finer ones.
/// $0 and $1 are never valid.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PriceGrid {
    bands: Box<[Band]>,
}

/// Why bands make no price grid; bands are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceGridError {
    /// A band has step 0, so that no price would follow its first.
    #[error("price range {index} has step 0")]
    ZeroStep {
        /// Place of the band in the list, from 0.
        index: usize,
    },
    /// A band's last price is below its first.
    #[error("price range {index} ends at {end} below its start {start}")]
    EndBelowStart {
        /// Place of the band in the list, from 0.
        index: usize,
        /// Last price of the band, as given.
        end: Price,
        /// First price of the band, as given.
        start: Price,
    },
}

impl PriceGrid {
    const CENT: u16 = 100;

    /// The grid of whole cents.
    #[must_use]
    pub fn whole_cents() -> Self {
        Self::default()
    }

    /// A grid from the bands the exchange sends.
    ///
    /// # Errors
    /// Names the band whose step is zero or whose end is below its start.
    pub fn new(bands: Vec<Band>) -> Result<Self, PriceGridError> {
        for (index, band) in bands.iter().enumerate() {
            if band.step == Price::ZERO {
                return Err(PriceGridError::ZeroStep { index });
            }
            if band.end < band.start {
                return Err(PriceGridError::EndBelowStart { index, end: band.end, start: band.start });
            }
        }
        Ok(Self { bands: bands.into() })
    }

    /// The bands; none where whole cents are all there is.
    #[must_use]
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// Whether an order may carry this price.
    #[must_use]
    pub fn contains(&self, price: Price) -> bool {
        self.floor(price) == Some(price)
    }

    /// The highest valid price at or below `price`.
    #[must_use]
    pub fn floor(&self, price: Price) -> Option<Price> {
        let top = price.get().min(Price::ONE.get() - 1);
        let cent = top - top % Self::CENT;
        let fine = self.bands.iter().filter(|band| band.start.get() <= top).map(|band| {
            let reach = top.min(band.end.get()) - band.start.get();
            band.start.get() + reach - reach % band.step.get()
        });
        fine.chain([cent]).max().filter(|&best| best > 0).map(Price::from_ten_thousandths)
    }

    /// The lowest valid price at or above `price`.
    #[must_use]
    pub fn ceil(&self, price: Price) -> Option<Price> {
        let bottom = price.get().max(1);
        let cent = bottom.next_multiple_of(Self::CENT);
        let fine = self.bands.iter().filter(|band| band.end.get() >= bottom).filter_map(|band| {
            let reach = bottom.saturating_sub(band.start.get()).next_multiple_of(band.step.get());
            let candidate = band.start.get() + reach;
            (candidate <= band.end.get() && candidate > 0).then_some(candidate)
        });
        fine.chain([cent]).min().filter(|&best| best < Price::ONE.get()).map(Price::from_ten_thousandths)
    }

    /// [`floor`](Self::floor) for a price of `side`; the grid itself is one of YES prices.
    #[must_use]
    pub fn floor_on(&self, side: Side, price: Price) -> Option<Price> {
        match side {
            Side::Yes => self.floor(price),
            Side::No => self.ceil(price.complement()).map(Price::complement),
        }
    }

    /// [`ceil`](Self::ceil) for a price of `side`.
    #[must_use]
    pub fn ceil_on(&self, side: Side, price: Price) -> Option<Price> {
        match side {
            Side::Yes => self.ceil(price),
            Side::No => self.floor(price.complement()).map(Price::complement),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(ten_thousandths: u16) -> Price {
        Price::new(ten_thousandths).unwrap()
    }

    /// `tapered_deci_cent`: 0.001 at the edges, 0.01 in the middle.
    fn tapered() -> PriceGrid {
        let band = |start, end, step| Band { start: price(start), end: price(end), step: price(step) };
        PriceGrid::new(vec![band(0, 1_000, 10), band(1_000, 9_000, 100), band(9_000, 10_000, 10)]).unwrap()
    }

    #[test]
    fn refuses_prices_above_one_dollar() {
        assert_eq!(Price::new(10_001), None);
        assert_eq!(price(4_400).complement(), price(5_600)); // 1 − 0.44 = 0.56
    }

    #[test]
    fn floors_and_ceils_to_the_band_it_lies_in() {
        let grid = tapered();
        assert_eq!(grid.floor(price(457)), Some(price(450)));
        assert_eq!(grid.ceil(price(457)), Some(price(460)));
        assert_eq!(grid.floor(price(4_567)), Some(price(4_500)));
        assert_eq!(grid.ceil(price(4_567)), Some(price(4_600)));
        assert_eq!(grid.floor(Price::ONE), Some(price(9_990)));
        assert_eq!(grid.ceil(price(9_995)), None); // only $1 is left, and $1 is no price
        assert_eq!(PriceGrid::whole_cents().floor(price(99)), None);
        assert_eq!(PriceGrid::whole_cents().ceil(Price::ZERO), Some(price(100)));
    }

    #[test]
    fn refuses_a_band_without_a_step() {
        let band = Band { start: Price::ZERO, end: Price::ONE, step: Price::ZERO };
        assert_eq!(PriceGrid::new(vec![band]), Err(PriceGridError::ZeroStep { index: 0 }));
        let (start, end, step) = (price(500), price(400), price(1));
        let reversed = PriceGrid::new(vec![Band { start, end, step }]).unwrap_err();
        assert_eq!(reversed, PriceGridError::EndBelowStart { index: 0, end, start });
        assert_eq!(reversed.to_string(), "price range 0 ends at 0.04 below its start 0.05");
    }

    proptest! {
        #[test]
        fn rounding_lands_on_the_grid_and_brackets_the_price(raw in 0u16..=10_000) {
            for grid in [PriceGrid::whole_cents(), tapered()] {
                if let Some(low) = grid.floor(price(raw)) {
                    prop_assert!(low.get() <= raw && grid.contains(low) && low > Price::ZERO);
                }
                if let Some(high) = grid.ceil(price(raw)) {
                    prop_assert!(high.get() >= raw && grid.contains(high) && high < Price::ONE);
                }
            }
        }

        #[test]
        fn complement_is_its_own_inverse(raw in 0u16..=10_000) {
            prop_assert_eq!(price(raw).complement().complement(), price(raw));
        }
    }
}
