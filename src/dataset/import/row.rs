//! What the rows of any layout are held to: a value, a price of the market, a moment of its life.

use crate::domain::{Price, Timestamp};

use super::chunk::TextCell;
use super::listing::Markets;
use super::rejects::RowRefusal;

/// The value of a cell that must be there.
///
/// # Errors
/// When there is none.
#[inline]
pub fn required_value(cell: TextCell, name: &'static str) -> Result<i64, RowRefusal> {
    match cell {
        TextCell::Value(value) => Ok(value),
        TextCell::Missing => Err(RowRefusal::Missing(name)),
        TextCell::Unreadable => Err(RowRefusal::Unreadable(name)),
    }
}

/// A price above $0, below $1 and on the market's grid.
///
/// # Errors
/// When it is none.
#[inline]
pub fn checked_price(
    value: i64,
    name: &'static str,
    markets: &Markets,
    market: usize,
) -> Result<Price, RowRefusal> {
    let price = u16::try_from(value).ok().and_then(Price::new);
    let price = price.filter(|&price| price > Price::ZERO && price < Price::ONE);
    let price = price.ok_or(RowRefusal::PriceOutOfRange(name, value))?;
    // Whole cents are on every grid.
    if value % 100 == 0 || markets.listings[market].market.grid.contains(price) {
        Ok(price)
    } else {
        Err(RowRefusal::OffGrid(name, value))
    }
}

/// Checks that a moment is within the life of a market.
///
/// # Errors
/// Says on which side it lies outside.
#[inline]
pub fn within_life(at: i64, markets: &Markets, market: usize) -> Result<(), RowRefusal> {
    let life = &markets.lives[market];
    if at < life.opens {
        return Err(RowRefusal::BeforeOpen(markets.ticker(market).to_owned()));
    }
    if at > life.closes {
        return Err(RowRefusal::AfterClose(markets.ticker(market).to_owned()));
    }
    Ok(())
}

/// A time that was found to be within the life of a market.
#[must_use]
pub fn timestamp_from_micros(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).expect("it lies between two timestamps")
}
