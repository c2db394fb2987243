//! Trades of any layout, and the quotes that they show.

use crate::domain::Price;

use super::chunk::{Chunk, TextCells, Texts};
use super::job::ImportKind;
use super::listing::Markets;
use super::map::{self, KnownColumn};
use super::quotes_from_trades::{Prints, Tape};
use super::rejects::RowRefusal;
use super::row::{checked_price, required_value, within_life};
use super::spill::SpilledRow;
use crate::dataset::io::sorter::{SortRecord, take_bytes};
use crate::dataset::write::writer::{PackedRow, Volumes};

/// Columns of trades, in the order in which chunks have them.
pub const COLUMNS: [KnownColumn; 8] = [
    KnownColumn { name: "ts", meaning: map::ColumnMeaning::Time, required: true },
    KnownColumn { name: "ticker", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "yes_price", meaning: map::ColumnMeaning::Price, required: true },
    KnownColumn { name: "count", meaning: map::ColumnMeaning::Count, required: true },
    KnownColumn { name: "taker_side", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "trade_id", meaning: map::ColumnMeaning::Id, required: false },
    KnownColumn { name: "no_price", meaning: map::ColumnMeaning::Price, required: false },
    KnownColumn { name: "fetched_at", meaning: map::ColumnMeaning::Time, required: false },
];
const TS: usize = 0;
const YES_PRICE: usize = 2;
const COUNT: usize = 3;
const TAKER_SIDE: usize = 4;
const TRADE_ID: usize = 5;
const NO_PRICE: usize = 6;
const FETCHED_AT: usize = 7;

/// Refusals of any source that are counted: what lies outside a market's life, and what is there twice.
pub const EXPECTED: &[&str] = &["before_open", "after_close", "duplicate"];

/// A trade; the order is that in which the trades of a data set are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportedTrade {
    at: i64,
    market: u32,
    /// Hash of its id; none is 0.
    id: i64,
    count: i64,
    price: u16,
    taker_is_yes: bool,
}

impl SortRecord for ImportedTrade {
    const SIZE: usize = 31;

    fn timestamp_micros(&self) -> i64 {
        self.at
    }

    fn append_bytes(self, bytes: &mut Vec<u8>) {
        // Appended as one: each part by itself would look for room.
        let mut record = [0; Self::SIZE];
        record[..8].copy_from_slice(&self.at.to_le_bytes());
        record[8..12].copy_from_slice(&self.market.to_le_bytes());
        record[12..20].copy_from_slice(&self.id.to_le_bytes());
        record[20..28].copy_from_slice(&self.count.to_le_bytes());
        record[28..30].copy_from_slice(&self.price.to_le_bytes());
        record[30] = u8::from(self.taker_is_yes);
        bytes.extend_from_slice(&record);
    }

    fn from_bytes(mut bytes: &[u8]) -> Self {
        let bytes = &mut bytes;
        Self {
            at: i64::from_le_bytes(take_bytes(bytes)),
            market: u32::from_le_bytes(take_bytes(bytes)),
            id: i64::from_le_bytes(take_bytes(bytes)),
            count: i64::from_le_bytes(take_bytes(bytes)),
            price: u16::from_le_bytes(take_bytes(bytes)),
            taker_is_yes: take_bytes::<1>(bytes) == [1],
        }
    }
}

impl SpilledRow for ImportedTrade {
    fn market_index(&self) -> u32 {
        self.market
    }
}

/// Trades, and what is known of their source.
pub struct Trades {
    /// From when on files were fetched whose prices are cut to whole cents, in microseconds since 1970.
    pub truncated_since: i64,
    /// How long a side that trades have shown is trusted, in microseconds.
    pub trusted: i64,
}

impl ImportKind for Trades {
    type Row = ImportedTrade;
    type Columns<'c> = TradeColumns<'c>;
    type Known = Tape;
    const NAME: &'static str = "trade";
    const VOLUMES: Volumes = Volumes::Distances;

    fn find_columns<'c>(&self, chunk: &'c Chunk<'_>) -> TradeColumns<'c> {
        let needed = |column: usize| chunk.cell_column(column).expect("the map has every required column");
        TradeColumns {
            ts: needed(TS),
            yes: needed(YES_PRICE),
            counts: needed(COUNT),
            sides: Sides::from_texts(chunk.text_column(TAKER_SIDE)),
            ids: chunk.cell_column(TRADE_ID),
            no: chunk.cell_column(NO_PRICE),
            fetched: chunk.cell_column(FETCHED_AT),
        }
    }

    #[inline]
    fn read_row(
        &self,
        columns: &TradeColumns<'_>,
        row: usize,
        market: usize,
        markets: &Markets,
    ) -> Result<ImportedTrade, RowRefusal> {
        columns.read_trade(row, market, markets, self.truncated_since)
    }

    /// The volume of a market's life includes what was traded before.
    fn record_earlier_row(tape: &mut Tape, trade: &ImportedTrade) {
        tape.volume = tape.volume.saturating_add(trade.count);
    }

    fn make_snapshot(&self, trades: &[ImportedTrade], tape: &mut Tape) -> (PackedRow, u64) {
        let mut prints = Prints::default();
        let mut twice = 0;
        let mut before = None;
        for trade in trades {
            if trade.id != 0 && before.replace(trade.id) == Some(trade.id) {
                twice += 1;
            } else {
                let price = Price::new(trade.price).expect("it was a price when it was read");
                prints.add_print(trade.taker_is_yes, price, trade.count);
            }
        }
        let ImportedTrade { at, market, .. } = trades[0];
        (PackedRow::from_quote(at, market, &tape.quote_after_prints(at, &prints, self.trusted), None), twice)
    }
}

/// The trade columns of a chunk; `None` where the map does not name an optional one.
pub struct TradeColumns<'a> {
    ts: &'a TextCells,
    yes: &'a TextCells,
    counts: &'a TextCells,
    sides: Sides<'a>,
    ids: Option<&'a TextCells>,
    no: Option<&'a TextCells>,
    fetched: Option<&'a TextCells>,
}

/// Sides, and which of the names is which.
struct Sides<'a> {
    names: &'a Texts,
    is_yes: Vec<Option<bool>>,
}

impl<'a> Sides<'a> {
    fn from_texts(names: &'a Texts) -> Self {
        let is_yes = |name: Option<&str>| match name {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        };
        Self { names, is_yes: names.names.iter().map(is_yes).collect() }
    }

    #[inline]
    fn is_yes(&self, row: usize) -> Result<bool, RowRefusal> {
        let key = self.names.key_at(row).ok_or(RowRefusal::Missing("taker_side"))?;
        self.is_yes[key]
            .ok_or_else(|| RowRefusal::Side(self.names.text_at(row).unwrap_or_default().to_owned()))
    }
}

impl TradeColumns<'_> {
    #[inline]
    fn read_trade(
        &self,
        row: usize,
        market: usize,
        markets: &Markets,
        truncated_since: i64,
    ) -> Result<ImportedTrade, RowRefusal> {
        let at = required_value(self.ts.get(row), "ts")?;
        let yes = required_value(self.yes.get(row), "yes_price")?;
        if let Some(no) = self.no {
            let no = required_value(no.get(row), "no_price")?;
            if yes.saturating_add(no) != i64::from(Price::ONE.get()) {
                let fetched =
                    self.fetched.map(|fetched| required_value(fetched.get(row), "fetched_at")).transpose()?;
                let known = fetched.is_some_and(|fetched| fetched >= truncated_since);
                return Err(if known {
                    RowRefusal::TruncatedCents(yes, no)
                } else {
                    RowRefusal::NotADollar(yes, no)
                });
            }
        }
        let price = checked_price(yes, "yes_price", markets, market)?;
        let count = match required_value(self.counts.get(row), "count")? {
            0 => return Err(RowRefusal::NoContracts),
            count if count < 0 => return Err(RowRefusal::NegativeCount(count)),
            count => count,
        };
        let taker_is_yes = self.sides.is_yes(row)?;
        let id = self.ids.map_or(Ok(0), |ids| required_value(ids.get(row), "trade_id"))?;
        within_life(at, markets, market)?;
        let market = u32::try_from(market).expect("markets are far fewer than 2^32");
        Ok(ImportedTrade { at, market, id, count, price: price.get(), taker_is_yes })
    }
}
