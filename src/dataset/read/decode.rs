//! Snapshots files as typed columns: which row groups are read, and their decoding on a thread.
//!
//! Row groups outside the dates or without a ticker of interest are skipped by their statistics. The
//! decode is arrow's Parquet reader, not polars': it is faster, its memory does not grow with the data, and
//! it hands out tickers as dictionary keys (figures in ARCHITECTURE.md).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::domain::Timestamp;

use super::column_values::ColumnValues;
use super::levels::{LevelColumns, LevelNames, level_names_of_schema};
use super::parquet_file;
use super::row_event::RowEvent;
use super::row_group_bytes::Stored;
use super::selection::{Tickers, Window};
use crate::dataset::{DataError, Problem};

/// The columns a run reads, in this order in every batch.
const COLUMNS: [(&str, ColumnKind); 9] = [
    ("ts", ColumnKind::Time),
    ("ticker", ColumnKind::Text),
    ("yes_bid", ColumnKind::Price),
    ("yes_ask", ColumnKind::Price),
    ("yes_bid_size", ColumnKind::Count),
    ("yes_ask_size", ColumnKind::Count),
    ("last_price", ColumnKind::Price),
    ("mid", ColumnKind::Price),
    ("volume", ColumnKind::Count),
];

/// Part of the schema too, though a run does not need it.
const UNREAD_COLUMN: (&str, ColumnKind) = ("open_interest", ColumnKind::Count);

/// What only recordings have: turns in a market's life between its quotes.
const EVENT: &str = "event";
const CLOSE_TIME: &str = "close_time";
const OPTIONAL_COLUMNS: [(&str, ColumnKind); 2] = [(EVENT, ColumnKind::Text), (CLOSE_TIME, ColumnKind::Time)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Time,
    Text,
    Price,
    Count,
}

impl ColumnKind {
    const fn expected_type(self) -> &'static str {
        match self {
            Self::Time => "datetime[us, UTC]",
            Self::Text => "text",
            Self::Price => "i32",
            Self::Count => "i64",
        }
    }

    fn accepts_type(self, found: &DataType) -> bool {
        match (self, found) {
            (Self::Time, DataType::Timestamp(TimeUnit::Microsecond, Some(zone))) => {
                matches!(&**zone, "UTC" | "+00:00" | "Z")
            }
            (Self::Text, DataType::Dictionary(_, value)) => self.accepts_type(value),
            (Self::Text, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            | (Self::Price, DataType::Int32)
            | (Self::Count, DataType::Int64) => true,
            _ => false,
        }
    }
}

/// Row groups of one file that are worth reading.
#[derive(Clone, Debug)]
pub struct FilePlan {
    pub(crate) file: PathBuf,
    /// Footer of the file, with tickers and events to be given as dictionary keys.
    pub(super) metadata: ArrowReaderMetadata,
    /// Columns of further levels, bids and asks.
    levels: [&'static [LevelNames]; 2],
    /// Index and first row of each.
    groups: Vec<(usize, u64)>,
    pub(crate) first: Timestamp,
    /// Number of rows in the row groups to be read; 0 = nothing of the file is read.
    pub rows: u64,
}

impl FilePlan {
    /// Opens a file, checks its columns, and decides which row groups to read.
    ///
    /// # Errors
    /// When the file is not Parquet, or a column is missing or of the wrong type.
    pub fn new(file: &Path, tickers: &Tickers, window: Window) -> Result<Self, DataError> {
        let metadata = load_metadata(file)?;
        check_columns(file, metadata.schema())?;
        let levels = check_levels(file, metadata.schema())?;
        // Statistics are by leaf: a nested column before these counts as many as it has leaves.
        let leaf = |name: &str| {
            let leaves = metadata.parquet_schema().columns();
            leaves.iter().position(|leaf| leaf.path().parts() == [name])
        };
        let (ticker_column, ts_column) = (leaf("ticker"), leaf("ts"));
        let (mut groups, mut first, mut rows, mut base) = (Vec::new(), None, 0, 0u64);
        for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
            let count = u64::try_from(group.num_rows()).unwrap_or(0);
            let span = time_span(group, ts_column);
            let in_time = span.is_none_or(|(low, high)| high >= window.start && low <= window.end);
            if in_time && holds_wanted(group, ticker_column, &tickers.wanted) {
                let low = span.map_or(Timestamp::MIN, |(low, _)| low);
                first = Some(first.map_or(low, |first: Timestamp| first.min(low)));
                groups.push((index, base));
                rows += count;
            }
            base += count;
        }
        let first = first.unwrap_or(Timestamp::MAX);
        Ok(Self { file: file.to_owned(), metadata, levels, groups, first, rows })
    }

    /// Whether the file has columns for further levels of the book.
    #[must_use]
    pub fn has_levels(&self) -> bool {
        self.levels.iter().any(|side| !side.is_empty())
    }

    /// Where in the file the row groups to be read lie, in their order.
    #[cfg(feature = "cloud")]
    pub(crate) fn row_group_extents(&self) -> impl Iterator<Item = std::ops::Range<u64>> {
        self.groups.iter().map(|&(group, _)| {
            super::row_group_bytes::row_group_extent(self.metadata.metadata().row_group(group))
        })
    }

    /// Bytes of the row groups to be read.
    #[must_use]
    pub fn compressed_bytes(&self) -> u64 {
        let groups = self.groups.iter().map(|&(group, _)| self.metadata.metadata().row_group(group));
        groups.map(|group| u64::try_from(group.compressed_size()).unwrap_or(0)).sum()
    }
}

fn load_metadata(file: &Path) -> Result<ArrowReaderMetadata, DataError> {
    let (_, plain) = parquet_file::open_parquet(file)?;
    // Ask for names as dictionary keys, so that a row costs an integer and not a string.
    let mut fields: Vec<Field> = plain.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    for name in ["ticker", EVENT] {
        if let Some(index) = root_index(plain.schema(), name)
            && ColumnKind::Text.accepts_type(fields[index].data_type())
        {
            let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            fields[index] = Field::new(name, keys, fields[index].is_nullable());
        }
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    // Of the footer that was read: a run of one series reads hundreds of them.
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options);
    metadata.map_err(|error| parquet_file::broken_parquet_error(file, error))
}

fn root_index(schema: &Schema, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field| field.name() == name)
}

fn check_columns(file: &Path, schema: &Schema) -> Result<(), DataError> {
    let there = |(name, _): &(&str, ColumnKind)| root_index(schema, name).is_some();
    let optional = OPTIONAL_COLUMNS.into_iter().filter(there);
    let mut columns = COLUMNS.into_iter().chain([UNREAD_COLUMN]).chain(optional);
    columns.try_for_each(|column| check_column(file, schema, column))
}

fn check_levels(file: &Path, schema: &Schema) -> Result<[&'static [LevelNames]; 2], DataError> {
    let levels = level_names_of_schema(schema);
    levels.into_iter().flatten().try_for_each(|names| {
        if let Some(missing) = [names.price, names.size].iter().find(|name| root_index(schema, name).is_none())
        {
            let rule = "the levels of a book are bid_2, bid_2_size, bid_3, … and ask_2, ask_2_size, … up to 10, \
                        without a hole";
            return Err(DataError::of_file(file, format!("has no column {missing}; {rule}")));
        }
        check_column(file, schema, (names.price, ColumnKind::Price))?;
        check_column(file, schema, (names.size, ColumnKind::Count))
    })?;
    Ok(levels)
}

fn check_column(file: &Path, schema: &Schema, (name, kind): (&str, ColumnKind)) -> Result<(), DataError> {
    let Some(index) = root_index(schema, name) else {
        return Err(DataError::of_file(file, format!("has no column {name}")));
    };
    let found = schema.field(index).data_type();
    if kind.accepts_type(found) {
        return Ok(());
    }
    let expected = kind.expected_type();
    Err(DataError::of_file(file, format!("column {name} must be {expected}, is {found}")))
}

fn time_span(group: &RowGroupMetaData, column: Option<usize>) -> Option<(Timestamp, Timestamp)> {
    match group.column(column?).statistics()? {
        Statistics::Int64(values) => {
            Some((Timestamp::from_micros(*values.min_opt()?)?, Timestamp::from_micros(*values.max_opt()?)?))
        }
        _ => None,
    }
}

/// Whether a row group may hold one of the wanted tickers (sorted); true where statistics are missing.
fn holds_wanted(group: &RowGroupMetaData, column: Option<usize>, wanted: &[String]) -> bool {
    let statistics = column.and_then(|column| group.column(column).statistics());
    let Some(Statistics::ByteArray(values)) = statistics else {
        return true;
    };
    let (Some(low), Some(high)) = (values.min_opt(), values.max_opt()) else {
        return true;
    };
    let from = wanted.partition_point(|ticker| ticker.as_bytes() < low.data());
    wanted.get(from).is_some_and(|ticker| ticker.as_bytes() <= high.data())
}

/// Columns of some rows of one row group.
#[derive(Debug)]
pub(crate) struct DecodedBatch {
    /// Row number of the first row in its file, from 0.
    pub(crate) base: u64,
    pub(crate) ts: ColumnValues<i64>,
    pub(crate) keys: ColumnValues<i32>,
    pub(crate) dictionary: ArrayRef,
    pub(crate) bid: ColumnValues<i32>,
    pub(crate) ask: ColumnValues<i32>,
    pub(crate) bid_size: ColumnValues<i64>,
    pub(crate) ask_size: ColumnValues<i64>,
    pub(crate) last: ColumnValues<i32>,
    pub(crate) mid: ColumnValues<i32>,
    pub(crate) volume: ColumnValues<i64>,
    /// `None` where the file has no columns for them.
    pub(crate) levels: Option<LevelColumns>,
    events: Option<Events>,
}

/// Turns in markets' lives among the rows of a batch.
#[derive(Debug)]
struct Events {
    keys: ColumnValues<i32>,
    names: StringArray,
    close: Option<ColumnValues<i64>>,
}

impl DecodedBatch {
    fn new(base: u64, batch: &RecordBatch, levels: [&[LevelNames]; 2]) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let tickers = column("ticker")?.as_dictionary_opt::<Int32Type>()?;
        let time =
            |array: &ArrayRef| Some(ColumnValues::new(array.as_primitive_opt::<TimestampMicrosecondType>()?));
        let events = match column(EVENT) {
            None => None,
            Some(event) => {
                let event = event.as_dictionary_opt::<Int32Type>()?;
                Some(Events {
                    keys: ColumnValues::new(event.keys()),
                    names: event.values().as_string_opt::<i32>()?.clone(),
                    close: column(CLOSE_TIME).and_then(time),
                })
            }
        };
        Some(Self {
            base,
            ts: time(column("ts")?)?,
            keys: ColumnValues::new(tickers.keys()),
            dictionary: Arc::clone(tickers.values()),
            bid: ColumnValues::from_batch_column(batch, "yes_bid")?,
            ask: ColumnValues::from_batch_column(batch, "yes_ask")?,
            bid_size: ColumnValues::from_batch_column(batch, "yes_bid_size")?,
            ask_size: ColumnValues::from_batch_column(batch, "yes_ask_size")?,
            last: ColumnValues::from_batch_column(batch, "last_price")?,
            mid: ColumnValues::from_batch_column(batch, "mid")?,
            volume: ColumnValues::from_batch_column(batch, "volume")?,
            levels: if levels.concat().is_empty() {
                None
            } else {
                Some(LevelColumns::from_batch(batch, levels)?)
            },
            events,
        })
    }

    /// What a row tells besides a quote, if that is what it is for.
    #[inline]
    pub(crate) fn row_event(&self, row: usize) -> Result<Option<RowEvent>, Problem> {
        let Some(events) = &self.events else { return Ok(None) };
        let Some(key) = events.keys.get(row) else { return Ok(None) };
        let name = usize::try_from(key).ok().filter(|&key| key < events.names.len());
        let name = name.map_or("", |key| events.names.value(key));
        if name == RowEvent::CLOSE_TIME {
            let close = events.close.as_ref().and_then(|close| close.get(row));
            let close = close.ok_or(Problem::Missing(CLOSE_TIME))?;
            let close = Timestamp::from_micros(close).ok_or(Problem::TimeOutOfRange(close))?;
            return Ok(Some(RowEvent::CloseTime(close)));
        }
        RowEvent::from_name(name).map(Some).ok_or_else(|| Problem::UnknownEvent(name.to_owned()))
    }

    pub(crate) fn len(&self) -> usize {
        self.ts.len()
    }
}

/// Batches of a file as they are decoded, then `None`.
pub(crate) type Decoded = Result<Option<DecodedBatch>, DataError>;

/// Decodes the planned row groups of a file on a thread of its own, two batches ahead.
pub(crate) fn decode_ahead(plan: FilePlan, rows: usize) -> Result<Receiver<Decoded>, DataError> {
    let (sender, receiver) = sync_channel(2);
    let file = plan.file.clone();
    let run = move || {
        let end = decode_row_groups(&plan, rows, &sender).map(|()| None);
        // A closed channel means that the run is over.
        let _nobody_listens = sender.send(end);
    };
    thread::Builder::new()
        .name("decode".into())
        .spawn(run)
        .map_err(|error| DataError::of_file(&file, format!("cannot be read: no thread: {error}")))?;
    Ok(receiver)
}

fn decode_row_groups(plan: &FilePlan, rows: usize, sender: &SyncSender<Decoded>) -> Result<(), DataError> {
    let broken = |base: u64, error: &dyn std::fmt::Display| {
        DataError::of_row(&plan.file, base + 1, format!("cannot be decoded from here on: {error}"))
    };
    for &(group, first) in &plan.groups {
        let mut base = first;
        for batch in open_group(plan, group, rows)? {
            let batch = batch.map_err(|error| broken(base, &error))?;
            let batch = DecodedBatch::new(base, &batch, plan.levels)
                .ok_or_else(|| broken(base, &"wrong column type"))?;
            base += u64::try_from(batch.len()).unwrap_or(0);
            if sender.send(Ok(Some(batch))).is_err() {
                return Ok(());
            }
        }
        let promised = u64::try_from(plan.metadata.metadata().row_group(group).num_rows()).unwrap_or(0);
        if base - first != promised {
            return Err(broken(base, &format!("the row group was to have {promised} rows")));
        }
    }
    Ok(())
}

fn open_group(plan: &FilePlan, group: usize, rows: usize) -> Result<ParquetRecordBatchReader, DataError> {
    let broken =
        |error: &dyn std::fmt::Display| DataError::of_file(&plan.file, format!("cannot be decoded: {error}"));
    let stored = Stored::read_row_group(&plan.file, plan.metadata.metadata().row_group(group));
    let stored = stored.map_err(|error| broken(&error))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(stored, plan.metadata.clone());
    let levels = plan.levels.into_iter().flatten().flat_map(|names| [names.price, names.size]);
    let columns = COLUMNS.into_iter().chain(OPTIONAL_COLUMNS).map(|(name, _)| name).chain(levels);
    let projection = ProjectionMask::columns(builder.parquet_schema(), columns);
    builder
        .with_projection(projection)
        .with_row_groups(vec![group])
        .with_batch_size(rows)
        .build()
        .map_err(|error| broken(&error))
}
