//! A data set as a whole, in little room: each market with the course of its price, and what a check remarks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{Decimal6, Market, Strike, Timestamp};

use super::quality::{QualityLook, Soundness};
use crate::dataset::DataError;
use crate::dataset::data_set::DataSet;
use crate::dataset::read::catalogue::{Catalogue, Settlement, read_markets};
use crate::dataset::read::decode::FilePlan;
use crate::dataset::read::selection::Window;
use crate::dataset::read::snapshots::SnapshotStream;

/// Most stretches of a course; an even number.
pub const STRETCHES: usize = 64;

/// Consecutive prices, each twice the mid in ten-thousandths of a dollar, or twice the last trade where there
/// is no mid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoveredStretch {
    /// Time of the first price of the stretch.
    pub from: Timestamp,
    /// Earliest price of the stretch, 0 to 20,000 like the others.
    pub first: u16,
    /// Lowest price from `first` to `last`, both included.
    pub low: u16,
    /// Highest price from `first` to `last`, both included.
    pub high: u16,
    /// Latest price of the stretch so far.
    pub last: u16,
}

/// The course of a price in at most [`STRETCHES`] stretches of equally many prices; no high or low is lost.
#[derive(Clone, Debug, Default)]
pub struct PriceSeries {
    /// At most [`STRETCHES`] stretches in order of time; empty before the first price.
    pub stretches: Vec<CoveredStretch>,
    /// Prices a stretch, and those of the last one.
    each: u64,
    filled: u64,
}

impl PriceSeries {
    /// Appends a price in the unit of [`CoveredStretch`]; `at` must not be before earlier ones.
    pub fn add_price(&mut self, at: Timestamp, price: u16) {
        self.each = self.each.max(1);
        if let Some(open) = self.stretches.last_mut().filter(|_| self.filled < self.each) {
            *open = merge_stretches(
                *open,
                CoveredStretch { from: at, first: price, low: price, high: price, last: price },
            );
            self.filled += 1;
            return;
        }
        if self.stretches.len() == STRETCHES {
            self.stretches = self.merged_stretch_pairs();
            self.each *= 2;
        }
        self.stretches.push(CoveredStretch { from: at, first: price, low: price, high: price, last: price });
        self.filled = 1;
    }

    /// Returns the stretches joined in pairs, half as many; an odd last one stays as it is.
    #[must_use]
    pub fn merged_stretch_pairs(&self) -> Vec<CoveredStretch> {
        let pair = |pair: &[CoveredStretch]| pair[1..].iter().fold(pair[0], |a, b| merge_stretches(a, *b));
        self.stretches.chunks(2).map(pair).collect()
    }
}

fn merge_stretches(a: CoveredStretch, b: CoveredStretch) -> CoveredStretch {
    CoveredStretch { low: a.low.min(b.low), high: a.high.max(b.high), last: b.last, ..a }
}

/// A market of a data set.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Definition of the market, its first one if a recording has several.
    pub market: Arc<Market>,
    /// Time and value of its settlement; `None` if the data set holds no result.
    pub settlement: Option<Settlement>,
    /// Number of its snapshot rows, rows of gaps and status changes included.
    pub rows: u64,
    /// Course of twice the mid, or of twice the last trade where there is no mid.
    pub course: PriceSeries,
}

/// Everything in a data set, in little room.
#[derive(Clone, Debug)]
pub struct Survey {
    /// By series, last close of the event, event, strike and ticker.
    pub markets: Vec<Surveyed>,
    /// Snapshots of each day, and what is odd without making the data unusable.
    pub soundness: Soundness,
}

/// Looks at all of a data set once.
///
/// # Errors
/// Names file and row of the first thing that is wrong.
pub fn survey_data_set(set: &DataSet) -> Result<Survey, DataError> {
    look_at(set).map_err(|error| set.error_with_source_path(error))
}

fn look_at(set: &DataSet) -> Result<Survey, DataError> {
    let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let rows = read_markets(&set.markets)?;
    let exclusive: BTreeSet<Box<str>> =
        rows.iter().filter(|row| row.mutually_exclusive).map(|row| row.market.ticker.clone()).collect();
    let catalogue = Catalogue::new(vec![(&set.markets, rows)], window, |_| true)?;
    let Catalogue { markets, settlements, tickers, .. } = catalogue;
    let exclusive: Vec<_> = markets.iter().map(|market| exclusive.contains(&market.ticker)).collect();
    let plans = set.snapshots.iter().map(|file| FilePlan::new(file, &tickers, window));
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    set.fetch_row_groups(&plans)?;
    let mut surveyed: Vec<Surveyed> = markets
        .iter()
        .zip(&settlements)
        .map(|(market, &settlement)| Surveyed {
            market: Arc::clone(market),
            settlement,
            rows: 0,
            course: PriceSeries::default(),
        })
        .collect();
    let mut look = QualityLook::new(&markets);
    let mut stream = SnapshotStream::new(plans, tickers, window, false);
    while stream.peek()?.is_some() {
        let Some(snapshot) = stream.take_snapshot() else {
            break;
        };
        look.inspect_snapshot(&snapshot);
        let of = &mut surveyed[snapshot.market.index()];
        of.rows += 1;
        if let Some(price) = snapshot.quote.twice_mid().or(snapshot.quote.last.map(|last| 2 * last.get())) {
            of.course.add_price(snapshot.at, price);
        }
    }
    let soundness = look.finish_with_settlements(&settlements, &exclusive);
    let mut closes: BTreeMap<Arc<str>, Timestamp> = BTreeMap::new();
    for of in &surveyed {
        let close = of.market.close_time;
        closes
            .entry(Arc::clone(&of.market.event_ticker))
            .and_modify(|last| *last = close.max(*last))
            .or_insert(close);
    }
    surveyed.sort_by_cached_key(|of| {
        let Market { series_ticker, event_ticker, strike, ticker, .. } = &*of.market;
        let event = (closes[event_ticker], Arc::clone(event_ticker));
        (Arc::clone(series_ticker), event, place_of(*strike), ticker.clone())
    });
    Ok(Survey { markets: surveyed, soundness })
}

/// Where a market stands in a ladder of strikes.
const fn place_of(strike: Strike) -> Option<(Decimal6, bool)> {
    match strike {
        Strike::Less(cap) | Strike::LessOrEqual(cap) => Some((cap, false)),
        Strike::Greater(floor) | Strike::GreaterOrEqual(floor) | Strike::Between(floor, _) => {
            Some((floor, true))
        }
        Strike::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_course_keeps_its_ends_and_every_spike() {
        let mut course = PriceSeries::default();
        let price = |row: u16| match row {
            700 => 19_000,
            701 => 40,
            _ => 10_000 + row,
        };
        for row in 0..1_000 {
            course.add_price(Timestamp::from_nanos(row.into()), price(row));
        }
        // 64 stretches of 1, 2, 4, 8 are full at 64, 128, 256, 512 prices; 16 a stretch hold 1,024.
        let stretches = &course.stretches;
        assert_eq!((stretches.len(), course.each), (63, 16));
        assert_eq!(stretches[1].from, Timestamp::from_nanos(16));
        assert_eq!((stretches[0].first, stretches[62].last), (10_000, 10_999));
        // 700 and 701 are in the stretch of 688..704.
        assert_eq!((stretches[43].low, stretches[43].high, stretches[43].last), (40, 19_000, 10_703));
        assert_eq!(course.merged_stretch_pairs().len(), 32);
    }
}
