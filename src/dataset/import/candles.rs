//! Candles, or any other table of quotes, into a data set.
//!
//! A candle is known when it has ended, not before: what it says stands at its end. A bid of $0 and an ask
//! of $1, as the exchange writes an empty side, are no prices.

use crate::domain::Price;

use super::chunk::{Cell, Chunk};
use super::job::Kind;
use super::listing::Markets;
use super::map::{self, Known, Volume};
use super::rejects::Refusal;
use super::row::{price, value, within_life};
use super::spill::Row;
use crate::dataset::write::writer::{PackedRow, Volumes};

/// Columns of candles, in the order in which chunks have them.
pub const COLUMNS: [Known; 10] = [
    Known { name: "ts", meaning: map::Meaning::Time, required: true },
    Known { name: "ticker", meaning: map::Meaning::Text, required: true },
    Known { name: "yes_bid", meaning: map::Meaning::Price, required: false },
    Known { name: "yes_ask", meaning: map::Meaning::Price, required: false },
    Known { name: "last_price", meaning: map::Meaning::Price, required: false },
    Known { name: "mid", meaning: map::Meaning::Price, required: false },
    Known { name: "yes_bid_size", meaning: map::Meaning::Count, required: false },
    Known { name: "yes_ask_size", meaning: map::Meaning::Count, required: false },
    Known { name: "volume", meaning: map::Meaning::Count, required: false },
    Known { name: "open_interest", meaning: map::Meaning::Count, required: false },
];
const TS: usize = 0;
const PRICES: [usize; 4] = [2, 3, 4, 5];
const COUNTS: [usize; 4] = [6, 7, 8, 9];

/// Refusals that are counted: what lies outside a market's life.
pub const EXPECTED: &[&str] = &["before_open", "after_close"];

impl Row for PackedRow {
    fn market(&self) -> u32 {
        self.market
    }
}

/// Candles.
pub struct Candles {
    /// How long after its time a candle is known, in microseconds.
    pub delay: i64,
    /// What their volume is.
    pub volume: Volume,
}

impl Kind for Candles {
    type Row = PackedRow;
    type Columns<'c> = &'c Chunk<'c>;
    /// The volume of its life so far.
    type Known = i64;
    const NAME: &'static str = "candle";
    const VOLUMES: Volumes = Volumes::Whole;

    fn columns<'c>(&self, chunk: &'c Chunk<'_>) -> &'c Chunk<'c> {
        chunk
    }

    fn row(
        &self,
        chunk: &&Chunk<'_>,
        row: usize,
        market: usize,
        markets: &Markets,
    ) -> Result<PackedRow, Refusal> {
        let ts = chunk.cells(TS).expect("the map has every required column");
        let at = value(ts.get(row), "ts")?;
        let at = at.checked_add(self.delay).ok_or(Refusal::Unreadable("ts"))?;
        let mut prices = [0; 4];
        for (place, column) in prices.iter_mut().zip(PRICES) {
            let name = COLUMNS[column].name;
            let cell = chunk.cells(column).map_or(Cell::Missing, |cells| cells.get(row));
            let empty = match name {
                "yes_bid" => Cell::Value(0),
                "yes_ask" => Cell::Value(i64::from(Price::ONE.get())),
                _ => Cell::Missing,
            };
            if cell != Cell::Missing && cell != empty {
                *place = price(value(cell, name)?, name, markets, market)?.get();
            }
        }
        let [bid, ask, last, mid] = prices;
        if bid > 0 && ask > 0 && bid >= ask {
            return Err(Refusal::Crossed(bid.into(), ask.into()));
        }
        let mut counts = [-1; 4];
        for (place, column) in counts.iter_mut().zip(COUNTS) {
            let cell = chunk.cells(column).map_or(Cell::Missing, |cells| cells.get(row));
            if cell != Cell::Missing {
                *place = value(cell, COLUMNS[column].name)?;
                if *place < 0 {
                    return Err(Refusal::NegativeCount(*place));
                }
            }
        }
        within_life(at, markets, market)?;
        let market = u32::try_from(market).expect("markets are far fewer than 2^32");
        let [bid_size, ask_size, volume, open_interest] = counts;
        Ok(PackedRow { at, market, bid, ask, last, mid, bid_size, ask_size, volume, open_interest })
    }

    fn earlier(so_far: &mut i64, candle: &PackedRow) {
        *so_far = so_far.saturating_add(candle.volume.max(0));
    }

    fn snapshot(&self, candles: &[PackedRow], so_far: &mut i64) -> (PackedRow, u64) {
        let volume = volume(candles[0].volume, self.volume, so_far);
        (PackedRow { volume, ..candles[0] }, candles.len() as u64 - 1)
    }
}

/// The volume of the market's life so far, given that of a candle; negative = none.
fn volume(count: i64, meaning: Volume, so_far: &mut i64) -> i64 {
    if count < 0 {
        return -1;
    }
    match meaning {
        Volume::Lifetime => *so_far = count,
        Volume::Period => *so_far = so_far.saturating_add(count),
    }
    *so_far
}
