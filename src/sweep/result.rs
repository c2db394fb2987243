//! What one parameter set came to: a file, written once.
//!
//! Nothing in it depends on when, where or beside what it was computed, so that a task run twice, or on
//! another machine, writes the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dataset::DataError;
use crate::dataset::io::durable;

use super::SweepError;
use super::parameter_space::Set;

/// What one task's run came to, stored as JSON under its id in the sweep's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The id of the task: that of the backtest with these parameters.
    pub id: String,
    /// Scenario keys and values of the set, as in its task.
    pub parameters: Set,
    /// Totals of the run: money, counts and scores.
    pub figures: Figures,
    /// Closed positions summed by event; an event without any is not listed.
    pub events: Vec<EventResult>,
    /// Equity at the beginning of UTC days, from which daily returns are computed.
    pub days: Days,
}

/// A run in figures. Money in millionths of a dollar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of summary.json, with units")]
pub struct Figures {
    pub bankroll_micros: i64,
    pub final_equity_micros: i64,
    pub fees_micros: i64,
    pub trades: u64,
    pub wins: u64,
    pub open_positions: u64,
    pub max_drawdown_ppm: u32,
    pub max_exposure_micros: i64,
    pub inputs: u64,
    pub evaluations: u64,
    pub opportunities: u64,
    pub orders: u64,
    pub fills: u64,
    pub refusals: u64,
    pub halts: u64,
    pub brier: Option<f64>,
    pub brier_market: Option<f64>,
    pub log_loss: Option<f64>,
    pub evidence_for: f64,
    pub digest: String,
}

impl Figures {
    /// Profit as a share of the bankroll.
    #[must_use]
    pub fn total_return(&self) -> f64 {
        (self.final_equity_micros - self.bankroll_micros) as f64 / self.bankroll_micros as f64
    }
}

/// The closed positions of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventResult {
    /// The event's ticker on the exchange, like `KXHIGHNY-25JAN01`.
    pub event: String,
    /// Earliest first fill among its positions, nanoseconds since 1970 UTC.
    pub opened: i64,
    /// Latest closing fill or settlement among its positions, nanoseconds since 1970 UTC.
    pub closed: i64,
    /// Number of closed positions in the event's markets, at least 1.
    pub trades: u64,
    /// Profit after fees in millionths of a dollar.
    pub pnl_micros: i64,
}

/// Equity at the beginning of days. Days are counted from 1970, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Days {
    /// Day of the data's first input.
    pub first: i64,
    /// Day of the data's last input.
    pub last: i64,
    /// (day, equity in millionths of a dollar at its beginning): the first day, then each day it differs.
    pub equity: Vec<(i64, i64)>,
}

impl TaskResult {
    /// The return of every UTC day of the data.
    #[must_use]
    pub fn daily_returns(&self) -> Vec<f64> {
        let mut equity = self.figures.bankroll_micros;
        let mut changes = self.days.equity.iter().peekable();
        // Equity at the beginning of a day is what the day before ended with.
        (self.days.first..=self.days.last)
            .map(|day| {
                let before = equity;
                if day == self.days.last {
                    equity = self.figures.final_equity_micros;
                } else {
                    while let Some((_, value)) = changes.next_if(|(at, _)| *at <= day + 1) {
                        equity = *value;
                    }
                }
                if before > 0 { (equity - before) as f64 / before as f64 } else { 0.0 }
            })
            .collect()
    }
}

/// The file of a task's result.
#[must_use]
pub fn result_path(folder: &Path, id: &str) -> PathBuf {
    folder.join("tasks").join(format!("{id}.json"))
}

/// Reads a task's result; `None` if it is not there yet.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_result(folder: &Path, id: &str) -> Result<Option<TaskResult>, SweepError> {
    let file = result_path(folder, id);
    let text = match fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| SweepError::of_file(&file, format!("cannot be read: {error}")))?,
    };
    let broken =
        |problem: String| SweepError::of_file(&file, format!("{problem}; remove it and run its task again"));
    let result: TaskResult = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
    if result.id == id { Ok(Some(result)) } else { Err(broken(format!("holds task {}", result.id))) }
}

/// Writes a task's result, unless it is there. A half-written one never has the result's name.
///
/// # Errors
/// When it cannot be written.
pub fn write_result(folder: &Path, result: &TaskResult) -> Result<(), SweepError> {
    let text = serde_json::to_string(result).expect("results are plain data") + "\n";
    create_if_absent(&result_path(folder, &result.id), text.as_bytes())
}

/// Copies a task's result from another folder, unless it is there. Nothing is done where the other has none.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_result(from: &Path, to: &Path, id: &str) -> Result<(), SweepError> {
    if read_result(from, id)?.is_none() {
        return Ok(());
    }
    let source = result_path(from, id);
    // As bytes: a number that is read and written again may lose its last digit.
    let content = fs::read(&source)
        .map_err(|error| SweepError::of_file(&source, format!("cannot be read: {error}")))?;
    create_if_absent(&result_path(to, id), &content)
}

/// Creates a file if there is none of its name, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn create_if_absent(file: &Path, content: &[u8]) -> Result<(), SweepError> {
    if file.exists() { Ok(()) } else { replace_file(file, content) }
}

/// Puts a file in place, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn replace_file(file: &Path, content: &[u8]) -> Result<(), SweepError> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| SweepError::of_file(folder, format!("cannot be created: {error}")))?;
    }
    let put =
        |partial: &Path| fs::write(partial, content).map_err(|error| DataError::of_file(partial, error));
    durable::replace_file_atomically(file, put).map_err(|error| SweepError::of_file(file, error.problem))
}
