//! The command line: arguments, one file a command, exit codes.

mod access;
mod commands;
mod data_page;
mod desk;
mod halt_lines;
mod recording;
mod render;
mod report_text;
mod run;
pub mod screen;
mod shown_scenario;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::dataset::DataError;
use crate::engine::EngineError;
use crate::engine::gateway::GatewayErrorKind;
use crate::journal::sqlite::LedgerError;
use crate::scenario::ScenarioError;
use crate::sweep::SweepError;

use commands::{
    backtest, completions, data, doctor, halt, halts, init, live, positions, reload, replay, report, resume,
    sandbox, status, sweep,
};

/// Finds mispriced contracts on Kalshi, sizes them under hard risk limits, trades them, and says honestly
/// whether the edge is real.
#[derive(Debug, Parser)]
#[command(name = "protogen", version, about, max_term_width = 110, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

const EXIT_CODES: &str = "Exit codes: 0 done (a backtest in which a kill switch fired is done) · 1 a replay diverged, or \
a live session ended with every strategy halted · 2 usage or scenario · 3 data · 4 venue or network, a live session \
that had halted itself because of what the exchange said, or a halt that a desk did not answer · 70 bug";

/// Flags of every command.
#[derive(Debug, Args)]
struct Common {
    /// Print one JSON object on stdout and nothing else
    #[arg(long, global = true)]
    json: bool,
    /// No progress, and a one-line summary
    #[arg(short, long, global = true)]
    quiet: bool,
    /// More detail
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

impl Common {
    /// Says on stderr what holds but should be known, unless only a result is wanted.
    fn say_notes(&self, notes: &[String]) {
        if !self.quiet && !self.json {
            notes.iter().for_each(|note| print_to_stderr(&format!("note: {note}")));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay scenarios' data through the engine and write a run folder for each
    Backtest(backtest::BacktestCommand),
    /// Trade on the exchange, or on a sandbox, with the same desk as in a backtest
    Live(live::LiveCommand),
    /// Write the report of recorded runs: money, calibration, luck, and what the risk layer prevented
    Report(report::ReportCommand),
    /// Replay a recorded run and compare every decision; exit code 1 and the first difference if one differs
    Replay(replay::ReplayCommand),
    /// Run many parameter sets over one data set, and say whether the best is more than the luckiest
    Sweep(sweep::SweepCommand),
    /// Fetch, record, import, check and show data sets
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Serve a data set as a Kalshi-compatible exchange on 127.0.0.1
    Sandbox(sandbox::SandboxCommand),
    /// Say how a live desk is doing
    Status(status::StatusCommand),
    /// List what a live desk holds
    Positions(positions::PositionsCommand),
    /// List every halt of a desk
    Halts(halts::HaltsCommand),
    /// Stop opening positions, now and at every start
    Halt(halt::HaltCommand),
    /// Lift a halt
    Resume(resume::ResumeCommand),
    /// Give a live desk other settings without stopping it
    Reload(reload::ReloadCommand),
    /// Check keys, clock, connection, data and ledger before trading; places no order
    Doctor(doctor::DoctorCommand),
    /// Start a project: a scenario, .gitignore and a README
    Init(init::InitCommand),
    /// Print shell completions
    Completions(completions::CompletionsCommand),
}

/// How scenarios are read.
#[derive(Debug, Args)]
struct ScenarioArgs {
    /// Set a scenario key, for example `--set risk.kelly_fraction=0.1`; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Where run folders go.
#[derive(Debug, Args)]
struct OutArgs {
    /// Folder of the run folders
    #[arg(long = "out", value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

/// An expected failure: what to say, and with which exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    const DIVERGED: u8 = 1;
    const USAGE: u8 = 2;
    const DATA: u8 = 3;
    const VENUE: u8 = 4;
    const BUG: u8 = 70;

    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::new(Self::USAGE, error.to_string())
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::new(if error.unreachable { Self::VENUE } else { Self::DATA }, error.to_string())
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(Self::DATA, error.to_string())
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        Self::new(Self::DATA, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Gateway(error) if error.kind == GatewayErrorKind::Venue => Self::VENUE,
            EngineError::Refit(_) => Self::USAGE,
            EngineError::Gateway(_) | EngineError::Journal(_) => Self::DATA,
        };
        Self::new(code, error.to_string())
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match std::panic::catch_unwind(|| run_command(&cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            print_to_stderr(&failure.message);
            ExitCode::from(failure.code)
        }
        Err(_) => {
            print_to_stderr("this is a bug; please report what is printed above");
            ExitCode::from(Failure::BUG)
        }
    }
}

/// Says what went wrong; the exit code says it too where nobody reads stderr.
fn print_to_stderr(message: &str) {
    use std::io::Write;
    let _nobody_reads = writeln!(std::io::stderr(), "protogen: {message}");
}

fn run_command(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Backtest(backtest) => backtest.run(&cli.common),
        Command::Report(report) => report.run(&cli.common),
        Command::Replay(replay) => replay.run(&cli.common),
        Command::Sweep(sweep) => sweep.run(&cli.common),
        Command::Data(data) => data.run(&cli.common),
        Command::Live(live) => live.run(&cli.common),
        Command::Sandbox(sandbox) => sandbox.run(&cli.common),
        Command::Status(status) => status.run(&cli.common),
        Command::Positions(positions) => positions.run(&cli.common),
        Command::Halts(halts) => halts.run(&cli.common),
        Command::Halt(halt) => halt.run(&cli.common),
        Command::Resume(resume) => resume.run(&cli.common),
        Command::Reload(reload) => reload.run(&cli.common),
        Command::Doctor(doctor) => doctor.run(&cli.common),
        Command::Init(init) => init.run(&cli.common),
        Command::Completions(completions) => completions.run(),
    }
}

/// A small runtime for what talks to the network.
fn network_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::new(Failure::VENUE, format!("no threads for the network: {error}")))
}

/// Writes to stdout; a reader that has gone away is not an error.
fn print_to_stdout(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Failure::DATA, format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Anything as one line of JSON.
fn json_line(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(value).expect("results are plain data");
    text.push('\n');
    text
}
