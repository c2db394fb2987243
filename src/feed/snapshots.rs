//! Snapshots from Parquet in order of time, in bounded memory whatever the size of the data.
//!
//! One thread a file in reach decodes whole row groups into typed column batches, two of them ahead; the
//! files are merged by time, ties by file order. Only the columns a run needs are read; row groups
//! outside the dates or without a ticker of interest are skipped by their statistics.
//!
//! The decode is arrow's Parquet reader, not polars': it is faster, its memory does not grow with the
//! data, and it hands out tickers as dictionary keys (figures in ARCHITECTURE.md).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::domain::{Contracts, MarketId, Price, Quote, Timestamp};

use super::{DataError, Problem};

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
/// A column of the schema that a run does not need; a check wants it there.
const UNREAD_COLUMN: (&str, ColumnKind) = ("open_interest", ColumnKind::Count);

/// Rows of all batches in flight together.
const ROWS_IN_FLIGHT: usize = 65_536;
const FEWEST_ROWS: usize = 1_024;
const MOST_ROWS: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Time,
    Text,
    Price,
    Count,
}

impl ColumnKind {
    const fn expected(self) -> &'static str {
        match self {
            Self::Time => "datetime[us, UTC]",
            Self::Text => "text",
            Self::Price => "i32",
            Self::Count => "i64",
        }
    }

    fn accepts(self, found: &DataType) -> bool {
        match (self, found) {
            (Self::Time, DataType::Timestamp(TimeUnit::Microsecond, Some(zone))) => {
                matches!(&**zone, "UTC" | "+00:00" | "Z")
            }
            (Self::Text, DataType::Dictionary(_, value)) => self.accepts(value),
            (Self::Text, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            | (Self::Price, DataType::Int32)
            | (Self::Count, DataType::Int64) => true,
            _ => false,
        }
    }
}

/// What the markets say about each ticker.
#[derive(Debug, Default)]
pub struct Tickers {
    /// Every known ticker; `None` for those outside the run.
    pub ids: HashMap<String, Option<MarketId>>,
    /// Tickers of the run, sorted.
    pub wanted: Vec<String>,
    /// First moment of trading by market.
    pub opens: Vec<Timestamp>,
    /// Payment by market.
    pub settles: Vec<Option<Timestamp>>,
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First moment.
    pub start: Timestamp,
    /// Last moment.
    pub end: Timestamp,
}

/// A snapshot with what it says, before assumptions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// Which market.
    pub market: MarketId,
    /// Its quote as recorded.
    pub quote: Quote,
}

/// Row groups of one file that are worth reading.
#[derive(Clone, Debug)]
pub struct FilePlan {
    file: PathBuf,
    metadata: ArrowReaderMetadata,
    /// Index and first row of each.
    groups: Vec<(usize, u64)>,
    first: Timestamp,
    /// Rows to be read.
    pub rows: u64,
    /// Rows skipped by statistics.
    pub rows_skipped: u64,
}

impl FilePlan {
    /// Opens a file, checks its columns, and decides which row groups to read.
    ///
    /// # Errors
    /// When the file is not Parquet, or a column is missing or of the wrong type.
    pub fn new(file: &Path, tickers: &Tickers, window: Window) -> Result<Self, DataError> {
        let metadata = load_metadata(file)?;
        check_columns(file, metadata.schema())?;
        let ticker_column = root_index(metadata.schema(), "ticker");
        let ts_column = root_index(metadata.schema(), "ts");
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
        Ok(Self { file: file.to_owned(), metadata, groups, first, rows, rows_skipped: base - rows })
    }
}

fn load_metadata(file: &Path) -> Result<ArrowReaderMetadata, DataError> {
    let broken = |error: &dyn std::fmt::Display| {
        DataError::of_file(file, format!("cannot be read as Parquet (truncated?): {error}"))
    };
    let handle = File::open(file).map_err(|error| broken(&error))?;
    let plain =
        ArrowReaderMetadata::load(&handle, ArrowReaderOptions::new()).map_err(|error| broken(&error))?;
    let Some(ticker) = root_index(plain.schema(), "ticker") else {
        return Ok(plain);
    };
    // Ask for tickers as dictionary keys, so that a row costs an integer and not a string.
    let mut fields: Vec<Field> = plain.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    if ColumnKind::Text.accepts(fields[ticker].data_type()) {
        let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        fields[ticker] = Field::new("ticker", keys, fields[ticker].is_nullable());
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::load(&handle, options).map_err(|error| broken(&error))
}

fn root_index(schema: &Schema, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field| field.name() == name)
}

fn check_columns(file: &Path, schema: &Schema) -> Result<(), DataError> {
    COLUMNS.into_iter().try_for_each(|column| check_column(file, schema, column))
}

fn check_column(file: &Path, schema: &Schema, (name, kind): (&str, ColumnKind)) -> Result<(), DataError> {
    let Some(index) = root_index(schema, name) else {
        return Err(DataError::of_file(file, format!("has no column {name}")));
    };
    let found = schema.field(index).data_type();
    if kind.accepts(found) {
        return Ok(());
    }
    let expected = kind.expected();
    Err(DataError::of_file(file, format!("column {name} must be {expected}, is {found}")))
}

/// What is wrong with a column that runs do not read; nothing if the file cannot be read at all.
#[must_use]
pub fn check_unread(file: &Path) -> Option<DataError> {
    let metadata = load_metadata(file).ok()?;
    check_column(file, metadata.schema(), UNREAD_COLUMN).err()
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
struct Batch {
    /// Row number of the first row in its file, from 0.
    base: u64,
    ts: Int64Array,
    keys: Int32Array,
    dictionary: ArrayRef,
    bid: Int32Array,
    ask: Int32Array,
    bid_size: Int64Array,
    ask_size: Int64Array,
    last: Int32Array,
    mid: Int32Array,
    volume: Int64Array,
}

impl Batch {
    fn new(base: u64, batch: &RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let price = |name: &str| Some(column(name)?.as_primitive_opt::<Int32Type>()?.clone());
        let count = |name: &str| Some(column(name)?.as_primitive_opt::<Int64Type>()?.clone());
        let tickers = column("ticker")?.as_dictionary_opt::<Int32Type>()?;
        let ts = column("ts")?.as_primitive_opt::<TimestampMicrosecondType>()?;
        Some(Self {
            base,
            ts: ts.reinterpret_cast::<Int64Type>(),
            keys: tickers.keys().clone(),
            dictionary: Arc::clone(tickers.values()),
            bid: price("yes_bid")?,
            ask: price("yes_ask")?,
            bid_size: count("yes_bid_size")?,
            ask_size: count("yes_ask_size")?,
            last: price("last_price")?,
            mid: price("mid")?,
            volume: count("volume")?,
        })
    }

    fn len(&self) -> usize {
        self.ts.len()
    }
}

/// What a dictionary key means.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Market(MarketId),
    Outside,
    Unknown,
}

/// One file being read.
#[derive(Debug)]
struct Source {
    plan: FilePlan,
    batches: Option<Receiver<Result<Batch, DataError>>>,
    batch: Option<Batch>,
    next: usize,
    meanings: Vec<Meaning>,
    meanings_of: Option<ArrayRef>,
    last_ts: i64,
    done: bool,
}

impl Source {
    const fn new(plan: FilePlan) -> Self {
        Self {
            plan,
            batches: None,
            batch: None,
            next: 0,
            meanings: Vec::new(),
            meanings_of: None,
            last_ts: i64::MIN,
            done: false,
        }
    }

    /// The time of the next row, or at least a lower bound of it; `None` at the end.
    fn head(&self) -> Option<Timestamp> {
        match &self.batch {
            _ if self.done => None,
            Some(batch) if self.next < batch.len() => {
                Some(Timestamp::from_micros(batch.ts.value(self.next)).unwrap_or(Timestamp::MIN))
            }
            Some(_) => Some(Timestamp::from_micros(self.last_ts).unwrap_or(Timestamp::MIN)),
            None => Some(self.plan.first),
        }
    }

    /// Makes sure that the current batch has a row. Returns whether it has.
    fn fill(&mut self, rows: usize, tickers: &Tickers) -> Result<bool, DataError> {
        while !self.done && self.batch.as_ref().is_none_or(|batch| self.next >= batch.len()) {
            if self.batches.is_none() {
                self.batches = Some(decode_ahead(self.plan.clone(), rows)?);
            }
            if let Some(batch) = self.batches.as_ref().and_then(|batches| batches.recv().ok()) {
                let batch = batch?;
                self.learn_dictionary(&batch.dictionary, tickers);
                self.batch = Some(batch);
                self.next = 0;
            } else {
                self.done = true;
                self.batch = None;
                self.batches = None;
            }
        }
        Ok(!self.done)
    }

    fn learn_dictionary(&mut self, dictionary: &ArrayRef, tickers: &Tickers) {
        if self.meanings_of.as_ref().is_some_and(|known| Arc::ptr_eq(known, dictionary)) {
            return;
        }
        let names = dictionary.as_string::<i32>();
        self.meanings.clear();
        self.meanings.extend(names.iter().map(|name| match name.and_then(|name| tickers.ids.get(name)) {
            Some(Some(market)) => Meaning::Market(*market),
            Some(None) => Meaning::Outside,
            None => Meaning::Unknown,
        }));
        self.meanings_of = Some(Arc::clone(dictionary));
    }

    /// Reads the next row. `Ok(None)` = not of this run.
    fn row(&mut self, tickers: &Tickers) -> Result<Option<Snapshot>, Problem> {
        let batch = self.batch.as_ref().expect("a filled source has a batch");
        let row = self.next;
        self.next += 1;
        if batch.ts.is_null(row) {
            return Err(Problem::Missing("ts"));
        }
        let ts = batch.ts.value(row);
        if ts < self.last_ts {
            return Err(Problem::Unsorted);
        }
        self.last_ts = ts;
        let at = Timestamp::from_micros(ts).ok_or(Problem::TimeOutOfRange(ts))?;
        if batch.keys.is_null(row) {
            return Err(Problem::Missing("ticker"));
        }
        let key = usize::try_from(batch.keys.value(row)).unwrap_or(usize::MAX);
        let market = match self.meanings.get(key) {
            Some(Meaning::Market(market)) => *market,
            Some(Meaning::Outside) => return Ok(None),
            Some(Meaning::Unknown) | None => return Err(Problem::UnknownTicker(ticker_of(batch, key))),
        };
        let named = || ticker_of(batch, key);
        if at < tickers.opens[market.index()] {
            return Err(Problem::BeforeOpen(named()));
        }
        if tickers.settles[market.index()].is_some_and(|settled| at > settled) {
            return Err(Problem::AfterSettlement(named()));
        }
        let quote = read_quote(batch, row)?;
        Ok(Some(Snapshot { at, market, quote }))
    }

    /// Number of the row read last, counted from 1.
    fn row_number(&self) -> u64 {
        let base = self.batch.as_ref().map_or(0, |batch| batch.base);
        base + u64::try_from(self.next).unwrap_or(0)
    }
}

fn ticker_of(batch: &Batch, key: usize) -> String {
    let names: &StringArray = batch.dictionary.as_string::<i32>();
    if key < names.len() { names.value(key).to_owned() } else { format!("with dictionary key {key}") }
}

fn read_quote(batch: &Batch, row: usize) -> Result<Quote, Problem> {
    let bid = price_at(&batch.bid, row, "yes_bid")?;
    let ask = price_at(&batch.ask, row, "yes_ask")?;
    if let (Some(bid), Some(ask)) = (bid, ask)
        && bid >= ask
    {
        return Err(Problem::Crossed(i32::from(bid.get()), i32::from(ask.get())));
    }
    // Where a side is known, the recorded midpoint adds nothing.
    let mid = price_at(&batch.mid, row, "mid")?.filter(|_| bid.is_none() && ask.is_none());
    Ok(Quote {
        bid,
        ask,
        recorded_mid: mid,
        last: price_at(&batch.last, row, "last_price")?,
        assumed: false,
        bid_size: count_at(&batch.bid_size, row, "yes_bid_size")?,
        ask_size: count_at(&batch.ask_size, row, "yes_ask_size")?,
        volume: count_at(&batch.volume, row, "volume")?,
    })
}

fn price_at(column: &Int32Array, row: usize, name: &'static str) -> Result<Option<Price>, Problem> {
    if column.is_null(row) {
        return Ok(None);
    }
    let value = column.value(row);
    let price = u16::try_from(value).ok().and_then(Price::new);
    match price.filter(|&price| price > Price::ZERO && price < Price::ONE) {
        Some(price) => Ok(Some(price)),
        None => Err(Problem::PriceOutOfRange(name, value)),
    }
}

fn count_at(column: &Int64Array, row: usize, name: &'static str) -> Result<Option<Contracts>, Problem> {
    if column.is_null(row) {
        return Ok(None);
    }
    match column.value(row) {
        value if value < 0 => Err(Problem::Negative(name, value)),
        value => Ok(Some(Contracts::from_hundredths(value))),
    }
}

/// Decodes the planned row groups of a file on a thread of its own, two batches ahead.
fn decode_ahead(plan: FilePlan, rows: usize) -> Result<Receiver<Result<Batch, DataError>>, DataError> {
    let (sender, receiver) = sync_channel(2);
    let file = plan.file.clone();
    let decode = move || {
        for &(group, base) in &plan.groups {
            let mut base = base;
            let reader = match open_group(&plan, group, rows) {
                Ok(reader) => reader,
                Err(error) => return drop(sender.send(Err(error))),
            };
            for batch in reader {
                let broken = |error: &dyn std::fmt::Display| {
                    DataError::of_row(
                        &plan.file,
                        base + 1,
                        format!("cannot be decoded from here on: {error}"),
                    )
                };
                let batch = batch.map_err(|error| broken(&error));
                let batch = batch
                    .and_then(|batch| Batch::new(base, &batch).ok_or_else(|| broken(&"wrong column type")));
                base += batch.as_ref().map_or(0, |batch| u64::try_from(batch.len()).unwrap_or(0));
                // A closed channel means that the run is over.
                if sender.send(batch).is_err() {
                    return;
                }
            }
        }
    };
    thread::Builder::new()
        .name("decode".into())
        .spawn(decode)
        .map_err(|error| DataError::of_file(&file, format!("cannot be read: no thread: {error}")))?;
    Ok(receiver)
}

fn open_group(
    plan: &FilePlan,
    group: usize,
    rows: usize,
) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, DataError> {
    let broken =
        |error: &dyn std::fmt::Display| DataError::of_file(&plan.file, format!("cannot be decoded: {error}"));
    let handle = File::open(&plan.file).map_err(|error| broken(&error))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, plan.metadata.clone());
    let columns = COLUMNS.map(|(name, _)| name);
    let projection = ProjectionMask::columns(builder.parquet_schema(), columns);
    builder
        .with_projection(projection)
        .with_row_groups(vec![group])
        .with_batch_size(rows)
        .build()
        .map_err(|error| broken(&error))
}

/// Bad rows of one kind.
#[derive(Debug, Default)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<DataError>,
}

/// Bad rows of a kind kept as examples.
const EXAMPLES: usize = 20;

/// All snapshots of several files in order of time.
#[derive(Debug)]
pub struct SnapshotStream {
    sources: Vec<Source>,
    tickers: Tickers,
    window: Window,
    rows_a_batch: usize,
    current: usize,
    /// How far the current source may go before another is asked.
    limit: Option<Timestamp>,
    head: Option<Snapshot>,
    /// `Some` = skip bad rows and count them by kind.
    skipped: Option<BTreeMap<&'static str, Skipped>>,
    rows_read: u64,
}

impl SnapshotStream {
    /// Reads the planned files; with `lenient`, bad rows are skipped and counted.
    #[must_use]
    pub fn new(plans: Vec<FilePlan>, tickers: Tickers, window: Window, lenient: bool) -> Self {
        let rows_a_batch = (ROWS_IN_FLIGHT / plans.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
        Self {
            sources: plans.into_iter().map(Source::new).collect(),
            tickers,
            window,
            rows_a_batch,
            current: 0,
            limit: None,
            head: None,
            skipped: lenient.then(BTreeMap::new),
            rows_read: 0,
        }
    }

    /// Rows looked at so far.
    #[must_use]
    pub const fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// Bad rows skipped so far, by kind.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, &Skipped)> {
        self.skipped.iter().flatten().map(|(&kind, skipped)| (kind, skipped))
    }

    /// Bad rows skipped, with examples.
    #[must_use]
    pub fn into_skipped(self) -> BTreeMap<&'static str, Skipped> {
        self.skipped.unwrap_or_default()
    }

    /// The next snapshot, without taking it.
    ///
    /// # Errors
    /// The first bad row, with file and row number.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<&Snapshot>, DataError> {
        if self.head.is_none() {
            self.head = self.advance()?;
        }
        Ok(self.head.as_ref())
    }

    /// Takes the snapshot that was peeked at.
    #[inline]
    pub fn take(&mut self) -> Option<Snapshot> {
        self.head.take()
    }

    fn advance(&mut self) -> Result<Option<Snapshot>, DataError> {
        loop {
            if !self.choose()? {
                return Ok(None);
            }
            let source = &mut self.sources[self.current];
            self.rows_read += 1;
            match source.row(&self.tickers) {
                Ok(Some(snapshot)) if snapshot.at < self.window.start => {}
                Ok(Some(snapshot)) if snapshot.at > self.window.end => {
                    source.done = true;
                    source.batches = None;
                }
                Ok(Some(snapshot)) => return Ok(Some(snapshot)),
                Ok(None) => {}
                Err(problem) => {
                    let kind = problem.kind();
                    let error = DataError::of_row(&source.plan.file, source.row_number(), problem);
                    let Some(skipped) = &mut self.skipped else {
                        return Err(error);
                    };
                    let skipped = skipped.entry(kind).or_default();
                    skipped.count += 1;
                    if skipped.examples.len() < EXAMPLES {
                        skipped.examples.push(error);
                    }
                }
            }
        }
    }

    /// Makes the source with the earliest row current. Returns whether there is any.
    #[inline]
    fn choose(&mut self) -> Result<bool, DataError> {
        if let Some(source) = self.sources.get_mut(self.current)
            && let Some(batch) = &source.batch
            && source.next < batch.len()
            && self.limit.is_none_or(|limit| source.head().is_some_and(|head| head <= limit))
        {
            return Ok(true);
        }
        self.choose_again()
    }

    fn choose_again(&mut self) -> Result<bool, DataError> {
        loop {
            let earliest =
                (0..self.sources.len()).filter_map(|index| Some((self.sources[index].head()?, index))).min();
            let Some((_, index)) = earliest else {
                return Ok(false);
            };
            if !self.sources[index].fill(self.rows_a_batch, &self.tickers)? {
                continue;
            }
            // The bound before filling may have been too low; look again with the real head.
            let real = self.sources[index].head().unwrap_or(Timestamp::MAX);
            let others = (0..self.sources.len()).filter(|&other| other != index);
            let next = others.filter_map(|other| Some((self.sources[other].head()?, other))).min();
            if next.is_none_or(|(head, other)| (real, index) <= (head, other)) {
                self.current = index;
                // At a tie the earlier file goes first, so a later one may only run to just before it.
                self.limit = next.map(|(head, other)| if index < other { head } else { head.just_before() });
                return Ok(true);
            }
        }
    }
}
