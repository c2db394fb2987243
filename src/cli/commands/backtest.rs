//! `protogen backtest SCENARIO…`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::dataset::remote::address::is_address;
use crate::desk::Desk;
use crate::desk::decision::Output;
use crate::domain::Timestamp;
use crate::engine::gateway::EventSource;
use crate::engine::{Engine, Journal, JournalError};
use crate::event::{Input, Stamped};
use crate::feed::HistoricalFeed;
use crate::journal::TradeLogger;
use crate::journal::reader::LedgerReader;
use crate::journal::sqlite::RunHeader;
use crate::report::findings::ReportFindings;
use crate::report::page::render_run_page;
use crate::report::summary::SummaryFacts;
use crate::report::{RunTally, Summary};
use crate::scenario::Scenario;
use crate::sim::SimExchange;

use crate::cli::run::{Manifest, Opened, RunFlags, open_feed, point_latest, run_id};
use crate::cli::shown_scenario::ShownScenario;
use crate::cli::{Common, Failure, OutArgs, ScenarioArgs, json_line, print_to_stdout, render};

/// Replay scenarios' data through the engine.
///
/// Writes a run folder OUT/<scenario>/<run id> with ledger.sqlite, summary.json, report.html and scenario.toml
/// for each; `latest` points to the newest. The same scenario on the same data has the same run id and digest.
#[derive(Debug, Args)]
pub struct BacktestCommand {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    flags: RunFlags,
    /// Leave report.html to a later `protogen report`
    #[arg(long)]
    no_report: bool,
}

impl BacktestCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let flags = self.flags;
        // All are read before the first is run: nothing is half done because the last one has a typo.
        let scenarios = self.scenarios.iter().map(|file| Scenario::load_file(file, &self.scenario.overrides));
        let mut summaries = Vec::new();
        for mut scenario in scenarios.collect::<Result<Vec<_>, _>>()? {
            common.say_notes(&scenario.notes);
            scenario.ignore_halts(flags.ignore_halts);
            let shown = ShownScenario::from_scenario(&scenario);
            let (folder, summary) = self.run_backtest(scenario, flags, common)?;
            if !common.json {
                print_to_stdout(&render::summary_text(&summary, &shown, &folder, common)?)?;
            }
            summaries.push(summary);
        }
        match &*summaries {
            _ if !common.json => Ok(()),
            [one] => print_to_stdout(&json_line(one)),
            many => print_to_stdout(&json_line(&serde_json::json!({ "runs": many }))),
        }
    }

    fn run_backtest(
        &self,
        scenario: Scenario,
        flags: RunFlags,
        common: &Common,
    ) -> Result<(PathBuf, Summary), Failure> {
        let began = Instant::now();
        let Opened { feed, manifest, .. } = open_feed(&scenario, flags)?;
        if feed.markets().is_empty() {
            let problem = "no market of the data trades in the scenario's dates, series and categories";
            return Err(Failure::new(Failure::DATA, format!("{}: {problem}", scenario.data[0].display())));
        }
        let id = run_id(&scenario, &manifest, flags);
        let folder = RunFolder::create_partial(&self.out.out, &scenario.name, &id)?;
        let header = run_header(&scenario, &id, manifest, flags);
        let scenario_toml = scenario.to_toml_in(&folder.complete);
        let ledger = TradeLogger::create_backtest(&folder.partial.join("ledger.sqlite"), &header)?;
        let tally = RunTally::new(feed.markets(), scenario.seats.len());
        let bankroll = scenario.desk.bankroll;
        let (seed, sim) = (scenario.seed, SimExchange::new(scenario.sim));
        let mut engine = Engine::new(
            Desk::new(scenario.desk, scenario.seats),
            EventSource { feed, venue: sim },
            BacktestJournal { ledger, tally },
        );
        let span = run_with_progress(&mut engine, common)?;
        let equity = engine.desk.equity_point().equity;
        let digest = engine.journal.ledger.finish_run(span, equity)?;
        let facts = SummaryFacts {
            run_id: id,
            scenario: scenario.name,
            mode: header.mode,
            span,
            bankroll,
            seed,
            digest,
            elapsed_s: began.elapsed().as_secs_f64(),
            rows_skipped: engine.session.feed.skipped_by_kind(),
        };
        let summary = Summary::new(facts, &engine.desk, &engine.journal.tally);
        let text = serde_json::to_string_pretty(&summary).expect("a summary is plain data");
        folder.write_file("summary.json", &(text + "\n"))?;
        folder.write_file("scenario.toml", &scenario_toml)?;
        if !self.no_report {
            let ledger = LedgerReader::open(&folder.partial.join("ledger.sqlite"))?;
            folder.write_file("report.html", &render_run_page(&ReportFindings::from_ledger(&ledger)?))?;
        }
        Ok((folder.move_into_place()?, summary))
    }
}

/// The ledger and the tally as one journal.
struct BacktestJournal {
    ledger: TradeLogger,
    tally: RunTally,
}

impl Journal for BacktestJournal {
    fn record(&mut self, seq: u64, input: &Stamped<Input>, out: &Output) -> Result<(), JournalError> {
        self.tally.count_records(out);
        self.ledger.record(seq, input, out)
    }
}

fn run_header(scenario: &Scenario, id: &str, manifest: Manifest, flags: RunFlags) -> RunHeader {
    let absolute = |file: PathBuf| match std::path::absolute(&file) {
        Ok(absolute) if !is_address(&file) => absolute,
        _ => file,
    };
    RunHeader {
        run_id: id.to_owned(),
        mode: "backtest",
        scenario: scenario.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        seed: scenario.seed,
        bankroll: scenario.desk.bankroll,
        lenient: flags.lenient,
        ignore_halts: flags.ignore_halts,
        files: manifest.into_iter().map(|(file, hash)| (absolute(file), hash)).collect(),
        strategies: scenario.seats.iter().map(|seat| seat.strategy.name().to_owned()).collect(),
    }
}

/// Inputs between looks at the progress bar.
const PROGRESS_EVERY: u64 = 16_384;

fn run_with_progress(
    engine: &mut Engine<HistoricalFeed, SimExchange, BacktestJournal>,
    common: &Common,
) -> Result<Option<(Timestamp, Timestamp)>, Failure> {
    let bar = if common.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(engine.session.feed.rows_to_read())
    };
    let style = ProgressStyle::with_template(
        "{bar:30} {percent:>3} %  {human_pos} of {human_len} rows  {per_sec}  {msg}",
    );
    bar.set_style(style.expect("the template is valid"));
    // A feed of facts from before the data is not part of the run's span.
    let mut span: Option<(Timestamp, Timestamp)> = None;
    let mut quoted = false;
    let result = engine.run(|at, desk| {
        quoted = quoted || desk.counts().evaluations > 0 || desk.counts().abstentions > 0;
        if quoted {
            span = Some((span.map_or(at, |span| span.0), at));
        }
        if desk.counts().inputs.is_multiple_of(PROGRESS_EVERY) {
            bar.set_position(desk.counts().inputs);
            bar.set_message(at.utc_date());
        }
    });
    bar.finish_and_clear();
    result?;
    Ok(span)
}

/// A run folder that appears only when it is complete.
struct RunFolder {
    partial: PathBuf,
    complete: PathBuf,
    done: bool,
}

impl RunFolder {
    fn create_partial(out: &Path, scenario: &str, id: &str) -> Result<Self, Failure> {
        let folder = out.join(scenario);
        let partial = folder.join(format!(".{id}.{}.partial", std::process::id()));
        let created = fs::create_dir_all(&folder).and_then(|()| fs::create_dir_all(&partial));
        created.map_err(|error| io_failure(&folder, "be created", &error))?;
        Ok(Self { partial, complete: folder.join(id), done: false })
    }

    fn write_file(&self, name: &str, text: &str) -> Result<(), Failure> {
        let file = self.partial.join(name);
        fs::write(&file, text).map_err(|error| io_failure(&file, "be written", &error))
    }

    /// Puts the folder in its place. One of an earlier, equal run is replaced.
    fn move_into_place(mut self) -> Result<PathBuf, Failure> {
        let replace = || -> std::io::Result<()> {
            if self.complete.exists() {
                let old = self.partial.with_extension("old");
                fs::rename(&self.complete, &old)?;
                fs::rename(&self.partial, &self.complete)?;
                fs::remove_dir_all(&old)?;
            } else {
                fs::rename(&self.partial, &self.complete)?;
            }
            let id = self.complete.file_name().unwrap_or_default();
            match self.complete.parent() {
                Some(scenario) => point_latest(scenario, Path::new(id)),
                None => Ok(()),
            }
        };
        replace().map_err(|error| io_failure(&self.complete, "be put in place", &error))?;
        self.done = true;
        Ok(self.complete.clone())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.done {
            // The run has failed already; a leftover is all that is at stake.
            let _left_over = fs::remove_dir_all(&self.partial);
        }
    }
}

fn io_failure(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Failure::DATA, format!("{} cannot {what}: {error}", path.display()))
}
