//! Rows of `snapshots.parquet` that cannot be used: exit code 3; with `--lenient` they are skipped and
//! counted, and everything else is as if they had not been there; `data check` lists them.

use std::fs;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};
use protogen::dataset::write::writer::{SnapshotRow, SnapshotWriter};
use protogen::domain::Span;

use super::world::{Table, World, micros, moment, protogen, quote};
use super::{DATA, refused};

/// One broken row.
struct Row {
    name: &'static str,
    /// Counted from 1.
    number: usize,
    break_it: fn(Table, usize) -> Table,
    /// What the program says of it.
    says: &'static str,
    /// Under which name it is counted.
    kind: &'static str,
}

const fn row(
    name: &'static str,
    number: usize,
    break_it: fn(Table, usize) -> Table,
    says: &'static str,
    kind: &'static str,
) -> Row {
    Row { name, number, break_it, says, kind }
}

const ROWS: &[Row] = &[
    row(
        "unsorted",
        4,
        |t, row| time(t, row, "2024-01-02T12:00:00Z"),
        "ts is before the row above; snapshots must be sorted by ts",
        "unsorted",
    ),
    row("no time", 2, |t, row| ts(t, row, None), "ts is missing", "missing_value"),
    row(
        "a time beyond all years",
        4,
        |t, row| ts(t, row, Some(i64::MAX)),
        "ts = 9223372036854775807 µs is outside the years 1678-2262",
        "time_out_of_range",
    ),
    row("no ticker", 2, |t, row| t.text("ticker", row, None), "ticker is missing", "missing_value"),
    row("an empty ticker", 2, |t, row| t.text("ticker", row, Some("")), "ticker is missing", "missing_value"),
    row(
        "an unknown ticker",
        6,
        |t, row| t.text("ticker", row, Some("KXTEST-24JAN-C")),
        "ticker KXTEST-24JAN-C is not in markets.parquet",
        "unknown_ticker",
    ),
    row(
        "before the opening",
        1,
        |t, row| time(t, row, "2023-12-31T23:59:59Z"),
        "snapshot before KXTEST-24JAN-A opened",
        "before_open",
    ),
    row(
        "after the settlement",
        8,
        |t, row| t.text("ticker", row, Some("KXTEST-24JAN-A")),
        "snapshot after KXTEST-24JAN-A was settled",
        "after_settlement",
    ),
    row(
        "crossed",
        3,
        |t, row| t.price("yes_bid", row, 4_800),
        "yes_bid 4800 is not below yes_ask 4700",
        "crossed",
    ),
    row(
        "locked",
        3,
        |t, row| t.price("yes_ask", row, 4_500),
        "yes_bid 4500 is not below yes_ask 4500",
        "crossed",
    ),
    row(
        "a bid of nothing",
        5,
        |t, row| t.price("yes_bid", row, 0),
        "yes_bid = 0 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "an ask of a dollar",
        5,
        |t, row| t.price("yes_ask", row, 10_000),
        "yes_ask = 10000 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "a negative bid",
        5,
        |t, row| t.price("yes_bid", row, -100),
        "yes_bid = -100 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "an ask that 16 bits would make valid",
        5,
        |t, row| t.price("yes_ask", row, 65_536 + 5_400),
        "yes_ask = 70936 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "a last price of nothing",
        1,
        |t, row| t.price("last_price", row, 0),
        "last_price = 0 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "a midpoint in another unit",
        1,
        |t, row| t.price("mid", row, 450_000),
        "mid = 450000 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "a negative volume",
        7,
        |t, row| count(t, "volume", row, -1),
        "volume = -1 is negative",
        "negative_size",
    ),
    row(
        "a negative size",
        7,
        |t, row| count(t, "yes_bid_size", row, -100),
        "yes_bid_size = -100 is negative",
        "negative_size",
    ),
    row(
        "a second bid at the price of the first",
        8,
        |t, row| levels(t).price("bid_2", row, 1_000),
        "bid_2 = 1000 is not behind the level above, 1000",
        "level_order",
    ),
    row(
        "a third ask between the first two",
        5,
        |t, row| levels(t).price("ask_3", row, 5_450),
        "ask_3 = 5450 is not behind the level above, 5500",
        "level_order",
    ),
    row(
        "a level without a size",
        3,
        |t, row| levels(t).number::<Int64Type>("bid_2_size", row, None),
        "bid_2 is given without bid_2_size; a level needs price, size and the level above",
        "half_level",
    ),
    row(
        "a level without a price",
        3,
        |t, row| levels(t).price("ask_3", row, None),
        "ask_3_size is given without ask_3; a level needs price, size and the level above",
        "half_level",
    ),
    row(
        "a third level without a second",
        3,
        |t, row| levels(t).price("bid_2", row, None).number::<Int64Type>("bid_2_size", row, None),
        "bid_3 is given without bid_2; a level needs price, size and the level above",
        "half_level",
    ),
    row(
        "a second level behind a best price of unknown size",
        6,
        |t, row| levels(t).number::<Int64Type>("yes_ask_size", row, None),
        "ask_2 is given without yes_ask and yes_ask_size; a level needs price, size and the level above",
        "half_level",
    ),
    row(
        "a level between two ticks",
        5,
        |t, row| levels(t).price("ask_2", row, 5_450),
        "ask_2 = 5450 is between two ticks of the market's price_ranges",
        "off_grid",
    ),
    row(
        "a level of a dollar",
        1,
        |t, row| levels(t).price("ask_3", row, 10_000),
        "ask_3 = 10000 is not between 1 and 9999 ten-thousandths of a dollar",
        "price_out_of_range",
    ),
    row(
        "a level of less than nothing",
        1,
        |t, row| count(levels(t), "bid_3_size", row, -100),
        "bid_3_size = -100 is negative",
        "negative_size",
    ),
];

fn floats(rows: usize) -> ArrayRef {
    Arc::new(Float64Array::from(vec![5.0; rows]))
}

/// With a second and a third level on either side, a cent apart, of five contracts each.
fn levels(mut table: Table) -> Table {
    for (side, best, step) in [("bid", "yes_bid", -100), ("ask", "yes_ask", 100)] {
        for level in 2..=3 {
            let prices = table.column(best).as_primitive::<Int32Type>();
            let prices = prices.unary::<_, Int32Type>(|price| price + step * (level - 1));
            let sizes = Int64Array::from(vec![500; prices.len()]);
            table = table.led_by(&format!("{side}_{level}_size"), Arc::new(sizes));
            table = table.led_by(&format!("{side}_{level}"), Arc::new(prices));
        }
    }
    table
}

fn ts(table: Table, row: usize, micros: Option<i64>) -> Table {
    table.number::<TimestampMicrosecondType>("ts", row, micros)
}

fn time(table: Table, row: usize, at: &str) -> Table {
    ts(table, row, Some(micros(at)))
}

fn count(table: Table, name: &str, row: usize, value: i64) -> Table {
    table.number::<Int64Type>(name, row, Some(value))
}

fn broken(Row { number, break_it, .. }: &Row) -> World {
    let world = World::new();
    world.snapshots(|table| break_it(table, *number));
    world
}

#[test]
fn broken_rows_stop_the_run() {
    for case in ROWS {
        let world = broken(case);
        let outcome = world.run();
        let expected =
            format!("protogen: [DIR]/data/snapshots.parquet, row {}: {}\n", case.number, case.says);
        assert_eq!((outcome.code, outcome.stderr), (DATA, expected), "{}", case.name);
        assert_eq!((outcome.stdout, world.runs()), (String::new(), Vec::new()), "{}", case.name);
    }
}

#[test]
fn lenient_skips_and_counts_them_and_touches_nothing_else() {
    for case in ROWS {
        let mut world = broken(case);
        let strict = world.run();
        world.args.push("--lenient".into());
        let lenient = world.summary();
        assert_eq!(strict.code, DATA, "{}", case.name);
        assert_eq!(lenient["rows_skipped"], serde_json::json!({ case.kind: 1 }), "{}", case.name);
        let without = World::new();
        without.quote(|row| row != case.number);
        let without = without.summary();
        assert_eq!(lenient["evaluations"], 7, "{}", case.name);
        assert_eq!(lenient["digest"], without["digest"], "{}", case.name);
    }
}

#[test]
fn lenient_counts_every_kind_by_itself() {
    let mut world = World::new();
    world.args.push("--lenient".into());
    world.snapshots(|table| {
        let table = table.price("yes_bid", 1, 0).price("yes_ask", 2, 10_000).price("yes_bid", 3, 4_800);
        time(table.text("ticker", 6, Some("KXTEST-24JAN-C")), 7, "2024-01-02T00:00:00Z")
    });
    let expected =
        serde_json::json!({ "price_out_of_range": 2, "crossed": 1, "unknown_ticker": 1, "unsorted": 1 });
    let summary = world.summary();
    assert_eq!((&summary["rows_skipped"], &summary["evaluations"]), (&expected, &3.into()));
}

#[test]
fn data_check_lists_what_a_run_would_stop_at() {
    for case in ROWS {
        let world = broken(case);
        let mut check = protogen();
        check.args(["data", "check"]).arg(world.path("data"));
        let outcome = world.outcome(check);
        let expected = format!(
            "[DIR]/data/snapshots.parquet, row {}: {}\n[DIR]/data: 2 markets, 8 rows: 1 problems\n",
            case.number, case.says
        );
        assert_eq!((outcome.code, outcome.stdout), (DATA, expected), "{}", case.name);
        assert_eq!(outcome.stderr, "protogen: 1 problems in the data\n", "{}", case.name);
    }
}

/// Fifty thousand quotes of one market, three seconds apart: the last 21,200 are of the second day.
fn long(world: &World) {
    let file = world.path("data/snapshots.parquet");
    let mut writer = SnapshotWriter::create(&file).unwrap();
    let mut at = moment("2024-01-02T00:00:00Z");
    for _ in 0..50_000 {
        at = at + Span::SECOND.times(3);
        writer.write_row(&SnapshotRow { at, ticker: "KXTEST-24JAN-B", quote: quote(44, 46) }).unwrap();
    }
    writer.finish().unwrap();
}

/// The row's number is that in the file, whatever was decoded or skipped before it.
#[test]
fn a_row_deep_in_the_file_is_named() {
    for (rows_a_group, start) in [(1 << 20, "2024-01-01"), (15_000, "2024-01-01"), (3_600, "2024-01-03")] {
        let world = World::new();
        long(&world);
        world.line("name = \"case\"", &format!("name = \"case\"\nstart = {start}"));
        let file = world.path("data/snapshots.parquet");
        Table::read(&file).price("yes_bid", 40_000, 4_600).write(&file, rows_a_group);
        let outcome = world.run();
        let expected =
            "protogen: [DIR]/data/snapshots.parquet, row 40000: yes_bid 4600 is not below yes_ask 4600\n";
        assert_eq!((outcome.code, &*outcome.stderr), (DATA, expected));
        assert_eq!((outcome.stdout, world.runs()), (String::new(), Vec::new()));
    }
}

#[test]
fn columns_of_levels_come_in_pairs_and_without_holes() {
    refused(
        DATA,
        &[
            (
                "no sizes",
                |w| w.snapshots(|t| levels(t).without("bid_2_size")),
                "[DIR]/data/snapshots.parquet: has no column bid_2_size; the levels of a book are bid_2, bid_2_size, bid_3, … and ask_2, ask_2_size, … up to 10, without a hole",
            ),
            (
                "a hole",
                |w| w.snapshots(|t| levels(t).without("ask_2").without("ask_2_size")),
                "[DIR]/data/snapshots.parquet: has no column ask_2; the levels of a book are bid_2, bid_2_size, bid_3, … and ask_2, ask_2_size, … up to 10, without a hole",
            ),
            (
                "sizes as floats",
                |w| w.snapshots(|t| levels(t).with_all("ask_3_size", floats)),
                "[DIR]/data/snapshots.parquet: column ask_3_size must be i64, is Float64",
            ),
        ],
    );
}

#[test]
fn the_part_is_named() {
    refused(
        DATA,
        &[(
            "the second of two parts",
            |w| {
                fs::create_dir(w.path("data/snapshots")).unwrap();
                let [file, first, second] =
                    ["data/snapshots.parquet", "data/snapshots/1.parquet", "data/snapshots/2.parquet"];
                fs::copy(w.path(file), w.path(first)).unwrap();
                w.snapshots(|table| table.price("yes_ask", 2, 1));
                fs::rename(w.path(file), w.path(second)).unwrap();
            },
            "[DIR]/data/snapshots/2.parquet, row 2: yes_bid 3000 is not below yes_ask 1",
        )],
    );
}

/// A name, and how another writer would have made the columns.
type Spelling = (&'static str, fn(Table) -> Table);

/// What other writers make of the same columns is the same data.
#[test]
fn spellings_of_a_type_do_not_matter() {
    let expected = World::new().summary();
    let spellings: [Spelling; 4] = [
        ("text", |t| {
            let tickers = StringArray::from(t.texts("ticker"));
            t.with("ticker", Arc::new(tickers))
        }),
        ("large text", |t| {
            let tickers = LargeStringArray::from(t.texts("ticker"));
            t.with("ticker", Arc::new(tickers))
        }),
        ("an offset for UTC", |t| {
            let ts = t.column("ts").as_primitive::<TimestampMicrosecondType>().clone();
            t.with("ts", Arc::new(ts.with_timezone("+00:00")))
        }),
        ("a nested column in front", |t| {
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; t.column("ts").len()]));
            let field = |name| Field::new(name, DataType::Int64, true);
            let fields = Fields::from(vec![field("levels"), field("orders")]);
            t.led_by("depth", Arc::new(StructArray::new(fields, vec![Arc::clone(&numbers), numbers], None)))
        }),
    ];
    for (name, spell) in spellings {
        let world = World::new();
        world.line("name = \"case\"", "name = \"case\"\nstart = 2024-01-01");
        world.snapshots(spell);
        assert_eq!(world.summary()["digest"], expected["digest"], "{name}");
    }
}
