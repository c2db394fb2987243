//! Candles, or any other table of quotes, into a data set.
//!
//! A candle is known when it has ended, not before: what it says stands at its end. A bid of $0 and an ask
//! of $1, as the exchange writes an empty side, are no prices.

use std::path::{Path, PathBuf};

use crate::domain::{Price, Timestamp};

use super::super::DataError;
use super::super::sorter::Sorter;
use super::super::writer::PackedRow;
use super::chunk::{Cell, Chunk, each_chunk};
use super::layout::{Counts, Months, PartWriter};
use super::listing::{Lookup, Markets, Meaning};
use super::map::{self, ColumnMap, Known, Volume};
use super::refusal::{Expected, Refusal, Tally};
use super::row::{moment, price, value, within_life};
use super::target::Target;
use super::{Report, Settings, Stage};

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
const TICKER: usize = 1;
const PRICES: [usize; 4] = [2, 3, 4, 5];
const COUNTS: [usize; 4] = [6, 7, 8, 9];

/// Refusals that are counted: what lies outside a market's life.
pub const EXPECTED: &[&str] = &["before_open", "after_close"];

/// Files of candles.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The files, in any order.
    pub files: &'a [PathBuf],
    /// Their columns.
    pub map: &'a ColumnMap,
    /// Refusals that are counted.
    pub expected: Expected,
}

/// Imports candles of `markets` into the target and reports what became of them.
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
    let Source { files, map, expected } = *source;
    let months = Months::default();
    let spill = target.folder("sort")?;
    let delay = map.known_after().expect("it was checked when the map was read").nanos() / 1_000;
    let mut reader = Reader {
        markets,
        months: &months,
        since: markets.selection().since.unwrap_or(Timestamp::MIN).nanos().div_euclid(1_000),
        delay,
        expected,
        lookup: Lookup::default(),
        counts: Counts::default(),
        sorter: Sorter::new(&spill, settings.records_in_memory),
        volumes: vec![0; markets.lives.len()],
        tally: Tally::default(),
    };
    let total = super::bytes_of(files)?;
    let mut done = 0;
    for file in files {
        (settings.progress)(Stage::Reading, done, total);
        each_chunk(file, &map.wanted(&COLUMNS), &mut |chunk| reader.chunk(chunk))?;
        done += super::bytes_of(std::slice::from_ref(file))?;
    }
    let Reader { counts, sorter, mut volumes, tally, .. } = reader;
    report.rows = tally;
    let mut candles = sorter.sorted()?;
    let mut writer = PartWriter::new(target.path(""), counts.plan(), &months, markets);
    let mut before: Option<PackedRow> = None;
    let total = report.rows.read - report.rows.not_asked_for - report.rows.refused_rows();
    while let Some(candle) = candles.next()? {
        let market = candle.market as usize;
        let at = moment(candle.at);
        if before.is_some_and(|before| (before.at, before.market) == (candle.at, candle.market)) {
            let place = format!("a candle of {} at {at}", markets.ticker(market));
            report.rows.refuse((Path::new(&place), None), &Refusal::Duplicate, expected)?;
            continue;
        }
        before = Some(candle);
        let volume = volume(candle.volume, map.volume(), &mut volumes[market]);
        writer.write(PackedRow { volume, ..candle })?;
        report.saw(market, at);
        report.rows.taken += 1;
        if report.rows.taken.is_multiple_of(super::PROGRESS_EVERY) {
            (settings.progress)(Stage::Writing, report.rows.taken, total);
        }
    }
    report.files = writer.finish()?;
    std::fs::remove_dir_all(&spill)
        .map_err(|error| DataError::of_file(&spill, format!("cannot be removed: {error}")))
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

struct Reader<'a> {
    markets: &'a Markets,
    months: &'a Months,
    since: i64,
    delay: i64,
    expected: Expected,
    lookup: Lookup,
    counts: Counts,
    sorter: Sorter<PackedRow>,
    volumes: Vec<i64>,
    tally: Tally,
}

impl Reader<'_> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), DataError> {
        let tickers = chunk.texts(TICKER);
        let meanings = self.lookup.meanings(self.markets, &tickers.names).to_vec();
        self.tally.read += chunk.rows as u64;
        for row in 0..chunk.rows {
            let ticker = || tickers.name(row).unwrap_or_default().to_owned();
            let market = match tickers.key(row).map(|key| meanings[key]) {
                Some(Meaning::Market(market)) => Ok(market),
                Some(Meaning::NotAskedFor) => {
                    self.tally.not_asked_for += 1;
                    continue;
                }
                Some(Meaning::Refused) => Err(Refusal::MarketRefused(ticker())),
                Some(Meaning::Unknown) => Err(Refusal::UnknownTicker(ticker())),
                None => Err(Refusal::Missing("ticker")),
            };
            match market.and_then(|market| self.candle(chunk, row, market)) {
                Ok(candle) if candle.at < self.since => {
                    self.tally.not_asked_for += 1;
                    let so_far = &mut self.volumes[candle.market as usize];
                    *so_far = so_far.saturating_add(candle.volume.max(0));
                }
                Ok(candle) => {
                    let series = self.markets.lives[candle.market as usize].series;
                    self.counts.add(self.months, candle.at, series);
                    self.sorter.push(candle)?;
                }
                Err(refusal) => self.tally.refuse(chunk.place(row), &refusal, self.expected)?,
            }
        }
        Ok(())
    }

    fn candle(&self, chunk: &Chunk<'_>, row: usize, market: usize) -> Result<PackedRow, Refusal> {
        let ts = chunk.cells(TS).expect("the map has every required column");
        let at = value(ts[row], "ts")?;
        let at = at.checked_add(self.delay).ok_or(Refusal::Unreadable("ts"))?;
        let mut prices = [0; 4];
        for (place, column) in prices.iter_mut().zip(PRICES) {
            let name = COLUMNS[column].name;
            let cell = chunk.cells(column).map_or(Cell::Missing, |cells| cells[row]);
            let empty = match name {
                "yes_bid" => Cell::Value(0),
                "yes_ask" => Cell::Value(i64::from(Price::ONE.get())),
                _ => Cell::Missing,
            };
            if cell != Cell::Missing && cell != empty {
                *place = price(value(cell, name)?, name, self.markets, market)?.get();
            }
        }
        let [bid, ask, last, mid] = prices;
        if bid > 0 && ask > 0 && bid >= ask {
            return Err(Refusal::Crossed(bid.into(), ask.into()));
        }
        let mut counts = [-1; 4];
        for (place, column) in counts.iter_mut().zip(COUNTS) {
            let cell = chunk.cells(column).map_or(Cell::Missing, |cells| cells[row]);
            if cell != Cell::Missing {
                *place = value(cell, COLUMNS[column].name)?;
                if *place < 0 {
                    return Err(Refusal::NegativeCount(*place));
                }
            }
        }
        within_life(at, self.markets, market)?;
        let market = u32::try_from(market).expect("markets are far fewer than 2^32");
        let [bid_size, ask_size, volume, open_interest] = counts;
        Ok(PackedRow { at, market, bid, ask, last, mid, bid_size, ask_size, volume, open_interest })
    }
}
