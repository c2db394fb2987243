//! `protogen data check|show`; `import`, `pull` and `record` have files of their own.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::dataset::check::inspect;
use crate::dataset::check::inspect::{EventOverview, MarketCourse};
use crate::dataset::check::overview;
use crate::dataset::check::quality::{Remark, Soundness};
use crate::dataset::data_set::DataSet;
use crate::dataset::read::catalogue::MarketRow;
use crate::domain::{SettlementValue, Timestamp};
use crate::sweep::result;

use super::import::Import;
use super::pull::PullCommand;
use super::record::RecordCommand;
use crate::cli::{Common, Failure, data_page, json_line, print_to_stdout, render};

/// Fetch, record, import, check and show data sets.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// List everything that is wrong with data sets or fact files; exit code 3 if anything is. Of sound data
    /// sets, what is worth a look (prices off the grid, gaps, winners, results) and the days they cover
    Check(CheckArgs),
    /// Show what a data set holds, the markets of an event or series, or the price of one market over time
    Show(Show),
    #[command(subcommand)]
    Import(Import),
    Pull(PullCommand),
    Record(RecordCommand),
}

/// `protogen data check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Data sets (folders or addresses), or fact files ending in .csv
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// `protogen data show`
#[derive(Debug, Args)]
pub struct Show {
    /// Data set: its folder or address
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A market of it, for its price over time; or an event or series, for its markets
    #[arg(value_name = "TICKER")]
    ticker: Option<String>,
    /// Write a page to look through instead: every market with its price, coverage, what is worth a look.
    /// Without FILE it is data.html
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "data.html")]
    #[arg(conflicts_with = "ticker")]
    html: Option<PathBuf>,
}

impl DataCommand {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(common),
            Self::Show(show) => show.run(common),
            Self::Import(import) => import.run(common),
            Self::Pull(pull) => pull.run(common),
            Self::Record(record) => record.run(common),
        }
    }
}

impl CheckArgs {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut checked = Vec::new();
        let mut total = 0;
        let mut unreachable = false;
        for path in &self.paths {
            let found = inspect::check_data(path);
            total += found.count;
            unreachable |= found.problems.iter().any(|problem| problem.unreachable);
            if common.json {
                let problems: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
                checked.push(json!({
                    "path": path, "markets": found.markets, "rows": found.rows,
                    "count": found.count, "problems": problems, "remarks": remarks_json(&found.soundness),
                    "coverage": coverage_json(&found.soundness),
                }));
                continue;
            }
            let mut text = String::new();
            for problem in &found.problems {
                let _ = writeln!(text, "{problem}");
            }
            let listed = found.problems.len() as u64;
            if found.count > listed {
                let _ = writeln!(text, "… and {} more of the same kinds", found.count - listed);
            }
            let verdict =
                if found.count == 0 { "nothing wrong".into() } else { format!("{} problems", found.count) };
            let markets =
                if found.markets > 0 { format!("{} markets, ", found.markets) } else { String::new() };
            let _ = writeln!(text, "{}: {markets}{} rows: {verdict}", path.display(), found.rows);
            if found.count == 0 && !common.quiet {
                text += &remarks_text(&found.soundness);
                text += &coverage_text(&found.soundness);
            }
            print_to_stdout(&text)?;
        }
        if common.json {
            print_to_stdout(&json_line(&json!({ "count": total, "checked": checked })))?;
        }
        if total == 0 {
            Ok(())
        } else {
            let code = if unreachable { Failure::VENUE } else { Failure::DATA };
            Err(Failure::new(code, format!("{total} problems in the data")))
        }
    }
}

/// What is odd about data in which nothing is wrong.
fn remarks_text(found: &Soundness) -> String {
    let mut text = String::new();
    for (kind, remark) in &found.remarks {
        let _ = writeln!(text, "worth a look: {} ({})", kind.replace('_', " "), remark.count);
        for example in &remark.examples {
            let _ = writeln!(text, "  {example}");
        }
    }
    text
}

fn remarks_json(found: &Soundness) -> serde_json::Value {
    let remark = |remark: &Remark| json!({ "count": remark.count, "examples": remark.examples });
    found.remarks.iter().map(|(kind, found)| ((*kind).to_owned(), remark(found))).collect()
}

/// A line a month, a character a day: the more snapshots, the higher.
fn coverage_text(found: &Soundness) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = found.days.values().copied().max().unwrap_or(0).max(1);
    let level = |&rows: &u64| match rows {
        0 => '·',
        // The square root, so that quiet days can be told from empty ones beside busy ones.
        rows => LEVELS[usize::try_from((rows * 64 / most).isqrt().min(7)).unwrap_or(0)],
    };
    let months = found.snapshot_calendar();
    let mut text = String::new();
    if !months.is_empty() {
        let _ = writeln!(text, "snapshots a day, at most {most}; · = none");
    }
    for month in months {
        let days: String = month.days.iter().map(level).collect();
        let rows: u64 = month.days.iter().sum();
        let _ = writeln!(
            text,
            "  {} {}{days:<width$} {rows:>10}",
            month.name,
            " ".repeat(month.first_day - 1),
            width = 32 - month.first_day
        );
    }
    text
}

fn coverage_json(found: &Soundness) -> serde_json::Value {
    let days =
        found.days.iter().map(|(&day, rows)| (Timestamp::start_of_utc_day(day).utc_date(), json!(rows)));
    days.collect()
}

impl Show {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let set = DataSet::open(&self.folder)?;
        if let Some(file) = &self.html {
            return self.write_page(&set, file, common);
        }
        let Some(ticker) = &self.ticker else {
            let events = inspect::event_overviews(&set)?;
            return print_to_stdout(&if common.json {
                overview_json(&events)
            } else {
                overview_text(&self.folder, &events)
            });
        };
        match inspect::market_course(&set, ticker)? {
            Some(course) if common.json => print_to_stdout(&course_json(&course)),
            Some(course) => print_to_stdout(&show_course(&course)),
            None => {
                let markets = inspect::markets_of(&set, ticker)?;
                if markets.is_empty() {
                    let problem =
                        format!("{} has no market, event or series {ticker}", self.folder.display());
                    return Err(Failure::new(Failure::DATA, problem));
                }
                print_to_stdout(&if common.json { markets_json(&markets) } else { show_markets(&markets) })
            }
        }
    }
}

impl Show {
    fn write_page(&self, set: &DataSet, file: &Path, common: &Common) -> Result<(), Failure> {
        // Whatever else is there must not be written over by a slip.
        if file.extension().is_none_or(|extension| extension != "html") {
            let problem = format!("--html {}: must end in .html", file.display());
            return Err(Failure::new(Failure::USAGE, problem));
        }
        let survey = overview::survey_data_set(set)?;
        let page = data_page::data_set_page(&self.folder, &survey);
        result::replace_file(file, page.as_bytes())?;
        print_to_stdout(&if common.json {
            json_line(&json!({ "html": file, "bytes": page.len(), "markets": survey.markets.len() }))
        } else {
            format!("{}: {} markets, {} kB\n", file.display(), survey.markets.len(), page.len() / 1_000)
        })
    }
}

fn date_text(at: Option<Timestamp>) -> String {
    at.map_or("-".into(), Timestamp::utc_date)
}

fn overview_text(folder: &Path, events: &[EventOverview]) -> String {
    let mut table = render::new_table();
    table.set_header(["event", "markets", "resolved", "yes", "snapshots", "first", "last"]);
    for event in events {
        table.add_row([
            event.event_ticker.clone(),
            event.markets.to_string(),
            event.resolved.to_string(),
            event.yes.to_string(),
            event.snapshots.to_string(),
            date_text(event.first),
            date_text(event.last),
        ]);
    }
    render::right_align(&mut table, 1..5);
    let markets: u64 = events.iter().map(|event| event.markets).sum();
    let rows: u64 = events.iter().map(|event| event.snapshots).sum();
    let table = render::table_text(&table);
    format!("{table}{}: {} events, {markets} markets, {rows} snapshots\n", folder.display(), events.len())
}

fn overview_json(events: &[EventOverview]) -> String {
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            json!({
                "event_ticker": event.event_ticker, "markets": event.markets, "resolved": event.resolved,
                "yes": event.yes, "snapshots": event.snapshots,
                "first": event.first.map(|at| at.to_string()), "last": event.last.map(|at| at.to_string()),
            })
        })
        .collect();
    json_line(&json!({ "events": rows }))
}

fn show_markets(rows: &[MarketRow]) -> String {
    let mut table = render::new_table();
    table.set_header(["market", "pays YES if", "open", "close", "ended"]);
    for row in rows {
        let market = &row.market;
        table.add_row([
            market.ticker.to_string(),
            market.strike.to_string(),
            market.open_time.utc_date(),
            market.close_time.to_string(),
            settlement_text(row),
        ]);
    }
    format!("{}{} markets\n", render::table_text(&table), rows.len())
}

fn markets_json(rows: &[MarketRow]) -> String {
    let market = |row: &MarketRow| {
        let market = &row.market;
        json!({
            "ticker": market.ticker, "event_ticker": market.event_ticker, "series_ticker": market.series_ticker,
            "title": market.title, "strike": market.strike.to_string(), "result": settlement_text(row),
            "open_time": market.open_time.to_string(), "close_time": market.close_time.to_string(),
        })
    };
    json_line(&json!({ "markets": rows.iter().map(market).collect::<Vec<_>>() }))
}

fn settlement_text(row: &MarketRow) -> String {
    match row.settlement {
        None => "not settled in this data".into(),
        Some(end) if end.value == SettlementValue::ONE => format!("settled YES at {}", end.at),
        Some(end) if end.value == SettlementValue::ZERO => format!("settled NO at {}", end.at),
        Some(end) => format!("settled at {} on {}", end.value, end.at),
    }
}

fn show_course(course: &MarketCourse) -> String {
    let market = &course.row.market;
    let mut text = format!("{} · {}\n", market.ticker, market.title);
    let _ = writeln!(text, "pays YES if the value is {}", market.strike);
    let _ = writeln!(
        text,
        "open {} to {}; {}",
        market.open_time,
        market.close_time,
        settlement_text(&course.row)
    );
    let points: Vec<(f64, f64)> =
        course.course.iter().map(|(at, twice)| (at.nanos() as f64 / 1e9, f64::from(*twice) / 2e4)).collect();
    let (Some((first, _)), Some((last, _))) = (course.course.first(), course.course.last()) else {
        return text + "no prices\n";
    };
    let _ = writeln!(text, "\nmid, else last trade, in dollars, {} snapshots", course.course.len());
    text += &render::plot_steps(&points, points[0].1, (&first.utc_date(), &last.utc_date()));
    text
}

fn course_json(course: &MarketCourse) -> String {
    let market = &course.row.market;
    let prices: Vec<_> =
        course.course.iter().map(|(at, twice)| json!([at.to_string(), f64::from(*twice) / 2e4])).collect();
    json_line(&json!({
        "ticker": market.ticker, "event_ticker": market.event_ticker, "title": market.title,
        "open_time": market.open_time.to_string(), "close_time": market.close_time.to_string(),
        "result": settlement_text(&course.row), "prices": prices,
    }))
}
