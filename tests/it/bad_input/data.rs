//! Folders, files and columns of a data set that cannot be used: exit code 3.

use std::fs;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, UInt16Array,
};

use super::world::{Table, World, protogen};
use super::{Case, DATA, refused};

const FOLDERS: &[Case] = &[
    (
        "no folder",
        |w| w.line("data = \"data\"", "data = \"elsewhere\""),
        "[DIR]/elsewhere: is not a folder; a data set is a folder with markets.parquet and snapshots",
    ),
    (
        "a file for a folder",
        |w| w.line("data = \"data\"", "data = \"case.toml\""),
        "[DIR]/case.toml: is not a folder; a data set is a folder with markets.parquet and snapshots",
    ),
    ("no markets", |w| w.remove("data/markets.parquet"), "[DIR]/data: has no markets.parquet"),
    (
        "no snapshots",
        |w| w.remove("data/snapshots.parquet"),
        "[DIR]/data: has neither snapshots.parquet nor snapshots/*.parquet",
    ),
    (
        "both forms of snapshots",
        |w| fs::create_dir(w.path("data/snapshots")).unwrap(),
        "[DIR]/data: has both snapshots.parquet and snapshots/; keep one",
    ),
    (
        "no part in snapshots/",
        |w| {
            w.remove("data/snapshots.parquet");
            fs::create_dir(w.path("data/snapshots")).unwrap();
        },
        "[DIR]/data/snapshots: holds no *.parquet file",
    ),
    (
        "--out is a file",
        |w| out(w, "case.toml"),
        "[DIR]/case.toml/case cannot be created: Not a directory (os error 20)",
    ),
    (
        "--out is in a file",
        |w| out(w, "case.toml/reports"),
        "[DIR]/case.toml/reports/case cannot be created: Not a directory (os error 20)",
    ),
];

const FILES: &[Case] = &[
    (
        "empty markets",
        |w| w.write("data/markets.parquet", ""),
        "[DIR]/data/markets.parquet: cannot be read as Parquet (truncated?): EOF: Parquet file too small. Size is 0 but need 8",
    ),
    (
        "empty snapshots",
        |w| w.write("data/snapshots.parquet", ""),
        "[DIR]/data/snapshots.parquet: cannot be read as Parquet (truncated?): EOF: Parquet file too small. Size is 0 but need 8",
    ),
    (
        "markets are text",
        |w| w.write("data/markets.parquet", "ticker,event_ticker\n"),
        "[DIR]/data/markets.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "snapshots are text",
        |w| w.write("data/snapshots.parquet", "ts,ticker,yes_bid\n"),
        "[DIR]/data/snapshots.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "markets cut in the middle",
        |w| w.bytes("data/markets.parquet", |b| b.truncate(b.len() / 2)),
        "[DIR]/data/markets.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "snapshots cut in the middle",
        |w| w.bytes("data/snapshots.parquet", |b| b.truncate(b.len() / 2)),
        "[DIR]/data/snapshots.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "markets without the last byte",
        |w| w.bytes("data/markets.parquet", |b| b.truncate(b.len() - 1)),
        "[DIR]/data/markets.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "snapshots without the last byte",
        |w| w.bytes("data/snapshots.parquet", |b| b.truncate(b.len() - 1)),
        "[DIR]/data/snapshots.parquet: cannot be read as Parquet (truncated?): Parquet error: Invalid Parquet file. Corrupt footer",
    ),
    (
        "markets with a hole",
        |w| w.bytes("data/markets.parquet", |bytes| hole(bytes)),
        "[DIR]/data/markets.parquet: cannot be read as Parquet (truncated?): parquet: File out of specification: Invalid thrift: bad data",
    ),
    (
        "snapshots with a hole",
        |w| w.bytes("data/snapshots.parquet", |bytes| hole(bytes)),
        "[DIR]/data/snapshots.parquet, row 1: cannot be decoded from here on: Parquet argument error: EOF: Invalid page header",
    ),
    (
        "snapshots of which the front is missing",
        |w| w.bytes("data/snapshots.parquet", |b| drop(b.drain(4..200))),
        "[DIR]/data/snapshots.parquet, row 1: cannot be decoded from here on: Parquet argument error: Parquet error: Required field type_ is missing",
    ),
];

const SNAPSHOT_TYPES: &[Case] = &[
    (
        "ts in milliseconds",
        |w| w.snapshots(|t| recast(t, "ts", milliseconds)),
        "[DIR]/data/snapshots.parquet: column ts must be datetime[us, UTC], is Timestamp(ms, \"UTC\")",
    ),
    (
        "ts without a zone",
        |w| w.snapshots(|t| recast(t, "ts", no_zone)),
        "[DIR]/data/snapshots.parquet: column ts must be datetime[us, UTC], is Timestamp(µs)",
    ),
    (
        "ts in New York",
        |w| w.snapshots(|t| recast(t, "ts", new_york)),
        "[DIR]/data/snapshots.parquet: column ts must be datetime[us, UTC], is Timestamp(µs, \"America/New_York\")",
    ),
    (
        "ts as number",
        |w| w.snapshots(|t| t.with_all("ts", numbers)),
        "[DIR]/data/snapshots.parquet: column ts must be datetime[us, UTC], is Int64",
    ),
    (
        "ts as text",
        |w| w.snapshots(|t| t.with_all("ts", texts)),
        "[DIR]/data/snapshots.parquet: column ts must be datetime[us, UTC], is Utf8",
    ),
    (
        "ticker as number",
        |w| w.snapshots(|t| t.with_all("ticker", numbers)),
        "[DIR]/data/snapshots.parquet: column ticker must be text, is Int64",
    ),
    (
        "yes_bid as f64",
        |w| w.snapshots(|t| t.with_all("yes_bid", reals)),
        "[DIR]/data/snapshots.parquet: column yes_bid must be i32, is Float64",
    ),
    (
        "yes_ask as i64",
        |w| w.snapshots(|t| t.with_all("yes_ask", numbers)),
        "[DIR]/data/snapshots.parquet: column yes_ask must be i32, is Int64",
    ),
    (
        "mid as decimal",
        |w| w.snapshots(|t| t.with_all("mid", decimals)),
        "[DIR]/data/snapshots.parquet: column mid must be i32, is Decimal128(38, 10)",
    ),
    (
        "volume as f64",
        |w| w.snapshots(|t| t.with_all("volume", reals)),
        "[DIR]/data/snapshots.parquet: column volume must be i64, is Float64",
    ),
];

const MARKET_TYPES: &[Case] = &[
    (
        "open_time in milliseconds",
        |w| w.markets(|t| recast(t, "open_time", milliseconds)),
        "[DIR]/data/markets.parquet: column open_time must be datetime[us, UTC], is datetime[ms, UTC]",
    ),
    (
        "close_time without a zone",
        |w| w.markets(|t| recast(t, "close_time", no_zone)),
        "[DIR]/data/markets.parquet: column close_time must be datetime[us, UTC], is datetime[μs]",
    ),
    (
        "settlement_time as text",
        |w| w.markets(|t| t.with_all("settlement_time", texts)),
        "[DIR]/data/markets.parquet: column settlement_time must be datetime[us, UTC], is str",
    ),
    (
        "ticker as number",
        |w| w.markets(|t| t.with_all("ticker", numbers)),
        "[DIR]/data/markets.parquet: column ticker must be text, is i64",
    ),
    (
        "result as number",
        |w| w.markets(|t| t.with_all("result", numbers)),
        "[DIR]/data/markets.parquet: column result must be text, is i64",
    ),
    (
        "floor_strike as text",
        |w| w.markets(|t| t.with_all("floor_strike", texts)),
        "[DIR]/data/markets.parquet: column floor_strike must be f64, is str",
    ),
    (
        "floor_strike as decimal",
        |w| w.markets(|t| t.with_all("floor_strike", decimals)),
        "[DIR]/data/markets.parquet: column floor_strike is Decimal128(38, 10), a type that cannot be read",
    ),
    (
        "cap_strike as i64",
        |w| w.markets(|t| t.with_all("cap_strike", numbers)),
        "[DIR]/data/markets.parquet: column cap_strike must be f64, is i64",
    ),
    (
        "settlement_value as i64",
        |w| w.markets(|t| t.with_all("settlement_value", numbers)),
        "[DIR]/data/markets.parquet: column settlement_value must be i32, is i64",
    ),
    (
        "settlement_value as u16",
        |w| w.markets(|t| t.with_all("settlement_value", shorts)),
        "[DIR]/data/markets.parquet: column settlement_value is UInt16, a type that cannot be read",
    ),
    (
        "fee_multiplier as i64",
        |w| w.markets(|t| t.with_all("fee_multiplier", numbers)),
        "[DIR]/data/markets.parquet: column fee_multiplier must be f64, is i64",
    ),
    (
        "mutually_exclusive as text",
        |w| w.markets(|t| t.with_all("mutually_exclusive", texts)),
        "[DIR]/data/markets.parquet: column mutually_exclusive must be bool, is str",
    ),
    (
        "price_ranges as number",
        |w| w.markets(|t| t.with_all("price_ranges", numbers)),
        "[DIR]/data/markets.parquet: column price_ranges must be text, is i64",
    ),
    (
        "a further column as u16",
        |w| w.markets(|t| t.led_by("rank", shorts(2))),
        "[DIR]/data/markets.parquet: column rank is UInt16, a type that cannot be read",
    ),
];

/// Columns of each file that a run needs.
const NEEDED: [(&str, &[&str]); 2] = [
    (
        "markets",
        &[
            "ticker",
            "event_ticker",
            "series_ticker",
            "category",
            "title",
            "yes_sub_title",
            "strike_type",
            "floor_strike",
            "cap_strike",
            "open_time",
            "close_time",
            "settlement_time",
            "result",
            "settlement_value",
            "fee_type",
            "fee_multiplier",
            "mutually_exclusive",
            "price_ranges",
        ],
    ),
    (
        "snapshots",
        &[
            "ts",
            "ticker",
            "yes_bid",
            "yes_ask",
            "yes_bid_size",
            "yes_ask_size",
            "last_price",
            "mid",
            "volume",
        ],
    ),
];

fn out(world: &mut World, file: &str) {
    let file = world.path(file).to_str().unwrap().to_owned();
    world.args.extend(["--out".to_owned(), file]);
}

/// Overwrites what lies between the first bytes and the footer.
fn hole(bytes: &mut [u8]) {
    bytes[8..200].fill(0xff);
}

fn recast(table: Table, name: &str, make: fn(Vec<i64>) -> ArrayRef) -> Table {
    let micros = table.column(name).as_primitive::<TimestampMicrosecondType>().values().to_vec();
    table.with(name, make(micros))
}

fn milliseconds(micros: Vec<i64>) -> ArrayRef {
    let millis: Vec<i64> = micros.into_iter().map(|micros| micros / 1_000).collect();
    Arc::new(TimestampMillisecondArray::from(millis).with_timezone("UTC"))
}

fn no_zone(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros))
}

fn new_york(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("America/New_York"))
}

fn offset(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("+00:00"))
}

fn texts(rows: usize) -> ArrayRef {
    Arc::new(StringArray::from(vec!["1"; rows]))
}

fn numbers(rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from(vec![1; rows]))
}

fn shorts(rows: usize) -> ArrayRef {
    Arc::new(UInt16Array::from(vec![1; rows]))
}

fn reals(rows: usize) -> ArrayRef {
    Arc::new(Float64Array::from(vec![0.44; rows]))
}

fn decimals(rows: usize) -> ArrayRef {
    Arc::new(Decimal128Array::from(vec![1; rows]))
}

#[test]
fn folders() {
    refused(DATA, FOLDERS);
}

#[test]
fn files() {
    refused(DATA, FILES);
}

#[test]
fn types_of_snapshots() {
    refused(DATA, SNAPSHOT_TYPES);
}

#[test]
fn types_of_markets() {
    refused(DATA, MARKET_TYPES);
}

#[test]
fn every_column_a_run_needs() {
    for (file, columns) in NEEDED {
        for column in columns {
            let world = World::new();
            match file {
                "markets" => world.markets(|table| table.without(column)),
                _ => world.snapshots(|table| table.without(column)),
            }
            let outcome = world.run();
            let expected = format!("protogen: [DIR]/data/{file}.parquet: has no column {column}\n");
            assert_eq!((outcome.code, outcome.stderr), (DATA, expected));
            assert_eq!((outcome.stdout, world.runs()), (String::new(), Vec::new()));
        }
    }
}

#[test]
fn an_offset_for_utc_is_utc() {
    let world = World::new();
    for column in ["open_time", "close_time", "settlement_time"] {
        world.markets(|table| recast(table, column, offset));
    }
    assert_eq!(world.summary()["digest"], World::new().summary()["digest"]);
}

/// Wherever a file is damaged: it may go unnoticed where nothing reads it, but it is never a bug.
#[test]
fn damage_is_never_a_bug() {
    for file in ["data/markets.parquet", "data/snapshots.parquet"] {
        let world = World::new();
        let whole = fs::read(world.path(file)).unwrap();
        for at in (4..whole.len()).step_by(61) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            world.write(file, damaged);
            let outcome = world.run();
            let said = outcome.stderr.lines().last().unwrap_or_default();
            let fine = outcome.code == 0 && said.is_empty();
            let refused = outcome.code == DATA && said.starts_with("protogen: [DIR]/data/");
            assert!(fine || refused, "byte {at} of {file}: exit {}\n{}", outcome.code, outcome.stderr);
        }
    }
}

#[test]
fn data_show_says_the_same_as_a_run() {
    for (_, break_it, expected) in FILES.iter().chain(SNAPSHOT_TYPES).chain(MARKET_TYPES) {
        let mut world = World::new();
        break_it(&mut world);
        let mut show = protogen();
        show.args(["data", "show"]).arg(world.path("data"));
        let outcome = world.outcome(show);
        if !expected.contains("cannot be decoded from here on") {
            assert_eq!((outcome.code, outcome.stderr), (DATA, format!("protogen: {expected}\n")));
        }
    }
}
