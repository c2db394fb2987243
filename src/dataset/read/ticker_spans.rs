//! How many snapshots there are of each ticker, and from when to when: two columns of a file, batch by batch.
//!
//! Memory does not grow with the rows: there is one batch, and an entry for each ticker. It reads no prices, so that
//! of a data set on a server only these two columns are fetched.

use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{RecordBatch, StringArray};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::column_values::ColumnValues;
use super::decode::FilePlan;
use super::parquet_file;
use crate::dataset::DataError;

/// The columns that are read.
const COLUMNS: [&str; 2] = ["ts", "ticker"];

/// Rows of a batch.
const ROWS_AT_ONCE: usize = 65_536;

/// What there is of a ticker in the snapshots; times are microseconds since 1970, as they are in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TickerSpan {
    /// Number of rows, those without a time included.
    pub(crate) rows: u64,
    /// Earliest time of a row; `None` if no row has one.
    pub(crate) first: Option<i64>,
    /// Latest time of a row; `None` if no row has one.
    pub(crate) last: Option<i64>,
}

impl TickerSpan {
    /// Adds what there is of another.
    pub(crate) fn add_span(&mut self, other: &Self) {
        self.rows += other.rows;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }

    #[inline]
    fn add_row(&mut self, ts: Option<i64>) {
        self.rows += 1;
        if let Some(ts) = ts {
            self.first = Some(self.first.map_or(ts, |first| first.min(ts)));
            self.last = Some(self.last.map_or(ts, |last| last.max(ts)));
        }
    }
}

/// The spans of all tickers of the files that were added.
#[derive(Debug, Default)]
pub(crate) struct TickerSpans {
    /// Place of each ticker among the spans.
    places: HashMap<Box<str>, usize>,
    spans: Vec<TickerSpan>,
}

impl TickerSpans {
    /// What there is of a ticker; `None` if no file has it.
    pub(crate) fn span_of(&self, ticker: &str) -> Option<&TickerSpan> {
        self.places.get(ticker).map(|&place| &self.spans[place])
    }

    /// Adds all rows of a file, whichever of them its plan is for.
    pub(crate) fn add_file(&mut self, plan: &FilePlan) -> Result<(), DataError> {
        // The decoder panics at some damaged pages; what it leaves half done is dropped, and a plan is only read.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let mut found = Self::default();
            found.add_row_groups(plan).map(|()| found)
        }));
        let read = read.map_err(|_| parquet_file::broken_parquet_error(&plan.file, "the decoder gave up"))?;
        let found = read?;
        for (ticker, place) in found.places {
            let known = self.place_of(&ticker);
            self.spans[known].add_span(&found.spans[place]);
        }
        Ok(())
    }

    fn add_row_groups(&mut self, plan: &FilePlan) -> Result<(), DataError> {
        let mut base = 0;
        for (group, metadata) in plan.metadata.metadata().row_groups().iter().enumerate() {
            let broken = |row: u64, error: &dyn std::fmt::Display| {
                DataError::of_row(&plan.file, row + 1, format!("cannot be decoded from here on: {error}"))
            };
            let first = base;
            let mut known: Option<StringArray> = None;
            let mut places = Vec::new();
            for batch in open_row_group(plan, group)? {
                let batch = batch.map_err(|error| broken(base, &error))?;
                self.add_batch(&batch, &mut known, &mut places)
                    .ok_or_else(|| broken(base, &"wrong column type"))?;
                base += batch.num_rows() as u64;
            }
            let promised = u64::try_from(metadata.num_rows()).unwrap_or(0);
            if base - first != promised {
                return Err(broken(base, &format!("the row group was to have {promised} rows")));
            }
        }
        Ok(())
    }

    /// Adds the rows of a batch; `None` if a column is missing or of another type. `places` are those of the
    /// dictionary `known`, which is most often that of the batch before.
    fn add_batch(
        &mut self,
        batch: &RecordBatch,
        known: &mut Option<StringArray>,
        places: &mut Vec<usize>,
    ) -> Option<()> {
        let tickers = batch.column_by_name("ticker")?.as_dictionary_opt::<Int32Type>()?;
        let times = batch.column_by_name("ts")?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let names = tickers.values().as_string_opt::<i32>()?;
        if !known.as_ref().is_some_and(|known| parquet_file::same_strings(known, names)) {
            places.clear();
            places.extend(names.iter().map(|name| self.place_of(name.unwrap_or_default())));
            *known = Some(names.clone());
        }
        let (keys, times) = (ColumnValues::new(tickers.keys()), ColumnValues::new(times));
        for row in 0..batch.num_rows() {
            // A row without a ticker belongs to no market.
            let key = keys.get(row).and_then(|key| usize::try_from(key).ok());
            if let Some(&place) = key.and_then(|key| places.get(key)) {
                self.spans[place].add_row(times.get(row));
            }
        }
        Some(())
    }

    #[cfg(test)]
    pub(crate) fn set_span(&mut self, ticker: &str, span: TickerSpan) {
        let place = self.place_of(ticker);
        self.spans[place] = span;
    }

    fn place_of(&mut self, ticker: &str) -> usize {
        if let Some(&place) = self.places.get(ticker) {
            return place;
        }
        let place = self.spans.len();
        self.places.insert(ticker.into(), place);
        self.spans.push(TickerSpan::default());
        place
    }
}

fn open_row_group(plan: &FilePlan, group: usize) -> Result<ParquetRecordBatchReader, DataError> {
    let broken = |error: ParquetError| DataError::of_file(&plan.file, format!("cannot be decoded: {error}"));
    let handle =
        File::open(&plan.file).map_err(|error| parquet_file::broken_parquet_error(&plan.file, error))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, plan.metadata.clone());
    let projection = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    builder
        .with_projection(projection)
        .with_row_groups(vec![group])
        .with_batch_size(ROWS_AT_ONCE)
        .build()
        .map_err(broken)
}

/// Where each row group of a file lies, and in it what [`TickerSpans::add_file`] reads, in the order of the file.
#[cfg(feature = "cloud")]
pub(crate) fn ticker_time_extents(plan: &FilePlan) -> impl Iterator<Item = (ByteRange, Vec<ByteRange>)> {
    plan.metadata.metadata().row_groups().iter().map(|group| {
        let is_read = |root: &String| COLUMNS.contains(&&**root);
        let columns = group.columns().iter().map(|column| (column.column_path(), column.byte_range()));
        let read = columns.filter(|(path, _)| path.parts().first().is_some_and(is_read));
        let mut chunks: Vec<_> = read.map(|(_, (start, length))| start..start + length).collect();
        chunks.sort_by_key(|chunk| chunk.start);
        (super::row_group_bytes::row_group_extent(group), chunks)
    })
}

#[cfg(feature = "cloud")]
type ByteRange = std::ops::Range<u64>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, DictionaryArray, TimestampMicrosecondArray};

    use super::*;
    use crate::dataset::read::selection::{Tickers, Window};
    use crate::domain::{Span, Timestamp};
    use crate::feed::synthetic::{SyntheticSettings, Walk, write_synthetic};

    fn batch(rows: &[(Option<&str>, Option<i64>)]) -> RecordBatch {
        let tickers: DictionaryArray<Int32Type> = rows.iter().map(|(ticker, _)| *ticker).collect();
        let times: TimestampMicrosecondArray = rows.iter().map(|(_, ts)| *ts).collect();
        let columns = [("ticker", Arc::new(tickers) as ArrayRef), ("ts", Arc::new(times) as ArrayRef)];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    #[test]
    fn rows_without_a_time_count_and_those_without_a_ticker_do_not() {
        let (mut spans, mut known, mut places) = (TickerSpans::default(), None, Vec::new());
        let one = batch(&[(Some("B"), Some(5)), (None, Some(1)), (Some("A"), None), (Some("B"), Some(3))]);
        let two = batch(&[(Some("A"), None), (Some("B"), None), (Some("C"), Some(-7))]);
        for rows in [&one, &one, &two] {
            spans.add_batch(rows, &mut known, &mut places).unwrap();
        }
        let span = |rows, first, last| Some(TickerSpan { rows, first, last });
        assert_eq!(spans.span_of("A").copied(), span(3, None, None));
        assert_eq!(spans.span_of("B").copied(), span(5, Some(3), Some(5)));
        assert_eq!(spans.span_of("C").copied(), span(1, Some(-7), Some(-7)));
        assert_eq!(spans.span_of(""), None);
        let mut sum = TickerSpan { rows: 2, first: None, last: None };
        sum.add_span(&TickerSpan { rows: 1, first: Some(4), last: Some(9) });
        sum.add_span(&TickerSpan { rows: 1, first: Some(5), last: Some(10) });
        sum.add_span(&TickerSpan::default());
        assert_eq!(Some(sum), span(4, Some(4), Some(10)));
        let mut reversed = batch(&[(Some("A"), Some(1))]);
        reversed.remove_column(1);
        assert_eq!(spans.add_batch(&reversed, &mut known, &mut places), None, "a column is missing");
    }

    #[test]
    fn files_are_counted_as_they_were_written() {
        let settings = SyntheticSettings {
            seed: 7,
            markets: 30,
            markets_per_event: 5,
            series: 3,
            quotes: 150_000,
            start: Timestamp::from_nanos(0),
            length: Span::DAY,
        };
        let folder = tempfile::tempdir().unwrap();
        write_synthetic(folder.path(), settings).unwrap();
        let (mut walk, mut expected) = (Walk::new(settings), BTreeMap::new());
        for (at, number, _) in walk.by_ref() {
            let span: &mut TickerSpan = expected.entry(number).or_default();
            let micros = at.nanos() / 1_000;
            (0..2).for_each(|_| span.add_row(Some(micros)));
        }
        // None of its row groups is planned to be read, and all of them are counted.
        let window = Window { start: Timestamp::MAX, end: Timestamp::MAX };
        let plan =
            FilePlan::new(&folder.path().join("snapshots.parquet"), &Tickers::default(), window).unwrap();
        let mut spans = TickerSpans::default();
        (0..2).for_each(|_| spans.add_file(&plan).unwrap());
        assert_eq!(spans.spans.len(), expected.len());
        for (number, span) in expected {
            assert_eq!(spans.span_of(&walk.market_by_number(number).ticker), Some(&span));
        }
    }
}
