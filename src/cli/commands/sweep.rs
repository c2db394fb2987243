//! `protogen sweep SCENARIO`, `sweep merge` and `sweep plan`

mod jobs;
mod text;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::dataset::data_set::DataSet;
use crate::dataset::io::durable;
use crate::dataset::io::parallel::work_through;
use crate::domain::Span;
use crate::scenario::{Scenario, moved_keys};
use crate::sweep::assessment::{SweepAssessment, WalkForward, WalkWindow};
use crate::sweep::parameter_space::{GridAxis, RangeAxis, Space};
use crate::sweep::plan::{Manifest, Shard, SweepTask};
use crate::sweep::result::{self, TaskResult};
use crate::sweep::run::{lanes_a_pass, run_pass};
use crate::sweep::runner::Lane;
use crate::sweep::{page, table};

use crate::cli::run;
use crate::cli::run::{RunFlags, run_id};
use crate::cli::{Common, Failure, OutArgs, ScenarioArgs, json_line, print_to_stdout};

/// Run many parameter sets over one data set, which is decoded once.
///
/// Results go to OUT/<scenario>/sweep-<id>/tasks, one file a set, written once: a sweep that was cut off goes on
/// where it was. Beside them: table.csv, table.parquet, summary.json and report.html.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepCommand {
    #[command(subcommand)]
    command: Option<SweepSubcommand>,
    #[command(flatten)]
    run: SweepRunArgs,
}

#[derive(Debug, Subcommand)]
enum SweepSubcommand {
    /// Join the folders of a sweep's shards and write its report
    Merge(MergeArgs),
    /// Print the job file that runs a sweep on many machines; runs nothing
    Plan(jobs::SweepPlanArgs),
}

/// What a sweep is.
#[derive(Debug, Args)]
struct SweepArgs {
    /// Scenario file
    #[arg(value_name = "SCENARIO", required = true)]
    scenario: Option<PathBuf>,
    /// Values of a scenario key, `risk.kelly_fraction=0.1,0.25`; several keys: every combination
    #[arg(long, value_name = "KEY=A,B,…")]
    grid: Vec<String>,
    /// A range of a scenario key to draw from, `risk.kelly_fraction=0.05..0.5`
    #[arg(long, value_name = "KEY=LOW..HIGH")]
    random: Vec<String>,
    /// How many sets to draw from the ranges
    #[arg(long, value_name = "N", default_value_t = 0)]
    draws: usize,
    /// Spread the draws evenly over every range (Latin hypercube)
    #[arg(long)]
    lhs: bool,
    /// Seed of the draws; the scenario's unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Which earlier events choose the set that later ones judge
    #[arg(long, value_name = "WINDOW", value_enum, default_value_t = WindowName::Anchored)]
    walk_forward: WindowName,
    /// How often a set is chosen
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    folds: u16,
    /// Least time between the end of an event that chooses and the first entry that judges
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = Span::parse)]
    embargo: Span,
    #[command(flatten)]
    settings: ScenarioArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    flags: RunFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WindowName {
    /// All earlier events
    Anchored,
    /// The latest of them, as many as the first choice had
    Rolling,
}

/// `protogen sweep SCENARIO`
#[derive(Debug, Args)]
struct SweepRunArgs {
    #[command(flatten)]
    what: SweepArgs,
    /// Run one part of the sweep, `2/8`; `sweep merge` joins them
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// Threads; all cores unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Sets stepped at the same time, between which results are written; as many as a gigabyte holds unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,
}

/// `protogen sweep merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders of the same sweep; what is missing in the first is copied from the others
    #[arg(required = true, value_name = "SWEEP")]
    folders: Vec<PathBuf>,
}

impl SweepCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        match &self.command {
            Some(SweepSubcommand::Merge(merge)) => merge.run(common),
            Some(SweepSubcommand::Plan(plan)) => plan.run(),
            None => self.run.run(common),
        }
    }
}

/// A sweep as planned: its manifest, and which tasks read the same data.
struct PlannedSweep {
    manifest: Manifest,
    folder: PathBuf,
    groups: Vec<FeedGroup>,
    /// What whoever planned it should know, though it holds.
    notes: Vec<String>,
}

/// Tasks with the same feed.
struct FeedGroup {
    numbers: Vec<usize>,
    sets: Vec<DataSet>,
}

impl SweepArgs {
    fn scenario_path(&self) -> &Path {
        self.scenario.as_deref().expect("clap asks for it where no subcommand stands")
    }

    /// Reads every set before the first is run: nothing is half done because the last one does not hold.
    fn plan_sweep(&self) -> Result<PlannedSweep, Failure> {
        let usage = |problem: String| Failure::new(Failure::USAGE, problem);
        let base = Scenario::load_file(self.scenario_path(), &self.settings.overrides)?;
        let grids =
            self.grid.iter().map(|text| GridAxis::parse(text).map_err(|problem| format!("--grid {problem}")));
        let ranges = self
            .random
            .iter()
            .map(|text| RangeAxis::parse(text).map_err(|problem| format!("--random {problem}")));
        let space = Space {
            grids: grids.collect::<Result<_, _>>().map_err(usage)?,
            ranges: ranges.collect::<Result<_, _>>().map_err(usage)?,
            draws: self.draws,
            latin: self.lhs,
            seed: self.seed.unwrap_or(base.seed),
        };
        if space.grids.is_empty() && space.ranges.is_empty() {
            return Err(usage("nothing varies; give --grid key=a,b or --random key=low..high".into()));
        }
        let mut feeds: BTreeMap<String, (usize, run::Manifest)> = BTreeMap::new();
        let mut groups: Vec<FeedGroup> = Vec::new();
        let mut tasks = Vec::new();
        for (number, parameters) in
            space.parameter_sets().map_err(|problem| usage(problem.to_string()))?.into_iter().enumerate()
        {
            let mut task = SweepTask { id: String::new(), parameters };
            let scenario = self.load_task_scenario(&task)?;
            let (group, files) = match feeds.entry(feed_key(&scenario)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let opened = run::open_feed(&scenario, self.flags)?;
                    groups.push(FeedGroup { numbers: Vec::new(), sets: opened.sets });
                    new.insert((groups.len() - 1, opened.manifest))
                }
            };
            task.id = run_id(&scenario, files, self.flags);
            groups[*group].numbers.push(number);
            tasks.push(task);
        }
        let manifest = Manifest {
            scenario: base.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: space.seed,
            walk: WalkForward {
                window: match self.walk_forward {
                    WindowName::Anchored => WalkWindow::Anchored,
                    WindowName::Rolling => WalkWindow::Rolling,
                },
                folds: self.folds.into(),
                embargo_ns: self.embargo.nanos(),
            },
            tasks,
        };
        let folder = self.out.out.join(&base.name).join(format!("sweep-{}", manifest.id()));
        let varied = self.grid.iter().chain(&self.random).filter_map(|text| moved_keys::set_by(text));
        let notes = base.notes.iter().cloned().chain(varied.map(|moved| moved.renaming_note())).collect();
        Ok(PlannedSweep { manifest, folder, groups, notes })
    }

    fn load_task_scenario(&self, task: &SweepTask) -> Result<Scenario, Failure> {
        let overrides: Vec<String> =
            self.settings.overrides.iter().cloned().chain(task.scenario_overrides()).collect();
        let mut scenario = Scenario::load_file(self.scenario_path(), &overrides)?;
        scenario.ignore_halts(self.flags.ignore_halts);
        Ok(scenario)
    }
}

/// What determines the inputs of a run: sets that agree in it share a pass over the data.
fn feed_key(scenario: &Scenario) -> String {
    let scanner = &scenario.desk.scanner;
    format!(
        "{:?}",
        (
            (&scenario.data, &scenario.facts, scenario.start, scenario.end, scenario.half_spread),
            (&scanner.series, &scanner.categories),
        )
    )
}

impl SweepRunArgs {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let planned = self.what.plan_sweep()?;
        common.say_notes(&planned.notes);
        planned.manifest.write_to_folder(&planned.folder)?;
        let is_mine = |number: &usize| self.shard.is_none_or(|shard| shard.contains_task(*number));
        let mut ran = 0;
        for group in &planned.groups {
            let mut todo = Vec::new();
            for number in group.numbers.iter().copied().filter(is_mine) {
                if result::read_result(&planned.folder, &planned.manifest.tasks[number].id)?.is_none() {
                    todo.push(number);
                }
            }
            ran += todo.len();
            self.run_feed_group(&planned, &group.sets, &todo, common)?;
        }
        let mine = (0..planned.manifest.tasks.len()).filter(is_mine).count();
        match self.shard {
            Some(shard) => {
                print_to_stdout(&text::shard_summary_text(shard, mine, ran, &planned.folder, common))
            }
            None => assess_and_write_results(&planned.folder, &planned.manifest, ran, common),
        }
    }

    /// Runs tasks that read the same data, as many at a time as memory allows.
    fn run_feed_group(
        &self,
        planned: &PlannedSweep,
        sets: &[DataSet],
        todo: &[usize],
        common: &Common,
    ) -> Result<(), Failure> {
        let tasks = &planned.manifest.tasks;
        let mut left = todo;
        while let Some(&first) = left.first() {
            let scenario = self.what.load_task_scenario(&tasks[first])?;
            let feed = run::open_feed_from_sets(&scenario, sets, self.what.flags)?;
            if feed.markets().is_empty() {
                let problem = "no market of the data trades in the scenario's dates, series and categories";
                return Err(Failure::new(
                    Failure::DATA,
                    format!("{}: {problem}", scenario.data[0].display()),
                ));
            }
            let markets: Arc<[_]> = feed.markets().into();
            let at_once = self.at_once.map_or_else(|| lanes_a_pass(markets.len()), usize::from);
            let (now, later) = left.split_at(at_once.min(left.len()));
            left = later;
            let lanes = now.iter().map(|&number| {
                Ok(Lane::new(number, self.what.load_task_scenario(&tasks[number])?, &markets))
            });
            let lanes = lanes.collect::<Result<Vec<_>, Failure>>()?;
            let bar = sweep_progress_bar(feed.rows_to_read(), now.len(), common);
            let passed = run_pass(feed, lanes, self.thread_count(), |inputs| bar.set_position(inputs));
            bar.finish_and_clear();
            let (lanes, seen) = passed?;
            let results = lanes.into_iter().map(|lane| {
                let task = &tasks[lane.number];
                lane.into_result(task, seen)
            });
            let write = |(): &mut (), result: TaskResult| result::write_result(&planned.folder, &result);
            work_through(durable::AT_ONCE, results, |_| (), write, |()| ())?;
        }
        Ok(())
    }

    fn thread_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}

fn sweep_progress_bar(rows: u64, sets: usize, common: &Common) -> ProgressBar {
    let bar = if common.quiet { ProgressBar::hidden() } else { ProgressBar::new(rows) };
    let template = "{bar:30} {percent:>3} %  {human_pos} of {human_len} rows  {per_sec}  {msg}";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
    bar.set_message(format!("{sets} sets"));
    bar
}

impl MergeArgs {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let (into, others) = self.folders.split_first().expect("clap asks for one");
        let manifest = Manifest::read_from_folder(into)?;
        for other in others {
            if Manifest::read_from_folder(other)? != manifest {
                let problem = format!("{} and {} are not the same sweep", into.display(), other.display());
                return Err(Failure::new(Failure::USAGE, problem));
            }
            for task in &manifest.tasks {
                result::copy_result(other, into, &task.id)?;
            }
        }
        assess_and_write_results(into, &manifest, 0, common)
    }
}

/// Reads all results, judges them, and writes table, summary and page.
fn assess_and_write_results(
    folder: &Path,
    manifest: &Manifest,
    ran: usize,
    common: &Common,
) -> Result<(), Failure> {
    let mut results: Vec<TaskResult> = Vec::new();
    let mut missing = Vec::new();
    for (number, task) in (1..).zip(&manifest.tasks) {
        match result::read_result(folder, &task.id)? {
            Some(found) => results.push(found),
            None => missing.push(number),
        }
    }
    if let Some(first) = missing.first() {
        let (count, of) = (missing.len(), manifest.tasks.len());
        let problem = format!("{count} of {of} results are missing, the first is that of set {first}");
        let problem =
            format!("{}: {problem}; run the sweep again without --shard, or the shard", folder.display());
        return Err(Failure::new(Failure::DATA, problem));
    }
    let verdict = SweepAssessment::from_results(&results, &manifest.walk, manifest.seed)
        .ok_or_else(|| Failure::new(Failure::USAGE, format!("{}: no sets", folder.display())))?;
    let columns = table::result_columns(&results, &manifest.varied_keys());
    result::replace_file(&folder.join("table.csv"), &table::to_csv(&columns))?;
    table::write_parquet(&folder.join("table.parquet"), &columns)?;
    let summary = serde_json::json!({
        "sweep": manifest.id(), "scenario": manifest.scenario, "version": manifest.version,
        "walk_forward": manifest.walk, "verdict": verdict,
    });
    let pretty = serde_json::to_string_pretty(&summary).expect("a verdict is plain data") + "\n";
    result::replace_file(&folder.join("summary.json"), pretty.as_bytes())?;
    let page = page::render_sweep_page(manifest, &results, &verdict);
    result::replace_file(&folder.join("report.html"), page.as_bytes())?;
    if common.json {
        return print_to_stdout(&json_line(&summary));
    }
    print_to_stdout(&text::summary_text(
        manifest,
        &results,
        &verdict,
        &text::SweepDone { folder, ran },
        common,
    ))
}
