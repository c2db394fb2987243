//! Imports held to cases that can be followed by hand, and a small dump with every trap of the real one.

use std::fmt::Write;
use std::fs;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, NullArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::quotes_from_trades::{Prints, Tape};
use super::*;
use crate::dataset::check::inspect;
use crate::dataset::data_set::DataSet;
use crate::dataset::io::sorter;
use crate::dataset::io::sorter::Sorter;
use crate::dataset::read::catalogue::{Catalogue, read_markets};
use crate::dataset::read::decode::FilePlan;
use crate::dataset::read::selection::Window;
use crate::dataset::read::snapshots::{Snapshot, SnapshotStream};
use crate::domain::{Market, Price, Quote};

const EVERYTHING: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
const HOUR: i64 = 3_600_000_000;

fn cents(price: u16) -> Option<Price> {
    Price::new(price * 100)
}

fn prints(list: &[(bool, u16)]) -> Prints {
    let mut prints = Prints::default();
    list.iter().for_each(|&(yes, price)| prints.add_print(yes, cents(price).unwrap(), 100));
    prints
}

/// Bid, ask and last after each moment, a minute apart, trusted for an hour.
fn walk(moments: &[&[(bool, u16)]]) -> Vec<(Option<Price>, Option<Price>, Option<Price>)> {
    let mut tape = Tape::default();
    let quote = |(minute, list): (i64, &&[(bool, u16)])| {
        let Quote { bid, ask, last, .. } = tape.quote_after_prints(minute * HOUR / 60, &prints(list), HOUR);
        (bid, ask, last)
    };
    (0..).zip(moments).map(quote).collect()
}

#[test]
fn the_last_print_of_each_side_is_the_quote() {
    let seen = walk(&[&[(true, 46)], &[(false, 44)], &[(true, 45)]]);
    assert_eq!(seen[0], (None, cents(46), cents(46)));
    assert_eq!(seen[1], (cents(44), cents(46), cents(44)));
    assert_eq!(seen[2], (cents(44), cents(45), cents(45)));
}

#[test]
fn a_sweep_leaves_the_worst_price_it_paid() {
    let seen = walk(&[&[(true, 46), (true, 48), (true, 47)], &[(false, 44), (false, 41)]]);
    assert_eq!(seen[0].1, cents(48));
    assert_eq!(seen[1].0, cents(41));
}

#[test]
fn where_sides_cross_or_meet_the_older_is_unknown() {
    assert_eq!(walk(&[&[(false, 44)], &[(true, 43)]])[1], (None, cents(43), cents(43)));
    assert_eq!(walk(&[&[(true, 46)], &[(false, 46)]])[1], (cents(46), None, cents(46)));
    // Both at once: neither is older, and which was last is not known.
    assert_eq!(walk(&[&[(true, 43), (false, 45)]])[0], (None, None, None));
}

#[test]
fn an_old_side_is_unknown_and_volume_adds_up() {
    let mut tape = Tape::default();
    assert_eq!(tape.quote_after_prints(0, &prints(&[(true, 46)]), HOUR).ask, cents(46));
    assert_eq!(tape.quote_after_prints(HOUR, &prints(&[(false, 44)]), HOUR).ask, cents(46));
    let late = tape.quote_after_prints(HOUR + 1, &prints(&[(false, 43)]), HOUR);
    assert_eq!((late.bid, late.ask), (cents(43), None));
    assert_eq!(late.volume.unwrap().hundredths(), 300);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number(i64, u8);

impl sorter::SortRecord for Number {
    const SIZE: usize = 9;
    fn timestamp_micros(&self) -> i64 {
        self.0
    }
    fn append_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.to_le_bytes());
        bytes.push(self.1);
    }
    fn from_bytes(mut bytes: &[u8]) -> Self {
        Self(i64::from_le_bytes(sorter::take_bytes(&mut bytes)), sorter::take_bytes::<1>(&mut bytes)[0])
    }
}

#[test]
fn sorting_outside_of_memory_is_sorting() {
    let folder = TempDir::new().unwrap();
    // Few moments, many, and as many as there are, so far apart that a key has not room for all of a moment and
    // some share one.
    for (bits, limit) in
        [58, 50, 0].into_iter().flat_map(|bits| [7, 999, 1_000, 5_000].map(|limit| (bits, limit)))
    {
        let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = |n| Number(mixed(n / 3).cast_signed() >> bits, mixed(n).to_le_bytes()[4]);
        let near = |n: u64| Number((mixed(n / 3).cast_signed() >> bits) ^ i64::from(n.is_multiple_of(3)), 0);
        let numbers: Vec<_> = (0..500).map(number).chain((1..500).map(near)).collect();
        let mut expected = numbers.clone();
        expected.sort_unstable();
        let mut sorter = Sorter::new(folder.path(), limit);
        numbers.iter().for_each(|&number| sorter.push(number).unwrap());
        let mut merged = sorter.into_sorted().unwrap();
        let found: Vec<_> = std::iter::from_fn(|| merged.next_record().unwrap()).collect();
        assert_eq!(found, expected, "{bits} bits, limit {limit}");
    }
}

/// 2024-03-01T12:00:00Z
const NOON: i64 = 1_709_294_400_000_000;
const MINUTE: i64 = 60_000_000;
/// 2026-05-08T12:00:00Z, a day before prices were cut.
const FETCHED_EARLY: i64 = 1_778_241_600_000_000;
const FETCHED_LATE: i64 = FETCHED_EARLY + 24 * HOUR;

fn text(cells: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(cells.to_vec()))
}

fn utc(cells: &[i64]) -> ArrayRef {
    let nanos: Vec<i64> = cells.iter().map(|micros| micros * 1_000).collect();
    Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC"))
}

fn unzoned(cells: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(cells.to_vec()))
}

/// As the dump's tool writes it: Snappy, times in nanoseconds with a zone, the time of fetching without. In
/// row groups so small that even these files are read by several threads.
fn write(file: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = properties.set_max_row_group_row_count(Some(4)).build();
    let handle = fs::File::create(file).unwrap();
    let mut writer = ArrowWriter::try_new(handle, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Ticker, minute after noon, YES cents, NO cents, count, side, id.
type Print<'a> = (&'a str, i64, i64, i64, i64, &'a str, &'a str);

fn trades_file(folder: &Path, name: &str, rows: &[Print<'_>], fetched: i64, price: fn(Vec<i64>) -> ArrayRef) {
    let column = |get: fn(&Print<'_>) -> i64| rows.iter().map(get).collect::<Vec<_>>();
    let texts = |get: for<'a> fn(&Print<'a>) -> &'a str| text(&rows.iter().map(get).collect::<Vec<_>>());
    let columns = vec![
        ("trade_id", texts(|row| row.6)),
        ("ticker", texts(|row| row.0)),
        ("count", Arc::new(Int64Array::from(column(|row| row.4))) as ArrayRef),
        ("yes_price", price(column(|row| row.2))),
        ("no_price", price(column(|row| row.3))),
        ("taker_side", texts(|row| row.5)),
        ("created_time", utc(&column(|row| NOON + row.1 * MINUTE))),
        ("_fetched_at", unzoned(&vec![fetched; rows.len()])),
    ];
    write(&folder.join(name), columns);
}

fn whole(cells: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(cells))
}

/// Floats, and nothing where a whole number was below zero.
fn floats(cells: Vec<i64>) -> ArrayRef {
    let cell = |cell: i64| (cell >= 0).then_some(cell as f64);
    Arc::new(Float64Array::from(cells.into_iter().map(cell).collect::<Vec<_>>()))
}

#[expect(clippy::needless_pass_by_value, reason = "as the other makers of a column")]
fn typeless(cells: Vec<i64>) -> ArrayRef {
    Arc::new(NullArray::new(cells.len()))
}

/// Ticker, status, result, fetched in days after the first.
const MARKETS: [(&str, &str, &str, i64); 7] = [
    ("FED-24MAR-T5.25", "open", "", 0),
    ("FED-24MAR-T5.25", "finalized", "yes", 1),
    ("FED-24MAR-T5.50", "finalized", "no", 0),
    ("FED-24MAR-T9.99", "finalized", "no", 0),
    ("FED-24MAR-T5.75", "closed", "", 0),
    ("FED-24MAR-T6.00", "finalized", "void", 0),
    ("CPI-24MAR-T0.3", "finalized", "yes", 0),
];

/// A dump with every trap that the inventory of the real one names.
fn dump() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (markets, trades) =
        (folder.path().join("data/kalshi/markets"), folder.path().join("data/kalshi/trades"));
    fs::create_dir_all(&markets).unwrap();
    fs::create_dir_all(&trades).unwrap();
    let rows = MARKETS.len();
    let texts = |get: fn(&(&'static str, &'static str, &'static str, i64)) -> &'static str| {
        text(&MARKETS.iter().map(get).collect::<Vec<_>>())
    };
    let fetched: Vec<i64> = MARKETS.iter().map(|row| FETCHED_EARLY + row.3 * 24 * HOUR).collect();
    let columns = vec![
        ("ticker", texts(|row| row.0)),
        ("event_ticker", texts(|row| row.0.rsplit_once('-').unwrap().0)),
        ("title", texts(|_| "A question")),
        ("yes_sub_title", texts(|_| "Yes")),
        ("status", texts(|row| row.1)),
        ("yes_bid", typeless(vec![0; rows])),
        ("result", texts(|row| row.2)),
        ("open_time", utc(&vec![NOON - 24 * HOUR; rows])),
        ("close_time", utc(&vec![NOON + 2 * HOUR; rows])),
        ("_fetched_at", unzoned(&fetched)),
    ];
    write(&markets.join("markets_0_10000.parquet"), columns);
    let (a, b) = ("FED-24MAR-T5.25", "FED-24MAR-T5.50");
    // The API gives the newest first.
    let early: &[Print<'_>] = &[
        (a, 3, 58, 42, 3, "yes", "t4"),
        (a, 1, 57, 43, 2, "yes", "t2"),
        (a, 1, 57, 43, 2, "yes", "t2"),
        (a, 0, 55, 45, 10, "no", "t1"),
        (b, 2, 20, 80, 5, "no", "t3"),
        (b, 150, 20, 80, 5, "no", "t9"),
        (b, -2_000, 20, 80, 5, "no", "t0"),
        ("FED-24MAR-T5.75", 2, 50, 50, 1, "yes", "u1"),
        ("FED-24MAR-T6.00", 2, 50, 50, 1, "yes", "u2"),
        ("FED-24MAR-GONE", 2, 50, 50, 1, "yes", "u3"),
        ("CPI-24MAR-T0.3", 2, 50, 50, 1, "yes", "c1"),
        ("OTHER-X", 2, 50, 50, 1, "yes", "o1"),
    ];
    trades_file(&trades, "trades_0_10000.parquet", early, FETCHED_EARLY, whole);
    let drifted: &[Print<'_>] = &[(a, 4, 59, 41, 1, "yes", "t5"), (a, 5, -1, 41, 1, "yes", "t6")];
    trades_file(&trades, "trades_10000_20000.parquet", drifted, FETCHED_EARLY, floats);
    trades_file(&trades, "trades_20000_30000.parquet", &drifted[..1], FETCHED_EARLY, typeless);
    // 0.57 × 100 is 56.99… in floats: what was 57 and 43 is 56 and 43. 0.005 is nothing at all.
    let cut: &[Print<'_>] = &[
        (a, 6, 56, 43, 1, "yes", "t7"),
        (a, 7, 0, 99, 1, "yes", "t8"),
        (a, 8, 60, 40, 0, "yes", "ta"),
        (a, 9, 60, 40, 7, "yes", "tb"),
    ];
    trades_file(&trades, "trades_30000_40000.parquet", cut, FETCHED_LATE, whole);
    folder
}

fn settings<'a>(out: &'a Path, progress: Progress<'a>) -> Settings<'a> {
    Settings {
        out,
        selection: MarketSelection { series: vec!["FED".into()], since: None },
        lenient: false,
        trusted: Span::HOUR,
        settled_after: Span::HOUR,
        records_in_memory: 3,
        threads: 2,
        progress,
    }
}

/// All snapshots of a data set with the ticker of each.
fn read_all(folder: &Path) -> Vec<(String, Snapshot)> {
    let set = DataSet::open(folder).unwrap();
    let rows = read_markets(&set.markets).unwrap();
    let mut catalogue = Catalogue::new(vec![(&set.markets, rows)], EVERYTHING, |_| true).unwrap();
    let tickers = std::mem::take(&mut catalogue.tickers);
    let plan = |file: &PathBuf| FilePlan::new(file, &tickers, EVERYTHING).unwrap();
    let plans: Vec<_> = set.snapshots.iter().map(plan).collect();
    let mut stream = SnapshotStream::new(plans, tickers, EVERYTHING, false);
    let mut found = Vec::new();
    while stream.peek().unwrap().is_some() {
        let snapshot = stream.take_snapshot().unwrap();
        found.push((catalogue.markets[snapshot.market.index()].ticker.to_string(), snapshot));
    }
    found
}

#[test]
fn the_dump_with_all_its_traps() {
    let (dump, place) = (dump(), TempDir::new().unwrap());
    let out = place.path().join("mine");
    let report = import_becker_dump(dump.path(), &mut settings(&out, &mut |_, _, _| {})).unwrap();
    let refused = |tally: &RefusalTally| -> Vec<(&str, u64)> {
        tally.refused.iter().map(|(kind, refused)| (*kind, refused.count)).collect()
    };
    assert_eq!(
        refused(&report.rows),
        [
            ("after_close", 1),     // t9
            ("before_open", 1),     // t0
            ("duplicate", 1),       // t2
            ("market_refused", 2),  // u1, u2
            ("missing_value", 2),   // t6, and the file whose price column has no type
            ("no_contracts", 1),    // ta
            ("truncated_cents", 2), // t7, t8
            ("unknown_ticker", 1),  // u3
        ]
    );
    let twice = &report.rows.refused["duplicate"].first;
    assert_eq!(twice, "a trade of FED-24MAR-T5.25 at 2024-03-01T12:01:00Z: is there twice");
    assert_eq!((report.rows.read, report.rows.taken, report.rows.not_asked_for), (19, 6, 2));
    assert_eq!(refused(&report.markets), [("market_not_final", 1), ("market_without_result", 1)]);
    assert_eq!((report.markets_written, report.markets_without_rows), (2, 1));
    // By hand: noon NO taker at 55, 12:01 YES taker at 57, 12:02 the other market, then YES takers.
    let found = read_all(&out);
    let rows: Vec<_> = found
        .iter()
        .map(|(ticker, at)| {
            let minute = (at.at.nanos() / 1_000 - NOON) / MINUTE;
            let quote = at.quote;
            (&ticker[10..], minute, quote.bid, quote.ask, quote.volume.unwrap().hundredths() / 100)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("T5.25", 0, cents(55), None, 10),
            ("T5.25", 1, cents(55), cents(57), 12),
            ("T5.50", 2, cents(20), None, 5),
            ("T5.25", 3, cents(55), cents(58), 15),
            ("T5.25", 4, cents(55), cents(59), 16),
            ("T5.25", 9, cents(55), cents(60), 23),
        ]
    );
    let found = inspect::check_data(&out);
    assert_eq!((found.count, found.markets, found.rows), (0, 2, 6), "{:?}", found.problems);
}

#[test]
fn the_same_rows_in_any_order_on_any_threads_are_the_same_bytes() {
    let (dump, place) = (dump(), TempDir::new().unwrap());
    let trades = dump.path().join("data/kalshi/trades");
    let bytes = |name: &str, records: usize, threads: usize| {
        let out = place.path().join(name);
        let mut progress = |_: Stage, _: u64, _: u64| {};
        let mut settings = Settings { records_in_memory: records, threads, ..settings(&out, &mut progress) };
        import_becker_dump(dump.path(), &mut settings).unwrap();
        ["markets.parquet", "snapshots.parquet"].map(|file| fs::read(out.join(file)).unwrap())
    };
    let first = bytes("first", 2, 1);
    assert_eq!(bytes("more memory", 1_000, 1), first);
    assert_eq!(bytes("more threads", 1_000, 3), first);
    fs::rename(trades.join("trades_0_10000.parquet"), trades.join("trades_90000_100000.parquet")).unwrap();
    assert_eq!(bytes("another order of files", 2, 2), first);
}

#[test]
fn of_several_rows_that_are_wrong_the_first_is_named_on_any_threads() {
    let (dump, place) = (dump(), TempDir::new().unwrap());
    let good = ("FED-24MAR-T5.25", 1, 57, 43, 1, "yes", "x1");
    let mut rows = [good; 40];
    // In the seventh row group, and in the ninth.
    rows[24].3 = 44;
    rows[34].5 = "maybe";
    let trades = dump.path().join("data/kalshi/trades");
    trades_file(&trades, "trades_50000_60000.parquet", &rows, FETCHED_EARLY, whole);
    for threads in [1, 2, 8] {
        let out = place.path().join("mine");
        let mut progress = |_: Stage, _: u64, _: u64| {};
        let mut settings = Settings { threads, ..settings(&out, &mut progress) };
        let error = import_becker_dump(dump.path(), &mut settings).unwrap_err().to_string();
        assert!(error.contains("trades_50000_60000.parquet, row 25: yes_price 5700 and"), "{error}");
    }
}

#[test]
fn what_no_trap_explains_ends_the_import_and_leaves_nothing() {
    let (dump, place) = (dump(), TempDir::new().unwrap());
    let rows: &[Print<'_>] =
        &[("FED-24MAR-T5.25", 1, 50, 50, 1, "yes", "x1"), ("FED-24MAR-T5.25", 1, 56, 43, 1, "yes", "x2")];
    let trades = dump.path().join("data/kalshi/trades");
    trades_file(&trades, "trades_50000_60000.parquet", rows, FETCHED_EARLY, whole);
    let out = place.path().join("mine");
    let mut progress = |_: Stage, _: u64, _: u64| {};
    let error = import_becker_dump(dump.path(), &mut settings(&out, &mut progress)).unwrap_err().to_string();
    assert!(error.ends_with(
        "trades_50000_60000.parquet, row 2: yes_price 5600 and no_price 4300 ten-thousandths do not add up to a dollar"
    ), "{error}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something was left behind");
    let mut lenient = Settings { lenient: true, ..settings(&out, &mut progress) };
    let report = import_becker_dump(dump.path(), &mut lenient).unwrap();
    assert_eq!(report.rows.refused["prices_not_a_dollar"].count, 1);
}

#[test]
fn one_process_writes_a_data_set_and_a_killed_one_is_cleared() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("mine");
    let first = StagedTarget::claim_output_folder(&out).unwrap();
    let refused = StagedTarget::claim_output_folder(&out).unwrap_err().to_string();
    assert!(refused.contains(&format!("is being written by process {}", std::process::id())), "{refused}");
    fs::write(first.staged_path("half.parquet"), "half").unwrap();
    // As after a kill: the lock goes with the process, the files stay.
    let partial = first.staged_path("");
    drop(first);
    fs::create_dir_all(partial.join("sort")).unwrap();
    fs::write(partial.join("half.parquet"), "half").unwrap();
    let second = StagedTarget::claim_output_folder(&out).unwrap();
    fs::write(second.staged_path("whole.parquet"), "whole").unwrap();
    assert!(!out.exists(), "it has its name before it is whole");
    second.publish().unwrap();
    let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["whole.parquet"]);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let there = StagedTarget::claim_output_folder(&out).unwrap_err().to_string();
    assert!(there.ends_with("is there already; remove it, or give another --out"), "{there}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "a refused import leaves its folder");
}

/// 200 series, a thousand trades each, in one month: a run of one reads at most 3 % of the bytes.
#[test]
fn one_series_of_many_reads_little_of_the_others() {
    let place = TempDir::new().unwrap();
    let mut markets = String::from("ticker,event_ticker,open_time,close_time\n");
    let mut trades = String::from("ts,ticker,yes_price,count,taker_side\n");
    for series in 0..200 {
        let event = format!("S{series:03}-24MAR");
        writeln!(markets, "{event}-A,{event},2024-01-01T00:00:00Z,2025-01-01T00:00:00Z").unwrap();
        for trade in 0..1_000 {
            let (price, side) = (40 + (trade * 7 + series) % 20, if trade % 3 == 0 { "no" } else { "yes" });
            let at = NOON + trade * 7 * MINUTE + series;
            writeln!(trades, "{at},S{series:03}-24MAR-A,{price},{},{side}", 1 + trade % 90).unwrap();
        }
    }
    let map = "[columns]\nts='ts'\nticker='ticker'\nyes_price='yes_price'\ncount='count'\n\
               taker_side='taker_side'\n[time]\nunit='us'\n";
    let file = |name: &str, content: &str| {
        let path = place.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (markets, map) = (file("markets.csv", &markets), file("map.toml", map));
    let files = [file("trades.csv", &trades)];
    let import = |name: &str, threads: usize, records_in_memory: usize| {
        let out = place.path().join(name);
        let mut progress = |_: Stage, _: u64, _: u64| {};
        let selection = MarketSelection::default();
        let mut settings =
            Settings { selection, records_in_memory, threads, ..settings(&out, &mut progress) };
        (import_trades(&files, &map, &markets, &mut settings).unwrap(), DataSet::open(&out).unwrap())
    };
    let (report, set) = import("out", 1, 1 << 20);
    assert_eq!((report.rows.taken, report.snapshots), (200_000, 200_000));
    // Two parts of a month at a time, rows from the disk, and parts that memory has no room for.
    let (_, again) = import("again", 2, 2_000);
    let bytes = |set: &DataSet| set.file_paths().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
    assert!(bytes(&set) == bytes(&again), "it depends on threads or memory");
    let size = |file: &PathBuf| fs::metadata(file).unwrap().len();
    let all: u64 = set.snapshots.iter().map(size).sum();
    let rows = read_markets(&set.markets).unwrap();
    let only = |market: &Market| &*market.series_ticker == "S117";
    let catalogue = Catalogue::new(vec![(&set.markets, rows)], EVERYTHING, only).unwrap();
    let planned =
        set.snapshots.iter().map(|file| FilePlan::new(file, &catalogue.tickers, EVERYTHING).unwrap());
    let planned: Vec<_> = planned.collect();
    let read: u64 = planned.iter().map(FilePlan::compressed_bytes).sum();
    let rows: u64 = planned.iter().map(|plan| plan.rows).sum();
    assert!(
        rows >= 1_000 && read * 100 <= all * 3,
        "{read} of {all} bytes, {rows} rows, {} files",
        report.files
    );
    // And nothing is lost by it: the files together are all snapshots, in order of time.
    let found = read_all(&place.path().join("out"));
    assert_eq!(found.len(), 200_000);
    assert!(found.is_sorted_by_key(|(_, snapshot)| snapshot.at));
}
