//! `protogen data import`

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::dataset::DataError;
use crate::dataset::import;
use crate::dataset::import::{MarketSelection, RefusalTally, Report, Settings, Stage};
use crate::domain::{Span, Timestamp};

use crate::cli::{Common, Failure, json_line, print_to_stdout, render};

/// Make a data set from foreign files.
///
/// The data set appears under --out only when it is complete. Rows that cannot be used are never repaired:
/// what a source is known to have is counted and listed, anything else ends the import with exit code 3 and
/// names file and row. Snapshots are laid out by month and series, so that a run of one series reads little
/// of the others. Look at the result with `protogen data check`.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// The public dump of Jon-Becker/prediction-market-analysis
    Becker(Becker),
    /// Trades with taker side, which become quotes; CSV or Parquet
    Trades(TableArgs),
    /// Candles, or any table of bids, asks and last prices; CSV or Parquet
    Candles(TableArgs),
}

/// What every import can be told.
#[derive(Debug, Args)]
struct ImportArgs {
    /// The data set to be made; must not be there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only these series
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    series: Vec<String>,
    /// Only what was from this day on, UTC
    #[arg(long, value_name = "DATE", value_parser = Timestamp::parse_date)]
    since: Option<Timestamp>,
    /// Count all rows that cannot be used instead of ending at the first that is not known of the source
    #[arg(long)]
    lenient: bool,
    /// How long a side that a trade has shown counts as known: the ask is the last price paid by a YES taker,
    /// the bid the last one by a NO taker; where they cross, the older is dropped
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = Span::parse)]
    stale_after: Span,
}

/// `protogen data import becker`
#[derive(Debug, Args)]
pub struct Becker {
    /// Folder of the dump: with data/kalshi/{markets,trades}, or these two themselves
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    args: ImportArgs,
    /// How long after its close a market was paid out, which the dump does not say
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = Span::parse)]
    settled_after: Span,
}

/// `protogen data import trades|candles`
#[derive(Debug, Args)]
#[command(after_long_help = MAP)]
pub struct TableArgs {
    /// Files ending in .csv or .parquet, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which column means what, in TOML
    #[arg(long, value_name = "FILE")]
    map: PathBuf,
    /// The markets, in CSV, with the columns of markets.parquet; all but `ticker`, `event_ticker`,
    /// `open_time` and `close_time` may be missing
    #[arg(long, value_name = "FILE")]
    markets: PathBuf,
    #[command(flatten)]
    args: ImportArgs,
}

const MAP: &str = r#"The map:

  [columns]                # our name = theirs
  ts = "created_time"      # needed
  ticker = "ticker"        # needed
  yes_price = "yes_price"  # trades: needed, and so are the next two
  count = "count"
  taker_side = "taker_side"
  trade_id = "trade_id"    # trades: if mapped, a trade that is there twice counts once
  no_price = "no_price"    # trades: if mapped, both prices must add up to a dollar
  yes_bid = "bid_close"    # candles: any of yes_bid, yes_ask, last_price, mid,
                           # yes_bid_size, yes_ask_size, volume, open_interest
  [units]
  price = "cents"          # or "dollars", "ten_thousandths"
  count = "contracts"      # or "hundredths"
  [time]
  unit = "ms"              # of times that are whole numbers: "s", "ms", "us", "ns"
  zone = "UTC"             # of times that name no zone; without it they are refused
  [candles]
  ts_is = "end"            # or "start", with period = "5m": a candle is known when it has ended
  volume = "period"        # or "lifetime""#;

impl Import {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let args = match self {
            Self::Becker(becker) => &becker.args,
            Self::Trades(table) | Self::Candles(table) => &table.args,
        };
        let bar = if common.quiet { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style =
            ProgressStyle::with_template("{msg:8} {bar:30} {percent:>3} %  {elapsed} gone, {eta} to go");
        bar.set_style(style.expect("the template is valid"));
        let mut stage = None;
        let mut progress = |now: Stage, done, total| {
            if stage.replace(now) != Some(now) {
                bar.reset();
                bar.set_message(if now == Stage::Reading { "reading" } else { "writing" });
                bar.set_length(total);
            }
            bar.set_position(done);
        };
        let mut settings = Settings {
            out: &args.out,
            selection: MarketSelection { series: args.series.clone(), since: args.since },
            lenient: args.lenient,
            trusted: args.stale_after,
            settled_after: Span::ZERO,
            records_in_memory: Settings::RECORDS_IN_MEMORY,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            progress: &mut progress,
        };
        let result = self.import_source(&mut settings);
        bar.finish_and_clear();
        let report = result?;
        print_to_stdout(&if common.json { as_json(args, &report) } else { in_words(args, &report) })
    }

    fn import_source(&self, settings: &mut Settings<'_>) -> Result<Report, DataError> {
        match self {
            Self::Becker(becker) => {
                settings.settled_after = becker.settled_after;
                import::import_becker_dump(&becker.folder, settings)
            }
            Self::Trades(table) => import::import_trades(&table.files, &table.map, &table.markets, settings),
            Self::Candles(table) => {
                import::import_candles(&table.files, &table.map, &table.markets, settings)
            }
        }
    }
}

fn in_words(args: &ImportArgs, report: &Report) -> String {
    let mut table = render::new_table();
    table.set_header(["", "rows", "share", "the first of them"]);
    for (what, tally) in [("markets", &report.markets), ("prices", &report.rows)] {
        if tally.read == 0 {
            continue;
        }
        let share = |rows: u64| format!("{:.2} %", rows as f64 * 100.0 / tally.read as f64);
        let mut add = |name: &str, rows: u64, first: &str| {
            table.add_row([format!("{what}: {name}"), rows.to_string(), share(rows), first.to_owned()]);
        };
        add("read", tally.read, "");
        add("taken", tally.taken, "");
        if tally.not_asked_for > 0 {
            add("not asked for", tally.not_asked_for, "");
        }
        for (kind, refused) in &tally.refused {
            add(&kind.replace('_', " "), refused.count, &refused.first);
        }
    }
    render::right_align(&mut table, 1..3);
    let mut text = render::table_text(&table);
    for assumed in &report.assumed {
        let _ = writeln!(text, "assumed: {assumed}");
    }
    if report.markets_without_rows > 0 {
        let _ = writeln!(text, "{} markets without a price are left out", report.markets_without_rows);
    }
    let day = |at: Option<Timestamp>| at.map_or_else(String::new, Timestamp::utc_date);
    let _ = writeln!(
        text,
        "{}: {} snapshots of {} markets in {} files, {} to {}",
        args.out.display(),
        report.snapshots,
        report.markets_written,
        report.files,
        day(report.first),
        day(report.last)
    );
    text
}

fn as_json(args: &ImportArgs, report: &Report) -> String {
    let tally = |tally: &RefusalTally| {
        let refused: serde_json::Map<_, _> = tally
            .refused
            .iter()
            .map(|(kind, refused)| {
                ((*kind).to_owned(), json!({ "count": refused.count, "first": refused.first }))
            })
            .collect();
        json!({
            "read": tally.read, "taken": tally.taken, "not_asked_for": tally.not_asked_for, "refused": refused,
        })
    };
    json_line(&json!({
        "out": args.out, "rows": tally(&report.rows), "markets": tally(&report.markets),
        "snapshots": report.snapshots, "files": report.files, "markets_written": report.markets_written,
        "markets_without_rows": report.markets_without_rows, "assumed": report.assumed,
        "first": report.first.map(|at| at.to_string()), "last": report.last.map(|at| at.to_string()),
    }))
}
