//! `protogen report RUN…`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use crate::journal::reader::LedgerReader;
use crate::live::paths;
use crate::report::export::{Document, csv_tables};
use crate::report::findings::{ReportFindings, assess_search_trials};
use crate::report::page::{render_comparison_page, render_run_page};

use crate::cli::{Common, Failure, OutArgs, json_line, print_to_stdout, report_text};

/// The name of the newest run.
const LATEST: &str = "latest";
const LEDGER: &str = "ledger.sqlite";

/// Say of recorded runs what they earned, whether their probabilities are calibrated, and whether there is a real edge.
///
/// Writes one page, report.html, and its figures as report.json and CSV files: of a backtest into its run
/// folder, of a live desk into a folder beside its ledger. Several runs are compared on a page of their own.
#[derive(Debug, Args)]
pub struct ReportCommand {
    /// Run folders, run ids, names of scenarios, ledgers of live desks, or `latest_run` for what was written last
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    out: OutArgs,
    /// Show the page in a browser
    #[arg(long)]
    open: bool,
    /// Print the report with its key charts
    #[arg(long)]
    text: bool,
    /// Tell what went wrong in three lessons: distribution, competition, delay in stopping
    #[arg(long)]
    postmortem: bool,
}

/// A recorded run.
struct RecordedRunFile {
    ledger: PathBuf,
    /// Where its report goes.
    folder: PathBuf,
}

impl ReportCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        let runs = self.runs.iter().map(|run| self.find_run(run)).collect::<Result<Vec<_>, _>>()?;
        let mut all = Vec::new();
        for run in &runs {
            let findings = ReportFindings::from_ledger(&LedgerReader::open(&run.ledger)?)?;
            write_run_report(&run.folder, render_run_page(&findings), &findings)?;
            all.push(findings);
        }
        let mut shown = runs[0].folder.join("report.html");
        if let [_, _, ..] = &*all {
            let folder = self.out.out.join("comparison");
            write_documents(&folder, &[("report.html", render_comparison_page(&all).into_bytes())])?;
            shown = folder.join("report.html");
        }
        self.print_findings(&all, &shown, common)?;
        if self.open { open_in_browser(&shown) } else { Ok(()) }
    }

    fn print_findings(&self, all: &[ReportFindings], shown: &Path, common: &Common) -> Result<(), Failure> {
        if common.json {
            return match all {
                [one] => print_to_stdout(&json_line(one)),
                many => print_to_stdout(&json_line(
                    &serde_json::json!({ "runs": many, "trials": assess_search_trials(many) }),
                )),
            };
        }
        let mut text = String::new();
        for findings in all.iter().filter(|_| !common.quiet) {
            text += &report_text::answers_text(findings);
            if self.text {
                text += &report_text::charts_text(findings);
            }
            if self.postmortem {
                text += &report_text::postmortems_text(findings);
            }
        }
        print_to_stdout(&format!("{text}{}\n", shown.display()))
    }

    /// What is meant by an argument.
    fn find_run(&self, run: &str) -> Result<RecordedRunFile, Failure> {
        let path = Path::new(run);
        if run == LATEST && !path.exists() {
            return self.latest_run();
        }
        if path.is_file() {
            return Ok(RecordedRunFile::from_ledger_file(path.to_owned()));
        }
        let out = &self.out.out;
        let named = [path.to_owned(), path.join(LATEST), out.join(run).join(LATEST)];
        let by_id = fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path().join(run));
        let found = named.into_iter().chain(by_id).find(|folder| folder.join(LEDGER).is_file());
        let problem = || {
            format!(
                "`{run}` is no run: give a run folder, a run id or a scenario's name under {}, the ledger of a live \
                 desk, or `{LATEST}`",
                out.display()
            )
        };
        found.map(RecordedRunFile::from_backtest_folder).ok_or_else(|| Failure::new(Failure::DATA, problem()))
    }

    /// The run written last: a run folder, or the ledger of a live desk.
    fn latest_run(&self) -> Result<RecordedRunFile, Failure> {
        let folders = fs::read_dir(&self.out.out).into_iter().flatten().flatten();
        let folders = folders.map(|entry| entry.path().join(LATEST));
        let folders =
            folders.filter(|folder| folder.join(LEDGER).is_file()).map(RecordedRunFile::from_backtest_folder);
        let ledgers = paths::known_ledgers().into_iter().map(RecordedRunFile::from_ledger_file);
        let newest = folders.chain(ledgers).max_by_key(|run| paths::last_written_at(&run.ledger));
        newest.ok_or_else(|| {
            let problem = format!(
                "there is no run under {}, and no ledger of a live desk; make one with `protogen backtest \
                 scenarios/fomc.toml`",
                self.out.out.display()
            );
            Failure::new(Failure::DATA, problem)
        })
    }
}

impl RecordedRunFile {
    fn from_backtest_folder(folder: PathBuf) -> Self {
        // The link `latest_run` may point elsewhere by the time somebody looks.
        let folder = fs::canonicalize(&folder).unwrap_or(folder);
        Self { ledger: folder.join(LEDGER), folder }
    }

    fn from_ledger_file(ledger: PathBuf) -> Self {
        let of_backtest = ledger.file_name().is_some_and(|name| name == LEDGER);
        match ledger.parent() {
            Some(folder) if of_backtest => Self { folder: folder.to_owned(), ledger },
            _ => {
                let mut name = ledger.file_stem().unwrap_or_default().to_owned();
                name.push("-report");
                Self { folder: ledger.with_file_name(name), ledger }
            }
        }
    }
}

/// Writes a run's page and its figures.
pub fn write_run_report(folder: &Path, page: String, findings: &ReportFindings) -> Result<(), Failure> {
    let figures = serde_json::to_string_pretty(findings).expect("findings are plain data");
    write_documents(
        folder,
        &[("report.html", page.into_bytes()), ("report.json", (figures + "\n").into_bytes())],
    )?;
    write_documents(&folder.join("report"), &csv_tables(findings))
}

fn write_documents(folder: &Path, documents: &[Document]) -> Result<(), Failure> {
    let cannot = |file: &Path, error: std::io::Error| {
        let problem = format!("{} cannot be written: {error}", file.display());
        Failure::new(Failure::DATA, problem)
    };
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    for (name, content) in documents {
        let file = folder.join(name);
        fs::write(&file, content).map_err(|error| cannot(&file, error))?;
    }
    Ok(())
}

/// Hands a page to the system's browser, and does not wait for it.
fn open_in_browser(page: &Path) -> Result<(), Failure> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(opener).arg(page).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map(drop).map_err(|error| {
        let problem = format!("{opener} could not be started ({error}); open {} yourself", page.display());
        Failure::new(Failure::DATA, problem)
    })
}
