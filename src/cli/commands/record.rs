//! `protogen data record`

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::domain::Span;
use crate::kalshi::market_reports::MarketScope;
use crate::live::operator::end_on_signals;
use crate::record::from_run::export_run;
use crate::record::part::Layout;
use crate::record::session::{RecordError, RecordingReport, RecordingSource, Standing, record_session};
use crate::record::{RecordSettings, Recorder, Totals};
use crate::scenario::Scenario;
use crate::telemetry::{self, Level, Style};

use crate::cli::access::{EnvArgs, EnvName};
use crate::cli::{Common, Failure, ScenarioArgs, json_line, print_to_stdout};

/// Record what the exchange says as a data set, until Ctrl-C.
///
/// Keeps the best prices with sizes and deeper levels, last price, volume, open interest, trades, and every turn in
/// a market's life, each at the moment it arrived; where messages were lost the book is marked as unknown. Started
/// again on the same folder it goes on with the same data set, and completes what was interrupted. Snapshots are
/// laid out by time and series, so that a run of one series reads little of the others.
///
/// With --from-run nothing is asked of an exchange: the data set is what a live or paper run saw, and a backtest of
/// it decides as the run did, if its scenario names the files in the data set's folder `facts`: what the desk
/// learned, each fact at the moment it did.
#[derive(Debug, Args)]
pub struct RecordCommand {
    /// Folder of the data set; if it already holds a recording, append to it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The ledger of a live or paper run, or its folder, instead of an exchange
    #[arg(long, value_name = "RUN", conflicts_with_all = ["series", "scenario", "levels", "rotate", "named"])]
    from_run: Option<PathBuf>,
    /// Only these series [default: all, which is more than most machines and rate limits can take]
    #[arg(long, value_name = "SERIES", value_delimiter = ',', conflicts_with = "scenario")]
    series: Vec<String>,
    /// The series and categories of a scenario
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    overrides: ScenarioArgs,
    /// Levels of each book, the best counted
    #[arg(long, value_name = "N", default_value_t = RecordSettings::LEVELS, value_parser = clap::value_parser!(u8).range(1..=10))]
    levels: u8,
    /// When Parquet files are made: after a time such as 1h, or a size such as 64MB; repeatable, the first that
    /// comes counts [default: 1h and 64MB]
    #[arg(long, value_name = "SPAN|SIZE", value_parser = parse_rotation)]
    rotate: Vec<Rotation>,
    #[command(flatten)]
    access: EnvArgs,
}

#[derive(Clone, Copy, Debug)]
enum Rotation {
    After(Duration),
    At(u64),
}

const MEGABYTE: u64 = 1_000_000;
/// How often the status line is written.
const STATUS_EVERY: Duration = Duration::from_millis(500);

fn parse_rotation(text: &str) -> Result<Rotation, String> {
    let size =
        text.strip_suffix("MB").map(|number| number.parse().map(|size: u64| size.saturating_mul(MEGABYTE)));
    match size {
        Some(Ok(size)) if size > 0 => Ok(Rotation::At(size)),
        Some(_) => Err("is not a whole number of MB from 1 on".into()),
        None => match Span::parse(text).map_err(|error| error.to_string())? {
            Span::ZERO => Err("is no time at all".into()),
            span => Ok(Rotation::After(span.into())),
        },
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let code = if matches!(error, RecordError::Data(_)) { Self::DATA } else { Self::VENUE };
        Self::new(code, format!("recording stopped: {error}"))
    }
}

impl RecordCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        if let Some(run) = &self.from_run {
            return self.of_run(run, common);
        }
        let scope = self.market_scope()?;
        let access = self.access.exchange_access()?;
        let credentials = access.read_credentials()?;
        let level = if common.verbose { Level::Normal } else { Level::Quiet };
        // A log that was set up before is a log.
        let _set_up_before = telemetry::start_logging(Style::Human, level, false, None);
        let mut settings = RecordSettings {
            levels: self.levels.into(),
            ..RecordSettings::default_for_layout(Layout::BySeries)
        };
        for rotation in &self.rotate {
            match *rotation {
                Rotation::After(span) => settings.rotate_after = span,
                Rotation::At(size) => settings.rotate_bytes = size,
            }
        }
        let recorder = Recorder::open(&self.out, settings).map_err(RecordError::from)?;
        let found = recorder.totals();
        if found.parts > 0 && !common.quiet {
            let torn = found.published.torn;
            crate::cli::print_to_stderr(&format!(
                "completed {} rows that an earlier recording has left{}",
                found.published.rows,
                if torn > 0 {
                    format!("; its last {torn} bytes were cut off and are lost")
                } else {
                    String::new()
                }
            ));
        }
        let source = RecordingSource {
            environment: access.environment,
            credentials,
            scope,
            levels: settings.levels,
            // It serves recorded data, whose moments are worth keeping.
            by_exchange: access.name == EnvName::Sandbox,
        };
        let runtime = crate::cli::network_runtime()?;
        let mut line = StatusLine::new(common);
        let ended = record_session(
            source,
            recorder,
            &runtime,
            |commands| drop(runtime.spawn(end_on_signals(commands.clone(), "what was heard is completed"))),
            &mut |standing| line.update_status(standing),
        );
        line.bar.finish_and_clear();
        let RecordingReport { totals, unreadable } = ended?;
        if !common.json {
            let left_out =
                |(ticker, problem): (&Arc<str>, &String)| format!("left out: {ticker}: {problem}\n");
            print_to_stdout(&unreadable.iter().map(left_out).collect::<String>())?;
        }
        self.print_totals(totals, json!({ "unreadable": unreadable }), common)
    }

    fn market_scope(&self) -> Result<MarketScope, Failure> {
        let Some(file) = &self.scenario else {
            return Ok(MarketScope { series: self.series.clone(), categories: Vec::new() });
        };
        let scanner = Scenario::load_file(file, &self.overrides.overrides)?.desk.scanner;
        Ok(MarketScope { series: scanner.series, categories: scanner.categories })
    }

    fn of_run(&self, run: &std::path::Path, common: &Common) -> Result<(), Failure> {
        let ledger = if run.is_file() { run.to_owned() } else { run.join("ledger.sqlite") };
        let exported = export_run(&ledger, &self.out)?;
        if exported.steered > 0 && !common.quiet {
            crate::cli::print_to_stderr(&format!(
                "the owner steered the run {} times, which no data set holds: from there on a backtest may differ",
                exported.steered
            ));
        }
        let moment = |at: Option<crate::domain::Timestamp>| at.map(|at| at.to_string());
        let span = json!({
            "first": moment(exported.span.map(|span| span.0)), "last": moment(exported.span.map(|span| span.1)),
            "steered": exported.steered, "facts": exported.facts, "facts_files": exported.facts_files,
        });
        self.print_totals(exported.totals, span, common)
    }

    fn print_totals(
        &self,
        totals: Totals,
        mut more: serde_json::Value,
        common: &Common,
    ) -> Result<(), Failure> {
        let all = totals.published;
        if common.json {
            more["out"] = json!(self.out);
            more["rows"] = json!(all.rows);
            more["gaps"] = json!(all.gaps);
            more["trades"] = json!(all.trades);
            more["crossed"] = json!(all.crossed);
            more["torn_bytes"] = json!(all.torn);
            more["files"] = json!(all.files);
            more["bytes"] = json!(all.bytes);
            return print_to_stdout(&json_line(&more));
        }
        let mut text = format!(
            "{}: {} rows, of these {} gaps, and {} trades in {} files of {} bytes\n",
            self.out.display(),
            all.rows,
            all.gaps,
            all.trades,
            all.files,
            all.bytes
        );
        if all.crossed > 0 {
            let _ =
                writeln!(text, "{} quotes had a bid at or above their ask and are kept as gaps", all.crossed);
        }
        print_to_stdout(&text)
    }
}

/// What a person sees while it records.
struct StatusLine {
    bar: ProgressBar,
    shown: Instant,
    lines: u64,
}

impl StatusLine {
    fn new(common: &Common) -> Self {
        let hidden = common.quiet || common.json;
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}");
        bar.set_style(style.expect("the template is valid"));
        Self { bar, shown: Instant::now(), lines: 0 }
    }

    fn update_status(&mut self, standing: Standing) {
        let elapsed = self.shown.elapsed();
        if elapsed < STATUS_EVERY {
            return;
        }
        let (lines, all) = (standing.totals.lines, standing.totals.published);
        let rate = u128::from(lines - self.lines) * 1_000 / elapsed.as_millis().max(1);
        (self.lines, self.shown) = (lines, Instant::now());
        let heard = if standing.heard { "" } else { "  THE EXCHANGE IS NOT HEARD" };
        self.bar.set_message(format!(
            "{rate}/s  {lines} recorded  {} gaps  {} files  {} bytes{heard}",
            all.gaps, all.files, all.bytes
        ));
        self.bar.tick();
    }
}
