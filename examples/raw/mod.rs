//! What the builders of data sets share: raw tables in, facts and Parquet out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array};
use arrow_array::{RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// One row of an input table, every cell as text.
pub type Record = BTreeMap<String, String>;

/// A market of a ladder, which pays if the figure is above a strike in percent.
pub struct Listing {
    pub ticker: String,
    pub event: String,
    pub title: String,
    pub above: String,
    pub open: Timestamp,
    pub close: Timestamp,
    pub settled: Option<Timestamp>,
    pub wins: Option<bool>,
}

/// A row of the snapshot table: prices in ten-thousandths of a dollar, counts in hundredths of a contract.
#[derive(Default)]
pub struct Quote {
    pub ts: Timestamp,
    pub ticker: String,
    pub bid: Option<i32>,
    pub ask: Option<i32>,
    pub last: Option<i32>,
    pub mid: Option<i32>,
    pub volume: i64,
    pub open_interest: Option<i64>,
}

/// The value of a key in a list of `key=value`.
pub fn find(list: &'static str, key: &str) -> Option<&'static str> {
    let mut pairs = list.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// A wall-clock time in New York. The rules are spelled out so that the result does not depend
/// on a time zone database being installed.
pub fn new_york(date: Date, hour: i8, minute: i8) -> Result<Timestamp> {
    let rule = match date.year() {
        2007.. => "EST5EDT,M3.2.0,M11.1.0",
        1987.. => "EST5EDT,M4.1.0,M10.5.0",
        _ => "EST5EDT,M4.5.0,M10.5.0", // since 1967
    };
    Ok(TimeZone::posix(rule)?.to_timestamp(date.at(hour, minute, 0, 0))?)
}

/// A number with at most two decimals, times 100.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole")]
pub fn hundredths(number: &str) -> Result<i64> {
    let value: f64 = number.parse().context("not a number")?;
    let scaled = (value * 100.0).round();
    let whole = (scaled / 100.0 - value).abs() < 1e-9;
    ensure!(whole && (-1e15..1e15).contains(&scaled), "number {number}");
    Ok(scaled as i64)
}

/// Cents to ten-thousandths of a dollar.
pub fn price(cents: &str) -> Result<i32> {
    let price = hundredths(cents)?;
    ensure!((1..10_000).contains(&price), "{cents} cents is not a price");
    Ok(i32::try_from(price)?)
}

pub fn text<'a>(row: &'a Record, column: &str) -> Result<&'a str> {
    row.get(column).map(String::as_str).with_context(|| format!("no {column} in {row:?}"))
}

pub fn join(row: &Record, columns: &[&str]) -> Result<String> {
    let cells = columns.iter().map(|column| text(row, column));
    Ok(cells.collect::<Result<Vec<_>>>()?.join(","))
}

pub fn read_csv(path: &Path) -> Result<Vec<Record>> {
    let rows = csv::Reader::from_path(path).and_then(|file| file.into_deserialize().collect());
    rows.with_context(|| format!("reading {}", path.display()))
}

pub fn read_parquet(path: &Path) -> Result<Vec<Record>> {
    let cell = |(name, value): (&String, &Field)| {
        let value = value.to_string(); // text is quoted
        (name.clone(), value.trim_matches('"').to_owned())
    };
    let read = || {
        let file = SerializedFileReader::new(File::open(path)?)?;
        let rows = file.get_row_iter(None)?;
        let rows = rows.map(|row| Ok(row?.get_column_iter().map(cell).collect()));
        rows.collect::<Result<_>>()
    };
    read().with_context(|| format!("reading {}", path.display()))
}

/// Writes the lines in order; facts begin with the time they became public.
pub fn write_csv(path: &Path, header: &str, mut lines: Vec<String>) -> Result<()> {
    lines.sort();
    println!("{}: {} rows", path.display(), lines.len());
    let file = format!("{header}\n{}\n", lines.join("\n"));
    fs::write(path, file).with_context(|| format!("writing {}", path.display()))
}

/// The exchange's word for how a market ended.
pub fn result_name(wins: Option<bool>) -> &'static str {
    wins.map_or("", |wins| if wins { "yes" } else { "no" })
}

/// Writes the change of a series' maker fees to `series`. They begin; the flat quarter cent of the first
/// weeks has no fee type of its own.
pub fn write_fees(raw: &Path, prefix: &str, series: &[&str], path: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for row in read_csv(&raw.join("kalshi_maker_fee_history.csv"))? {
        if text(&row, "series_prefix")? == prefix {
            let fee = text(&row, "maker_fee_high")?;
            ensure!(matches!(fee, "flat_0025" | "ceil_175"), "unknown fee {fee}");
            let from = new_york(text(&row, "start")?.parse()?, 0, 0)?;
            let line = |series| format!("{series},{from},quadratic_with_maker_fees,1.0");
            lines.extend(series.iter().map(line));
        }
    }
    write_csv(path, "series_ticker,effective_at,fee_type,fee_multiplier", lines)
}

/// Writes `markets.parquet`, in the order given.
pub fn write_markets(path: &Path, rows: &[Listing]) -> Result<()> {
    let texts = |of: &dyn Fn(&Listing) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let same = |value: &str| texts(&|_| value.to_owned());
    let strikes = rows.iter().map(|row| row.above.parse()).collect::<Result<Vec<f64>, _>>()?;
    let value = |row: &Listing| row.wins.map(|wins| if wins { 10_000 } else { 0 });
    let values: Int32Array = rows.iter().map(value).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ticker", texts(&|row| row.ticker.clone())),
        ("event_ticker", texts(&|row| row.event.clone())),
        ("series_ticker", texts(&|row| row.event.split('-').take(1).collect())),
        ("category", same("Economics")),
        ("title", texts(&|row| row.title.clone())),
        ("yes_sub_title", texts(&|row| format!("Above {}%", row.above))),
        ("strike_type", same("greater")),
        ("floor_strike", Arc::new(Float64Array::from(strikes))),
        ("cap_strike", Arc::new(Float64Array::new_null(rows.len()))),
        ("open_time", times(rows.iter().map(|row| Some(row.open)))),
        ("close_time", times(rows.iter().map(|row| Some(row.close)))),
        ("settlement_time", times(rows.iter().map(|row| row.settled))),
        ("result", texts(&|row| result_name(row.wins).to_owned())),
        ("settlement_value", Arc::new(values)),
        ("fee_type", same("quadratic")),
        ("fee_multiplier", Arc::new(Float64Array::from(vec![1.0; rows.len()]))),
        ("mutually_exclusive", Arc::new(BooleanArray::from(vec![false; rows.len()]))),
        ("price_ranges", same("")),
    ];
    write_parquet(path, columns)
}

/// Writes `snapshots.parquet`, in the order given. Sizes are unknown in all our sources.
pub fn write_snapshots(path: &Path, rows: &[Quote]) -> Result<()> {
    let tickers = StringArray::from_iter_values(rows.iter().map(|row| &row.ticker));
    let prices =
        |of: fn(&Quote) -> Option<i32>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int32Array>()) };
    let counts =
        |of: fn(&Quote) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int64Array>()) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ts", times(rows.iter().map(|row| Some(row.ts)))),
        ("ticker", Arc::new(tickers)),
        ("yes_bid", prices(|row| row.bid)),
        ("yes_ask", prices(|row| row.ask)),
        ("yes_bid_size", counts(|_| None)),
        ("yes_ask_size", counts(|_| None)),
        ("last_price", prices(|row| row.last)),
        ("mid", prices(|row| row.mid)),
        ("volume", counts(|row| Some(row.volume))),
        ("open_interest", counts(|row| row.open_interest)),
    ];
    write_parquet(path, columns)
}

fn times(values: impl Iterator<Item = Option<Timestamp>>) -> ArrayRef {
    let times = values.map(|time| time.map(Timestamp::as_microsecond));
    let times: TimestampMicrosecondArray = times.collect();
    Arc::new(times.with_timezone("UTC"))
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
    let batch = RecordBatch::try_from_iter(columns)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(9)?))
        .set_max_row_group_row_count(Some(131_072))
        .set_column_dictionary_enabled("ticker".into(), true)
        .build();
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    println!("{}: {} rows", path.display(), batch.num_rows());
    Ok(())
}
