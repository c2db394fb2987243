//! How snapshots are laid into files, so that a run reads little of what it does not need.
//!
//! A file holds one month of some neighbouring series, sorted by time. Each has at most a 64th of the month's
//! rows, or 4,096 if that is more, or the one series that has more than that by itself. A run of one series
//! out of many thus reads its own files and the names of the others' tickers, which the footers give. A data
//! set of one row group or less is one file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::domain::Timestamp;

use super::super::DataError;
use super::listing::Markets;
use crate::dataset::write::writer::{PackedRow, SnapshotWriter, Volumes};

/// Rows up to which a data set is one file.
const ONE_FILE: u64 = 131_072;
const FEWEST: u64 = 4_096;
const FILES_A_STRETCH: u64 = 64;
/// Rows of each row group of a snapshots file; the last one may have fewer.
const ROW_GROUP: usize = 32_768;

/// The calendar months of all times there are, as microseconds since 1970.
#[derive(Debug)]
pub struct Months {
    starts: Vec<i64>,
}

impl Default for Months {
    fn default() -> Self {
        let first = |(year, month): (i32, i32)| {
            let at = Timestamp::parse_date(&format!("{year}-{month:02}-01"));
            at.expect("the first of a month is a date").nanos() / 1_000
        };
        let months = (1678..=2261).flat_map(|year| (1..=12).map(move |month| (year, month)));
        Self { starts: months.map(first).collect() }
    }
}

impl Months {
    /// The number of the month of a time, given that of another, which mostly is the same; times before the
    /// first month are counted to it.
    #[inline]
    #[must_use]
    pub fn month_number(&self, micros: i64, guess: usize) -> usize {
        let after = |start: Option<&i64>| start.is_none_or(|&start| micros < start);
        if !after(self.starts.get(guess)) && after(self.starts.get(guess + 1)) {
            return guess;
        }
        self.starts.partition_point(|&start| start <= micros).saturating_sub(1)
    }

    /// Returns year and month of a month number as text, such as `2024-01`.
    fn month_name(&self, month: usize) -> String {
        let date = Timestamp::from_micros(self.starts[month]).unwrap_or(Timestamp::MIN).utc_date();
        date.get(..7).unwrap_or_default().to_owned()
    }
}

/// Where rows are put away: the number of their month, and of their series.
pub type Place = (usize, usize);

/// One snapshots file to be made: its name, and which rows belong into it.
pub struct LayoutPart {
    /// Its name in the data set.
    pub file: String,
    /// Half-open range of month and series numbers whose rows belong to the file.
    pub places: Range<Place>,
    /// Half-open range of the series numbers of the rows; some may have no row here.
    pub series: Range<usize>,
    /// Number of spilled rows that go into it, before those of one moment are joined.
    pub rows: u64,
}

/// The files that rows go to, month by month, given how many are at each place.
#[must_use]
pub fn plan_parts(counts: &BTreeMap<Place, u64>, months: &Months) -> Vec<Vec<LayoutPart>> {
    let rows: u64 = counts.values().sum();
    if rows <= ONE_FILE {
        let series = 0..counts.keys().map(|(_, series)| series + 1).max().unwrap_or(0);
        return vec![vec![LayoutPart {
            file: "snapshots.parquet".into(),
            places: (0, 0)..(usize::MAX, 0),
            series,
            rows,
        }]];
    }
    let mut by_month: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (&(month, series), &rows) in counts {
        let by_series = by_month.entry(month).or_default();
        by_series.resize(series + 1, 0);
        by_series[series] = rows;
    }
    by_month.iter().map(|(&month, by_series)| parts_of(month, &months.month_name(month), by_series)).collect()
}

fn parts_of(month: usize, name: &str, by_series: &[u64]) -> Vec<LayoutPart> {
    let numbers = share_out(by_series);
    let first = |number: u32| numbers.partition_point(|&known| known < number);
    let part = |number: u32| {
        let series = first(number)..first(number + 1);
        LayoutPart {
            file: format!("snapshots/{name}.{number:03}.parquet"),
            places: (month, series.start)..(month, series.end),
            rows: by_series[series.clone()].iter().sum(),
            series,
        }
    };
    let parts = numbers.last().map_or(0, |last| last + 1);
    (0..parts).map(part).filter(|part| part.rows > 0).collect()
}

/// The file of each series, given the rows of each, of one stretch of time.
#[must_use]
pub fn share_out(by_series: &[u64]) -> Vec<u32> {
    let most = (by_series.iter().sum::<u64>() / FILES_A_STRETCH).max(FEWEST);
    let (mut part, mut filled) = (0, 0);
    let part_of = |&rows: &u64| {
        if filled > 0 && filled + rows > most {
            part += 1;
            filled = 0;
        }
        filled += rows;
        part
    };
    by_series.iter().map(part_of).collect()
}

/// A file of snapshots in the making.
pub struct PartFile<'a> {
    writer: SnapshotWriter,
    markets: &'a Markets,
    /// Rows on the way to it.
    rows: Vec<PackedRow>,
}

impl<'a> PartFile<'a> {
    /// Starts a file of at most so many rows, and its folder if it is not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path, rows: u64, markets: &'a Markets, volumes: Volumes) -> Result<Self, DataError> {
        let folder = file.parent().expect("it is a file in the folder of a data set");
        std::fs::create_dir_all(folder)
            .map_err(|error| DataError::of_file(folder, format!("cannot be created: {error}")))?;
        let room = usize::try_from(rows).map_or(ROW_GROUP, |rows| rows.min(ROW_GROUP));
        let writer = SnapshotWriter::create_with(file, Vec::new(), volumes)?;
        Ok(Self { writer, markets, rows: Vec::with_capacity(room) })
    }

    /// Appends a row; they come in order of time.
    ///
    /// # Errors
    /// When it cannot be written.
    #[inline]
    pub fn write_row(&mut self, row: PackedRow) -> Result<(), DataError> {
        self.rows.push(row);
        if self.rows.len() == ROW_GROUP { self.write_block() } else { Ok(()) }
    }

    fn write_block(&mut self) -> Result<(), DataError> {
        if !self.rows.is_empty() {
            let ticker = |market: u32| self.markets.ticker(market as usize);
            self.writer.write_block(&self.rows, ticker, Vec::new())?;
            self.rows.clear();
        }
        Ok(())
    }

    /// Finishes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.write_block()?;
        self.writer.finish()
    }
}
