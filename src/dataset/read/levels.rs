//! A book's levels behind the best ones, in optional columns: `bid_2`, `bid_2_size`, `ask_2`, … up to 10.
//!
//! They have the types and units of `yes_bid` and `yes_bid_size`. A level needs its price, its size and the
//! level above it; prices get strictly worse and are on the market's grid.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::domain::{Contracts, Depth, Level, Price, PriceGrid, Quote};

use super::column_values::ColumnValues;
use super::column_values::{count_at, price_at};
use crate::dataset::Problem;

/// Names of the two columns of one book level, such as `bid_2` and `bid_2_size`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelNames {
    pub(crate) price: &'static str,
    pub(crate) size: &'static str,
}

macro_rules! names {
    ($side:literal: $($level:literal)*) => {
        [$(LevelNames { price: concat!($side, $level), size: concat!($side, $level, "_size") }),*]
    };
}

const BIDS: [LevelNames; 9] = names!("bid_": 2 3 4 5 6 7 8 9 10);
const ASKS: [LevelNames; 9] = names!("ask_": 2 3 4 5 6 7 8 9 10);

/// The level columns of a file, bids and asks; those between that are missing are among them.
pub(crate) fn level_names_of_schema(schema: &Schema) -> [&'static [LevelNames]; 2] {
    let there = |name: &str| schema.fields().iter().any(|field| field.name() == name);
    [&BIDS, &ASKS].map(|side| {
        let last = side.iter().rposition(|names| there(names.price) || there(names.size));
        &side[..last.map_or(0, |last| last + 1)]
    })
}

/// The columns of one side, decoded.
type Side = Vec<(LevelNames, ColumnValues<i32>, ColumnValues<i64>)>;

/// The level columns of a batch.
#[derive(Debug)]
pub(crate) struct LevelColumns {
    bids: Side,
    asks: Side,
}

impl LevelColumns {
    /// `None` if a column is not there or not of its type.
    pub(crate) fn from_batch(batch: &RecordBatch, [bids, asks]: [&[LevelNames]; 2]) -> Option<Self> {
        let side = |names: &[LevelNames]| -> Option<Side> {
            let level = |names: &LevelNames| {
                let price = ColumnValues::from_batch_column(batch, names.price)?;
                Some((*names, price, ColumnValues::from_batch_column(batch, names.size)?))
            };
            names.iter().map(level).collect()
        };
        Some(Self { bids: side(bids)?, asks: side(asks)? })
    }

    /// The levels behind a quote. Out of the way of data without levels.
    #[cold]
    #[inline(never)]
    pub(crate) fn read_depth(
        &self,
        row: usize,
        quote: &Quote,
        grid: &PriceGrid,
    ) -> Result<Arc<Depth>, Problem> {
        let best = quote.bid.zip(quote.bid_size);
        let bids = read_side(&self.bids, row, best, "yes_bid and yes_bid_size", grid, |a, b| a < b)?;
        let best = quote.ask.zip(quote.ask_size);
        let asks = read_side(&self.asks, row, best, "yes_ask and yes_ask_size", grid, |a, b| a > b)?;
        Ok(Arc::new(Depth { bids, asks }))
    }
}

fn read_side(
    columns: &Side,
    row: usize,
    best: Option<(Price, Contracts)>,
    best_name: &'static str,
    grid: &PriceGrid,
    is_behind: fn(Price, Price) -> bool,
) -> Result<Vec<Level>, Problem> {
    let mut levels = Vec::new();
    let (mut above, mut above_name) = (best.map(|best| best.0), best_name);
    for (names, prices, sizes) in columns {
        let price = price_at(prices, row, names.price)?;
        match (price, count_at(sizes, row, names.size)?) {
            (None, None) => above = None,
            (Some(_), None) => return Err(Problem::HalfLevel(names.price, names.size)),
            (None, Some(_)) => return Err(Problem::HalfLevel(names.size, names.price)),
            (Some(price), Some(size)) => {
                let known = above.ok_or(Problem::HalfLevel(names.price, above_name))?;
                let (value, before) = (i32::from(price.get()), i32::from(known.get()));
                if !is_behind(price, known) {
                    return Err(Problem::LevelOrder(names.price, value, before));
                }
                if !grid.contains(price) {
                    return Err(Problem::OffGrid(names.price, value));
                }
                levels.push(Level { price, size });
                above = Some(price);
            }
        }
        above_name = names.price;
    }
    Ok(levels)
}
