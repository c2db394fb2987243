//! Writes data sets in the project's schema: Parquet, zstd, snapshots sorted by time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::domain::{Contracts, Decimal6, FeeType, Market, Price, Quote, SettlementValue, Strike, Timestamp};

use crate::dataset::DataError;
use crate::dataset::io::sorter::{SortRecord, take_bytes};
use crate::dataset::read::catalogue::{LISTED_TIME, SETTLEMENT_VALUE_E6, Settlement, price_ranges};

/// Rows a row group: what a reader decodes or skips as one.
const ROW_GROUP: usize = 131_072;

pub(crate) fn utc_timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn writer_properties() -> Result<WriterPropertiesBuilder, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        // Hardly a value of these occurs twice: a dictionary would be built and thrown away.
        .set_column_dictionary_enabled("ts".into(), false)
        .set_column_encoding("ts".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled("volume".into(), false))
}

/// How the volumes of a file's rows are laid down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// Each as it is: rows that follow without a trade repeat it, and compress well.
    Whole,
    /// Each as its distance from that of the row before: every row is a trade, and nothing repeats. Then this takes
    /// a tenth less room and a third of the time; else up to twice the room.
    Distances,
}

/// One row of `snapshots.parquet`, as the row-by-row writer takes it.
#[derive(Clone, Debug)]
pub struct SnapshotRow<'a> {
    /// Moment of the quote: the column `ts`, cut to whole microseconds.
    pub at: Timestamp,
    /// Ticker of the market, as in `markets.parquet`.
    pub ticker: &'a str,
    /// Best bid and ask with sizes, last trade and volume; whether it is assumed is not written.
    pub quote: Quote,
}

/// A snapshot in little room, for writers that keep many files open: prices in ten-thousandths of a dollar,
/// 0 = none; counts in hundredths of a contract, negative = none. The order is that of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackedRow {
    /// Moment of the quote, in microseconds since 1970 UTC.
    pub at: i64,
    /// Index of the market in the list that the writer of the file gets its tickers from.
    pub market: u32,
    /// Best YES bid: the column `yes_bid`.
    pub bid: u16,
    /// Best YES ask: the column `yes_ask`.
    pub ask: u16,
    /// YES price of the last trade: the column `last_price`.
    pub last: u16,
    /// Midpoint, where only that is known.
    pub mid: u16,
    /// Contracts on offer at the best YES bid: the column `yes_bid_size`.
    pub bid_size: i64,
    /// Contracts on offer at the best YES ask: the column `yes_ask_size`.
    pub ask_size: i64,
    /// Contracts traded in the market's life.
    pub volume: i64,
    /// Open interest: contracts held by either side. Negative = unknown.
    pub open_interest: i64,
}

impl PackedRow {
    /// The quote of a market at a time in microseconds. A price of exactly $0 is none.
    #[must_use]
    pub fn from_quote(at: i64, market: u32, quote: &Quote, open_interest: Option<Contracts>) -> Self {
        let price = |price: Option<Price>| price.map_or(0, Price::get);
        let count = |count: Option<Contracts>| count.map_or(-1, Contracts::hundredths);
        Self {
            at,
            market,
            bid: price(quote.bid),
            ask: price(quote.ask),
            last: price(quote.last),
            mid: price(quote.recorded_mid),
            bid_size: count(quote.bid_size),
            ask_size: count(quote.ask_size),
            volume: count(quote.volume),
            open_interest: count(open_interest),
        }
    }
}

impl SortRecord for PackedRow {
    const SIZE: usize = 52;

    fn timestamp_micros(&self) -> i64 {
        self.at
    }

    fn append_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.at.to_le_bytes());
        bytes.extend(self.market.to_le_bytes());
        [self.bid, self.ask, self.last, self.mid].iter().for_each(|price| bytes.extend(price.to_le_bytes()));
        let counts = [self.bid_size, self.ask_size, self.volume, self.open_interest];
        counts.iter().for_each(|count| bytes.extend(count.to_le_bytes()));
    }

    fn from_bytes(mut bytes: &[u8]) -> Self {
        let bytes = &mut bytes;
        Self {
            at: i64::from_le_bytes(take_bytes(bytes)),
            market: u32::from_le_bytes(take_bytes(bytes)),
            bid: u16::from_le_bytes(take_bytes(bytes)),
            ask: u16::from_le_bytes(take_bytes(bytes)),
            last: u16::from_le_bytes(take_bytes(bytes)),
            mid: u16::from_le_bytes(take_bytes(bytes)),
            bid_size: i64::from_le_bytes(take_bytes(bytes)),
            ask_size: i64::from_le_bytes(take_bytes(bytes)),
            volume: i64::from_le_bytes(take_bytes(bytes)),
            open_interest: i64::from_le_bytes(take_bytes(bytes)),
        }
    }
}

/// Writes a Parquet file of snapshots, row by row or in blocks of packed rows.
pub struct SnapshotWriter {
    file: PathBuf,
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    columns: SnapshotColumns,
    rows: usize,
}

struct SnapshotColumns {
    ts: TimestampMicrosecondBuilder,
    ticker: StringDictionaryBuilder<Int32Type>,
    prices: [Int32Builder; 4],
    counts: [Int64Builder; 4],
}

impl Default for SnapshotColumns {
    fn default() -> Self {
        Self {
            ts: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            ticker: StringDictionaryBuilder::new(),
            prices: Default::default(),
            counts: Default::default(),
        }
    }
}

impl SnapshotWriter {
    /// Starts a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: &Path) -> Result<Self, DataError> {
        Self::create_with(file, Vec::new(), Volumes::Whole)
    }

    /// Starts a file with further columns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_with(file: &Path, further: Vec<Field>, volumes: Volumes) -> Result<Self, DataError> {
        let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let price = |name: &str| Field::new(name, DataType::Int32, true);
        let count = |name: &str| Field::new(name, DataType::Int64, true);
        let mut fields = vec![
            Field::new("ts", utc_timestamp_type(), false),
            Field::new("ticker", keys, false),
            price("yes_bid"),
            price("yes_ask"),
            count("yes_bid_size"),
            count("yes_ask_size"),
            price("last_price"),
            price("mid"),
            count("volume"),
            count("open_interest"),
        ];
        fields.extend(further);
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let writer = open_with(file, &schema, |properties| match volumes {
            Volumes::Whole => properties,
            Volumes::Distances => {
                properties.set_column_encoding("volume".into(), Encoding::DELTA_BINARY_PACKED)
            }
        })?;
        let columns = SnapshotColumns::default();
        Ok(Self { file: file.to_owned(), writer, schema, columns, rows: 0 })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_row(&mut self, row: &SnapshotRow<'_>) -> Result<(), DataError> {
        let price = |price: Option<Price>| price.map(|price| i32::from(price.get()));
        let quote = &row.quote;
        self.columns.ts.append_value(row.at.nanos() / 1_000);
        self.columns.ticker.append(row.ticker).map_err(|error| DataError::of_file(&self.file, error))?;
        let prices = [quote.bid, quote.ask, quote.last, quote.recorded_mid];
        for (column, value) in self.columns.prices.iter_mut().zip(prices) {
            column.append_option(price(value));
        }
        let counts = [quote.bid_size, quote.ask_size, quote.volume, None];
        for (column, value) in self.columns.counts.iter_mut().zip(counts) {
            column.append_option(value.map(Contracts::hundredths));
        }
        self.rows += 1;
        if self.rows == ROW_GROUP { self.flush_row_group() } else { Ok(()) }
    }

    /// Appends rows as a row group of their own; `ticker` names their markets, `further` are the further columns.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_block<'a>(
        &mut self,
        rows: &[PackedRow],
        ticker: impl Fn(u32) -> &'a str,
        further: Vec<ArrayRef>,
    ) -> Result<(), DataError> {
        let tickers =
            ticker_dictionary(rows, ticker).map_err(|error| DataError::of_file(&self.file, error))?;
        let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.at));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(times.with_timezone("UTC")),
            Arc::new(tickers),
            price_column(rows, |row| row.bid),
            price_column(rows, |row| row.ask),
            count_column(rows, |row| row.bid_size),
            count_column(rows, |row| row.ask_size),
            price_column(rows, |row| row.last),
            price_column(rows, |row| row.mid),
            count_column(rows, |row| row.volume),
            count_column(rows, |row| row.open_interest),
        ];
        columns.extend(further);
        self.write_batch(columns)
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.flush_row_group()?;
        self.writer.close().map(drop).map_err(|error| DataError::of_file(&self.file, error))
    }

    fn flush_row_group(&mut self) -> Result<(), DataError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut columns = std::mem::take(&mut self.columns);
        self.rows = 0;
        let [bid, ask, last, mid] = &mut columns.prices;
        let [bid_size, ask_size, volume, open_interest] = &mut columns.counts;
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(columns.ts.finish()),
            Arc::new(columns.ticker.finish()),
            Arc::new(bid.finish()),
            Arc::new(ask.finish()),
            Arc::new(bid_size.finish()),
            Arc::new(ask_size.finish()),
            Arc::new(last.finish()),
            Arc::new(mid.finish()),
            Arc::new(volume.finish()),
            Arc::new(open_interest.finish()),
        ];
        self.write_batch(arrays)
    }

    /// Writes columns as a row group.
    fn write_batch(&mut self, arrays: Vec<ArrayRef>) -> Result<(), DataError> {
        let failed = |error: &dyn std::fmt::Display| DataError::of_file(&self.file, error);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| failed(&error))?;
        self.writer.write(&batch).map_err(|error| failed(&error))?;
        self.writer.flush().map_err(|error| failed(&error))
    }
}

/// The markets of rows as keys of their tickers.
fn ticker_dictionary<'a>(
    rows: &[PackedRow],
    ticker: impl Fn(u32) -> &'a str,
) -> Result<DictionaryArray<Int32Type>, ArrowError> {
    let markets = || rows.iter().map(|row| row.market);
    let (first, last) = (markets().min().unwrap_or(0), markets().max().unwrap_or(0));
    let at = |market: u32| (market - first) as usize;
    // By market, from the first to the last: to sort the markets of all rows would take longer than all else here.
    let mut keys = vec![-1; at(last) + 1];
    markets().for_each(|market| keys[at(market)] = 0);
    let mut names = Vec::new();
    for (key, market) in keys.iter_mut().zip(first..).filter(|(key, _)| **key == 0) {
        *key = i32::try_from(names.len()).expect("a row group has few markets");
        names.push(ticker(market));
    }
    let keys = Int32Array::from_iter_values(markets().map(|market| keys[at(market)]));
    DictionaryArray::try_new(keys, Arc::new(StringArray::from(names)))
}

fn price_column(rows: &[PackedRow], get: impl Fn(&PackedRow) -> u16) -> ArrayRef {
    let nulls = null_buffer(rows.len(), |row| get(&rows[row]) > 0);
    Arc::new(Int32Array::new(rows.iter().map(|row| i32::from(get(row))).collect(), nulls))
}

fn count_column(rows: &[PackedRow], get: impl Fn(&PackedRow) -> i64) -> ArrayRef {
    let nulls = null_buffer(rows.len(), |row| get(&rows[row]) >= 0);
    Arc::new(Int64Array::new(rows.iter().map(get).collect(), nulls))
}

/// Which of some rows are there; `None` if all are.
fn null_buffer(rows: usize, is_there: impl Fn(usize) -> bool) -> Option<NullBuffer> {
    Some(NullBuffer::new(BooleanBuffer::collect_bool(rows, is_there))).filter(|nulls| nulls.null_count() > 0)
}

/// The listing of a market as it was told, its grid as the exchange sends one.
#[must_use]
pub fn listing_of(market: Market, settlement: Option<Settlement>) -> Listing {
    let price_ranges = price_ranges(&market.grid);
    Listing { market, settlement, yes_sub_title: String::new(), mutually_exclusive: false, price_ranges }
}

pub(crate) fn open_writer(file: &Path, schema: &SchemaRef) -> Result<ArrowWriter<File>, DataError> {
    open_with(file, schema, |properties| properties)
}

fn open_with(
    file: &Path,
    schema: &SchemaRef,
    adapt: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
) -> Result<ArrowWriter<File>, DataError> {
    let failed =
        |error: &dyn std::fmt::Display| DataError::of_file(file, format!("cannot be written: {error}"));
    let handle = File::create(file).map_err(|error| failed(&error))?;
    let properties = writer_properties().map(adapt).map_err(|error| failed(&error))?.build();
    // The types are all plain; arrow's own description of them would be half of a small file's footer.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(handle, Arc::clone(schema), options);
    writer.map_err(|error| failed(&error))
}

/// A row of `markets.parquet` to be written: a market, its result and display text.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Everything known at listing, but for its grid, which is written as `price_ranges`.
    pub market: Market,
    /// How it ended, if it has.
    pub settlement: Option<Settlement>,
    /// Short text of what YES means, for people; empty if unknown.
    pub yes_sub_title: String,
    /// Whether at most one market of its event pays.
    pub mutually_exclusive: bool,
    /// Its grid as JSON, as the exchange sends it; empty = whole cents.
    pub price_ranges: String,
}

/// Writes `markets.parquet`. The grid is written as whole cents: finer grids come from the exchange.
/// `exclusive` says whether at most one market of each event pays.
///
/// # Errors
/// When it cannot be written.
pub fn write_markets(
    file: &Path,
    rows: &[(Market, Option<Settlement>)],
    exclusive: bool,
) -> Result<(), DataError> {
    let listing = |(market, settlement): &(Market, Option<Settlement>)| Listing {
        market: market.clone(),
        settlement: *settlement,
        yes_sub_title: String::new(),
        mutually_exclusive: exclusive,
        price_ranges: String::new(),
    };
    write_listings(file, &rows.iter().map(listing).collect::<Vec<_>>())
}

/// Writes `markets.parquet`.
///
/// # Errors
/// When it cannot be written.
pub fn write_listings(file: &Path, rows: &[Listing]) -> Result<(), DataError> {
    write_columns(file, listing_columns(rows))
}

/// Writes `markets.parquet` of a recording: each market, and each later definition of one, from the moment on
/// at which it became known.
///
/// # Errors
/// When it cannot be written.
pub fn write_recorded(file: &Path, rows: &[(Timestamp, Listing)]) -> Result<(), DataError> {
    let (listed, rows): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
    let listed: TimestampMicrosecondArray = listed.iter().map(|at| Some(at.nanos() / 1_000)).collect();
    let mut columns = listing_columns(&rows);
    columns.push((LISTED_TIME, Arc::new(listed.with_timezone("UTC"))));
    write_columns(file, columns)
}

fn write_columns(file: &Path, columns: Vec<(&str, ArrayRef)>) -> Result<(), DataError> {
    let failed = |error: &dyn std::fmt::Display| DataError::of_file(file, error);
    let batch = RecordBatch::try_from_iter(columns).map_err(|error| failed(&error))?;
    let mut writer = open_writer(file, &batch.schema())?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.close().map(drop).map_err(|error| failed(&error))
}

fn listing_columns(rows: &[Listing]) -> Vec<(&'static str, ArrayRef)> {
    let text = |value: fn(&Listing) -> &str| -> ArrayRef {
        let mut builder = StringBuilder::new();
        rows.iter().for_each(|listing| builder.append_value(value(listing)));
        Arc::new(builder.finish())
    };
    let real = |value: &dyn Fn(&Market) -> Option<Decimal6>| -> ArrayRef {
        let mut builder = Float64Builder::new();
        rows.iter().for_each(|listing| builder.append_option(value(&listing.market).map(to_f64)));
        Arc::new(builder.finish())
    };
    let time = |value: &dyn Fn(&Market, Option<Settlement>) -> Option<Timestamp>| -> ArrayRef {
        let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        rows.iter().for_each(|listing| {
            let at = value(&listing.market, listing.settlement);
            builder.append_option(at.map(|at| at.nanos() / 1_000));
        });
        Arc::new(builder.finish())
    };
    let mut results = StringBuilder::new();
    let (mut values, mut exact_values) = (Int32Builder::new(), Int32Builder::new());
    let mut exclusives = BooleanBuilder::new();
    for Listing { settlement, mutually_exclusive, .. } in rows {
        results.append_value(settlement.map_or("", |end| result_name(end.value)));
        values.append_option(settlement.map(|end| i32::from(end.value.round_to_price().get())));
        exact_values.append_option(settlement.map(|end| end.value.in_micros().cast_signed()));
        exclusives.append_value(*mutually_exclusive);
    }
    let mut columns = vec![
        ("ticker", text(|listing| &listing.market.ticker)),
        ("event_ticker", text(|listing| &listing.market.event_ticker)),
        ("series_ticker", text(|listing| &listing.market.series_ticker)),
        ("category", text(|listing| &listing.market.category)),
        ("title", text(|listing| &listing.market.title)),
        ("yes_sub_title", text(|listing| &listing.yes_sub_title)),
        ("strike_type", text(|listing| strike_name(listing.market.strike))),
        ("floor_strike", real(&|market| strike_bounds(market.strike).0)),
        ("cap_strike", real(&|market| strike_bounds(market.strike).1)),
        ("open_time", time(&|market, _| Some(market.open_time))),
        ("close_time", time(&|market, _| Some(market.close_time))),
        ("settlement_time", time(&|_, end| end.map(|end| end.at))),
        ("result", Arc::new(results.finish())),
        ("settlement_value", Arc::new(values.finish())),
        ("fee_type", text(|listing| fee_name(listing.market.fees.fee_type))),
        (
            "fee_multiplier",
            real(&|market| Some(Decimal6::from_millionths(market.fees.multiplier_ppm.into()))),
        ),
        ("mutually_exclusive", Arc::new(exclusives.finish())),
        ("price_ranges", text(|listing| &listing.price_ranges)),
    ];
    // Only where it says more than `settlement_value`: files without such a market are the same as ever.
    let is_finer = |listing: &Listing| listing.settlement.is_some_and(|end| end.value.is_finer_than_price());
    if rows.iter().any(is_finer) {
        columns.push((SETTLEMENT_VALUE_E6, Arc::new(exact_values.finish())));
    }
    columns
}

fn to_f64(value: Decimal6) -> f64 {
    // The decimal text is exact, so reading it gives the nearest float.
    value.to_string().parse().unwrap_or(f64::NAN)
}

fn result_name(value: SettlementValue) -> &'static str {
    match value {
        SettlementValue::ONE => "yes",
        SettlementValue::ZERO => "no",
        _ => "scalar",
    }
}

const fn strike_name(strike: Strike) -> &'static str {
    match strike {
        Strike::Greater(_) => "greater",
        Strike::GreaterOrEqual(_) => "greater_or_equal",
        Strike::Less(_) => "less",
        Strike::LessOrEqual(_) => "less_or_equal",
        Strike::Between(..) => "between",
        Strike::Other => "custom",
    }
}

const fn strike_bounds(strike: Strike) -> (Option<Decimal6>, Option<Decimal6>) {
    match strike {
        Strike::Greater(floor) | Strike::GreaterOrEqual(floor) => (Some(floor), None),
        Strike::Less(cap) | Strike::LessOrEqual(cap) => (None, Some(cap)),
        Strike::Between(floor, cap) => (Some(floor), Some(cap)),
        Strike::Other => (None, None),
    }
}

pub(crate) const fn fee_name(fee_type: FeeType) -> &'static str {
    match fee_type {
        FeeType::Quadratic => "quadratic",
        FeeType::QuadraticWithMakerFees => "quadratic_with_maker_fees",
        FeeType::QuadraticWithComboMakerFees => "quadratic_with_combo_maker_fees",
    }
}
