//! Trades of any layout into a data set: read, sorted, turned into quotes, written.

use std::path::{Path, PathBuf};

use crate::domain::{Price, Timestamp};

use super::super::DataError;
use super::super::sorter::{Record, Sorted, Sorter, take};
use super::super::writer::PackedRow;
use super::chunk::{Cell, Chunk, Texts, Wanted, each_chunk};
use super::layout::{Counts, Months, PartWriter};
use super::listing::{Lookup, Markets, Meaning};
use super::map::{self, Known};
use super::refusal::{Expected, Refusal, Tally};
use super::row::{moment, price, value, within_life};
use super::tape::{Prints, Tape};
use super::target::Target;
use super::{Report, Settings, Stage};

/// Columns of trades, in the order in which chunks have them.
pub const COLUMNS: [Known; 8] = [
    Known { name: "ts", meaning: map::Meaning::Time, required: true },
    Known { name: "ticker", meaning: map::Meaning::Text, required: true },
    Known { name: "yes_price", meaning: map::Meaning::Price, required: true },
    Known { name: "count", meaning: map::Meaning::Count, required: true },
    Known { name: "taker_side", meaning: map::Meaning::Text, required: true },
    Known { name: "trade_id", meaning: map::Meaning::Id, required: false },
    Known { name: "no_price", meaning: map::Meaning::Price, required: false },
    Known { name: "fetched_at", meaning: map::Meaning::Time, required: false },
];
const TS: usize = 0;
const TICKER: usize = 1;
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
pub(super) struct Trade {
    at: i64,
    market: u32,
    /// Hash of its id; none is 0.
    id: i64,
    count: i64,
    price: u16,
    taker_is_yes: bool,
}

impl Record for Trade {
    const SIZE: usize = 31;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.at.to_le_bytes());
        bytes.extend(self.market.to_le_bytes());
        bytes.extend(self.id.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.price.to_le_bytes());
        bytes.push(u8::from(self.taker_is_yes));
    }

    fn get(mut bytes: &[u8]) -> Self {
        let bytes = &mut bytes;
        Self {
            at: i64::from_le_bytes(take(bytes)),
            market: u32::from_le_bytes(take(bytes)),
            id: i64::from_le_bytes(take(bytes)),
            count: i64::from_le_bytes(take(bytes)),
            price: u16::from_le_bytes(take(bytes)),
            taker_is_yes: take::<1>(bytes) == [1],
        }
    }
}

/// Files of trades and what is known of their source.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The files, in any order.
    pub files: &'a [PathBuf],
    /// Their columns, as [`COLUMNS`].
    pub wanted: Vec<Option<Wanted>>,
    /// Refusals that are counted.
    pub expected: Expected,
    /// From when on files were fetched whose prices are cut to whole cents.
    pub truncated_since: Option<Timestamp>,
}

/// Imports trades of `markets` into the target and reports what became of them.
///
/// # Errors
/// The first row that cannot be used and is not expected, or a file that cannot be read or written.
pub fn import(
    source: &Source<'_>,
    markets: &Markets,
    target: &Target,
    settings: &mut Settings<'_>,
    report: &mut Report,
) -> Result<(), DataError> {
    let months = Months::default();
    let spill = target.folder("sort")?;
    let mut reader = Reader {
        source,
        markets,
        months: &months,
        since: micros(markets.selection().since.unwrap_or(Timestamp::MIN)),
        truncated_since: source.truncated_since.map_or(i64::MAX, micros),
        lookup: Lookup::default(),
        counts: Counts::default(),
        sorter: Sorter::new(&spill, settings.records_in_memory),
        tapes: vec![Tape::default(); markets.lives.len()],
        tally: Tally::default(),
    };
    let total = super::bytes_of(source.files)?;
    let mut done = 0;
    for file in source.files {
        (settings.progress)(Stage::Reading, done, total);
        each_chunk(file, &source.wanted, &mut |chunk| reader.chunk(chunk))?;
        done += super::bytes_of(std::slice::from_ref(file))?;
    }
    let Reader { counts, sorter, tapes, tally, .. } = reader;
    report.rows = tally;
    let trades = sorter.sorted()?;
    let writer = PartWriter::new(target.path(""), counts.plan(), &months, markets);
    let quoting = Quoting {
        trades,
        tapes,
        writer,
        trusted: settings.trusted.nanos() / 1_000,
        expected: source.expected,
    };
    quoting.run(markets, settings, report)?;
    std::fs::remove_dir_all(&spill)
        .map_err(|error| DataError::of_file(&spill, format!("cannot be removed: {error}")))
}

fn micros(at: Timestamp) -> i64 {
    at.nanos().div_euclid(1_000)
}

/// Reads chunks into the sorter.
struct Reader<'a> {
    source: &'a Source<'a>,
    markets: &'a Markets,
    months: &'a Months,
    since: i64,
    truncated_since: i64,
    lookup: Lookup,
    counts: Counts,
    sorter: Sorter<Trade>,
    tapes: Vec<Tape>,
    tally: Tally,
}

/// The columns of a chunk.
struct Columns<'a> {
    ts: &'a [Cell],
    tickers: &'a Texts,
    yes: &'a [Cell],
    counts: &'a [Cell],
    sides: &'a Texts,
    ids: Option<&'a [Cell]>,
    no: Option<&'a [Cell]>,
    fetched: Option<&'a [Cell]>,
}

impl Reader<'_> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), DataError> {
        let needed = |column: usize| chunk.cells(column).expect("the map has every required column");
        let columns = Columns {
            ts: needed(TS),
            tickers: chunk.texts(TICKER),
            yes: needed(YES_PRICE),
            counts: needed(COUNT),
            sides: chunk.texts(TAKER_SIDE),
            ids: chunk.cells(TRADE_ID),
            no: chunk.cells(NO_PRICE),
            fetched: chunk.cells(FETCHED_AT),
        };
        let meanings = self.lookup.meanings(self.markets, &columns.tickers.names);
        self.tally.read += chunk.rows as u64;
        for row in 0..chunk.rows {
            let key = columns.tickers.key(row);
            let market = match key.map(|key| meanings[key]) {
                Some(Meaning::Market(market)) => Ok(market),
                Some(Meaning::NotAskedFor) => {
                    self.tally.not_asked_for += 1;
                    continue;
                }
                Some(Meaning::Refused) => Err(Refusal::MarketRefused(columns.ticker(row))),
                Some(Meaning::Unknown) => Err(Refusal::UnknownTicker(columns.ticker(row))),
                None => Err(Refusal::Missing("ticker")),
            };
            let read =
                market.and_then(|market| columns.trade(row, market, self.markets, self.truncated_since));
            match read {
                Ok(trade) if trade.at < self.since => {
                    self.tally.not_asked_for += 1;
                    // The volume of a market's life includes what was traded before.
                    let tape = &mut self.tapes[trade.market as usize];
                    tape.volume = tape.volume.saturating_add(trade.count);
                }
                Ok(trade) => {
                    let series = self.markets.lives[trade.market as usize].series;
                    self.counts.add(self.months, trade.at, series);
                    self.sorter.push(trade)?;
                }
                Err(refusal) => self.tally.refuse(chunk.place(row), &refusal, self.source.expected)?,
            }
        }
        Ok(())
    }
}

impl Columns<'_> {
    fn ticker(&self, row: usize) -> String {
        self.tickers.name(row).unwrap_or_default().to_owned()
    }

    #[inline]
    fn trade(
        &self,
        row: usize,
        market: usize,
        markets: &Markets,
        truncated_since: i64,
    ) -> Result<Trade, Refusal> {
        let at = value(self.ts[row], "ts")?;
        let yes = value(self.yes[row], "yes_price")?;
        if let Some(no) = self.no {
            let no = value(no[row], "no_price")?;
            if yes.saturating_add(no) != i64::from(Price::ONE.get()) {
                let fetched = self.fetched.map(|fetched| value(fetched[row], "fetched_at")).transpose()?;
                let known = fetched.is_some_and(|fetched| fetched >= truncated_since);
                return Err(if known {
                    Refusal::TruncatedCents(yes, no)
                } else {
                    Refusal::NotADollar(yes, no)
                });
            }
        }
        let price = price(yes, "yes_price", markets, market)?;
        let count = match value(self.counts[row], "count")? {
            0 => return Err(Refusal::NoContracts),
            count if count < 0 => return Err(Refusal::NegativeCount(count)),
            count => count,
        };
        let taker_is_yes = match self.sides.name(row) {
            Some("yes") => true,
            Some("no") => false,
            Some(other) => return Err(Refusal::Side(other.to_owned())),
            None => return Err(Refusal::Missing("taker_side")),
        };
        let id = self.ids.map_or(Ok(0), |ids| value(ids[row], "trade_id"))?;
        within_life(at, markets, market)?;
        let market = u32::try_from(market).expect("markets are far fewer than 2^32");
        Ok(Trade { at, market, id, count, price: price.get(), taker_is_yes })
    }
}

/// Turns sorted trades into snapshots.
struct Quoting<'a> {
    trades: Sorted<Trade>,
    tapes: Vec<Tape>,
    writer: PartWriter<'a>,
    trusted: i64,
    expected: Expected,
}

impl Quoting<'_> {
    fn run(
        mut self,
        markets: &Markets,
        settings: &mut Settings<'_>,
        report: &mut Report,
    ) -> Result<(), DataError> {
        let total = report.rows.read - report.rows.not_asked_for - report.rows.refused_rows();
        let mut next = self.trades.next()?;
        while let Some(first) = next {
            let mut prints = Prints::default();
            let mut before: Option<Trade> = None;
            while let Some(trade) = next.filter(|trade| (trade.at, trade.market) == (first.at, first.market))
            {
                if trade.id != 0 && before.is_some_and(|before| before.id == trade.id) {
                    let ticker = markets.ticker(trade.market as usize);
                    let place = format!("a trade of {ticker} at {}", moment(trade.at));
                    report.rows.refuse((Path::new(&place), None), &Refusal::Duplicate, self.expected)?;
                } else {
                    let price = Price::new(trade.price).expect("it was a price when it was read");
                    prints.add(trade.taker_is_yes, price, trade.count);
                    report.rows.taken += 1;
                    if report.rows.taken.is_multiple_of(super::PROGRESS_EVERY) {
                        (settings.progress)(Stage::Writing, report.rows.taken, total);
                    }
                }
                before = Some(trade);
                next = self.trades.next()?;
            }
            let market = first.market as usize;
            let quote = self.tapes[market].quote(first.at, &prints, self.trusted);
            self.writer.write(PackedRow::of(first.at, first.market, &quote, None))?;
            report.saw(market, moment(first.at));
        }
        report.files = self.writer.finish()?;
        Ok(())
    }
}
