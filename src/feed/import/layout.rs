//! How snapshots are laid into files, so that a run reads little of what it does not need.
//!
//! A file holds one month of some neighbouring series, sorted by time. Each has at most a 64th of the month's
//! rows, or 4,096 if that is more, or the one series that has more than that by itself. A run of one series
//! out of many thus reads its own files and the names of the others' tickers, which the footers give. A data
//! set of one row group or less is one file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::Timestamp;

use super::super::DataError;
use super::super::writer::{PackedRow, SnapshotWriter};
use super::listing::Markets;

/// Rows up to which a data set is one file.
const ONE_FILE: u64 = 131_072;
const FEWEST: u64 = 4_096;
const FILES_A_STRETCH: u64 = 64;
/// Rows of a row group where many files are open at once.
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
    pub fn of(&self, micros: i64, guess: usize) -> usize {
        let after = |start: Option<&i64>| start.is_none_or(|&start| micros < start);
        if !after(self.starts.get(guess)) && after(self.starts.get(guess + 1)) {
            return guess;
        }
        self.starts.partition_point(|&start| start <= micros).saturating_sub(1)
    }

    /// `2024-01`
    fn name(&self, month: usize) -> String {
        let date = Timestamp::from_micros(self.starts[month]).unwrap_or(Timestamp::MIN).date();
        date.get(..7).unwrap_or_default().to_owned()
    }
}

/// Rows by month and series.
#[derive(Debug, Default)]
pub struct Counts {
    by_month: BTreeMap<usize, Vec<u64>>,
    last: Option<(usize, usize, u64)>,
}

impl Counts {
    /// Counts a row. Neighbours are mostly of one month and series.
    #[inline]
    pub fn add(&mut self, months: &Months, micros: i64, series: usize) {
        let month = months.of(micros, self.last.map_or(0, |(month, ..)| month));
        match &mut self.last {
            Some((last_month, last_series, rows)) if *last_month == month && *last_series == series => {
                *rows += 1;
            }
            _ => {
                self.settle();
                self.last = Some((month, series, 1));
            }
        }
    }

    fn settle(&mut self) {
        if let Some((month, series, rows)) = self.last.take() {
            let by_series = self.by_month.entry(month).or_default();
            if by_series.len() <= series {
                by_series.resize(series + 1, 0);
            }
            by_series[series] += rows;
        }
    }

    /// The files that rows go to.
    #[must_use]
    pub fn plan(mut self) -> Layout {
        self.settle();
        let all: u64 = self.by_month.values().flatten().sum();
        if all <= ONE_FILE {
            return Layout { parts: None };
        }
        let parts = self.by_month.iter().map(|(&month, by_series)| (month, share_out(by_series)));
        Layout { parts: Some(parts.collect()) }
    }
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

/// Which file a month and series is in.
#[derive(Debug)]
pub struct Layout {
    /// Number of the part by month and series; `None` = one file.
    parts: Option<BTreeMap<usize, Vec<u32>>>,
}

/// Writes rows, in order of time, into the files of a layout.
pub struct PartWriter<'a> {
    folder: PathBuf,
    layout: Layout,
    months: &'a Months,
    markets: &'a Markets,
    month: usize,
    /// Number of the part by series in that month.
    parts: Vec<u32>,
    /// The files of the month by number.
    open: Vec<Part>,
    files: u64,
}

/// A file that is being written, and rows on the way to it.
#[derive(Default)]
struct Part {
    writer: Option<SnapshotWriter>,
    rows: Vec<PackedRow>,
}

impl<'a> PartWriter<'a> {
    /// Writes into an existing folder.
    #[must_use]
    pub fn new(folder: PathBuf, layout: Layout, months: &'a Months, markets: &'a Markets) -> Self {
        Self { folder, layout, months, markets, month: 0, parts: Vec::new(), open: Vec::new(), files: 0 }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// When it cannot be written.
    #[inline]
    pub fn write(&mut self, row: PackedRow) -> Result<(), DataError> {
        let mut number = 0;
        if let Some(parts) = &mut self.layout.parts {
            let month = self.months.of(row.at, self.month);
            if month != self.month || self.parts.is_empty() {
                self.parts = parts.remove(&month).expect("every month of the rows was planned");
                self.finish_month()?;
                self.month = month;
            }
            number = self.parts[self.markets.lives[row.market as usize].series] as usize;
        }
        if number >= self.open.len() {
            self.open.resize_with(number + 1, Part::default);
        }
        let part = &mut self.open[number];
        part.rows.push(row);
        if part.rows.len() == ROW_GROUP { self.write_block(number) } else { Ok(()) }
    }

    fn write_block(&mut self, number: usize) -> Result<(), DataError> {
        if self.open[number].rows.is_empty() {
            return Ok(());
        }
        if self.open[number].writer.is_none() {
            self.open[number].writer = Some(self.start(number)?);
        }
        let Part { writer, rows } = &mut self.open[number];
        let writer = writer.as_mut().expect("it was just started");
        writer.write_block(rows, |market| self.markets.ticker(market as usize), Vec::new())?;
        rows.clear();
        Ok(())
    }

    fn start(&mut self, number: usize) -> Result<SnapshotWriter, DataError> {
        self.files += 1;
        if self.layout.parts.is_none() {
            return SnapshotWriter::create(&self.folder.join("snapshots.parquet"));
        }
        let folder = self.folder.join("snapshots");
        std::fs::create_dir_all(&folder)
            .map_err(|error| DataError::of_file(&folder, format!("cannot be created: {error}")))?;
        let month = self.months.name(self.month);
        SnapshotWriter::create(&folder.join(format!("{month}.{number:03}.parquet")))
    }

    fn finish_month(&mut self) -> Result<(), DataError> {
        for number in 0..self.open.len() {
            self.write_block(number)?;
        }
        let mut writers = self.open.iter_mut().filter_map(|part| part.writer.take());
        writers.try_for_each(SnapshotWriter::finish)
    }

    /// Finishes all files and says how many there are.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(mut self) -> Result<u64, DataError> {
        self.finish_month()?;
        Ok(self.files)
    }
}
