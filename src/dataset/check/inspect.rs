//! Looking at data sets: everything that is wrong with one, and what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::domain::{Market, Timestamp};

use super::quality::{QualityLook, Soundness};
use crate::dataset::DataError;
use crate::dataset::data_set::DataSet;
use crate::dataset::facts;
use crate::dataset::read::catalogue::{
    Catalogue, MarketRow, ResultRow, read_market_results, read_market_rows, read_markets,
};
use crate::dataset::read::decode::FilePlan;
use crate::dataset::read::selection::{Tickers, Window};
use crate::dataset::read::snapshots::SnapshotStream;
use crate::dataset::read::ticker_spans::{TickerSpan, TickerSpans};

const EVERYTHING: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };

/// What [`check_data`] found wrong or odd in a data set or a file of facts.
#[derive(Debug, Default)]
pub struct DataFindings {
    /// Things that make the data unusable, each with its place; of frequent kinds only the first.
    pub problems: Vec<DataError>,
    /// How many problems there are in all.
    pub count: u64,
    /// Usable rows of `markets.parquet`; a recording has several for a market that was redefined. 0 for a
    /// file of facts.
    pub markets: u64,
    /// Snapshot rows that were read, bad ones included; for a file of facts, its rows.
    pub rows: u64,
    /// What is odd without making the data unusable.
    pub soundness: Soundness,
}

impl DataFindings {
    fn add_problem(&mut self, problem: DataError) {
        self.count += 1;
        self.problems.push(problem);
    }

    /// Takes a value, or the problem there is instead.
    fn ok_or_record_problem<T>(&mut self, result: Result<T, DataError>) -> Option<T> {
        result.map_err(|problem| self.add_problem(problem)).ok()
    }
}

/// Checks a data set, or a single file of facts.
#[must_use]
pub fn check_data(path: &Path) -> DataFindings {
    let mut found = DataFindings::default();
    if path.extension().is_some_and(|extension| extension == "csv") {
        let facts = found.ok_or_record_problem(facts::read_facts(path)).unwrap_or_default();
        found.rows = facts.len() as u64;
        return found;
    }
    let Some(set) = found.ok_or_record_problem(DataSet::open(path)) else {
        return found;
    };
    check_set(&set, &mut found);
    found.problems = found.problems.into_iter().map(|problem| set.error_with_source_path(problem)).collect();
    found
}

fn check_set(set: &DataSet, found: &mut DataFindings) {
    if let Some(file) = &set.fee_changes {
        let _changes = found.ok_or_record_problem(facts::read_fee_changes(file));
    }
    let rows = found.ok_or_record_problem(read_market_rows(&set.markets)).unwrap_or_default();
    let rows: Vec<MarketRow> = rows.into_iter().filter_map(|row| found.ok_or_record_problem(row)).collect();
    found.markets = rows.len() as u64;
    let exclusive: BTreeSet<Box<str>> =
        rows.iter().filter(|row| row.mutually_exclusive).map(|row| row.market.ticker.clone()).collect();
    let catalogue =
        found.ok_or_record_problem(Catalogue::new(vec![(&set.markets, rows)], EVERYTHING, |_| true));
    if let Some(catalogue) = catalogue {
        check_snapshots(set, catalogue, &exclusive, found);
    }
}

fn check_snapshots(
    set: &DataSet,
    catalogue: Catalogue,
    exclusive: &BTreeSet<Box<str>>,
    found: &mut DataFindings,
) {
    let Catalogue { markets, settlements, tickers, .. } = catalogue;
    let exclusive: Vec<_> = markets.iter().map(|market| exclusive.contains(&market.ticker)).collect();
    let mut look = QualityLook::new(&markets);
    let mut plans = Vec::new();
    for file in &set.snapshots {
        plans.extend(found.ok_or_record_problem(FilePlan::new(file, &tickers, EVERYTHING)));
    }
    if found.ok_or_record_problem(set.fetch_row_groups(&plans)).is_none() {
        return;
    }
    let mut stream = SnapshotStream::new(plans, tickers, EVERYTHING, true);
    loop {
        match stream.peek() {
            Ok(Some(_)) => stream.take_snapshot().iter().for_each(|snapshot| look.inspect_snapshot(snapshot)),
            Ok(None) => break,
            Err(problem) => {
                found.add_problem(problem);
                break;
            }
        }
    }
    found.soundness = look.finish_with_settlements(&settlements, &exclusive);
    found.rows = stream.rows_read();
    for (_, skipped) in stream.into_skipped() {
        found.count += skipped.count;
        found.problems.extend(skipped.examples);
    }
}

/// One event of a data set.
#[derive(Clone, Debug)]
pub struct EventOverview {
    /// Ticker of the event, as in the column `event_ticker` of `markets.parquet`.
    pub event_ticker: String,
    /// Number of different markets of the event in `markets.parquet`, with or without snapshots.
    pub markets: u64,
    /// Snapshot rows of all markets of the event, rows of gaps and status changes included.
    pub snapshots: u64,
    /// Time of the earliest of these snapshot rows; `None` if there are none.
    pub first: Option<Timestamp>,
    /// Time of the latest of these snapshot rows; `None` if there are none.
    pub last: Option<Timestamp>,
    /// Number of its markets whose `result` is `yes`.
    pub yes: u64,
    /// Number of its markets whose `result` is not empty: `yes`, `no` or `scalar`.
    pub resolved: u64,
}

/// What a data set holds, by event, in order of the first snapshot.
///
/// # Errors
/// When a file cannot be read.
pub fn event_overviews(set: &DataSet) -> Result<Vec<EventOverview>, DataError> {
    collect_event_overviews(set).map_err(|error| set.error_with_source_path(error))
}

fn collect_event_overviews(set: &DataSet) -> Result<Vec<EventOverview>, DataError> {
    let markets = read_market_results(&set.markets)?;
    let plan = |file: &PathBuf| FilePlan::new(file, &Tickers::default(), EVERYTHING);
    let plans = set.snapshots.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    set.fetch_ticker_times(&plans)?;
    let mut spans = TickerSpans::default();
    plans.iter().try_for_each(|plan| spans.add_file(plan))?;
    Ok(overviews_by_event(&markets, &spans))
}

/// An event while its markets are counted; times in microseconds.
#[derive(Debug, Default)]
struct EventTally {
    markets: u64,
    yes: u64,
    resolved: u64,
    /// Snapshot rows of all its markets.
    span: TickerSpan,
}

fn overviews_by_event(markets: &[ResultRow], spans: &TickerSpans) -> Vec<EventOverview> {
    let mut events: BTreeMap<Option<&str>, EventTally> = BTreeMap::new();
    let mut counted = BTreeSet::new();
    // A market whose definition changed while it was recorded is there more than once: its first row counts.
    for market in markets.iter().filter(|market| counted.insert(market.ticker.as_deref())) {
        let event = events.entry(market.event_ticker.as_deref()).or_default();
        event.markets += 1;
        let result = market.result.as_deref().unwrap_or_default();
        event.yes += u64::from(result == "yes");
        event.resolved += u64::from(!result.is_empty());
        if let Some(span) = market.ticker.as_deref().and_then(|ticker| spans.span_of(ticker)) {
            event.span.add_span(span);
        }
    }
    let mut events: Vec<_> = events.into_iter().collect();
    // Events without a snapshot come first; those of one moment stay in the order of their tickers.
    events.sort_by_key(|(_, event)| event.span.first);
    let overview = |(event_ticker, event): (Option<&str>, EventTally)| EventOverview {
        event_ticker: event_ticker.unwrap_or_default().to_owned(),
        markets: event.markets,
        snapshots: event.span.rows,
        first: event.span.first.and_then(Timestamp::from_micros),
        last: event.span.last.and_then(Timestamp::from_micros),
        yes: event.yes,
        resolved: event.resolved,
    };
    events.into_iter().map(overview).collect()
}

/// The markets of an event or series, in order of close and ticker; none if the data set has neither.
///
/// # Errors
/// When the data cannot be used.
pub fn markets_of(set: &DataSet, name: &str) -> Result<Vec<MarketRow>, DataError> {
    let rows = read_markets(&set.markets).map_err(|error| set.error_with_source_path(error))?;
    let of_it = |row: &MarketRow| *row.market.event_ticker == *name || *row.market.series_ticker == *name;
    let mut rows: Vec<_> = rows.into_iter().filter(of_it).collect();
    rows.sort_by(|a, b| {
        (a.market.close_time, &a.market.ticker).cmp(&(b.market.close_time, &b.market.ticker))
    });
    Ok(rows)
}

/// A market and the course of its price.
#[derive(Debug)]
pub struct MarketCourse {
    /// Definition and settlement of the market: its first row in `markets.parquet`.
    pub row: MarketRow,
    /// Time and twice the mid, in ten-thousandths of a dollar; the last trade where there is no mid.
    pub course: Vec<(Timestamp, u16)>,
}

/// The course of one market; `None` if the data set has no such ticker.
///
/// # Errors
/// When the data cannot be used.
pub fn market_course(set: &DataSet, ticker: &str) -> Result<Option<MarketCourse>, DataError> {
    course_of(set, ticker).map_err(|error| set.error_with_source_path(error))
}

fn course_of(set: &DataSet, ticker: &str) -> Result<Option<MarketCourse>, DataError> {
    let rows = read_markets(&set.markets)?;
    let Some(row) = rows.iter().find(|row| &*row.market.ticker == ticker).cloned() else {
        return Ok(None);
    };
    let only = |market: &Market| &*market.ticker == ticker;
    let tickers = Catalogue::new(vec![(&set.markets, rows)], EVERYTHING, only)?.tickers;
    let plans = set.snapshots.iter().map(|file| FilePlan::new(file, &tickers, EVERYTHING));
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    set.fetch_row_groups(&plans)?;
    let mut stream = SnapshotStream::new(plans, tickers, EVERYTHING, false);
    let mut course = Vec::new();
    while stream.peek()?.is_some() {
        let Some(snapshot) = stream.take_snapshot() else {
            break;
        };
        let quote = snapshot.quote;
        let price = quote.twice_mid().or(quote.last.map(|last| 2 * last.get()));
        course.extend(price.map(|price| (snapshot.at, price)));
    }
    Ok(Some(MarketCourse { row, course }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_counts_a_market_once_and_begins_with_what_was_never_quoted() {
        let row = |cells: [Option<&str>; 3]| {
            let [ticker, event_ticker, result] = cells.map(|cell| cell.map(str::to_owned));
            ResultRow { ticker, event_ticker, result }
        };
        let markets = [
            [Some("LATE-A"), Some("LATE"), Some("yes")],
            [Some("LATE-A"), Some("OTHER"), Some("no")],
            [Some("LATE-B"), Some("LATE"), Some("scalar")],
            [Some("QUIET-A"), Some("QUIET"), Some("")],
            [Some("EARLY-A"), Some("EARLY"), None],
            [None, Some("EARLY"), Some("no")],
            [Some("BARE-A"), None, Some("yes")],
        ];
        let mut spans = TickerSpans::default();
        spans.set_span("LATE-A", TickerSpan { rows: 3, first: Some(5_000_000), last: Some(6_000_000) });
        spans.set_span("LATE-B", TickerSpan { rows: 1, first: None, last: None });
        spans.set_span("EARLY-A", TickerSpan { rows: 2, first: Some(1_000_000), last: Some(9_000_000) });
        spans.set_span("UNKNOWN", TickerSpan { rows: 9, first: Some(0), last: Some(0) });
        let found = overviews_by_event(&markets.map(row), &spans);
        let second = |at: Option<Timestamp>| at.map(|at| at.nanos() / 1_000_000_000);
        let found: Vec<_> = found
            .iter()
            .map(|event| {
                let counts = [event.markets, event.snapshots, event.yes, event.resolved];
                (&*event.event_ticker, counts, second(event.first), second(event.last))
            })
            .collect();
        let expected = [
            ("", [1, 0, 1, 1], None, None),
            ("QUIET", [1, 0, 0, 0], None, None),
            ("EARLY", [2, 2, 0, 1], Some(1), Some(9)),
            ("LATE", [2, 4, 1, 2], Some(5), Some(6)),
        ];
        assert_eq!(found, expected);
    }
}
