//! What is left of the best of several runs when one counts how many there were.
//!
//! Runs are compared by their daily returns on the days they have in common.

use serde::Serialize;

use crate::domain::Timestamp;
use crate::report::stats::overfitting::{Returns, expected_best_sharpe, probability_of_overfitting};

use super::{EquitySample, ReportFindings};

/// Blocks that time is cut in: C(12, 6) = 924 ways to halve it.
const BLOCKS: usize = 12;

/// Several runs taken as trials of one idea.
#[derive(Clone, Debug, Serialize)]
pub struct SearchTrials {
    /// Number of runs compared, also those whose equity never moved.
    pub runs: usize,
    /// Number of UTC days on which every run has a return.
    pub days: usize,
    /// Place of the run with the best Sharpe ratio.
    pub best: usize,
    /// Sharpe ratio of its daily returns, not annualized.
    pub sharpe: f64,
    /// The best that luck makes in as many runs.
    pub best_by_luck: f64,
    /// Probability that the best run's true Sharpe ratio is above that (Bailey and López de Prado 2014).
    pub deflated_sharpe: Option<f64>,
    /// Probability that the run that is best in one half of time is no better than the median in the other
    /// (Bailey, Borwein, López de Prado and Zhu 2017).
    pub overfitting: Option<f64>,
}

/// Of several runs; `None` if fewer than two of them moved on at least two common days.
#[must_use]
pub fn assess_search_trials(all: &[ReportFindings]) -> Option<SearchTrials> {
    let days = all.iter().map(|findings| day_range(&findings.results.curve)).collect::<Option<Vec<_>>>()?;
    let (first, last) = (days.iter().map(|days| days.0).max()?, days.iter().map(|days| days.1).min()?);
    let returns: Vec<Vec<f64>> = (first + 1..=last)
        .map(|day| all.iter().map(|findings| daily_return(findings, day)).collect())
        .collect();
    let series = |run: usize| returns.iter().map(|day| day[run]).collect::<Vec<f64>>();
    let moved: Vec<(usize, Returns)> =
        (0..all.len()).filter_map(|run| Some((run, Returns::from_returns(&series(run))?))).collect();
    let sharpes: Vec<f64> = moved.iter().map(|(_, returns)| returns.sharpe).collect();
    if sharpes.len() < 2 {
        return None;
    }
    let (best, of_best) = moved.iter().max_by(|a, b| a.1.sharpe.total_cmp(&b.1.sharpe))?;
    let mean = sharpes.iter().sum::<f64>() / sharpes.len() as f64;
    let squares: f64 = sharpes.iter().map(|sharpe| (sharpe - mean) * (sharpe - mean)).sum();
    let variance = squares / (sharpes.len() - 1) as f64;
    Some(SearchTrials {
        runs: all.len(),
        days: returns.len(),
        best: *best,
        sharpe: of_best.sharpe,
        best_by_luck: expected_best_sharpe(all.len(), variance)?,
        deflated_sharpe: of_best.deflated_sharpe(all.len(), variance),
        overfitting: probability_of_overfitting(&returns, BLOCKS).map(|found| found.probability),
    })
}

fn utc_day(nanos: i64) -> i64 {
    Timestamp::from_nanos(nanos).utc_day()
}

fn day_range(curve: &[EquitySample]) -> Option<(i64, i64)> {
    Some((utc_day(curve.first()?.at), utc_day(curve.last()?.at)))
}

/// Equity at the end of a day, against that at the end of the day before.
fn daily_return(findings: &ReportFindings, of: i64) -> f64 {
    let curve = &findings.results.curve;
    let at_end = |of: i64| {
        let until = curve.partition_point(|point| utc_day(point.at) <= of);
        until.checked_sub(1).map_or(findings.results.bankroll, |last| curve[last].equity)
    };
    let before = at_end(of - 1);
    if before > 0.0 { at_end(of) / before - 1.0 } else { 0.0 }
}
