//! Rows by month and series: as many as there is room for in memory, the others on the disk.
//!
//! Rows come in any order. When memory is full, they are laid into a file, one month and series after the other, and
//! where each begins is kept. Whoever writes a part of the data set so finds its rows side by side, once a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::DataError;
use super::layout::{Months, Place};
use crate::dataset::io::sorter::SortRecord;

const BUFFER: usize = 1 << 18;
const NONE: u32 = u32::MAX;

/// A row of a market at a time.
pub trait SpilledRow: SortRecord + Send + Sync {
    /// Returns the index of its market among the markets of the import.
    fn market_index(&self) -> u32;
}

/// Collects rows by month and series; whenever it is full, they are written to a run file, ordered by place.
pub struct SpillBuffer<'a, R> {
    months: &'a Months,
    folder: &'a Path,
    /// What tells its files from those of other buffers of the same import.
    number: usize,
    limit: usize,
    rows: Vec<R>,
    /// The number of each row's place.
    numbers: Vec<u32>,
    places: Vec<Place>,
    /// The numbers of places by month and series.
    known: Vec<Vec<u32>>,
    month: usize,
    runs: Vec<SpillRun<R>>,
}

impl<'a, R: SpilledRow> SpillBuffer<'a, R> {
    /// Holds at most `limit` rows in memory and lays the others into `folder`.
    #[must_use]
    pub fn new(months: &'a Months, folder: &'a Path, number: usize, limit: usize) -> Self {
        let limit = limit.max(1);
        let (places, known, runs) = Default::default();
        // All at once: what grows is copied, and memory that no row is written to costs nothing.
        let (rows, numbers) = (Vec::with_capacity(limit), Vec::with_capacity(limit));
        Self { months, folder, number, limit, rows, numbers, places, known, month: 0, runs }
    }

    /// Takes a row of a series.
    ///
    /// # Errors
    /// When rows cannot be laid on the disk.
    #[inline]
    pub fn push(&mut self, row: R, series: usize) -> Result<(), DataError> {
        if self.rows.len() == self.limit {
            self.spill_to_disk()?;
        }
        self.month = self.months.month_number(row.timestamp_micros(), self.month);
        let number = match self.known.get(self.month).and_then(|known| known.get(series)) {
            Some(&number) if number != NONE => number,
            _ => self.number_of((self.month, series)),
        };
        self.rows.push(row);
        self.numbers.push(number);
        Ok(())
    }

    fn number_of(&mut self, place: Place) -> u32 {
        let (month, series) = place;
        if self.known.len() <= month {
            self.known.resize_with(month + 1, Vec::new);
        }
        let known = &mut self.known[month];
        if known.len() <= series {
            known.resize(series + 1, NONE);
        }
        let number = u32::try_from(self.places.len()).expect("there are far fewer places than rows");
        self.places.push(place);
        known[series] = number;
        number
    }

    /// The rows in order of their places, by number, and where each place ends.
    fn in_order(&self) -> (Vec<u32>, Vec<(Place, usize)>) {
        let mut next = vec![0; self.places.len()];
        self.numbers.iter().for_each(|&number| next[number as usize] += 1);
        let mut by_place: Vec<usize> = (0..self.places.len()).collect();
        by_place.sort_unstable_by_key(|&number| self.places[number]);
        let mut ends = Vec::new();
        let mut end = 0;
        for number in by_place {
            let rows = std::mem::replace(&mut next[number], end);
            end += rows;
            if rows > 0 {
                ends.push((self.places[number], end));
            }
        }
        let mut order = vec![0; self.rows.len()];
        for (row, &number) in (0..).zip(&self.numbers) {
            let next = &mut next[number as usize];
            order[*next] = row;
            *next += 1;
        }
        (order, ends)
    }

    fn spill_to_disk(&mut self) -> Result<(), DataError> {
        let (order, ends) = self.in_order();
        let path = self.folder.join(format!("rows-{}-{:06}.tmp", self.number, self.runs.len()));
        let cannot = |error| DataError::of_file(&path, format!("cannot be written: {error}"));
        let mut file = File::create(&path).map_err(cannot)?;
        let mut bytes = Vec::with_capacity(BUFFER);
        for rows in order.chunks(BUFFER / R::SIZE) {
            bytes.clear();
            rows.iter().for_each(|&row| self.rows[row as usize].append_bytes(&mut bytes));
            file.write_all(&bytes).map_err(cannot)?;
        }
        self.runs.push(SpillRun { ends, rows: SpilledRows::Disk(path) });
        self.rows.clear();
        self.numbers.clear();
        Ok(())
    }

    /// All rows; those that are in memory stay there.
    #[must_use]
    pub fn into_runs(mut self) -> Vec<SpillRun<R>> {
        let (order, ends) = self.in_order();
        self.runs.push(SpillRun { ends, rows: SpilledRows::Memory { rows: self.rows, order } });
        self.runs
    }
}

/// Rows in order of their places.
pub struct SpillRun<R> {
    /// The places that have rows, and where the rows of each end.
    ends: Vec<(Place, usize)>,
    rows: SpilledRows<R>,
}

enum SpilledRows<R> {
    Memory { rows: Vec<R>, order: Vec<u32> },
    Disk(PathBuf),
}

impl<R: SpilledRow> SpillRun<R> {
    /// The places that have rows, and how many.
    pub fn rows_by_place(&self) -> impl Iterator<Item = (Place, u64)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        self.ends.iter().zip(starts).map(|((place, end), start)| (*place, (end - start) as u64))
    }

    /// Gives the rows of some places, in no order.
    ///
    /// # Errors
    /// When they cannot be read, and whatever `take` returns.
    pub fn for_each_row(
        &self,
        places: &Range<Place>,
        mut take: impl FnMut(R) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let before = |place: Place| {
            let places = self.ends.partition_point(|(known, _)| *known < place);
            places.checked_sub(1).map_or(0, |last| self.ends[last].1)
        };
        let wanted = before(places.start)..before(places.end);
        match &self.rows {
            SpilledRows::Memory { rows, order } => {
                order[wanted].iter().try_for_each(|&row| take(rows[row as usize]))
            }
            SpilledRows::Disk(path) => {
                let cannot = |error| DataError::of_file(path, format!("cannot be read: {error}"));
                let mut file = File::open(path).map_err(cannot)?;
                file.seek(SeekFrom::Start((wanted.start * R::SIZE) as u64)).map_err(cannot)?;
                let mut bytes = vec![0; (wanted.len() * R::SIZE).min(BUFFER / R::SIZE * R::SIZE)];
                let mut left = wanted.len() * R::SIZE;
                while left > 0 {
                    bytes.truncate(left);
                    file.read_exact(&mut bytes).map_err(cannot)?;
                    bytes.chunks_exact(R::SIZE).try_for_each(|row| take(R::from_bytes(row)))?;
                    left -= bytes.len();
                }
                Ok(())
            }
        }
    }
}
