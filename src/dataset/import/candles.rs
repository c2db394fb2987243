//! Candles, or any other table of quotes, into a data set.
//!
//! A candle is known when it has ended, not before: what it says stands at its end. A bid of $0 and an ask
//! of $1, as the exchange writes an empty side, are no prices.

use crate::domain::Price;

use super::chunk::{Chunk, TextCell};
use super::job::ImportKind;
use super::listing::Markets;
use super::map::{self, KnownColumn, Volume};
use super::rejects::RowRefusal;
use super::row::{checked_price, required_value, within_life};
use super::spill::SpilledRow;
use crate::dataset::write::writer::{PackedRow, Volumes};

/// Columns of candles, in the order in which chunks have them.
pub const COLUMNS: [KnownColumn; 10] = [
    KnownColumn { name: "ts", meaning: map::ColumnMeaning::Time, required: true },
    KnownColumn { name: "ticker", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "yes_bid", meaning: map::ColumnMeaning::Price, required: false },
    KnownColumn { name: "yes_ask", meaning: map::ColumnMeaning::Price, required: false },
    KnownColumn { name: "last_price", meaning: map::ColumnMeaning::Price, required: false },
    KnownColumn { name: "mid", meaning: map::ColumnMeaning::Price, required: false },
    KnownColumn { name: "yes_bid_size", meaning: map::ColumnMeaning::Count, required: false },
    KnownColumn { name: "yes_ask_size", meaning: map::ColumnMeaning::Count, required: false },
    KnownColumn { name: "volume", meaning: map::ColumnMeaning::Count, required: false },
    KnownColumn { name: "open_interest", meaning: map::ColumnMeaning::Count, required: false },
];
const TS: usize = 0;
const PRICES: [usize; 4] = [2, 3, 4, 5];
const COUNTS: [usize; 4] = [6, 7, 8, 9];

/// Refusals that are counted: what lies outside a market's life.
pub const EXPECTED: &[&str] = &["before_open", "after_close"];

impl SpilledRow for PackedRow {
    fn market_index(&self) -> u32 {
        self.market
    }
}

/// Makes one snapshot of each candle or quote row, at the moment at which the candle was known.
pub struct CandleImport {
    /// How long after its time a candle is known, in microseconds.
    pub delay: i64,
    /// Whether the column `volume` counts contracts of one candle or of the market's life.
    pub volume: Volume,
}

impl ImportKind for CandleImport {
    type Row = PackedRow;
    type Columns<'c> = &'c Chunk<'c>;
    /// The volume of its life so far.
    type Known = i64;
    const NAME: &'static str = "candle";
    const VOLUMES: Volumes = Volumes::Whole;

    fn find_columns<'c>(&self, chunk: &'c Chunk<'_>) -> &'c Chunk<'c> {
        chunk
    }

    fn read_row(
        &self,
        chunk: &&Chunk<'_>,
        row: usize,
        market: usize,
        markets: &Markets,
    ) -> Result<PackedRow, RowRefusal> {
        let ts = chunk.cell_column(TS).expect("the map has every required column");
        let at = required_value(ts.get(row), "ts")?;
        let at = at.checked_add(self.delay).ok_or(RowRefusal::Unreadable("ts"))?;
        let mut prices = [0; 4];
        for (place, column) in prices.iter_mut().zip(PRICES) {
            let name = COLUMNS[column].name;
            let cell = chunk.cell_column(column).map_or(TextCell::Missing, |cells| cells.get(row));
            let empty = match name {
                "yes_bid" => TextCell::Value(0),
                "yes_ask" => TextCell::Value(i64::from(Price::ONE.get())),
                _ => TextCell::Missing,
            };
            if cell != TextCell::Missing && cell != empty {
                *place = checked_price(required_value(cell, name)?, name, markets, market)?.get();
            }
        }
        let [bid, ask, last, mid] = prices;
        if bid > 0 && ask > 0 && bid >= ask {
            return Err(RowRefusal::Crossed(bid.into(), ask.into()));
        }
        let mut counts = [-1; 4];
        for (place, column) in counts.iter_mut().zip(COUNTS) {
            let cell = chunk.cell_column(column).map_or(TextCell::Missing, |cells| cells.get(row));
            if cell != TextCell::Missing {
                *place = required_value(cell, COLUMNS[column].name)?;
                if *place < 0 {
                    return Err(RowRefusal::NegativeCount(*place));
                }
            }
        }
        within_life(at, markets, market)?;
        let market = u32::try_from(market).expect("markets are far fewer than 2^32");
        let [bid_size, ask_size, volume, open_interest] = counts;
        Ok(PackedRow { at, market, bid, ask, last, mid, bid_size, ask_size, volume, open_interest })
    }

    fn record_earlier_row(so_far: &mut i64, candle: &PackedRow) {
        *so_far = so_far.saturating_add(candle.volume.max(0));
    }

    fn make_snapshot(&self, candles: &[PackedRow], so_far: &mut i64) -> (PackedRow, u64) {
        let volume = lifetime_volume(candles[0].volume, self.volume, so_far);
        (PackedRow { volume, ..candles[0] }, candles.len() as u64 - 1)
    }
}

/// The volume of the market's life so far, given that of a candle; negative = none.
fn lifetime_volume(count: i64, meaning: Volume, so_far: &mut i64) -> i64 {
    if count < 0 {
        return -1;
    }
    match meaning {
        Volume::Lifetime => *so_far = count,
        Volume::Period => *so_far = so_far.saturating_add(count),
    }
    *so_far
}
