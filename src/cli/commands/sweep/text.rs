//! The outcome of a sweep for a terminal.

use std::fmt::Write;
use std::path::Path;

use crate::cli::render::wrap_to_terminal;
use crate::cli::{Common, json_line};
use crate::report::stats::IntervalEstimate;
use crate::sweep::assessment::{SweepAssessment, WalkWindow};
use crate::sweep::parameter_space::Set;
use crate::sweep::plan::{Manifest, Shard};
use crate::sweep::result::TaskResult;

/// Sets shown: the first by return.
const SHOWN: usize = 10;

/// Where the results are, and how many are new.
pub struct SweepDone<'a> {
    /// The sweep's folder.
    pub folder: &'a Path,
    /// Sets run this time.
    pub ran: usize,
}

/// One part of a sweep is done.
pub fn shard_summary_text(shard: Shard, mine: usize, ran: usize, folder: &Path, common: &Common) -> String {
    let (index, of) = (shard.index + 1, shard.of);
    if common.json {
        let folder = folder.to_string_lossy();
        return json_line(
            &serde_json::json!({ "shard": index, "of": of, "sets": mine, "ran": ran, "folder": folder }),
        );
    }
    let there = mine - ran;
    format!("part {index} of {of}: {ran} sets run, {there} were there · {}\n", folder.display())
}

/// The whole sweep is done.
pub fn summary_text(
    manifest: &Manifest,
    results: &[TaskResult],
    verdict: &SweepAssessment,
    done: &SweepDone<'_>,
    common: &Common,
) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} · {} sets, {} run now", manifest.scenario, results.len(), done.ran);
    if !common.quiet {
        text += &results_table_text(results);
    }
    for sentence in assessment_sentences(verdict, manifest) {
        let _ = writeln!(text, "{}", wrap_to_terminal(&sentence));
    }
    let _ = writeln!(text, "{}", done.folder.display());
    text
}

fn results_table_text(results: &[TaskResult]) -> String {
    let mut order: Vec<&TaskResult> = results.iter().collect();
    order.sort_by(|a, b| b.figures.total_return().total_cmp(&a.figures.total_return()));
    let mut text = format!("\n{:>9} {:>7} {:>9} {:>7}  set\n", "return", "trades", "drawdown", "halts");
    for result in order.iter().take(SHOWN) {
        let figures = &result.figures;
        let _ = writeln!(
            text,
            "{:>9} {:>7} {:>9} {:>7}  {}",
            format_percent(figures.total_return()),
            figures.trades,
            format!("{:.2} %", f64::from(figures.max_drawdown_ppm) / 1e4),
            figures.halts,
            parameters_text(&result.parameters)
        );
    }
    if results.len() > SHOWN {
        let _ = writeln!(text, "… {} more in table.csv", results.len() - SHOWN);
    }
    text.push('\n');
    text
}

/// What the sweep says, the verdict first.
pub fn assessment_sentences(verdict: &SweepAssessment, manifest: &Manifest) -> Vec<String> {
    let mut said = vec![if verdict.beats_the_market {
        "Sets chosen on earlier events beat the market on later ones.".to_owned()
    } else {
        "Nothing here beats the market.".to_owned()
    }];
    said.push(format!(
        "Best on all of the data: {}; {} there, which says nothing by itself, since it was chosen there.",
        parameters_text(&verdict.best_parameters),
        format_percent(verdict.best_return)
    ));
    let window = match manifest.walk.window {
        WalkWindow::Anchored => "all earlier events",
        WalkWindow::Rolling => "the latest earlier events",
    };
    said.push(match &verdict.out_of_sample {
        Some(found) => format!(
            "Out of sample, chosen on {window} and judged on the {} later ones in {} folds: {} of the bankroll{}.",
            verdict.judged_events,
            verdict.folds.len(),
            format_percent(found.value),
            confidence_interval_text(found)
        ),
        None => "Out of sample nothing can be said: too few events were traded to choose on one part and judge on \
                 another."
            .to_owned(),
    });
    let share =
        |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |value| format!("{value:.2}"));
    said.push(format!(
        "Probability of overfitting {} (0.5 = choosing is worthless); deflated Sharpe ratio {} (0.95 = more than the \
         luckiest of {} sets).",
        share(verdict.overfitting),
        share(verdict.deflated_sharpe),
        verdict.sets
    ));
    said
}

fn confidence_interval_text(estimate: &IntervalEstimate) -> String {
    estimate
        .interval()
        .map(|(low, high)| format!(" (95 %: {} to {})", format_percent(low), format_percent(high)))
        .unwrap_or_default()
}

/// A set in words.
pub fn parameters_text(parameters: &Set) -> String {
    parameters.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn format_percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share).replace('-', "−")
}
