//! Rows per second and per CPU-second of `data import`, on one thread and on all, from Parquet with Snappy, as the public dump is, to a data set; and
//! which share of its bytes a run of one of its series reads, footers and markets included.
//!
//! `cargo bench --bench import -- [MILLIONS]` (10 unless told otherwise). Linux only: CPU time, peak
//! memory and bytes read are from /proc. The trades are random: 2,000 markets of 200 series, market by market, newest first, in
//! files of a million.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use protogen::dataset::data_set::DataSet;
use protogen::dataset::import;
use protogen::dataset::import::{MarketSelection, Settings};
use protogen::dataset::read::selection::Window;
use protogen::domain::{Span, Timestamp};
use protogen::engine::gateway::{Feed, Next};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MARKETS: usize = 2_000;
const SERIES: usize = 200;
const A_FILE: usize = 1_000_000;
/// 2024-01-01T00:00:00Z in microseconds, and a year.
const START: i64 = 1_704_067_200_000_000;
const LENGTH: i64 = 366 * 86_400_000_000;

fn ticker(market: usize) -> String {
    format!("S{:03}-24-{:02}", market / (MARKETS / SERIES), market % (MARKETS / SERIES))
}

fn write_input(folder: &Path, millions: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let rows = millions * A_FILE;
    for file in 0..millions {
        let markets: Vec<usize> =
            (file * A_FILE..(file + 1) * A_FILE).map(|row| row * MARKETS / rows).collect();
        let text = |cells: Vec<String>| Arc::new(StringArray::from(cells)) as ArrayRef;
        let prices: Vec<i64> = markets.iter().map(|_| random.random_range(30..70)).collect();
        let a_market = i64::try_from(rows / MARKETS).unwrap();
        let times = (file * A_FILE..(file + 1) * A_FILE).map(|row| {
            let back = i64::try_from(row).unwrap() % a_market;
            (START + LENGTH - back * (LENGTH / a_market) - random.random_range(0..1_000_000)) * 1_000
        });
        let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
        let ids = markets.iter().map(|_| format!("{:032x}", random.random::<u128>())).collect();
        let sides = markets.iter().map(|_| if random.random() { "yes" } else { "no" }.to_owned()).collect();
        let counts = markets.iter().map(|_| random.random_range(1..500)).collect::<Vec<i64>>();
        let batch = RecordBatch::try_from_iter([
            ("trade_id", text(ids)),
            ("ticker", text(markets.iter().map(|&market| ticker(market)).collect())),
            ("count", Arc::new(Int64Array::from(counts)) as ArrayRef),
            ("no_price", Arc::new(prices.iter().map(|price| 100 - price).collect::<Int64Array>())),
            ("yes_price", Arc::new(Int64Array::from(prices))),
            ("taker_side", text(sides)),
            ("created_time", Arc::new(times)),
        ]);
        let batch = batch.unwrap();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let handle = File::create(folder.join(format!("trades-{file:03}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(handle, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    let mut markets = String::from("ticker,event_ticker,open_time,close_time\n");
    for market in 0..MARKETS {
        let ticker = ticker(market);
        let event = ticker.rsplit_once('-').unwrap().0;
        writeln!(markets, "{ticker},{event},2023-12-01T00:00:00Z,2025-02-01T00:00:00Z").unwrap();
    }
    fs::write(folder.join("markets.csv"), markets).unwrap();
    let map = "[columns]\nts='created_time'\nticker='ticker'\nyes_price='yes_price'\nno_price='no_price'\n\
               count='count'\ntaker_side='taker_side'\ntrade_id='trade_id'\n";
    fs::write(folder.join("map.toml"), map).unwrap();
}

fn run(folder: &Path, millions: usize, threads: usize) {
    let files: Vec<PathBuf> =
        (0..millions).map(|file| folder.join(format!("trades-{file:03}.parquet"))).collect();
    let out = out(folder, threads);
    let mut settings = Settings {
        out: &out,
        selection: MarketSelection::default(),
        lenient: false,
        trusted: Span::HOUR,
        settled_after: Span::HOUR,
        records_in_memory: Settings::RECORDS_IN_MEMORY,
        threads,
        progress: &mut |_, _, _| {},
    };
    let (map, markets) = (folder.join("map.toml"), folder.join("markets.csv"));
    let begun = Instant::now();
    let report = import::import_trades(&files, &map, &markets, &mut settings).unwrap();
    let wall = begun.elapsed().as_secs_f64();
    let (cpu, peak) = cost();
    let speed = |seconds: f64| report.rows.read as f64 / 1e6 / seconds;
    println!(
        "{} trades, {} snapshots in {} files, {threads} threads: {:.2} million rows a second ({wall:.2} s), \
         {:.2} per CPU-second ({cpu:.2} s), peak {peak:.0} MB",
        report.rows.taken,
        report.snapshots,
        report.files,
        speed(wall),
        speed(cpu)
    );
}

/// The data set of so many threads.
fn out(folder: &Path, threads: usize) -> PathBuf {
    folder.join(format!("out-{threads}"))
}

/// Reads one series as a run does.
fn one_series(folder: &Path) {
    let set = [DataSet::open(&out(folder, 1)).unwrap()];
    let window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
    let settings = HistoricalSettings { data: &set, facts: &[], window, half_spread: None, lenient: false };
    let before = bytes_read();
    let mut feed = HistoricalFeed::open(&settings, |market| &*market.series_ticker == "S117").unwrap();
    let footers = bytes_read() - before;
    while let Next::Item(_) = feed.next(None).unwrap() {}
    let read = bytes_read() - before;
    let all: u64 = set[0].file_paths().map(|file| fs::metadata(file).unwrap().len()).sum();
    println!(
        "one of {SERIES} series: {} rows, {read} of {all} bytes read, {:.2} % ({footers} of footers and markets)",
        feed.rows_read(),
        read as f64 * 100.0 / all as f64
    );
}

/// Bytes this process has read from files, cached or not.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// CPU seconds and peak resident megabytes of this process so far.
fn cost() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: f64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    (ticks as f64 / 100.0, kilobytes / 1024.0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [threads, millions, folder] = &*arguments {
        match threads.as_str() {
            "one-series" => one_series(Path::new(folder)),
            threads => run(Path::new(folder), millions.parse().unwrap(), threads.parse().unwrap()),
        }
        return;
    }
    let millions: usize = arguments.first().map_or(10, |text| text.parse().unwrap());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{millions}"));
    if !folder.join("map.toml").exists() {
        fs::create_dir_all(&folder).unwrap();
        write_input(&folder, millions);
    }
    // In processes of their own, so that making the input is not measured. What they make is removed at the end and
    // not in between: ext4 looks for minutes at the place of each removed file before it makes a new one.
    let mut threads = vec![1, std::thread::available_parallelism().unwrap().get()];
    threads.dedup();
    let remove = || threads.iter().for_each(|&threads| drop(fs::remove_dir_all(out(&folder, threads))));
    remove();
    for what in threads.iter().map(ToString::to_string).chain(["one-series".to_owned()]) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        assert!(child.arg(what).arg(millions.to_string()).arg(&folder).status().unwrap().success());
    }
    remove();
}
