//! Rows per CPU-second from Parquet to ledger, each stage in a process of its own, side by side.
//!
//! `cargo bench --profile dist --bench throughput -- [MILLIONS]` (10 unless told otherwise). Linux only: CPU
//! time and peak memory are read from /proc. The data are synthetic: a million rows for every 200 markets,
//! ten markets an event, one simulated day, which is about 50 quotes a market between two scans; the real
//! New York temperature markets of December 2025 changed their best quote 65 times a quarter of an hour.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use polars::prelude::{DataFrame, ParquetReader, SerReader};
use protogen::dataset::data_set::DataSet;
use protogen::dataset::read::selection::Window;
use protogen::desk::Desk;
use protogen::desk::decision::Output;
use protogen::domain::{Span, Timestamp};
use protogen::engine::gateway::{EventSource, Feed, Next};
use protogen::engine::{Engine, Journal, JournalError};
use protogen::event::{Input, Stamped};
use protogen::feed::HistoricalFeed;
use protogen::feed::historical::HistoricalSettings;
use protogen::feed::synthetic::SyntheticSettings;
use protogen::feed::synthetic::write_synthetic;
use protogen::journal::TradeLogger;
use protogen::journal::sqlite::RunHeader;
use protogen::report::RunTally;
use protogen::scenario::Scenario;
use protogen::sim::SimExchange;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COLUMNS: [&str; 9] =
    ["ts", "ticker", "yes_bid", "yes_ask", "yes_bid_size", "yes_ask_size", "last_price", "mid", "volume"];
const WINDOW: u64 = 131_072;

const STAGES: [(&str, &str); 7] = [
    ("polars-whole", "polars, the same columns, one thread, read whole"),
    ("polars-windows", "polars, the same columns, one thread, a row group at a time"),
    ("arrow", "arrow's Parquet reader, the same columns"),
    ("feed", "HistoricalFeed alone"),
    ("backtest-15m", "whole backtest, a scan every 15 minutes, decisions in the ledger"),
    ("backtest-0s", "whole backtest, a scan on every quote, decisions in the ledger"),
    ("synthetic", "SyntheticFeed alone (makes rows instead of reading them)"),
];

fn settings(millions: u64) -> SyntheticSettings {
    SyntheticSettings {
        seed: 7,
        markets: u32::try_from(millions * 200).unwrap(),
        markets_per_event: 10,
        series: 20,
        quotes: millions * 1_000_000,
        start: Timestamp::parse("2025-01-01T00:00:00Z").unwrap(),
        length: Span::DAY,
    }
}

fn scenario(folder: &Path, millions: u64, interval: &str) -> Scenario {
    let rates: Vec<String> = {
        let walk = protogen::feed::synthetic::Walk::new(settings(millions));
        (0..settings(millions).markets)
            .map(|number| format!("\"{}\" = 0.{:02}", walk.market_by_number(number).ticker, 20 + number % 60))
            .collect()
    };
    let text = format!(
        "[scenario]\nname = \"bench\"\nbankroll = 1000000.0\n[feed]\ndata = \".\"\n[scanner]\ninterval = \"{interval}\"\n\
         [strategy]\nname = \"fixed_rate\"\n[strategy.rates]\n{}\n[kill_switch]\nmin_trades = 1000000\nevidence = 1e12\n",
        rates.join("\n")
    );
    let file = folder.join(format!("{interval}.toml"));
    fs::write(&file, text).unwrap();
    Scenario::load_file(&file, &[]).unwrap()
}

fn open(folder: &Path) -> HistoricalFeed {
    let set = [DataSet::open(folder).unwrap()];
    let settings = HistoricalSettings {
        data: &set,
        facts: &[],
        window: Window { start: Timestamp::MIN, end: Timestamp::MAX },
        half_spread: None,
        lenient: false,
    };
    HistoricalFeed::open(&settings, |_| true).unwrap()
}

struct Recorder(TradeLogger, RunTally);

impl Journal for Recorder {
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.1.count_records(out);
        self.0.record(seq, input, out)
    }
}

fn backtest(folder: &Path, millions: u64, interval: &str) {
    let scenario = scenario(folder, millions, interval);
    let feed = open(folder);
    let ledger = folder.join(format!("{interval}.sqlite"));
    let _old = fs::remove_file(&ledger);
    let header = RunHeader {
        run_id: "bench".into(),
        mode: "backtest",
        scenario: "bench".into(),
        version: "0",
        seed: 7,
        bankroll: scenario.desk.bankroll,
        lenient: false,
        ignore_halts: false,
        files: Vec::new(),
        strategies: vec!["fixed_rate".into()],
    };
    let journal =
        Recorder(TradeLogger::create_backtest(&ledger, &header).unwrap(), RunTally::new(feed.markets(), 1));
    let desk = Desk::new(scenario.desk, scenario.seats);
    let mut engine = Engine::new(desk, EventSource { feed, venue: SimExchange::new(scenario.sim) }, journal);
    engine.run(|_, _| {}).unwrap();
    let (counts, equity) = (engine.desk.counts().clone(), engine.desk.equity_point().equity);
    let orders = engine.journal.1.orders;
    engine.journal.0.finish_run(None, equity).unwrap();
    print!("{} evaluations, {orders} orders, ledger {} MB; ", counts.evaluations, size_mb(&ledger));
    fs::remove_file(&ledger).unwrap();
}

fn drain(feed: &mut impl Feed) {
    while let Next::Item(_) = feed.next(None).unwrap() {}
}

fn arrow(file: &Path) {
    let handle = File::open(file).unwrap();
    let plain = ParquetRecordBatchReaderBuilder::try_new(handle.try_clone().unwrap()).unwrap();
    let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = plain.schema().fields().iter().map(|field| match field.name().as_str() {
        "ticker" => Field::new("ticker", keys.clone(), false),
        _ => field.as_ref().clone(),
    });
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(handle, options).unwrap();
    let projection = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let reader = builder.with_projection(projection).with_batch_size(16_384).build().unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert!(rows > 0);
}

/// So many rows from one on, of the columns that a run reads.
fn polars_frame(file: &Path, from: u64, rows: u64) -> DataFrame {
    let slice = (usize::try_from(from).unwrap(), usize::try_from(rows).unwrap());
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let reader = ParquetReader::new(File::open(file).unwrap());
    reader.with_columns(Some(columns)).with_slice(Some(slice)).finish().unwrap()
}

fn polars_windows(file: &Path, rows: u64) {
    let mut read = 0;
    while read < rows {
        read += polars_frame(file, read, WINDOW).height() as u64;
    }
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

fn size_mb(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len() / 1_000_000
}

fn stage(name: &str, millions: u64, folder: &Path) {
    let file = folder.join("snapshots.parquet");
    let rows = millions * 1_000_000;
    match name {
        "polars-whole" => assert!(polars_frame(&file, 0, rows).height() > 0),
        "polars-windows" => polars_windows(&file, rows),
        "arrow" => arrow(&file),
        "feed" => drain(&mut open(folder)),
        "backtest-15m" => backtest(folder, millions, "15m"),
        "backtest-0s" => backtest(folder, millions, "0s"),
        "synthetic" => drain(&mut protogen::feed::synthetic::SyntheticFeed::new(settings(millions))),
        other => panic!("no stage {other}"),
    }
    let (seconds, peak) = cost();
    println!(
        "{:.2} million rows per CPU-second, {seconds:.2} CPU-s, peak {peak:.0} MB",
        rows as f64 / 1e6 / seconds
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [stage_name, millions, folder] = &*arguments {
        return stage(stage_name, millions.parse().unwrap(), Path::new(folder));
    }
    let millions: u64 = arguments.first().map_or(10, |text| text.parse().unwrap());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("throughput-{millions}"));
    if !folder.join("markets.parquet").exists() {
        fs::create_dir_all(&folder).unwrap();
        write_synthetic(&folder, settings(millions)).unwrap();
    }
    println!("{millions} million rows, snapshots.parquet {} MB", size_mb(&folder.join("snapshots.parquet")));
    for (name, what) in STAGES {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([name, &millions.to_string()]).arg(&folder).env("POLARS_MAX_THREADS", "1");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{what}\n    {}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
