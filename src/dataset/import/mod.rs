//! Foreign layouts into data sets: trades, candles, and the public dump of Kalshi's history.
//!
//! Rows are read once, in any order, held against the markets, and put away by month and series; then each
//! file is made from its rows, sorted by time. Both are done on several threads, with the same bytes as on one.
//! Nothing is repaired: a row is taken as it is, or refused, counted and reported; what a
//! source is not known to have ends the import at that row. The data set appears only when it is whole.
//!
//! | file | what |
//! |---|---|
//! | `map.rs` | which column means what |
//! | `split.rs`, `chunk.rs` | reading them from Parquet or CSV |
//! | `listing.rs` | the markets |
//! | `trades.rs`, `quotes_from_trades.rs` | trades, and what they say about bid and ask |
//! | `candles.rs` | candles |
//! | `row.rs` | what rows of either are held to |
//! | `becker.rs` | the dump |
//! | `layout.rs` | which rows go into which file |
//! | `job.rs` | from files to files |
//! | `spill.rs` | rows that wait for their file |
//! | `staging.rs` | how the data set appears at once |
//! | `rejects.rs` | rows that are not taken, counted by reason |

mod becker;
mod candles;
mod chunk;
mod job;
pub mod layout;
mod listing;
mod map;
mod quotes_from_trades;
mod rejects;
mod row;
mod spill;
mod split;
pub mod staging;
#[cfg(test)]
mod tests;
mod trades;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::{Span, Timestamp};

use super::DataError;
use super::write::writer::write_listings;

pub use listing::MarketSelection;
pub use rejects::{RefusalTally, RefusedRows};

use becker::Dump;
use candles::CandleImport;
use job::ImportJob;
use listing::Markets;
use map::{ColumnMap, KnownColumn};
use rejects::Expected;
use staging::StagedTarget;
use trades::Trades;

/// The two stages of an import, which follow each other; for progress reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the foreign files; progress is in bytes of theirs.
    Reading,
    /// Writing the files of the data set; progress is in rows.
    Writing,
}

/// Told how far an import is: stage, done, of.
pub type Progress<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// Options of an import of any layout: where to, what, how strict, and within which limits.
pub struct Settings<'a> {
    /// The data set to be made; must not be there yet.
    pub out: &'a Path,
    /// Series to import, and the time before which rows are left out.
    pub selection: MarketSelection,
    /// Count every row that cannot be used, instead of ending at the first that a source is not known to have.
    pub lenient: bool,
    /// How long a side that trades have shown is trusted.
    pub trusted: Span,
    /// How long after its close a market of the dump is taken to be paid out.
    pub settled_after: Span,
    /// Records that wait in memory; the rest waits on the disk.
    pub records_in_memory: usize,
    /// How many threads do the work; what they make does not depend on it.
    pub threads: usize,
    /// Called with stage, amount done and total: bytes while reading, rows while writing.
    pub progress: Progress<'a>,
}

impl Settings<'_> {
    /// Records that wait in memory unless there is a reason for another number: trades take 170 MB.
    pub const RECORDS_IN_MEMORY: usize = 4 << 20;

    const fn expected_refusals(&self, kinds: &'static [&'static str]) -> Expected {
        if self.lenient { Expected::All } else { Expected::Kinds(kinds) }
    }
}

/// Counts of an import: rows taken and refused, and what the new data set holds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What became of the rows of the trade or candle files.
    pub rows: RefusalTally,
    /// Records of markets; only of the dump.
    pub markets: RefusalTally,
    /// Snapshot rows written; trades of a market at one moment make one together.
    pub snapshots: u64,
    /// Number of Parquet files of snapshots written.
    pub files: u64,
    /// Number of rows written to `markets.parquet`.
    pub markets_written: u64,
    /// Markets left out because nothing is known of their prices; only of the dump.
    pub markets_without_rows: u64,
    /// Time of the earliest snapshot written; `None` until one is written.
    pub first: Option<Timestamp>,
    /// Time of the latest snapshot written; `None` until one is written.
    pub last: Option<Timestamp>,
    /// What is assumed because the source does not say it.
    pub assumed: Vec<String>,
    seen: Vec<bool>,
}

/// Imports trades. `map` says which column means what, `markets` is a CSV file of markets.
///
/// # Errors
/// Names file and row of what cannot be used.
pub fn import_trades(
    files: &[PathBuf],
    map: &Path,
    markets: &Path,
    settings: &mut Settings<'_>,
) -> Result<Report, DataError> {
    let (target, map, markets) = prepare_import(files, map, &trades::COLUMNS, markets, settings)?;
    let mut report = Report { assumed: vec![quote_assumption(settings.trusted)], ..Report::default() };
    let job = ImportJob {
        kind: Trades { truncated_since: i64::MAX, trusted: settings.trusted.nanos() / 1_000 },
        files,
        wanted: map.wanted_columns(&trades::COLUMNS),
        expected: settings.expected_refusals(trades::EXPECTED),
        markets: &markets,
    };
    job.run_import(&target, settings, &mut report)?;
    write_markets_and_publish(target, markets, false, report, settings.out)
}

/// Imports candles. `map` says which column means what, `markets` is a CSV file of markets.
///
/// # Errors
/// Names file and row of what cannot be used.
pub fn import_candles(
    files: &[PathBuf],
    map: &Path,
    markets: &Path,
    settings: &mut Settings<'_>,
) -> Result<Report, DataError> {
    let (target, map, markets) = prepare_import(files, map, &candles::COLUMNS, markets, settings)?;
    let mut report = Report::default();
    let delay = map.known_after().expect("it was checked when the map was read").nanos() / 1_000;
    let job = ImportJob {
        kind: CandleImport { delay, volume: map.volume_meaning() },
        files,
        wanted: map.wanted_columns(&candles::COLUMNS),
        expected: settings.expected_refusals(candles::EXPECTED),
        markets: &markets,
    };
    job.run_import(&target, settings, &mut report)?;
    write_markets_and_publish(target, markets, false, report, settings.out)
}

/// Imports the dump in a folder.
///
/// # Errors
/// Names file and row of what cannot be used and is not known of the dump.
pub fn import_becker_dump(folder: &Path, settings: &mut Settings<'_>) -> Result<Report, DataError> {
    let target = StagedTarget::claim_output_folder(settings.out)?;
    let dump = Dump::find_in_folder(folder)?;
    let mut report = Report::default();
    let markets = dump.read_markets(&settings.selection, settings.settled_after, &mut report.markets)?;
    report.assumed = vec![
        quote_assumption(settings.trusted),
        format!("settlement: {} after the close; the dump does not say", settings.settled_after),
        "fees: quadratic, multiplier 1, in all series; the dump does not say".into(),
        "strikes: none; the dump has none, and models that need one abstain".into(),
        "events: not taken to be exclusive; the dump does not say".into(),
    ];
    dump.trades_job(&markets, settings).run_import(&target, settings, &mut report)?;
    write_markets_and_publish(target, markets, true, report, settings.out)
}

/// Checks the files, takes the place of the data set, and reads what the columns mean and the markets.
fn prepare_import(
    files: &[PathBuf],
    map: &Path,
    known: &[KnownColumn],
    markets: &Path,
    settings: &Settings<'_>,
) -> Result<(StagedTarget, ColumnMap, Markets), DataError> {
    each_once(files)?;
    let target = StagedTarget::claim_output_folder(settings.out)?;
    let map = ColumnMap::load(map, known)?;
    let markets = Markets::from_csv(markets, &settings.selection)?;
    Ok((target, map, markets))
}

fn quote_assumption(trusted: Span) -> String {
    format!(
        "quotes: last print by YES takers = ask, by NO takers = bid, each trusted for {trusted}; no sizes"
    )
}

fn write_markets_and_publish(
    target: StagedTarget,
    mut markets: Markets,
    only_with_rows: bool,
    mut report: Report,
    out: &Path,
) -> Result<Report, DataError> {
    if report.snapshots == 0 {
        let why: Vec<_> =
            report.rows.refused.values().map(|refused| format!("\n  {}", refused.first)).collect();
        let problem = format!(
            "would be empty: of {} rows {} are not of the series and times asked for, {} cannot be used{}",
            report.rows.read,
            report.rows.not_asked_for,
            report.rows.refused_rows(),
            why.concat()
        );
        return Err(DataError::of_file(out, problem));
    }
    if only_with_rows {
        let mut seen = report.seen.iter();
        let all = markets.listings.len();
        markets.listings.retain(|_| seen.next() == Some(&true));
        report.markets_without_rows = (all - markets.listings.len()) as u64;
    }
    report.markets_written = markets.listings.len() as u64;
    write_listings(&target.staged_path("markets.parquet"), &markets.listings)?;
    target.publish()?;
    Ok(report)
}

/// Checks that no file is given twice: its rows would count twice.
fn each_once(files: &[PathBuf]) -> Result<(), DataError> {
    let mut seen = BTreeSet::new();
    let twice =
        files.iter().find(|file| !seen.insert(file.canonicalize().unwrap_or_else(|_| (*file).clone())));
    twice.map_or(Ok(()), |file| Err(DataError::of_file(file, "is given twice; name each file once")))
}

/// Returns the sum of the file sizes, in bytes: the total of the progress while reading.
fn bytes_of(files: &[PathBuf]) -> Result<u64, DataError> {
    let size = |file: &PathBuf| {
        let size = fs::metadata(file).map(|metadata| metadata.len());
        size.map_err(|error| DataError::of_file(file, format!("cannot be read: {error}")))
    };
    files.iter().map(size).sum()
}
