//! The public dump of Jon-Becker/prediction-market-analysis: `markets_*.parquet` and `trades_*.parquet`.
//!
//! What is known to be wrong with it, and what is done: prices are whole numbers in one file, floats in the
//! next, or a column without a type (each is read by its values, a row without a price is refused); files
//! fetched since 2026-05-09 cut prices to whole cents and contracts to whole ones (rows whose two prices do
//! not add up to a dollar, or without a contract, are refused); the status of a market is that of the day it
//! was fetched (the latest record counts, and only finalized with result yes or no is used); strikes, times of
//! settlement and fees are missing (stated in the report, never guessed from a ticker).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::{
    EventId, FeeSchedule, Market, MarketId, PriceGrid, SeriesId, SettlementValue, Span, Strike, Timestamp,
};

use super::super::DataError;
use super::Settings;
use super::chunk::{Chunk, TextCell, TextCells, Texts};
use super::job::ImportJob;
use super::listing::{ListingMeaning, MarketSelection, Markets, series_of};
use super::map::{self, ColumnMap, KnownColumn};
use super::rejects::{Expected, RefusalTally, RowRefusal};
use super::row::required_value;
use super::split::each_chunk;
use super::trades::{self, Trades};
use crate::dataset::read::catalogue::Settlement;
use crate::dataset::write::writer::Listing;

/// Fetches since this moment cut off fractions of a cent.
const TRUNCATED_SINCE: &str = "2026-05-09";

/// Refusals that are known of the dump, besides those of any source.
const EXPECTED: &[&str] = &[
    "before_open",
    "after_close",
    "duplicate",
    "missing_value",
    "truncated_cents",
    "no_contracts",
    "unknown_ticker",
    "market_refused",
    "market_not_final",
    "market_without_result",
    "market_ends_before_it_opens",
];

const MARKET_COLUMNS: [KnownColumn; 9] = [
    KnownColumn { name: "ticker", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "event_ticker", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "title", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "yes_sub_title", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "status", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "result", meaning: map::ColumnMeaning::Text, required: true },
    KnownColumn { name: "open_time", meaning: map::ColumnMeaning::Time, required: true },
    KnownColumn { name: "close_time", meaning: map::ColumnMeaning::Time, required: true },
    KnownColumn { name: "fetched_at", meaning: map::ColumnMeaning::Time, required: true },
];

/// The columns of the dump: as ours, but for two; times without a zone are UTC.
fn dump_column_map(known: &[KnownColumn]) -> ColumnMap {
    ColumnMap::in_utc(known, |name| match name {
        "ts" => "created_time",
        "fetched_at" => "_fetched_at",
        same => same,
    })
}

/// Paths of `markets*.parquet` and `trades*.parquet` of a dump, each list sorted by name.
#[derive(Clone, Debug)]
pub struct Dump {
    markets: Vec<PathBuf>,
    trades: Vec<PathBuf>,
}

impl Dump {
    /// Finds them in the dump's folder, its `data` or its `data/kalshi`.
    ///
    /// # Errors
    /// When they are not there.
    pub fn find_in_folder(folder: &Path) -> Result<Self, DataError> {
        let places = ["data/kalshi", "kalshi", "."].map(|place| folder.join(place));
        let Some(place) = places.iter().find(|place| place.join("trades").is_dir()) else {
            let problem =
                "holds no dump: neither data/kalshi/trades, kalshi/trades nor trades is a folder in it";
            return Err(DataError::of_file(folder, problem));
        };
        Ok(Self {
            markets: list_parquet_files(place, "markets")?,
            trades: list_parquet_files(place, "trades")?,
        })
    }

    /// The trades of markets; what is known to be wrong with them is counted.
    #[must_use]
    pub fn trades_job<'a>(&'a self, markets: &'a Markets, settings: &Settings<'_>) -> ImportJob<'a, Trades> {
        let since = Timestamp::parse_date(TRUNCATED_SINCE).expect("it is a date");
        ImportJob {
            kind: Trades {
                truncated_since: since.nanos().div_euclid(1_000),
                trusted: settings.trusted.nanos() / 1_000,
            },
            files: &self.trades,
            wanted: dump_column_map(&trades::COLUMNS).wanted_columns(&trades::COLUMNS),
            expected: settings.expected_refusals(EXPECTED),
            markets,
        }
    }

    /// The markets that were asked for, each as it was fetched last. The dump does not say when a market
    /// was paid out: it is taken to be `settled_after` its close.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read_markets(
        &self,
        selection: &MarketSelection,
        settled_after: Span,
        tally: &mut RefusalTally,
    ) -> Result<Markets, DataError> {
        let wanted = dump_column_map(&MARKET_COLUMNS).wanted_columns(&MARKET_COLUMNS);
        let mut latest: HashMap<String, Fetched> = HashMap::new();
        for (number, file) in self.markets.iter().enumerate() {
            each_chunk(file, &wanted, &mut |chunk| {
                keep_latest_markets(chunk, number, selection, &mut latest, tally);
                Ok(())
            })?;
        }
        let mut latest: Vec<_> = latest.into_iter().collect();
        latest.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut listings, mut refused) = (Vec::new(), Vec::new());
        for (ticker, fetched) in latest {
            match fetched.market.and_then(|market| market.into_listing(&ticker, settled_after)) {
                Ok(listing) => {
                    tally.taken += 1;
                    listings.push(listing);
                }
                Err(refusal) => {
                    let place = (&*self.markets[fetched.file], Some(fetched.row));
                    tally.refuse_row(place, &refusal, Expected::Kinds(EXPECTED))?;
                    refused.push((ticker, ListingMeaning::Refused));
                }
            }
        }
        Ok(Markets::new(listings, refused, selection))
    }
}

fn list_parquet_files(place: &Path, what: &str) -> Result<Vec<PathBuf>, DataError> {
    let folder = place.join(what);
    let cannot = |error: std::io::Error| DataError::of_file(&folder, format!("cannot be listed: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        // Copies by some systems leave files that begin with a dot beside the real ones.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(what) && name.ends_with(".parquet") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(DataError::of_file(&folder, format!("holds no {what}_*.parquet")));
    }
    Ok(files)
}

/// The record of a market that was fetched last.
struct Fetched {
    at: i64,
    file: usize,
    row: u64,
    market: Result<Finished, RowRefusal>,
}

/// A market that is over. Times in microseconds since 1970.
struct Finished {
    event: String,
    title: String,
    yes_sub_title: String,
    opens: i64,
    closes: i64,
    yes: bool,
}

fn keep_latest_markets(
    chunk: &Chunk<'_>,
    file: usize,
    selection: &MarketSelection,
    latest: &mut HashMap<String, Fetched>,
    tally: &mut RefusalTally,
) {
    let text = |column: usize| chunk.text_column(column);
    let (tickers, events) = (text(0), text(1));
    let times = [6, 7, 8].map(|column| chunk.cell_column(column).expect("the map has every column"));
    tally.read += chunk.rows as u64;
    for row in 0..chunk.rows {
        let event = events.text_at(row).unwrap_or_default();
        if !selection.includes_series(series_of(event)) {
            tally.not_asked_for += 1;
            continue;
        }
        let at = if let TextCell::Value(at) = times[2].get(row) { at } else { i64::MIN };
        let ticker = tickers.text_at(row).unwrap_or_default();
        if latest.get(ticker).is_some_and(|known| known.at > at) {
            continue;
        }
        let market = read_finished_market(
            row,
            [event, text_or_empty(text(2), row), text_or_empty(text(3), row)],
            [text(4), text(5)],
            times,
        );
        let fetched = Fetched { at, file, row: chunk.first_row + row as u64, market };
        latest.insert(ticker.to_owned(), fetched);
    }
}

fn text_or_empty(texts: &Texts, row: usize) -> &str {
    texts.text_at(row).unwrap_or_default()
}

fn read_finished_market(
    row: usize,
    [event, title, yes_sub_title]: [&str; 3],
    [statuses, results]: [&Texts; 2],
    [opens, closes, _]: [&TextCells; 3],
) -> Result<Finished, RowRefusal> {
    let status = text_or_empty(statuses, row);
    if status != "finalized" {
        return Err(RowRefusal::NotFinal(status.to_owned()));
    }
    let yes = match text_or_empty(results, row) {
        "yes" => true,
        "no" => false,
        other => return Err(RowRefusal::NoResult(other.to_owned())),
    };
    if event.is_empty() {
        return Err(RowRefusal::Missing("event_ticker"));
    }
    let (opens, closes) =
        (required_value(opens.get(row), "open_time")?, required_value(closes.get(row), "close_time")?);
    Ok(Finished {
        event: event.to_owned(),
        title: title.to_owned(),
        yes_sub_title: yes_sub_title.to_owned(),
        opens,
        closes,
        yes,
    })
}

impl Finished {
    fn into_listing(self, ticker: &str, settled_after: Span) -> Result<Listing, RowRefusal> {
        if ticker.is_empty() {
            return Err(RowRefusal::Missing("ticker"));
        }
        let time = |micros, name| Timestamp::from_micros(micros).ok_or(RowRefusal::Unreadable(name));
        let (open_time, close_time) = (time(self.opens, "open_time")?, time(self.closes, "close_time")?);
        if close_time <= open_time {
            return Err(RowRefusal::EndsBeforeItOpens);
        }
        let market = Market {
            id: MarketId(0),
            event: EventId(0),
            series: SeriesId(0),
            ticker: ticker.into(),
            series_ticker: series_of(&self.event).into(),
            event_ticker: self.event.into(),
            category: "".into(),
            title: self.title.into(),
            strike: Strike::Other,
            open_time,
            close_time,
            grid: PriceGrid::whole_cents(),
            fees: FeeSchedule::STANDARD,
        };
        let value = if self.yes { SettlementValue::ONE } else { SettlementValue::ZERO };
        Ok(Listing {
            market,
            settlement: Some(Settlement { at: close_time + settled_after, value }),
            yes_sub_title: self.yes_sub_title,
            mutually_exclusive: false,
            price_ranges: String::new(),
        })
    }
}
